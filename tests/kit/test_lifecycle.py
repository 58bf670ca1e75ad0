"""Modules start in order, stop in reverse, and end the program when one of them dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from upid.app.modules import TARGETS
from upid.kit.lifecycle import Loop, LoopEnded, Module, Start, UnknownTarget, plan, run

pytestmark = pytest.mark.anyio


class Diary:
    """Modules that write down what happens to them."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def module(self, name: str, *needs: str, loop: Loop | None = None) -> Module:
        return Module(name, "for a test", self._start(name, loop), needs)

    def _start(self, name: str, loop: Loop | None) -> Start:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Loop | None]:
            self.lines.append(f"+{name}")
            yield loop
            self.lines.append(f"-{name}")

        return opened


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_a_target_brings_what_it_needs_before_it() -> None:
    diary = Diary()
    table = [diary.module("web", "rows", "bus"), diary.module("bus"), diary.module("rows", "disk"),
             diary.module("disk"), diary.module("other")]  # fmt: skip

    found = plan(table, {"web": ["web"], "rest": ["other", "rows"]}, "web,rest")

    assert [module.name for module in found] == ["disk", "rows", "bus", "web", "other"]


def test_an_unknown_target_is_named_with_the_known_ones() -> None:
    with pytest.raises(UnknownTarget, match="'gatway'") as caught:
        plan([], TARGETS, "gatway")
    assert "gateway" in caught.value.hint


async def test_modules_stop_in_reverse_when_told() -> None:
    diary, stop = Diary(), asyncio.Event()
    modules = [diary.module("rows"), diary.module("web", loop=for_ever)]

    running = asyncio.create_task(run(modules, stop))
    await asyncio.sleep(0)
    stop.set()
    await running

    assert diary.lines == ["+rows", "+web", "-web", "-rows"]


@pytest.mark.parametrize("fails", [True, False])
async def test_a_loop_that_ends_ends_the_program_loudly_and_in_order(fails: bool) -> None:
    diary = Diary()

    async def dies() -> None:
        if fails:
            raise OSError("disk full")

    modules = [diary.module("rows"), diary.module("web", loop=for_ever),
               diary.module("work", loop=dies)]  # fmt: skip
    with pytest.raises(LoopEnded, match="'work'") as caught:
        await run(modules, asyncio.Event())

    assert ("disk full" in caught.value.message) is fails
    assert diary.lines[:3] == ["+rows", "+web", "+work"]


async def test_a_module_that_does_not_start_takes_down_those_before_it() -> None:
    closed: list[str] = []

    @asynccontextmanager
    async def good() -> AsyncIterator[Loop | None]:
        try:
            yield for_ever
        finally:
            closed.append("good")

    @asynccontextmanager
    async def bad() -> AsyncIterator[Loop | None]:
        if closed == []:
            raise LookupError
        yield None

    with pytest.raises(LookupError):
        await run([Module("good", "", good), Module("bad", "", bad)], asyncio.Event())

    assert closed == ["good"]
