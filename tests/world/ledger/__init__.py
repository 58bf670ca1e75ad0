"""The request ledger: an open-loop client, the books of servers, and what they disagree about.

Knows requests, their ids and where they were served; nothing of why. A test takes `traffic(...)`,
does its mischief meanwhile, and asks the `Account` afterwards.
"""

from tests.world.ledger.account import Account, Counts, Sent
from tests.world.ledger.client_log import ClientLog, LogBroken, Request, read_client_log
from tests.world.ledger.host import Host, HostProgram, host
from tests.world.ledger.ledger import Ledger
from tests.world.ledger.local import LocalServer, serve
from tests.world.ledger.plan import PROTOCOLS, Plan, Shape, Target, everywhere
from tests.world.ledger.served import Blind, BookBroken, RingOverrun, Serving
from tests.world.ledger.traffic import ClientFailed, Launcher, Traffic, traffic

__all__ = [
    "PROTOCOLS",
    "Account",
    "Blind",
    "BookBroken",
    "ClientFailed",
    "ClientLog",
    "Counts",
    "Host",
    "HostProgram",
    "Launcher",
    "Ledger",
    "LocalServer",
    "LogBroken",
    "Plan",
    "Request",
    "RingOverrun",
    "Sent",
    "Serving",
    "Shape",
    "Target",
    "Traffic",
    "everywhere",
    "host",
    "read_client_log",
    "serve",
    "traffic",
]
