"""A Kubernetes API server in memory, for millions of schedules, held against the real one.

`server.SimulatedServer` is the server; `histories`, `runs`, `seen` and `agree` play the same random
histories on it and on a real API server and compare what both answered.
"""
