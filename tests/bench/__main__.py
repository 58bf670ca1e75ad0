"""Measures UPID: `make bench`, or a group or row of it: `make bench ONLY=house`.

A group is named after its area; its rows are in a module beside this one.
"""

import sys

from tests.bench import clusters, house, kubernetes, mirror, scale, store, world
from tests.bench.ledger import Groups, run

GROUPS: Groups = {
    "house": {**house.ROWS, **scale.HOUSE},
    "metrics": scale.METRIC_ROWS,
    "costs": scale.COSTS,
    "insights": scale.INSIGHTS,
    "recommendations": scale.RECOMMENDATIONS,
    "kubernetes": kubernetes.ROWS,
    "clusters": clusters.ROWS,
    "mirror": mirror.ROWS,
    "store": store.ROWS,
    "world": world.ROWS,
}

if __name__ == "__main__":
    raise SystemExit(run("bench", GROUPS, sys.argv[1:]))
