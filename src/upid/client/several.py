"""One question to several live clusters: what each answered, or why it did not."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from upid.client.api import Api
from upid.client.errors import Problem
from upid.client.transport import InProcess
from upid.core.errors import Kind, UpidError

Answer = TypeVar("Answer")


@dataclass(slots=True)
class Asked(Generic[Answer]):
    """One cluster.

    contexts  by which it is reached, in order; it was read by one of them
    answer    None where there is an error
    """

    contexts: list[str]
    answer: Answer | None = None
    error: UpidError | None = field(default=None)

    @property
    def name(self) -> str:
        """The first of its contexts."""
        return self.contexts[0]


def ask_clusters(
    wanted: Mapping[str, object],
    patterns: Sequence[str],
    progress: Callable[[str], None],
    ask: Callable[[Api], Answer],
) -> list[Asked[Answer]]:
    """Ask the API over each cluster whose context a pattern fits; return all, by name.

    patterns  names of contexts, or globs; none: every context

    A cluster that cannot be read or cannot answer is in the list with its error. Raises an
    `UpidError` where no context fits, and for a question that no cluster could answer.
    """
    from upid.app.wiring import live_apps

    by_context: dict[str, Asked[Answer]] = {}
    same: list[tuple[str, str]] = []
    with closing(live_apps(wanted, patterns, progress)) as apps:
        for name, found in apps:
            if isinstance(found, str):
                same.append((name, found))
            elif isinstance(found, UpidError):
                by_context[name] = Asked([name], error=found)
            else:
                by_context[name] = _asked(name, InProcess(found), ask)
    for name, other in same:
        by_context[other].contexts.append(name)
    for one in by_context.values():
        one.contexts.sort()
    return sorted(by_context.values(), key=lambda one: one.name)


def _asked(name: str, transport: InProcess, ask: Callable[[Api], Answer]) -> Asked[Answer]:
    with Api(transport) as api:
        try:
            return Asked([name], answer=ask(api))
        except Problem as error:
            if error.kind is Kind.INVALID:
                raise  # the question is wrong, whichever cluster it goes to
            return Asked([name], error=error)
