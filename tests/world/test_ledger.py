"""The ledger's algebra, against histories whose truth is known."""

import json
import re
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.world.ledger import PROTOCOLS, Account, Blind, LogBroken, Request, Sent, Serving
from tests.world.ledger.client_log import FAILURES, OUTCOMES, parse_client_log
from tests.world.ledger.served import BookBroken, parse_served_file

SECOND = 1_000_000_000
BEGAN = 1_700_000_000 * SECOND


@dataclass(frozen=True)
class Truth:
    """What really became of one request. outcome None: its client was killed before the end."""

    id: str
    protocol: str
    outcome: str | None
    seen_by: tuple[str, ...]
    due: int
    late: int
    took: int

    @property
    def sent(self) -> bool:
        return self.outcome != "not-sent"

    def lines(self) -> list[dict[str, object]]:
        """Return the client's lines about it."""
        known = {
            "id": self.id,
            "protocol": self.protocol,
            "method": "GET",
            "path": "/",
            "planned_ns": BEGAN + self.due,
        }
        lines: list[dict[str, object]] = []
        if self.sent:
            known["sent_ns"] = BEGAN + self.due + self.late
            lines.append({"event": "sent", **known})
        if self.outcome is not None:
            done = BEGAN + self.due + self.late + self.took
            lines.append({"event": "done", "done_ns": done, "outcome": self.outcome, **known})
        return lines


SEEN_BY = ((), ("a",), ("a",), ("b",), ("a", "a"), ("a", "b"), ("b", "a", "b"))
FATES = st.tuples(
    st.sampled_from(PROTOCOLS),
    st.sampled_from([None, "ok", "ok", "not-sent", *FAILURES]),
    st.sampled_from(SEEN_BY),
    st.sampled_from([0, 1, 1_000_000, SECOND]),  # late: the same, next and much later moment
    st.sampled_from([0, 1, 1_500_000, SECOND]),
)


def truths(least: int = 0) -> st.SearchStrategy[list[Truth]]:
    """Return histories of requests that are due a millisecond apart."""
    return st.lists(FATES, min_size=least, max_size=12).map(
        lambda fates: [
            Truth(f"r-{n:04d}", protocol, outcome, seen_by, n * 1_000_000, late, took)
            for n, (protocol, outcome, seen_by, late, took) in enumerate(fates)
        ]
    )


