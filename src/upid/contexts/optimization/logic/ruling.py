"""Which kinds of advice are wanted, and where; what is not wanted is left alone, and said so."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from upid.contexts.optimization.types import AdviceType, Code, LeftAlone, Recommendation


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether one kind of advice is given; `except_namespaces` are names or globs."""

    on: bool = True
    except_namespaces: tuple[str, ...] = ()

    def against(self, namespace: str) -> str:
        """Return what speaks against advice of this kind in a namespace; empty: nothing."""
        if not self.on:
            return "advice of this kind is turned off"
        glob = next((one for one in self.except_namespaces if fnmatchcase(namespace, one)), None)
        if glob is None:
            return ""
        return f"namespaces that {glob!r} names are left out"


Switches = Mapping[AdviceType, Switch]


def wanted(switches: Switches, kind: AdviceType, namespace: str) -> bool:
    """Say whether advice of a kind is wanted in a namespace."""
    return not switches[kind].against(namespace)


def ruled(
    found: Iterable[Recommendation], switches: Switches
) -> tuple[list[Recommendation], list[LeftAlone]]:
    """Return the advice that is wanted, and what is left alone because a rule says so."""
    kept: list[Recommendation] = []
    left: list[LeftAlone] = []
    for one in found:
        why = switches[one.type].against(one.target.namespace)
        if why:
            reason = f"{one.type.value} is ruled out: {why}"
            left.append(LeftAlone(one.target, Code.RULED_OUT, reason))
        else:
            kept.append(one)
    return kept, left
