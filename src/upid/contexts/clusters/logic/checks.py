"""Judges what a look at a cluster found: is it well, what does it mean, what mends it."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from upid.contexts.clusters.diagnosis import Check, State
from upid.contexts.clusters.facts import Capability, Confidence, Presence, ProviderFacts
from upid.contexts.clusters.logic.permissions import Need, missing
from upid.contexts.clusters.logic.signs import KUBE_STATE, METRICS_SERVER, PROMETHEUS, RESIZE
from upid.core.ports.cluster_connection import Grant, Identified, Permission, Reach, Served

OLDEST, YOUNGEST = (1, 25), (1, 37)  # Kubernetes that UPID knows
_SOON = timedelta(days=30)  # before a certificate ends (CLU-6)
_SLOW = timedelta(milliseconds=500)  # an answer; a list of 10,000 pods takes twenty of them
_SKEWED = timedelta(seconds=10)  # clocks; more puts readings into the wrong minute
_OLD = timedelta(minutes=3)  # a reading of usage; a metrics server measures every minute
_RELEASE = re.compile(r"v?(\d{1,4})\.(\d{1,4})")
_AT_ONCE = timedelta(milliseconds=1)

_CERTIFICATE, _TOKEN = "client certificate", "token"
_AUTHORITY = "cluster's certificate authority"
_LOG_IN = "log in again with your provider's tool, which renews the kubeconfig"
_RENEW = {
    _CERTIFICATE: _LOG_IN,
    _TOKEN: _LOG_IN,
    _AUTHORITY: "get the cluster's new authority into the kubeconfig before that",
}
_APPLY = "apply the YAML below"
_METRICS = (
    "kubectl apply -f https://github.com/kubernetes-sigs/metrics-server/releases/latest/download/"
    "components.yaml"
)
_CHARTS = "helm repo add prometheus-community https://prometheus-community.github.io/helm-charts"
_INSTALL: Mapping[str, str] = {
    PROMETHEUS: f"{_CHARTS}\nhelm install kube-prometheus prometheus-community/"
    "kube-prometheus-stack -n monitoring --create-namespace",
    KUBE_STATE: f"{_CHARTS}\nhelm install kube-state-metrics "
    "prometheus-community/kube-state-metrics -n kube-system",
}
_USAGE = "metrics.k8s.io"
_SHOWN_APART = frozenset({METRICS_SERVER, PROMETHEUS, KUBE_STATE})


def credentials_check(who: Identified, proof: str, acting_as: str, now: datetime) -> Check:
    """Return whether the credentials hold, and how long."""
    found = f"user {who.user!r} by {proof}" if who.user else proof
    if acting_as:
        found += f", acting as {acting_as!r}"
    ends = [
        (_CERTIFICATE, who.certificate_until),
        (_TOKEN, who.token_until),
        (_AUTHORITY, who.authority_until),
    ]
    told = sorted((end, what) for what, end in ends if end is not None)
    if not told:
        return Check("credentials", State.OK, found)
    end, what = told[0]
    if end <= now:
        found += f"; the {what} ended on {_day(end)}"
        means = f"nothing can be asked of the cluster with a {what} that has ended"
        return Check("credentials", State.FAILED, found, means, _RENEW[what])
    found += f"; the {what} is good until {_day(end)}"
    if end - now < _SOON and what != _TOKEN:  # tokens are short-lived by design
        means = f"it ends in {_span(end - now)}, and UPID cannot ask then"
        return Check("credentials", State.WARNING, found, means, _RENEW[what])
    return Check("credentials", State.OK, found)


def trust_check(cluster: str, server: str, *, insecure: bool, own_authority: bool) -> Check:
    """Return whether the server's certificate is checked."""
    if not server.startswith("https:"):
        return Check(
            "TLS",
            State.WARNING,
            "the server is asked without TLS",
            "anybody on the way can read and change it, so no credentials are sent",
            "write an https:// address into the kubeconfig",
        )
    if insecure:
        named = shlex.quote(cluster)
        return Check(
            "TLS",
            State.WARNING,
            "the server's certificate is not checked, as asked",
            "anybody on the way can pretend to be the cluster, and gets your credentials",
            "give the kubeconfig the cluster's authority",
            f"kubectl config set-cluster {named} --insecure-skip-tls-verify=false "
            "--certificate-authority=ca.crt --embed-certs",
        )
    by = "the kubeconfig's authority" if own_authority else "the authorities of this machine"
    return Check("TLS", State.OK, f"the server's certificate is checked against {by}")


