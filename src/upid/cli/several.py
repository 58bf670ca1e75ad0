"""From flags that mean several clusters to one answer on stdout."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from upid.cli.flags import Flags
from upid.cli.output.blocks import View
from upid.cli.refusals import Refusal
from upid.cli.session import conclude, reading, wanted

if TYPE_CHECKING:
    from upid.client.api import Api
    from upid.client.several import Asked

Answer = TypeVar("Answer")


def answer_several(
    flags: Flags,
    ask: "Callable[[Api], Answer]",
    view: "Callable[[Sequence[Asked[Answer]]], View]",
) -> None:
    """Ask the API of each cluster, show the answers together, and end as the gates say."""
    from upid.client.several import ask_clusters

    _refuse_contradictions(flags)

    def asked() -> View:
        with reading(flags) as step:
            found = ask_clusters({**wanted(flags), "context": ""}, flags.contexts, step, ask)
        return view(found)

    conclude(flags, asked)


def _refuse_contradictions(flags: Flags) -> None:
    if flags.all_contexts and flags.contexts:
        raise Refusal(
            "--all-contexts and --context contradict each other",
            hint="keep one of them; a glob picks some: --context 'prod-*'",
        )
    if flags.server or flags.recording:
        other = "--server" if flags.server else "--recording"
        raise Refusal(
            f"several contexts are live clusters, and {other} names something else",
            hint=f"leave out {other} (or unset UPID_{other[2:].upper()}), or the contexts",
        )
    if flags.cluster:
        raise Refusal(
            f"--cluster {flags.cluster!r} picks one cluster, and several contexts were asked for",
            hint="name its context alone: --context NAME",
        )
