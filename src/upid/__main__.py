"""`python -m upid` is the program `upid`."""

from upid.cli.main import run

run()