def reach_checks(reach: Reach, server: str) -> Iterator[Check]:
    """Yield how well the cluster is reached, its version and its clock."""
    shown = _span(reach.latency)
    if reach.latency > _SLOW:
        yield Check(
            "reach",
            State.WARNING,
            f"{server} takes {shown} to answer",
            "reading a large cluster takes minutes",
            "ask from a place nearer to the cluster",
        )
    else:
        yield Check("reach", State.OK, f"{server} answers in {shown}")
    yield version_check(reach.version, reach.platform)
    yield clock_check(reach.skew)


def version_check(version: str, platform: str = "") -> Check:
    """Return whether UPID knows the server's version."""
    known = f"UPID knows {OLDEST[0]}.{OLDEST[1]} to {YOUNGEST[0]}.{YOUNGEST[1]}"
    shown = f"{version} ({platform})" if platform else version
    told = _RELEASE.match(version)
    if told is None:
        return Check("version", State.UNKNOWN, f"{shown} is no version; {known}")
    release = (int(told[1]), int(told[2]))
    if OLDEST <= release <= YOUNGEST:
        return Check("version", State.OK, shown)
    means = f"{known}; some of what it reads may be missing or named otherwise"
    remedy = "upgrade the cluster" if release < OLDEST else "look for a newer UPID"
    return Check("version", State.WARNING, shown, means, remedy)


def clock_check(skew: timedelta | None) -> Check:
    """Return whether the server's clock and this one agree."""
    if skew is None:
        return Check("clock", State.UNKNOWN, "the server does not tell the time")
    if abs(skew) <= _SKEWED:
        return Check("clock", State.OK, "the server's clock agrees with this one")
    way = "ahead of" if skew > timedelta() else "behind"
    return Check(
        "clock",
        State.WARNING,
        f"the server's clock is {_span(abs(skew))} {way} this one",
        "ages are wrong by that, and tokens may be refused",
        "have both set by NTP",
        "timedatectl set-ntp true",
    )


def permission_checks(needs: Sequence[Need], grants: Sequence[Grant]) -> Iterator[Check]:
    """Yield one line for all that is granted, then one for each resource that lacks something."""
    by_permission = {grant.permission: grant for grant in grants}
    lacking = [need for need in needs if not _granted(by_permission.get(need.permission))]
    granted = len(needs) - len(lacking)
    if granted:
        state = State.OK if not lacking else State.WARNING
        what = "all" if not lacking else f"{granted} of"
        found = f"{what} {len(needs)} that UPID asks for are granted"
        yield Check("permissions", state, found, remedy=_APPLY if lacking else "")
    for _, group in groupby(
        lacking, lambda need: (need.permission.group, need.permission.resource)
    ):
        yield _lack(list(group), by_permission)


def _lack(needs: list[Need], grants: Mapping[Permission, Grant]) -> Check:
    first = needs[0]
    said = grants.get(first.permission)
    verbs = " or ".join(need.permission.verb for need in needs)
    resource = str(first.permission).partition(" ")[2]
    vital = any(need.vital for need in needs)
    why = said.why if said else ""
    state = State.FAILED if vital and first.permission.verb == "list" else State.WARNING
    if why.startswith("unknown"):
        state = State.UNKNOWN
    found = f"may not {verbs} {resource}" + (f" ({why})" if why else "")
    return Check("permission", state, found, first.without, "" if why else _APPLY)


def _granted(grant: Grant | None) -> bool:
    return grant is not None and grant.allowed


