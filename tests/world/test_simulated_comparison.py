"""The comparison of two servers: it sees what differs, and only that."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import replace

from tests.world.simulated.agree import compared
from tests.world.simulated.answers import Json
from tests.world.simulated.histories import COMPACTED, EXPIRING, FEWEST, history
from tests.world.simulated.runs import Seen, simulated
from tests.world.simulated.seen import comparable, misplaced_event

SEEDS = range(30)  # all three kinds, six that lose their past, one that waits for an end
_UID = re.compile(r"([0-9a-f]{8})-0000-4000-8000-[0-9a-f]{12}")


def played(seed: int) -> list[Seen]:
    return simulated(history(seed), f"h{seed}")


def elsewhere(value: Json, name: str = "") -> Json:
    """Return what another server would have answered: other revisions and UIDs, in like order."""
    if isinstance(value, dict):
        return {key: elsewhere(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [elsewhere(inner) for inner in value]
    return _other_text(value, name) if isinstance(value, str) else value


def _other_text(value: str, name: str) -> str:
    if name == "resourceVersion":
        return str(int(value) * 3 + 1000)
    if name == "continue":
        read = json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
        read["rv"] = read["rv"] if read["rv"] < 0 else read["rv"] * 3 + 1000
        return base64.urlsafe_b64encode(json.dumps(read).encode()).rstrip(b"=").decode()
    if name.endswith("Timestamp"):
        return "2030-05-05T05:05:05Z"
    if name == "message":
        value = re.sub(r"(record|precondition) \(\d+\)", r"\1 (77)", value)
    return _UID.sub(r"ffffffff-4000-4000-8000-\g<1>0000", value)


def moved(seen: list[Seen]) -> list[Seen]:
    return [
        replace(
            each,
            body=elsewhere(each.body),
            events=tuple((kind, elsewhere(body)) for kind, body in each.events),
        )
        for each in seen
    ]


def test_other_revisions_uids_and_times_are_no_difference() -> None:
    for seed in SEEDS:
        seen = played(seed)
        assert compared(history(seed), moved(seen), seen) is None


def changes(seen: list[Seen]) -> Iterator[list[Seen]]:
    """Yield transcripts that differ in one event or one answer."""
    for at, each in enumerate(seen):
        if each.events and each.kind == "close":
            yield from (with_events(seen, at, events) for events in other_events(each))
        if each.kind == "request":
            yield [*seen[:at], replace(each, status=each.status + 1), *seen[at + 1 :]]
            other = {"reason": "Other"} if each.status >= 400 else {"details": {}, "more": "x"}
            if each.body.get("status") != "Success":
                yield [*seen[:at], replace(each, body=each.body | other), *seen[at + 1 :]]


def other_events(each: Seen) -> Iterator[tuple[tuple[str, Json], ...]]:
    *before, (kind, body) = each.events
    yield tuple(before)
    yield (*each.events, (kind, body))
    if kind != "ERROR":
        yield (*before, ("DELETED" if kind != "DELETED" else "ADDED", body))
        metadata = body["metadata"] | {"labels": {"other": "label"}}
        yield (*before, (kind, body | {"metadata": metadata}))


def with_events(seen: list[Seen], at: int, events: tuple[tuple[str, Json], ...]) -> list[Seen]:
    return [*seen[:at], replace(seen[at], events=events), *seen[at + 1 :]]


def test_one_event_or_one_answer_that_differs_is_found() -> None:
    for seed in SEEDS:
        seen = played(seed)
        for changed in changes(seen):
            assert compared(history(seed), seen, changed) is not None


def test_an_older_version_in_the_place_of_the_newest_is_found() -> None:
    body = {"metadata": {"name": "x", "uid": "1"}, "data": {}}
    first, second = (_versioned(body, version) for version in ("5", "8"))
    right = [Seen(200, first, kind="request"), Seen(200, second, kind="request")]
    stale = [Seen(200, first, kind="request"), Seen(200, first, kind="request")]
    assert comparable(right) != comparable(stale)


def test_a_bookmark_behind_an_event_is_misplaced() -> None:
    body = {"metadata": {"name": "x", "uid": "1"}}
    event, bookmark = ("MODIFIED", _versioned(body, "8")), ("BOOKMARK", _versioned(body, "7"))
    assert not misplaced_event([Seen(events=(bookmark, event))])
    assert misplaced_event([Seen(events=(event, bookmark))])


def _versioned(body: Json, version: str) -> Json:
    return body | {"metadata": body["metadata"] | {"resourceVersion": version}}


def test_a_disagreement_shows_the_history_both_answers_and_how_to_play_it_again() -> None:
    seen = played(1)
    at = next(at for at, each in enumerate(seen) if each.status == 201 and each.kind == "request")
    found = compared(history(1), seen, [*seen[:at], replace(seen[at], status=500), *seen[at + 1 :]])
    text = str(found)
    assert f"→{at:2} " in text
    assert '"status": 201' in text
    assert '"status": 500' in text
    assert "agree 1 --from 1" in text


def test_a_seed_always_makes_the_same_history() -> None:
    for seed in SEEDS:
        first, again = history(seed), history(seed)
        assert first == again
        assert len(first.steps) > FEWEST
        assert first.compacts is (seed % COMPACTED == 0)
        assert first.expires is (seed % EXPIRING == 1)
