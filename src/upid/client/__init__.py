"""The typed client of UPID's API: one `Api` over a network or over an app in the same process.

Here belong transports, the methods of `Api` and the types generated from the API's document
(`types.py`, written by `make reference`). Not here: anything about how answers are shown.
"""
