"""A live cluster, read once for one command: found as kubectl finds it, asked like a recording."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import ClusterClient, Portal
from upid.adapters.kubernetes.errors import NoCluster
from upid.adapters.kubernetes.kubeconfig import Options, find_access
from upid.adapters.kubernetes.live import LiveSource, read_objects, read_usage
from upid.core.errors import Kind, UpidError
from upid.core.ports.cluster_connection import Usage
from upid.kit.clock import Clock, system_clock

Progress = Callable[[str], None]

INSTEAD = ("name a recording with --recording FILE", "try the sample: upid demo")
_UNCHECKED = "the server's certificate was not checked, as asked"


class NothingToLookAt(UpidError):
    """No recording and no server was named, and no way led to a cluster."""

    kind = Kind.MISSING
    code = "no_source"

    def __init__(self, tried: NoCluster, instead: Sequence[str]) -> None:
        ways = [
            way
            for way in tried.ways
            if way.name != "--server"  # kubectl's; here it names a server of UPID
        ]
        remedies = [*(way.remedy for way in ways), *instead]
        super().__init__(
            "no cluster to connect to: " + "; ".join(f"{way.name}: {way.why}" for way in ways),
            hint="; or ".join(remedies),
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """kubectl's flags that the command line takes; empty: not given."""

    kubeconfig: str = ""
    context: str = ""
    as_: str = ""
    as_groups: Sequence[str] = ()
    insecure: bool = False
    request_timeout: str = ""

    def options(self) -> Options:
        """Return them as the search for a cluster takes them."""
        return Options(
            kubeconfig=self.kubeconfig,
            context=self.context,
            as_=self.as_,
            as_groups=self.as_groups,
            insecure=self.insecure,
            request_timeout=self.request_timeout,
        )


def read_cluster(
    wanted: Wanted,
    environment: Mapping[str, str],
    home: Path,
    progress: Progress,
    clock: Clock = system_clock,
) -> LiveSource:
    """Read the cluster that kubectl would speak to, and what its metrics server says, once.

    Raises an `UpidError` that names every way that was tried, or what went wrong on the way.
    """
    access = found_access(wanted, environment, home, INSTEAD)
    progress(f"{access.cluster} at {access.server}")
    with Portal() as portal:
        return portal.run(read_access(access, progress, clock))


def found_access(
    wanted: Wanted, environment: Mapping[str, str], home: Path, instead: Sequence[str] = ()
) -> Access:
    """Return how to reach the cluster that kubectl would speak to, or raise an `UpidError`.

    instead  what else may be done without a cluster, for the hint
    """
    try:
        return find_access(wanted.options(), environment, home)
    except NoCluster as error:
        raise NothingToLookAt(error, instead) from None


async def read_access(access: Access, progress: Progress, clock: Clock) -> LiveSource:
    """Read the cluster that an access leads to, and what its metrics server says, once."""
    async with ClusterClient(access) as client:
        held = await read_objects(client, progress)
        now: datetime = clock()
        progress("usage")
        usage = await read_usage(client, now)
    unknown = () if isinstance(usage, Usage) else (usage,)
    unchecked = (_UNCHECKED,) if access.tls.insecure else ()
    held = replace(held, left_out=(*held.left_out, *unknown, *unchecked))
    return LiveSource(held, access.context, [usage] if isinstance(usage, Usage) else [], now)
