"""What a refusal says over HTTP beyond its kind."""

import pytest

from upid.core.errors import Kind, UpidError
from upid.kit.problems import error_response


class Busy(UpidError):
    kind = Kind.BUSY
    code = "busy_by_test"


@pytest.mark.parametrize(
    ("told", "header"),
    [(None, "1"), (17, "17"), (2.1, "3"), (0, "1"), (-5, "1"), ("soon", "1")],
)
def test_a_busy_answer_says_when_to_come_again(told: object, header: str) -> None:
    response = error_response(Busy("later", details={"retry_after": told}))

    assert (response.status_code, response.headers["retry-after"]) == (503, header)


def test_only_a_busy_answer_says_when_to_come_again() -> None:
    response = error_response(UpidError("no", details={"retry_after": 5}))

    assert "retry-after" not in response.headers
