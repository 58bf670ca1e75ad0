"""What a server's quickest word tells: its version, how far away it is, what its clock says."""

from dataclasses import dataclass
from datetime import timedelta

from upid.adapters.kubernetes.client.answers import Answer
from upid.adapters.kubernetes.client.asking import Asking
from upid.adapters.kubernetes.client.discovery import VERSION, ServerVersion, read_version

_TIMES = 3  # the first makes the connection, and one of the others may meet a busy moment
_SECOND = timedelta(seconds=1)  # a server tells the time to the second, rounded down
_NONE = timedelta()


@dataclass(frozen=True, slots=True)
class Greeting:
    """A server's answer to being asked for its version, a few times.

    latency  of the quickest answer
    skew     the server's clock less UPID's, exact to half a second; None: it does not tell the
             time. Zero where what it says can be true of equal clocks
    """

    version: ServerVersion
    latency: timedelta
    skew: timedelta | None


async def greet(asking: Asking) -> Greeting:
    """Return what a server says when it is asked for its version."""
    heard = [await asking.ask(VERSION) for _ in range(_TIMES)]
    latency = timedelta(seconds=min(one.took for one in heard))
    return Greeting(read_version(asking, heard[-1]), latency, _skew(heard))


def _skew(heard: list[Answer]) -> timedelta | None:
    """Return what is nearest to zero of what all answers allow.

    A server that wrote D was within [D, D + 1 s) then, some time between question and answer.
    """
    told = [(one, one.date) for one in heard if one.date is not None]
    if not told:
        return None
    least = max(date - one.sent - timedelta(seconds=one.took) for one, date in told)
    most = min(date + _SECOND - one.sent for one, date in told)
    return _NONE if least <= _NONE <= most else (least + most) / 2
