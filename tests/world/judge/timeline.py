"""Changes as text: one line each, for the message of a failed test."""

from collections.abc import Iterable

from tests.world.judge.records import Change, How

MOST_FIELDS = 6  # of one change; a created or deleted object is told as a whole
MOST_FIELD = 120  # characters of one field
MOST_LINES = 400  # of one timeline


def told(changes: Iterable[Change]) -> str:
    """Return one line for each change: revision, time, who, what, and the fields that differ."""
    lines = [line(change) for change in changes]
    if len(lines) > MOST_LINES:
        left = len(lines) - MOST_LINES
        lines = [f"… {left} earlier changes", *lines[left:]]
    return "\n".join(lines) or "(no changes)"


def line(change: Change) -> str:
    """Return one change as one line."""
    at = f"{change.request.received:%H:%M:%S.%f}" if change.request else "--:--:--.------"
    gone = change.shape.value
    what = f"{change.kind} {change.place} ({change.uid[:8]})"
    return f"{change.revision:>7} {at} {_who(change)}: {gone} {what}{_fields(change)}"


def _who(change: Change) -> str:
    request = change.request
    if request is not None:
        asked = request.verb + (f"/{request.subresource}" if request.subresource else "")
        sure = "" if change.how is How.ANSWERED else f" [{change.how}]"
        return f"{request.user} {asked}{sure}"
    if change.attribution.candidates:
        return " or ".join(str(one) for one in change.attribution.candidates) + f" [{change.how}]"
    return f"[{change.how}]"


def _fields(change: Change) -> str:
    if change.before is None or change.after is None:
        return ""
    shown = [str(one) for one in change.fields[:MOST_FIELDS]]
    parts = [one if len(one) <= MOST_FIELD else one[:MOST_FIELD] + "…" for one in shown]
    if len(change.fields) > MOST_FIELDS:
        parts.append(f"and {len(change.fields) - MOST_FIELDS} more")
    return " " + "; ".join(parts) if parts else " (only who owns which field)"
