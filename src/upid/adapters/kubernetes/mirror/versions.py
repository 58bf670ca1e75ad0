"""What a resourceVersion tells: etcd's revisions rise, others' versions only differ.

Kubernetes says that versions of its own kinds compare as numbers. A server that was added to the
API may count otherwise; its versions are then equal or not, and what comes later counts.
"""


def is_older(version: str, than: str) -> bool:
    """Return whether a version is known to be from before another."""
    one, other = _number(version), _number(than)
    return one is not None and other is not None and one < other


def is_newer(version: str, than: str) -> bool:
    """Return whether a version is from after another, as far as that can be told."""
    one, other = _number(version), _number(than)
    if one is None or other is None:
        return version != than
    return one > other


def latest(one: str, other: str) -> str:
    """Return the later of two versions; the second, where they do not compare."""
    return one if is_older(other, one) else other


def _number(version: str) -> int | None:
    return int(version) if version.isascii() and version.isdecimal() else None
