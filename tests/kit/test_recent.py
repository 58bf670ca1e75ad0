"""Answers are computed once, one at a time, and only the last few are kept."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from upid.kit.recent import Recent


class Key(str):
    """A question that tells when somebody looks it up."""

    looked_up: Event

    def __hash__(self) -> int:
        self.looked_up.set()
        return super().__hash__()


def test_who_waits_for_an_answer_gets_it_instead_of_computing_it_again() -> None:
    recent: Recent[str, object] = Recent(2)
    computing, looked_up = Event(), Event()
    late = Key("question")
    late.looked_up = looked_up
    made: list[object] = []

    def slowly() -> object:
        computing.set()
        assert looked_up.wait(timeout=10)  # the late one has looked, in vain, and now waits
        made.append(object())
        return made[-1]

    def again() -> object:
        made.append(object())
        return made[-1]

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(recent.get, "question", slowly)
        assert computing.wait(timeout=10)
        second = threads.submit(recent.get, late, again)

        assert first.result(timeout=10) is second.result(timeout=10)
    assert len(made) == 1


def test_what_was_asked_longest_ago_is_forgotten_first() -> None:
    recent: Recent[str, int] = Recent(2)
    made: list[str] = []

    def ask(key: str) -> None:
        def make() -> int:
            made.append(key)
            return len(made)

        recent.get(key, make)

    for key in ("a", "b", "a", "c", "a", "b"):
        ask(key)

    assert made == ["a", "b", "c", "b"]


def test_what_fails_is_not_kept() -> None:
    recent: Recent[str, int] = Recent(2)

    with pytest.raises(ZeroDivisionError):
        recent.get("question", lambda: 1 // 0)

    assert recent.get("question", lambda: 7) == 7


def test_an_empty_answer_is_an_answer() -> None:
    recent: Recent[str, tuple[int, ...]] = Recent(2)
    recent.get("question", tuple)

    assert recent.get("question", lambda: (1,)) == ()
