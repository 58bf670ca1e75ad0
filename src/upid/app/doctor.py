"""`upid doctor`: looks at everything between here and an analysis, and says what mends it."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import (
    ClusterClient,
    ClusterError,
    Forbidden,
    Limits,
    ObjectMissing,
    Portal,
    resource,
)
from upid.adapters.kubernetes.client.failures import place
from upid.adapters.kubernetes.connecting import KubernetesConnection, NoCertificate, identified
from upid.adapters.kubernetes.errors import CredentialsFailed, NoCluster
from upid.adapters.kubernetes.kubeconfig import find_access
from upid.adapters.kubernetes.live import read_kind
from upid.adapters.pricelist import ShippedPrices
from upid.app.live import Progress, Wanted
from upid.contexts.clusters import Check, State
from upid.contexts.clusters.logic import checks, permissions, roles
from upid.contexts.clusters.logic.survey import TELLING, survey
from upid.contexts.costs.logic.sources import prices_check
from upid.core.errors import Kind, UpidError
from upid.core.ports.cluster_connection import Grant, Identified, Reach, Served
from upid.core.ports.cluster_source import ObjectVersion
from upid.kit.clock import Clock, system_clock

# A person waits: a black hole is named after 10 s, and what is busy is asked twice.
_LIMITS = Limits(connect=10, request=10, patience=12, attempts=2)
_PODS = resource("v1", "pods")
_APPS = "apps/v1"


@dataclass(slots=True)
class _Report:
    """What was found so far.

    failure  why UPID cannot work at all
    """

    name: str = ""
    checks: list[Check] = field(default_factory=list)
    grants: Sequence[Grant] = ()
    manifest: str = ""
    failure: Kind | None = None

    def fail(self, name: str, error: UpidError) -> None:
        """Note an error as what it is: a thing that failed, with its way out."""
        self.checks.append(Check(name, State.FAILED, error.message, remedy=error.hint))
        self.failure = self.failure or error.kind


def diagnose(
    wanted: Wanted,
    environment: Mapping[str, str],
    home: Path,
    progress: Progress,
    clock: Clock = system_clock,
) -> Mapping[str, Any]:
    """Return what was found about the cluster that kubectl would speak to; nothing is changed.

    `failure` is the kind of error that keeps UPID from working, None where it can work.
    """
    report = _Report()
    access = _found(wanted, environment, home, report)
    if access is not None:
        report.name = access.context
        with Portal() as portal:
            portal.run(_examine(access, report, progress, clock))
    return {
        "name": report.name,
        "failure": report.failure,
        "checks": [asdict(one) for one in report.checks],
        "permissions": [
            {"permission": str(one.permission), "granted": one.allowed, "why": one.why}
            for one in report.grants
        ],
        "manifest": report.manifest,
    }


def _found(
    wanted: Wanted, environment: Mapping[str, str], home: Path, report: _Report
) -> Access | None:
    try:
        access = find_access(wanted.options(), environment, home)
    except NoCluster as error:
        report.failure = error.kind
        report.checks += [
            Check(way.name, State.FAILED, way.why, remedy=way.remedy)
            for way in error.ways
            if way.name != "--server"  # kubectl's; UPID's own commands have no such flag
        ]
        return None
    except UpidError as error:
        report.fail("kubeconfig", error)
        return None
    report.checks.append(Check("kubeconfig", State.OK, access.origin))
    return access


async def _examine(access: Access, report: _Report, progress: Progress, clock: Clock) -> None:
    async with ClusterClient(access, _LIMITS) as client:
        progress("credentials")
        who = await _credentials(access, report, clock())
        tls = access.tls
        report.checks.append(
            checks.trust_check(
                access.cluster,
                access.server,
                insecure=tls.insecure,
                own_authority=tls.authority is not None,
            )
        )
        if access.proxy:
            report.checks.append(Check("proxy", State.OK, place(access.proxy)))
        if who is None:
            return
        connection = KubernetesConnection(client, who, clock)
        progress(f"{access.cluster} at {access.server}")
        try:
            served = await _served(connection)
            needs = permissions.needed(permissions.READ.needs, served.groups if served else None)
            reach = await connection.look([need.permission for need in needs])
            await _cluster(client, reach, needs, served, report, progress, clock())
        except UpidError as error:
            report.fail("reach", error)


async def _credentials(access: Access, report: _Report, now: datetime) -> Identified | None:
    """Note how the user is known; return None where that failed."""
    try:
        headers = await access.credentials.headers()
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        who = identified(access, token)
    except NoCertificate as error:
        report.checks.append(Check("credentials", State.UNKNOWN, str(error)))
        return None
    except CredentialsFailed as error:
        report.fail("credentials", error)
        return None
    acting = dict(access.impersonate).get("Impersonate-User", "")
    report.checks.append(checks.credentials_check(who, access.proof, acting, now))
    return who


async def _served(connection: KubernetesConnection) -> Served | None:
    try:
        return await connection.served()
    except Forbidden:
        return None


async def _cluster(
    client: ClusterClient,
    reach: Reach,
    needs: Sequence[permissions.Need],
    served: Served | None,
    report: _Report,
    progress: Progress,
    now: datetime,
) -> None:
    report.checks += checks.reach_checks(reach, client.access.server)
    progress("permissions")
    user = await _who(client, report)
    report.grants = reach.grants
    report.checks += checks.permission_checks(needs, reach.grants)
    lacking = permissions.missing(needs, reach.grants)
    if lacking:
        report.manifest = roles.mending([need.permission for need in lacking], user)
    if any(need.vital and need.permission.verb == "list" for need in lacking):
        report.failure = Kind.DENIED
    progress("what is there")
    seen = {plural: await _objects(client, plural) for plural in TELLING}
    found = survey(seen, reach.version, served, now)
    nodes = None if found.nodes is None else len(found.nodes)
    contents = checks.contents_check(nodes, await _pods(client))
    report.checks += [contents] if contents else []
    report.checks.append(checks.usage_check(reach, served, needs, reach.grants))
    report.checks += checks.capability_checks(found.capabilities)
    report.checks.append(checks.provider_check(found.provider))
    report.checks.append(prices_check(found.nodes, ShippedPrices()))


async def _who(client: ClusterClient, report: _Report) -> str:
    """Note who the cluster takes the user for; return the name, empty where it does not tell."""
    try:
        who = await client.who()
    except (Forbidden, ObjectMissing):
        found = "the cluster does not tell; it does from version 1.28 on"
        report.checks.append(Check("user", State.UNKNOWN, found))
        return ""
    groups = ", ".join(who.groups or ())
    found = f"{who.username!r}" + (f" of {groups}" if groups else "")
    report.checks.append(Check("user", State.OK, found))
    return who.username


async def _objects(client: ClusterClient, plural: str) -> list[ObjectVersion] | None:
    version = _APPS if plural.endswith("sets") or plural == "deployments" else "v1"
    return await read_kind(client, resource(version, plural))


class _Nothing(msgspec.Struct, frozen=True):
    """An object of which nothing is read."""


async def _pods(client: ClusterClient) -> int | None:
    """Return how many pods there are, by one page; None where they may not be listed."""
    try:
        async with aclosing(client.list(_PODS, _Nothing, metadata_only=True)) as pages:
            async for page in pages:
                return len(page.items) + (page.remaining or 0)
    except ClusterError:
        return None
    return 0
