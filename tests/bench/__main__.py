"""Measures UPID: `make bench`, or a group or row of it: `make bench ONLY=house`.

A group is a module beside this one, named after its area, with its rows in `ROWS`.
"""

import sys

from tests.bench import house
from tests.bench.ledger import Groups, run

GROUPS: Groups = {"house": house.ROWS}

if __name__ == "__main__":
    raise SystemExit(run("bench", GROUPS, sys.argv[1:]))
