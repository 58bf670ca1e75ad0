"""JSON merge patch as RFC 7386 has it."""

from typing import Any

from tests.world.simulated.answers import Json


def merged(target: Json, patch: Json) -> Json:
    """Return `target` with `patch` laid over it; neither is changed.

    A member that is null in the patch is removed, objects are merged member by member, and anything
    else (lists too) takes the place of what was there.
    """
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Any] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