def written(lines: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def client_text(history: list[Truth]) -> bytes:
    """Return a whole log, every first line before every second one as far as that may be."""
    lines = sorted((line for one in history for line in one.lines()), key=when)
    began: dict[str, object] = {"event": "began", "run": "r"}
    ended: dict[str, object] = {"event": "ended", "run": "r", "requests": len(history)}
    killed = any(one.outcome is None for one in history)
    return written([began, *lines, *([] if killed else [ended])])


def when(line: dict[str, object]) -> tuple[int, bool]:
    moment = line["sent_ns"] if line["event"] == "sent" else line["done_ns"]
    assert isinstance(moment, int)
    return moment, line["event"] == "done"


def book(history: list[Truth]) -> tuple[Serving, ...]:
    seen = [(server, one) for one in history for server in one.seen_by]
    return tuple(
        Serving(server, 1, n, one.id, one.protocol, "GET", "/", BEGAN + one.due + one.late, "")
        for n, (server, one) in enumerate(seen, start=1)
    )


def accounted(history: list[Truth], **more: tuple[Blind, ...]) -> Account:
    log = parse_client_log(client_text(history))
    return Account((Sent(log),), book(history), **more)


def ids(requests: tuple[Request, ...]) -> list[str]:
    return [one.id for one in requests]


@given(truths())
def test_every_request_is_in_the_sets_that_its_truth_says_and_in_no_other(
    history: list[Truth],
) -> None:
    account = accounted(history)

    assert ids(account.requests) == [one.id for one in history]
    assert ids(account.answered) == [one.id for one in history if one.outcome == "ok"]
    assert ids(account.failed) == [one.id for one in history if one.outcome in FAILURES]
    assert ids(account.unknown) == [one.id for one in history if one.outcome is None]
    assert ids(account.not_sent) == [one.id for one in history if one.outcome == "not-sent"]
    assert ids(account.lost) == [
        one.id for one in history if one.outcome in FAILURES and len(one.seen_by) == 0
    ]
    assert ids(account.served_in_vain) == [
        one.id for one in history if one.outcome in FAILURES and len(one.seen_by) > 0
    ]
    assert ids(account.contradicted) == [
        one.id
        for one in history
        if (one.outcome == "ok" and len(one.seen_by) == 0)
        or (one.outcome == "not-sent" and len(one.seen_by) > 0)
    ]
    assert {id: len(where) for id, where in account.duplicated.items()} == {
        one.id: len(one.seen_by) for one in history if len(one.seen_by) >= 2
    }


@given(truths())
def test_the_counts_add_up_for_each_protocol_and_over_all_of_them(history: list[Truth]) -> None:
    account = accounted(history)
    whole = account.counts()
    parts = [account.counts(protocol) for protocol in PROTOCOLS]

    for counts in (whole, *parts):
        ends = counts.answered + counts.failed + counts.unknown + counts.not_sent
        assert counts.planned == ends
    assert whole.planned == sum(counts.planned for counts in parts) == len(history)
    assert whole.lost == sum(counts.lost for counts in parts)
    assert whole.duplicated == sum(counts.duplicated for counts in parts)


@given(truths(), st.data())
def test_a_log_torn_anywhere_loses_the_torn_line_and_nothing_before_it(
    history: list[Truth], draws: st.DataObject
) -> None:
    text = client_text(history)
    cut = draws.draw(st.integers(0, len(text)))
    whole = [json.loads(line) for line in text[:cut].split(b"\n")[:-1]]

    log = parse_client_log(text[:cut])

    assert log.torn == (cut > 0 and text[cut - 1 : cut] != b"\n")
    assert {one.id for one in log.requests} == {line["id"] for line in whole if "id" in line}
    ended = {line["id"] for line in whole if line["event"] == "done"}
    assert {one.id for one in log.requests if one.outcome is not None} == ended
    assert log.ended == any(line["event"] == "ended" for line in whole)


@given(truths(), st.sampled_from([0.01, 0.07, 0.5, 0.95, 0.99, 1.0]))
def test_a_latency_quantile_is_the_smallest_that_covers_enough_from_plan_to_answer(
    history: list[Truth], quantile: float
) -> None:
    account = accounted(history)
    took = [(one.late + one.took) / SECOND if one.outcome == "ok" else inf for one in history]
    if not took:
        with pytest.raises(ValueError, match="of 0 requests"):
            account.latency(quantile)
        return

    found = account.latency(quantile)

    percent = round(quantile * 100)
    enough = [one for one in took if 100 * sum(w <= one for w in took) >= percent * len(took)]
    assert found == min(enough)


@given(truths(least=1))
def test_what_a_server_saw_that_was_not_meant_to_is_misrouted(history: list[Truth]) -> None:
    log = parse_client_log(client_text(history))
    account = Account((Sent(log, frozenset({"a"})),), book(history))

    assert set(account.misrouted) == {one.id for one in history if set(one.seen_by) - {"a"}}


@pytest.mark.parametrize("change", [{"method": "POST"}, {"path": "/else"}, {"protocol": "tcp"}])
def test_what_arrives_as_another_kind_of_request_is_misrouted(change: dict[str, str]) -> None:
    history = [ok("r-0000")]
    strayed = tuple(replace(one, **change) for one in book(history))  # type: ignore[arg-type]
    account = Account((Sent(parse_client_log(client_text(history))),), strayed)

    assert list(account.misrouted) == ["r-0000"]
    with pytest.raises(AssertionError, match=r"1 served elsewhere or otherwise:\n  r-0000"):
        account.assert_nothing_misrouted()


def ok(id: str, seen_by: tuple[str, ...] = ("a",), due: int = 0) -> Truth:
    return Truth(id, "http/1.1", "ok", seen_by, due, 0, SECOND)


def test_a_run_without_a_fault_passes_every_assertion() -> None:
    accounted([ok(f"r-{n:04d}", due=n) for n in range(3)]).assert_exactly_once()


@pytest.mark.parametrize(
    ("outcome", "seen_by", "says"),
    [
        ("reset", (), "1 sent, not answered and seen by no server"),
        ("ok", (), "1 told of in two ways that cannot both be"),
        ("not-sent", ("a",), "1 told of in two ways that cannot both be"),
        ("timeout", ("a",), "1 sent without a good answer"),
        ("wrong-body", ("a",), "1 sent without a good answer"),
        ("not-sent", (), "1 never sent"),
        (None, ("a",), "1 left open by a client that was killed"),
        ("ok", ("a", "a"), "1 served more than once"),
        ("ok", ("a", "b"), "1 served more than once"),
    ],
)
def test_each_fault_is_refused_by_name(
    outcome: str | None, seen_by: tuple[str, ...], says: str
) -> None:
    bad = replace(ok("r-0001", seen_by), outcome=outcome, due=1)
    account = accounted([ok("r-0000"), bad, ok("r-0002", due=2)])

    with pytest.raises(AssertionError, match=rf"^{says}:\n  r-0001 [^\n]*$"):
        account.assert_exactly_once()


def test_a_message_shows_the_first_ten_and_how_many_more_there_are() -> None:
    account = accounted([replace(ok(f"r-{n:04d}", (), n), outcome="reset") for n in range(12)])

    with pytest.raises(AssertionError) as refused:
        account.assert_nothing_lost()

    lines = str(refused.value).splitlines()
    assert lines[0].startswith("12 ")
    assert [re.findall(r"r-\d{4}", line)[0] for line in lines[1:11]] == ids(account.lost)[:10]
    assert lines[11:] == ["  … and 2 more"]


def test_a_message_names_where_a_duplicate_was_served() -> None:
    with pytest.raises(AssertionError, match=r"served by a \(line 1\) and b \(line 2\)"):
        accounted([ok("r-0000", ("a", "b"))]).assert_nothing_duplicated()


@pytest.mark.parametrize(
    ("since", "until", "excused"),
    [
        (0, 5, True),  # it may have come and gone within
        (1, 5, True),  # answered in the very moment in which the last reading began
        (2, 5, False),  # answered before the last reading began: it would have been read
        (-5, 0, True),  # sent in the very moment in which the next life began
        (-5, -1, False),  # sent after that
    ],
)
def test_a_blind_time_excuses_only_what_it_can_have_served(
    since: int, until: int, excused: bool
) -> None:
    """The request is sent at 0 s and answered at 1 s."""
    span = Blind("a", BEGAN + since * SECOND, BEGAN + until * SECOND)
    account = accounted([ok("r-0000", ())], blind=(span,))

    assert ids(account.unwitnessed) == (["r-0000"] if excused else [])
    assert ids(account.contradicted) == ([] if excused else ["r-0000"])


def test_who_was_blind_for_a_time_cannot_vouch_that_nothing_was_doubled() -> None:
    account = accounted([ok("r-0000")], blind=(Blind("b", BEGAN, BEGAN + SECOND),))

    account.assert_nothing_lost()
    with pytest.raises(AssertionError, match="times of which a server tells nothing:\n  b from"):
        account.assert_nothing_duplicated()


def test_an_id_in_the_style_of_a_run_that_its_client_never_wrote_is_a_stranger() -> None:
    history = [ok("r-0000")]
    odd = replace(book(history)[0], id="r-9999", number=2)
    foreign = replace(odd, id="someone-else", number=3)
    account = Account(
        (Sent(parse_client_log(client_text(history))),), (*book(history), odd, foreign)
    )

    assert list(account.strangers) == ["r-9999"]
    with pytest.raises(AssertionError, match="1 ids that no client sent:\n  r-9999 at a"):
        account.assert_nothing_misrouted()


SENT: dict[str, object] = {"event": "sent", "id": "r-0", "planned_ns": 1, "sent_ns": 1}
DONE: dict[str, object] = {**SENT, "event": "done", "done_ns": 2, "outcome": "ok"}


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ([SENT, SENT], "line 2 .* sends 'r-0' a second time"),
        ([SENT, DONE, DONE], "line 3 .* ends 'r-0' a second time"),
        ([DONE], "line 1 .* ends 'r-0', which was never sent"),
        ([SENT, {**DONE, "outcome": "fine"}], "line 2 .* ends 'r-0' with 'fine'"),
        ([{"event": "paused"}], "line 1 .* tells of 'paused'"),
        ([SENT, {"event": "ended", "requests": 1}], "tells of 1, 1 of them without an end"),
        ([SENT, DONE, {"event": "ended", "requests": 2}], "ended after 2 requests"),
        ([{"event": "ended"}, SENT], "line 2 .* comes after the end"),
    ],
)
def test_a_log_that_no_client_writes_is_refused(lines: list[dict[str, object]], says: str) -> None:
    with pytest.raises(LogBroken, match=says):
        parse_client_log(written(lines))


