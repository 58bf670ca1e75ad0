"""How the ledger says what it found: the number, and the first ten by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.world.ledger.client_log import Request, clock
from tests.world.ledger.served import Serving

SHOWN = 10  # of each finding: enough to see what they share
_NANOSECONDS = 1e9


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be: what it is, and each instance in words."""

    what: str
    instances: tuple[str, ...]

    @classmethod
    def of(
        cls,
        what: str,
        requests: Sequence[Request],
        servings: Mapping[str, Sequence[Serving]] | None = None,
    ) -> "Finding":
        """Return a finding about requests, each with who served it if that is told."""
        return cls(
            what, tuple(described(one, (servings or {}).get(one.id, ())) for one in requests)
        )

    def __str__(self) -> str:
        shown = [f"  {one}" for one in self.instances[:SHOWN]]
        if len(self.instances) > SHOWN:
            shown.append(f"  … and {len(self.instances) - SHOWN} more")
        return "\n".join([f"{len(self.instances)} {self.what}:", *shown])


def refuse(*findings: Finding) -> None:
    """Raise `AssertionError` with all findings that have an instance."""
    found = [str(one) for one in findings if one.instances]
    if found:
        raise AssertionError("\n".join(found))


def described(one: Request, servings: Sequence[Serving] = ()) -> str:
    """Return a request in one line: what it was, when it was due, how it ended, who served it."""
    parts = [f"{one.protocol} {one.method} {one.path}".strip(), f"due {clock(one.planned_ns)}"]
    parts.append(one.outcome or "no end known")
    if one.status:
        parts[-1] += f" {one.status}"
    if one.done_ns is not None:
        parts[-1] += f" after {(one.done_ns - one.planned_ns) / _NANOSECONDS:.3f} s"
    if one.detail:
        parts.append(one.detail)
    if servings:
        parts.append("served by " + " and ".join(serving.where for serving in servings))
    return f"{one.id} ({', '.join(parts)})"
