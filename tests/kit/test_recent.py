"""Answers are computed once, one at a time, and only the last few are kept."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from upid.kit.recent import Recent


def test_the_same_question_is_answered_once_however_many_ask() -> None:
    recent: Recent[str, object] = Recent(2)
    asked = Barrier(8)
    made = []

    def make() -> object:
        made.append(object())
        return made[-1]

    def ask(_: int) -> object:
        asked.wait(timeout=10)
        return recent.get("question", make)

    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(ask, range(8)))

    assert len(made) == 1
    assert all(answer is made[0] for answer in answers)


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