def test_a_line_torn_in_the_middle_of_a_log_is_refused() -> None:
    with pytest.raises(LogBroken, match="line 1 of the log is no line of a client"):
        parse_client_log(b'{"event": "se\n' + written([SENT]))


def test_the_words_for_how_a_request_ends_are_the_clients_own() -> None:
    source = Path(__file__).with_name("actor").joinpath("calloutcome.go").read_text()

    assert set(re.findall(r'^\toutcome\w+ += "([a-z-]+)"', source, re.MULTILINE)) == OUTCOMES


def line(number: int) -> bytes:
    told = {"n": number, "id": f"r-{number}", "protocol": "tcp", "method": "LINE", "path": ""}
    return json.dumps({**told, "received_ns": 1, "agent": ""}).encode() + b"\n"


@given(st.lists(st.integers(1, 5), max_size=4), st.integers(0, 30))
def test_a_book_in_a_file_is_read_whole_over_all_lives_of_its_server(
    lives: list[int], torn: int
) -> None:
    text = b"".join(line(n) for lines in lives for n in range(1, lines + 1)) + line(1)[:torn]

    found = parse_served_file("a", text)

    assert [(one.incarnation, one.number) for one in found] == [
        (life, n) for life, lines in enumerate(lives, start=1) for n in range(1, lines + 1)
    ]


@pytest.mark.parametrize("numbers", [(2,), (1, 3), (1, 2, 2), (1, 2, 4)])
def test_a_book_in_a_file_with_a_hole_is_refused(numbers: tuple[int, ...]) -> None:
    with pytest.raises(BookBroken, match="out of its turn"):
        parse_served_file("a", b"".join(map(line, numbers)))
