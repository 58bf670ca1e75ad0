"""An independent judge of what was changed in a cluster, by whom and in which order.

It reads the API server's audit log and etcd's whole history and trusts nothing else: no status
field, no log of the program under test. `records` are its words, `audit` and `history` read,
`fitting` and `joining` bring both together, `findings` answer what tests ask, `counters` read
iptables. Reading is apart from judging: everything that decides is pure.
"""

from tests.world.judge.differences import ABSENT, FieldChange, applied, differences
from tests.world.judge.findings import (
    Available,
    Overwrite,
    availability,
    direct_pod_deletes,
    evictions,
    exactly_once,
    foreign_overwrites,
    generation_bumps,
    labelled,
    lowest,
    removals,
    resizes,
)
from tests.world.judge.history import HistoryUnreadable
from tests.world.judge.judge import Judge
from tests.world.judge.records import (
    Attribution,
    Change,
    How,
    Outcome,
    Place,
    Request,
    Shape,
)

__all__ = [
    "ABSENT",
    "Attribution",
    "Available",
    "Change",
    "FieldChange",
    "HistoryUnreadable",
    "How",
    "Judge",
    "Outcome",
    "Overwrite",
    "Place",
    "Request",
    "Shape",
    "applied",
    "availability",
    "differences",
    "direct_pod_deletes",
    "evictions",
    "exactly_once",
    "foreign_overwrites",
    "generation_bumps",
    "labelled",
    "lowest",
    "removals",
    "resizes",
]
