"""Registered clusters: lists, how one is, what it grants, what became of new ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upid.cli.flags import Flags
from upid.cli.output import amounts
from upid.cli.output.blocks import (
    Block,
    Code,
    Column,
    Commands,
    Heading,
    Lines,
    Row,
    Table,
    Text,
    View,
)
from upid.cli.output.paint import Tone
from upid.cli.reports import phrases
from upid.core.errors import UpidError

if TYPE_CHECKING:
    from upid.client.types import ClusterHealth, ClusterRead, Ending, Validation

command = phrases.command

_STATES = {
    "healthy": Tone.GOOD,
    "degraded": Tone.WARN,
    "unreachable": Tone.BAD,
    "registered": Tone.GOOD,
    "refused": Tone.BAD,
    "yes": Tone.GOOD,
    "no": Tone.BAD,
}
_DAY = 10  # letters of an instant that name its day


@dataclass(frozen=True, slots=True)
class Added:
    """What became of one context that was to be registered.

    fresh  it is registered now, and was not before
    """

    context: str
    name: str
    cluster: "ClusterRead | None" = None
    error: UpidError | None = None
    fresh: bool = False


def list_view(
    found: "Sequence[ClusterRead]", health: "Mapping[str, ClusterHealth]", flags: Flags
) -> View:
    """Return registered clusters as a view."""
    import msgspec

    columns = (
        Column("name", "Cluster"),
        Column("state", "State", tone=_tone),
        Column("server", "Server"),
        Column("version", "Version"),
        Column("until", "Good until"),
        Column("id", "Id", wide=True),
        Column("proof", "Known by", wide=True),
        Column("labels", "Labels", wide=True),
        Column("why", "Why", detail=True),
    )
    rows = tuple(_listed(one, health[one.id]) for one in found)
    table = Table(
        columns,
        rows,
        listing=True,
        names=tuple(f"cluster/{one.name}" for one in found),
        empty="No cluster is registered.",
    )
    items = [{**msgspec.to_builtins(one), "overall": health[one.id].overall} for one in found]
    title = Heading(amounts.plural(len(found), "cluster"), _states(health.values()))
    blocks: list[Block] = [title, table]
    if not found:
        add = command(flags, "clusters", "add", "--context", "NAME")
        blocks += [
            Heading("Type next"),
            Commands(((add, "register a cluster of your kubeconfig"),)),
        ]
    return View("ClusterList", {}, {"items": items}, tuple(blocks))


def cluster_view(found: "ClusterRead", health: "ClusterHealth", flags: Flags) -> View:
    """Return one registered cluster, and how it is, as a view."""
    import msgspec

    follow, check = health.following, health.last_check
    facts = phrases.facts(
        ("id", found.id),
        ("server", found.server),
        ("version", found.version),
        ("known by", f"{found.proof} of {found.user}"),
        ("labels", _pairs(found.labels)),
        ("registered", f"{phrases.minute(found.created)} UTC"),
        ("followed", _followed(follow.freshness, follow.contact) if follow else ""),
        ("holds", _counts(follow.objects) if follow else ""),
        ("looked at", _looked(check.at, check.latency_ms, ok=check.ok) if check else "not yet"),
        *((one.what, f"until {phrases.minute(one.until)} UTC") for one in found.endings),
    )
    blocks: list[Block] = [
        Heading(found.name, health.overall),
        *([Lines(tuple(health.reasons), _tone(health.overall))] if health.reasons else []),
        facts,
    ]
    left_out = tuple(follow.left_out) if follow else ()
    if left_out:
        blocks += [Heading("Not read"), Lines(left_out)]
    if check is not None and check.hint:
        blocks.append(Text(f"What helps: {check.hint}"))
    look = command(flags, "clusters", "validate", found.name)
    blocks += [Heading("Type next"), Commands(((look, "look now, permission by permission"),))]
    content = {"cluster": msgspec.to_builtins(found), "health": msgspec.to_builtins(health)}
    return View("Cluster", {"name": found.name}, content, tuple(blocks))


def validation_view(found: "Validation", name: str, flags: Flags) -> View:
    """Return what a look at a cluster found as a view."""
    import msgspec

    verdict = "it can be analyzed" if found.ok else "it cannot be analyzed as it is"
    blocks: list[Block] = [
        Heading(name, verdict),
        phrases.facts(
            ("reached", _yes(found.reached)),
            ("knows UPID", _yes(found.authenticated)),
            ("version", found.version or ""),
            ("answers in", f"{found.latency_ms:.0f} ms" if found.latency_ms is not None else ""),
            ("its clock", _clock(found.skew_seconds)),
            (
                "usage",
                (found.usage_unknown or "").removeprefix("usage is ")
                or ("known" if found.ok else ""),
            ),
        ),
    ]
    if found.error is not None:
        blocks += [Text(found.error.message, Tone.BAD), Text(f"What helps: {found.error.hint}")]
    if found.permissions:
        blocks += [_granted(found)]
    if found.missing_rbac:
        again = command(flags, "clusters", "validate", name)
        role = _role(found.missing_rbac)
        bind = f"kubectl create clusterrolebinding {role} --clusterrole={role} --user=USER"
        blocks += [
            Heading("What grants the rest", "with kubectl apply -f, by whoever may grant it"),
            Code(found.missing_rbac, "yaml"),
            Heading("Type next"),
            Commands(((bind, "whom UPID's credentials belong to"), (again, "then"))),
        ]
    return View("ClusterValidation", {"name": name}, msgspec.to_builtins(found), tuple(blocks))


def added_view(found: Sequence[Added], flags: Flags) -> View:
    """Return what became of contexts that were to be registered as a view."""
    columns = (
        Column("name", "Cluster"),
        Column("result", "Result", tone=_tone),
        Column("id", "Id"),
        Column("context", "Context", wide=True),
        Column("server", "Server", wide=True),
        Column("why", "Why", detail=True),
    )
    rows = tuple(_outcome(one) for one in found)
    names = tuple(f"cluster/{one.cluster.name if one.cluster else one.name}" for one in found)
    table = Table(columns, rows, listing=True, names=names)
    there = sum(one.cluster is not None for one in found)
    title = Heading(f"{there} of {amounts.plural(len(found), 'cluster')}", "registered")
    look = command(flags, "clusters", "list")
    first = next((one.cluster.name for one in found if one.cluster), None)
    if first is not None and len(found) == 1:
        look = command(flags, "clusters", "validate", first)
    see: tuple[Block, ...] = (Heading("Type next"), Commands(((look, "how it is"),)))
    blocks = (title, table, *(see if there else ()))
    return View("ClusterAdditionList", {}, {"items": [dict(row) for row in rows]}, blocks)


def _listed(one: "ClusterRead", health: "ClusterHealth") -> Row:
    return {
        "name": one.name,
        "state": health.overall,
        "server": one.server,
        "version": one.version,
        "until": _ends(one.endings),
        "id": one.id,
        "proof": one.proof,
        "labels": _pairs(one.labels),
        "why": "" if health.overall == "healthy" else _first(health.reasons),
    }


def _outcome(one: Added) -> Row:
    if one.cluster is None:
        result, why = "refused", one.error.message if one.error else ""
    elif one.fresh:
        result, why = "registered", ""
    else:
        as_ = "" if one.cluster.name == one.name else f" as {one.cluster.name!r}"
        result, why = "registered already", f"it is registered{as_} and stays as it is"
    if one.error is not None and one.error.hint:
        why = f"{why} ({one.error.hint})"
    return {
        "context": one.context,
        "name": one.name,
        "id": one.cluster.id if one.cluster else None,
        "server": one.cluster.server if one.cluster else None,
        "result": result,
        "why": why,
    }


def _role(manifest: str) -> str:
    """Return the name of the role that a manifest makes, which is its first name."""
    return next(line.split()[1] for line in manifest.splitlines() if line.startswith("  name: "))


def _granted(found: "Validation") -> Table:
    columns = (
        Column("permission", "Permission"),
        Column("granted", "Granted", tone=_tone),
        Column("vital", "Needed", wide=True),
        Column("without", "Without it", detail=True),
    )
    rows = tuple(
        {
            "permission": f"{', '.join(verbs)} {resource}",
            "granted": _yes(allowed),
            "vital": "always" if vital else "for more",
            "without": without,
        }
        for (resource, allowed, vital, without), verbs in _by_resource(found).items()
    )
    names = tuple(f"permission/{row['permission']}" for row in rows)
    return Table(columns, rows, listing=True, names=names)


def _by_resource(found: "Validation") -> Mapping[tuple[str, bool, bool, str], list[str]]:
    """Return verbs by what they are on and what there is to say of them, the missing first."""
    rows: dict[tuple[str, bool, bool, str], list[str]] = {}
    for one in sorted(found.permissions, key=lambda one: one.allowed):
        verb, _, resource = one.permission.partition(" ")
        said = "" if one.allowed else "; ".join(filter(None, (one.without, one.why)))
        rows.setdefault((resource, one.allowed, one.vital, said), []).append(verb)
    return rows


def _first(reasons: Sequence[str]) -> str:
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more}" if reasons else ""


def _states(health: "Iterable[ClusterHealth]") -> str:
    counts: dict[str, int] = {}
    for one in health:
        counts[one.overall] = counts.get(one.overall, 0) + 1
    return ", ".join(f"{count} {state}" for state, count in sorted(counts.items()))


def _ends(endings: "Sequence[Ending]") -> str | None:
    return min((one.until[:_DAY] for one in endings), default=None)


def _counts(objects: Mapping[str, int]) -> str:
    most = sorted(objects.items(), key=lambda found: (-found[1], found[0]))
    return ", ".join(f"{count:,} {kind}" for kind, count in most if count)


def _followed(freshness: str, contact: str | None) -> str:
    heard = f"heard of {phrases.minute(contact)} UTC" if contact else "not heard of yet"
    return f"{freshness}, {heard}"


def _looked(at: str, latency: float | None, *, ok: bool) -> str:
    took = f", answered in {latency:.0f} ms" if latency is not None else ""
    return f"{phrases.minute(at)} UTC{took}" + ("" if ok else ", in vain")


def _clock(skew: float | None) -> str:
    if skew is None:
        return ""
    side = "ahead" if skew > 0 else "behind"
    return "right" if abs(skew) < 1 else f"{abs(skew):.0f} s {side}"


def _pairs(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _yes(whether: bool) -> str:
    return "yes" if whether else "no"


def _tone(value: object) -> Tone:
    return _STATES.get(str(value), Tone.PLAIN)
