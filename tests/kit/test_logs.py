"""Log lines: their fields, and that no secret is in them."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.kit.logs import bind, configure_logs, logger, unbind
from upid.kit.masking import MASK, masked, masked_value

CANARY = "cnry8Zq4Xv7"
SPICE = st.text("aZ09-_.~!*", min_size=4, max_size=24).map(lambda text: CANARY + text)
TALK = st.text(max_size=30)
FORMS = st.sampled_from(
    [
        "postgresql://ana:{}@db.example/upid",
        "connect to https://ana:{}@host:80/x?y=1 now",
        "Authorization: Bearer {}",
        "authorization: Basic {}",
        '{{"Authorization": "Bearer {}"}}',
        "Bearer {}",
        "token={}",
        "?access_token={}&x=1",
        "password: {}",
        'password="{}"',
        "{{'api_key': '{}'}}",
        "client-key-data: {}",
        "client-certificate-data: {}",
        "AWS_SECRET_ACCESS_KEY={}",
        "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n{}",
    ]
)
KEYS = st.sampled_from(
    [
        "password", "db_password", "token", "access_token", "Authorization", "api_key", "apiKey",
        "client-key-data", "client_secret", "cookie", "Set-Cookie", "private_key", "session_id",
    ]
)  # fmt: skip


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs("INFO", {"upid.chatty": "DEBUG", "upid.quiet": "ERROR"}, stream)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def read(lines: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines.getvalue().splitlines()]


@given(FORMS, SPICE, TALK, TALK)
def test_a_secret_in_any_known_form_is_masked_wherever_it_is(
    form: str, secret: str, before: str, after: str
) -> None:
    """SEC-8, OPS-3: planted canaries never come out."""
    text = f"{before} {form.format(secret)} {after}"
    assert CANARY not in masked(text)
    assert CANARY not in json.dumps(masked_value({"event": [text, {"x": (text,)}]}))


@given(KEYS, SPICE | st.binary(min_size=1) | st.lists(SPICE, min_size=1) | st.integers())
def test_whatever_is_named_like_a_secret_is_masked(key: str, secret: object) -> None:
    assert masked_value({"deep": [{key: secret}]}) == {"deep": [{key: MASK}]}


@given(st.text("abc 0123456789,:'()%$", max_size=60))
def test_plain_talk_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "GET /api/v1/recordings?limit=5",
        "https://example.org:8443/path?x=a@b",
        "tokens used: 5",
        "the pod web-7f9c in shop restarted 3 times",
    ],
)
def test_what_only_looks_like_a_secret_is_left_as_it_is(text: str) -> None:
    assert masked(text) == text


def test_a_line_says_when_what_and_where(lines: io.StringIO) -> None:
    """OPS-3: timestamp, level, logger, message, module, function, line, exception."""
    bound = bind(request_id="req_1")
    try:
        int(f"password={CANARY}")
    except ValueError:
        logger("upid.test").exception("attempt_failed", cluster="prod", token=CANARY)
    unbind(bound)
    logger("upid.test").info("afterwards")

    first, second = read(lines)
    assert list(first)[:5] == ["timestamp", "level", "logger", "event", "request_id"]
    assert first["level"] == "error"
    assert first["logger"] == "upid.test"
    assert first["event"] == "attempt_failed"
    assert first["cluster"] == "prod"
    assert first["module"] == "test_logs"
    assert first["function"] == "test_a_line_says_when_what_and_where"
    assert isinstance(first["line"], int)
    assert "ValueError: invalid literal" in str(first["exception"])
    assert "request_id" not in second
    assert CANARY not in lines.getvalue()


def test_lines_of_libraries_are_of_the_same_form(lines: io.StringIO) -> None:
    logging.getLogger("some.library").warning("called %s", f"postgresql://u:{CANARY}@h/d")

    (line,) = read(lines)
    assert (line["level"], line["logger"]) == ("warning", "some.library")
    assert line["event"] == f"called postgresql://u:{MASK}@h/d"


def test_each_area_has_its_own_level(lines: io.StringIO) -> None:
    for area in ("upid.chatty.part", "upid.quiet", "upid.other"):
        logger(area).debug("detail")
        logger(area).warning("warning")

    assert [(line["logger"], line["event"]) for line in read(lines)] == [
        ("upid.chatty.part", "detail"),
        ("upid.chatty.part", "warning"),
        ("upid.other", "warning"),
    ]
