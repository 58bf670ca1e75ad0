"""The typed client of UPID's API, remote or in the same process."""
