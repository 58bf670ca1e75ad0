"""Judges decisions on labelled samples: `make quality`, or a group or row: `ONLY=insights`.

A group is a module beside this one, named after its area, with its rows in `ROWS`.
"""

import sys

from tests.bench.ledger import Groups, run
from tests.quality import costs, insights, recommendations

GROUPS: Groups = {
    "costs": costs.ROWS,
    "insights": insights.ROWS,
    "recommendations": recommendations.ROWS,
}

if __name__ == "__main__":
    raise SystemExit(run("quality", GROUPS, sys.argv[1:]))
