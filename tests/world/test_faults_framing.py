"""Messages of TCP protocols: found whole, however the bytes arrive, and known to be answered."""

import json
import struct
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.faults import (
    FramingBroken,
    LineSession,
    NatsSession,
    PostgresSession,
    RedisSession,
)
from tests.world.faults.framing import Message, Session

words = st.binary(max_size=12)
names = st.text(alphabet="abcdefgh.", min_size=1, max_size=8)
cuts = st.lists(st.integers(1, 9), min_size=1, max_size=5)

QUICK = settings(max_examples=30)  # each tries dozens of ways to cut bytes in pieces


def in_pieces(content: bytes, sizes: Sequence[int]) -> list[bytes]:
    """Return content cut into pieces of these sizes, over and over."""
    found: list[bytes] = []
    start = 0
    while start < len(content):
        size = sizes[len(found) % len(sizes)]
        found.append(content[start : start + size])
        start += size
    return found


def read(session: Session, content: bytes, sizes: Sequence[int]) -> list[Message]:
    return [m for piece in in_pieces(content, sizes) for m in session.messages(piece)]


def settle(session: Session, content: bytes, sizes: Sequence[int]) -> list[bool]:
    """Return, after each piece of what upstream says, whether all is answered."""
    found = []
    for piece in in_pieces(content, sizes):
        session.answered(piece)
        found.append(session.settled())
    return found


def command(*parts: bytes) -> bytes:
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts)


@QUICK
@given(st.lists(st.tuples(st.sampled_from([b"SET", b"get"]), words, words), max_size=6), cuts)
def test_redis_commands_are_found_however_they_arrive(
    commands: list[tuple[bytes, bytes, bytes]], sizes: list[int]
) -> None:
    sent = [command(*parts) for parts in commands] + [b"PING\r\n"]
    found = read(RedisSession(), b"".join(sent), sizes)
    assert [m.content for m in found] == sent
    assert [m.verb for m in found] == [c[0].upper().decode() for c in commands] + ["PING"]


REPLIES = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":12\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$4\r\n\r\n+O\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n",
    b"%1\r\n+a\r\n~1\r\n:1\r\n",
    b"|1\r\n+ttl\r\n:1\r\n$1\r\nx\r\n",
    b"_\r\n",
    b"=5\r\ntxt:x\r\n",
]


@QUICK
@given(st.lists(st.sampled_from(REPLIES), min_size=1, max_size=8), cuts)
def test_redis_has_answered_with_the_last_byte_of_the_last_reply(
    replies: list[bytes], sizes: list[int]
) -> None:
    session = RedisSession()
    for message in session.messages(command(b"GET", b"x") * len(replies)):
        session.sent(message, nudged=True)
    assert settle(session, b">2\r\n+invalidate\r\n_\r\n" + b"".join(replies), sizes)[-1]
    said = settle_whole(RedisSession(), replies, sizes)
    assert said == [False] * (len(said) - 1) + [True]


def settle_whole(session: RedisSession, replies: list[bytes], sizes: list[int]) -> list[bool]:
    for message in session.messages(command(b"GET", b"x") * len(replies)):
        session.sent(message, nudged=False)
    return settle(session, b"".join(replies), sizes)


def test_what_redis_pushes_to_a_subscriber_is_no_reply() -> None:
    session = RedisSession()
    for message in session.messages(command(b"SUBSCRIBE", b"a") + command(b"PING")):
        session.sent(message, nudged=False)
    subscribed = command(b"subscribe", b"a")
    session.answered(subscribed + command(b"message", b"a", b"x"))
    assert not session.settled()
    session.answered(command(b"pong", b""))
    assert session.settled()


def frame(kind: bytes, content: bytes = b"") -> bytes:
    return kind + struct.pack("!i", len(content) + 4) + content


STARTUP = struct.pack("!ii", 4 + 4 + 11, 196608) + b"user\0root\0\0"
TLS_REQUEST = struct.pack("!ii", 8, 80877103)
READY = frame(b"Z", b"I")
LOGGED_IN = frame(b"R", struct.pack("!i", 0)) + frame(b"S", b"a\0b\0") + READY


