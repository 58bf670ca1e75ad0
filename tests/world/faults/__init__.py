"""A proxy that stands before a server and does to its n-th request what a plan says.

What belongs here: breaking the network and the author of a request, and saying what was broken.
What does not: judging what the program under test made of it.
"""

from tests.world.faults.crash_points import Case, crash_points, each, kills, learn, pairs
from tests.world.faults.errors import FaultNeverFired, FramingBroken, ProxyTrouble
from tests.world.faults.framing import Framing, LineSession, OpaqueSession
from tests.world.faults.kinds import (
    Answer,
    Blackhole,
    Delay,
    Drip,
    DropReply,
    Fault,
    Kill,
    Moment,
    Partition,
    Reset,
    Truncate,
    Victim,
)
from tests.world.faults.nats import NatsSession
from tests.world.faults.plan import Plan, Rule
from tests.world.faults.postgres import PostgresSession
from tests.world.faults.proxy import FaultProxy
from tests.world.faults.records import Outcome, Record
from tests.world.faults.redis import RedisSession

__all__ = [
    "Answer",
    "Blackhole",
    "Case",
    "Delay",
    "Drip",
    "DropReply",
    "Fault",
    "FaultNeverFired",
    "FaultProxy",
    "Framing",
    "FramingBroken",
    "Kill",
    "LineSession",
    "Moment",
    "NatsSession",
    "OpaqueSession",
    "Outcome",
    "Partition",
    "Plan",
    "PostgresSession",
    "ProxyTrouble",
    "Record",
    "RedisSession",
    "Reset",
    "Rule",
    "Truncate",
    "Victim",
    "crash_points",
    "each",
    "kills",
    "learn",
    "pairs",
]