def usage_check(
    reach: Reach, served: Served | None, needs: Sequence[Need], grants: Sequence[Grant]
) -> Check:
    """Return whether it is known what is used now."""
    name, means = METRICS_SERVER, "what pods use is unknown; requests and costs are not"
    if served and _USAGE not in served.groups and _USAGE not in served.failing:
        return Check(name, State.WARNING, "there is none", means, "install it", _METRICS)
    if any(need.permission.group == _USAGE for need in missing(needs, grants)):
        return Check(name, State.WARNING, "may not be asked", means, _APPLY)
    if reach.no_usage:
        found = reach.no_usage.removeprefix("usage is unknown: ")
        remedy = "look why it does not measure"
        return Check(name, State.WARNING, found, means, remedy, _LOOK)
    age = reach.usage_age or timedelta()
    found = f"its latest reading is {_span(age)} old"
    if age > _OLD:
        return Check(name, State.WARNING, found, "what it says is past", "look why", _LOOK)
    return Check(name, State.OK, found)


_LOOK = "kubectl -n kube-system logs -l k8s-app=metrics-server --tail=20"


def contents_check(nodes: int | None, pods: int | None) -> Check | None:
    """Return whether there is something to look at; None where that may not be known."""
    if nodes is None or pods is None:
        return None
    found = f"{_plural(nodes, 'node')}, {_plural(pods, 'pod')}"
    if pods and nodes:
        return Check("contents", State.OK, found)
    means = "an analysis shows nothing" if not pods else "nothing runs and nothing costs"
    return Check("contents", State.WARNING, found, means, "see that this is the right cluster")


def capability_checks(capabilities: Sequence[Capability]) -> Iterator[Check]:
    """Yield where the past is read from, then what else of use is there, in one line."""
    for one in capabilities:
        if one.name in (PROMETHEUS, KUBE_STATE):
            yield _capability(one, capabilities)
    there = [
        one.name
        for one in capabilities
        if one.name not in _SHOWN_APART and one.presence is Presence.PRESENT
    ]
    yield Check("also there", State.OK, ", ".join(there) or "nothing else that UPID makes use of")
    broken = [one for one in capabilities if one.name not in _SHOWN_APART and _is_broken(one)]
    for one in broken:
        yield Check(one.name, State.WARNING, one.condition, one.without)


def _is_broken(one: Capability) -> bool:
    return one.presence is Presence.PRESENT and bool(one.condition) and one.name != RESIZE


def _capability(one: Capability, among: Sequence[Capability]) -> Check:
    if one.presence is Presence.PRESENT:
        place = one.places[0] if one.places else str(one.evidence[0])
        state = State.WARNING if one.condition else State.OK
        found = f"found: {place}" + (f"; {one.condition}" if one.condition else "")
        return Check(one.name, state, found, one.without if one.condition else "")
    if one.presence is Presence.UNKNOWN:
        remedy = f"allow to {'; '.join(one.missing)}" if one.missing else ""
        return Check(one.name, State.UNKNOWN, "not permitted to know", one.without, remedy)
    if one.name == KUBE_STATE and _is_absent(PROMETHEUS, among):
        remedy = f"it comes with the chart that installs {PROMETHEUS}"
        return Check(one.name, State.WARNING, "none was found", one.without, remedy)
    remedy, install = "install it, if you can", _INSTALL[one.name]
    return Check(one.name, State.WARNING, "none was found", one.without, remedy, install)


def _is_absent(name: str, among: Sequence[Capability]) -> bool:
    return any(one.name == name and one.presence is Presence.ABSENT for one in among)


def provider_check(facts: ProviderFacts) -> Check:
    """Return who runs the cluster and where."""
    if facts.confidence is Confidence.NONE:
        means = "nodes are priced by default rates"
        return Check("provider", State.UNKNOWN, "nothing tells who runs it", means)
    place = ", ".join(facts.regions)
    whose = "" if facts.cloud in ("unknown", facts.distribution) else f" on {facts.cloud}"
    found = f"{facts.distribution}{whose}{f' in {place}' if place else ''} ({facts.confidence})"
    return Check("provider", State.OK, found)


def _plural(number: int, one: str) -> str:
    return f"{number:,} {one}" + ("" if number == 1 else "s")


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _span(length: timedelta) -> str:
    """Return a length of time in its largest fitting unit, of which there are two or more."""
    if length < _AT_ONCE:
        return "under 1 ms"
    seconds = length.total_seconds()
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= 2 * size:
            return _plural(int(seconds // size), unit)
    if seconds >= 1:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"  # noqa: PLR2004
    return f"{seconds * 1000:.0f} ms"