@QUICK
@given(st.lists(st.tuples(st.sampled_from(b"QPBEDCSHXdcf"), words), max_size=8), cuts)
def test_postgres_messages_are_found_however_they_arrive(
    typed: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    sent = [TLS_REQUEST, STARTUP, *(frame(bytes([k]), b"\0" + w + b"\0") for k, w in typed)]
    found = read(PostgresSession(), b"".join(sent), sizes)
    assert [m.content for m in found] == sent
    assert [m.verb for m in found[:2]] == ["SSLRequest", "Startup"]
    assert found[1].subject == "root"


@QUICK
@given(cuts)
def test_postgres_has_answered_an_extended_query_at_its_end(sizes: list[int]) -> None:
    session = started()
    parts = [
        frame(b"P", b"\0SELECT 1\0\0\0"),
        frame(b"B", b"\0" * 8),
        frame(b"D", b"P\0"),
        frame(b"E", b"\0" * 5),
        frame(b"S"),
    ]
    messages = session.messages(b"".join(parts))
    assert [m.verb for m in messages] == ["Parse", "Bind", "Describe", "Execute", "Sync"]
    assert messages[0].subject == "SELECT 1"
    for message in messages:
        session.sent(message, nudged=False)
    answers = frame(b"1") + frame(b"2") + frame(b"T", b"\0\0") + frame(b"D", b"\0\0")
    said = settle(session, answers + frame(b"C", b"SELECT 1\0") + READY, sizes)
    assert said == [False] * (len(said) - 1) + [True]


def started() -> PostgresSession:
    session = PostgresSession()
    for message in session.messages(TLS_REQUEST):
        session.sent(message, nudged=False)
    assert not session.settled()
    session.answered(b"N")
    assert session.settled()
    for message in session.messages(STARTUP):
        session.sent(message, nudged=False)
    session.answered(LOGGED_IN[:9])
    assert not session.settled()
    session.answered(LOGGED_IN[9:])
    assert session.settled()
    return session


def test_an_error_answers_everything_up_to_the_next_sync() -> None:
    session = started()
    for message in session.messages(frame(b"P", b"\0x\0\0\0") + frame(b"B") + frame(b"E")):
        session.sent(message, nudged=True)
    session.answered(frame(b"E", b"SERROR\0\0"))
    assert session.settled()
    for message in session.messages(frame(b"S")):
        session.sent(message, nudged=True)
    assert not session.settled()
    session.answered(READY)
    assert session.settled()


def test_a_postgres_that_takes_up_tls_becomes_opaque() -> None:
    session = PostgresSession()
    session.sent(session.messages(TLS_REQUEST)[0], nudged=False)
    session.answered(b"S")
    assert session.settled()
    assert [m.verb for m in session.messages(b"\x16\x03\x01\x00")] == ["TLS"]


@QUICK
@given(st.lists(st.tuples(names, st.sampled_from([b"", b"in.box "]), words), max_size=6), cuts)
def test_nats_messages_are_found_with_their_payloads(
    published: list[tuple[str, bytes, bytes]], sizes: list[int]
) -> None:
    sent = [b'CONNECT {"verbose":false}\r\n', b"SUB a.* 1\r\n"]
    sent += [b"PUB %s %s%d\r\n%s\r\n" % (s.encode(), r, len(w), w) for s, r, w in published]
    found = read(NatsSession(), b"".join(sent), sizes)
    assert [m.content for m in found] == sent
    assert [m.subject for m in found[2:]] == [subject for subject, _, _ in published]


def test_nats_has_acted_when_it_answers_the_nudge() -> None:
    session = NatsSession()
    connect, publish = session.messages(b"CONNECT {}\r\nPUB a 4\r\nPING\r\n")
    session.sent(connect, nudged=False)
    assert session.settled()
    session.sent(publish, nudged=True)
    session.answered(b'INFO {"x":1}\r\nMSG a 1 6\r\nPONG\r\n\r\nPO')
    assert not session.settled()
    session.answered(b"NG\r\n")
    assert session.settled()


def test_a_verbose_nats_client_is_answered_each_time() -> None:
    session = NatsSession()
    hello = b"CONNECT " + json.dumps({"verbose": True}).encode() + b"\r\n"
    for message in session.messages(hello + b"SUB a 1\r\n"):
        session.sent(message, nudged=False)
    session.answered(b"+OK\r\n")
    assert not session.settled()
    session.answered(b"+OK\r\n")
    assert session.settled()


def test_lines_are_answered_one_by_one() -> None:
    session = LineSession()
    for message in session.messages(b"a 1\nb 2\n"):
        session.sent(message, nudged=False)
    assert settle(session, b"x\ny\n", [1]) == [False, False, False, True]


@pytest.mark.parametrize(
    ("session", "received"),
    [
        (RedisSession(), b"*x\r\n"),
        (RedisSession(), b"*1\r\n?1\r\n"),
        (PostgresSession(), struct.pack("!ii", 2, 196608)),
        (NatsSession(), b"PUB a b\r\n"),
    ],
)
def test_bytes_of_another_protocol_are_refused(session: Session, received: bytes) -> None:
    with pytest.raises(FramingBroken):
        session.messages(received)
