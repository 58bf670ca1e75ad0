"""A circuit opens after failures, tries now and then, and closes when it may (O1, EVT-2).

Broken on purpose                       Red test
a cancelled call counts                 cancelled_call_counts_as_nothing
no `probing`                            one_call_tries
no `era`                                began_before
"""

import asyncio
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from upid.core.errors import Kind, UpidError
from upid.kit.breaker import Breaker, CircuitOpen, CircuitState
from upid.kit.problems import error_response

pytestmark = pytest.mark.anyio


class Refused(UpidError):
    code = "refused_by_test"


class Party:
    """An outside party that answers, fails, refuses or never answers, and counts its calls."""

    def __init__(self) -> None:
        self.now, self.calls = 1000.0, 0
        self.breaker = Breaker("prod", lambda: self.now)

    async def ask(self, answer: "BaseException | str" = "yes") -> str:
        async def work() -> str:
            self.calls += 1
            if isinstance(answer, BaseException):
                raise answer
            return answer

        return await self.breaker.call(work, counts=lambda error: isinstance(error, OSError))

    def state(self) -> CircuitState:
        return self.breaker.state

    async def fail(self, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(OSError, match="no route"):
                await self.ask(OSError("no route"))


@pytest.fixture
def party() -> Party:
    return Party()


async def test_it_opens_at_the_third_failure_in_a_row(party: Party) -> None:
    """RELIABILITY O1: a breaker opens after at most three failures."""
    await party.fail(2)
    assert await party.ask() == "yes"
    await party.fail(2)
    assert party.state() is CircuitState.CLOSED
    await party.fail()
    assert party.state() is CircuitState.OPEN
    assert party.breaker.retry_in() == 60


async def test_while_it_is_open_nothing_is_asked(party: Party) -> None:
    await party.fail(3)
    party.now += 59.5
    with pytest.raises(CircuitOpen, match=r"'prod'.*OSError: no route") as caught:
        await party.ask()

    assert party.calls == 3
    assert caught.value.kind is Kind.BUSY
    assert caught.value.details == {"retry_after": 1}
    assert error_response(caught.value).headers["retry-after"] == "1"


async def test_after_the_pause_one_call_tries_and_the_others_are_refused(party: Party) -> None:
    """RELIABILITY O1: at most one probe a minute."""
    await party.fail(3)
    party.now += 60
    assert party.state() is CircuitState.HALF_OPEN
    go = asyncio.Event()

    async def slow() -> str:
        party.calls += 1
        await go.wait()
        return "slow"

    probe = asyncio.create_task(party.breaker.call(slow, counts=lambda _: True))
    await asyncio.sleep(0)
    for _ in range(5):
        with pytest.raises(CircuitOpen):
            await party.ask()
    go.set()

    assert await probe == "slow"
    assert party.calls == 4
    assert party.state() is CircuitState.CLOSED
    await party.fail(2)  # counted from the start again
    assert party.state() is CircuitState.CLOSED


async def test_a_try_that_fails_opens_it_for_another_pause(party: Party) -> None:
    await party.fail(3)
    for _ in range(4):
        party.now += 60
        await party.fail()
        assert (party.state(), party.breaker.retry_in()) == (CircuitState.OPEN, 60)


async def test_a_refusal_is_an_answer(party: Party) -> None:
    """A party that says no is well: 403 and 404 do not open a circuit, and close one."""
    await party.fail(2)
    with pytest.raises(Refused):
        await party.ask(Refused("no"))
    await party.fail(2)
    assert party.state() is CircuitState.CLOSED
    await party.fail()
    party.now += 60
    with pytest.raises(Refused):
        await party.ask(Refused("no"))
    assert party.state() is CircuitState.CLOSED


async def test_a_cancelled_call_counts_as_nothing(party: Party) -> None:
    async def cancel() -> None:
        task = asyncio.create_task(party.breaker.call(asyncio.Event().wait, counts=lambda _: True))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()

    await party.fail(2)
    await cancel()
    assert party.state() is CircuitState.CLOSED
    await party.fail()
    party.now += 60
    await cancel()  # a try that told nothing: the next call tries
    assert party.state() is CircuitState.HALF_OPEN
    assert await party.ask() == "yes"
    assert party.state() is CircuitState.CLOSED


async def test_what_began_before_it_opened_tells_nothing(party: Party) -> None:
    go = asyncio.Event()

    async def late(error: Exception | None) -> None:
        await go.wait()
        if error:
            raise error

    calls = [
        asyncio.create_task(party.breaker.call(partial(late, error), counts=lambda _: True))
        for error in (None, OSError("late"))
    ]
    await asyncio.sleep(0)
    await party.fail(3)
    party.now += 30
    go.set()
    await asyncio.wait(calls)
    assert isinstance(calls[1].exception(), OSError)

    assert (party.state(), party.breaker.retry_in()) == (CircuitState.OPEN, 30)


async def test_the_last_failure_is_told_in_a_bounded_line(party: Party) -> None:
    for _ in range(3):
        with pytest.raises(OSError, match="x"):
            await party.ask(OSError("x\n" * 10_000))
    with pytest.raises(CircuitOpen) as caught:
        await party.ask()

    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 500


class Model(RuleBasedStateMachine):
    """Against a plain count: which calls reach the party."""

    def __init__(self) -> None:
        super().__init__()
        self.party = Party()
        self.row = 0
        self.opened: float | None = None

    def may_pass(self) -> bool:
        return self.opened is None or self.party.now >= self.opened + 60

    def ask(self, answer: BaseException | str) -> bool:
        before = self.party.calls
        with suppress(OSError, Refused, CircuitOpen):
            asyncio.run(self.party.ask(answer))
        return self.party.calls > before

    @rule()
    def answers(self) -> None:
        may = self.may_pass()
        assert self.ask("yes") == may
        if may:
            self.row, self.opened = 0, None

    @rule()
    def refuses(self) -> None:
        may = self.may_pass()
        assert self.ask(Refused("no")) == may
        if may:
            self.row, self.opened = 0, None

    @rule()
    def fails(self) -> None:
        may = self.may_pass()
        assert self.ask(OSError("no")) == may
        if may:
            self.row += 1
            if self.row >= 3 or self.opened is not None:
                self.opened = self.party.now

    @rule()
    def time_passes(self) -> None:
        self.party.now += 25

    @invariant()
    def states_agree(self) -> None:
        closed = self.party.state() is CircuitState.CLOSED
        assert closed == (self.opened is None)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
