"""Recordings of a cluster that is watched: whose a sample is, what is kept, what memory it takes.

Broken on purpose, each seen red: a name's sample given to whoever has the name at the end; a
sample that is told again counted twice; readings kept in a list; the scratch folder left behind;
the detail of a remark copied into a recording without names.
"""

import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.adapters.recordings import (
    Facts,
    Gathered,
    Gathering,
    RecordingUnwritable,
    Remark,
    anonymise,
    open_recording,
    validate,
)
from upid.adapters.recordings.lives import Lives
from upid.core.metrics import CPU, MEMORY, NODE_CPU, Entity
from upid.core.ports.cluster_connection import ContainerReading, NodeReading, Usage
from upid.core.ports.cluster_source import ObjectVersion

AT = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
EVERY = timedelta(seconds=15)


def _facts(*remarks: Remark) -> Facts:
    return Facts("prod", "v1.36.0", AT - EVERY, EVERY, AT, "upid test", remarks)


def _names(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


def _pod(name: str, uid: str, since: datetime, until: datetime | None = None) -> ObjectVersion:
    body = f'{{"kind":"Pod","metadata":{{"name":"{name}","namespace":"shop","uid":"{uid}"}}}}'
    return ObjectVersion("Pod", "shop", name, uid, since, until, body.encode())


def _usage(at: datetime, cores: float, *pods: str, measured: datetime | None = None) -> Usage:
    when = measured or at
    used = tuple(ContainerReading("shop", pod, "app", cores, 1e6, when, 10.0) for pod in pods)
    return Usage(at, used, (NodeReading("node-1", 2 * cores, 4e9, when, 10.0),))


def _written(
    folder: Path, usages: Sequence[tuple[int, Usage]], objects: Sequence[ObjectVersion]
) -> tuple[Path, Gathered]:
    path = folder / "made.upid"
    with Gathering(path) as gathering:
        for step, usage in usages:
            gathering.add(step, usage)
        made = gathering.write(path, _facts(), objects)
    return path, made


def test_a_recording_has_a_step_for_each_reading_and_is_valid(tmp_path: Path) -> None:
    """COL-9."""
    usages = [(step, _usage(AT + step * EVERY, 0.1 * (step + 1), "web")) for step in range(4)]
    path, made = _written(tmp_path, usages, [_pod("web", "u1", AT - timedelta(days=1))])
    with open_recording(path) as found:
        panel = found.panel(CPU)
        assert panel.matrix().tolist() == [pytest.approx([0.1, 0.2, 0.3, 0.4])]
        assert found.panel(MEMORY).values.tolist() == [1e6] * 4
        assert found.panel(NODE_CPU).values.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8])
        assert found.facts().window.end == AT + 3 * EVERY
        assert found.facts().sources == ("metrics-server",)
    assert (made.series, made.samples, made.quality) == (2, 16, {})
    assert validate(path).ok
    assert _names(tmp_path) == ["made.upid"]


def test_a_reading_that_was_missed_is_a_gap(tmp_path: Path) -> None:
    usages = [(step, _usage(AT + step * EVERY, 0.1, "web")) for step in (0, 3)]
    path, _ = _written(tmp_path, usages, [_pod("web", "u1", AT - timedelta(days=1))])
    with open_recording(path) as found:
        assert np.isnan(found.panel(CPU).matrix()).tolist() == [[False, True, True, False]]


def test_a_sample_that_is_told_again_is_no_other_sample(tmp_path: Path) -> None:
    """A metrics server answers with its last measurement until it has another one."""
    with Gathering(tmp_path / "made.upid") as gathering:
        assert gathering.add(0, _usage(AT, 0.1, "web")) == 2
        assert gathering.add(1, _usage(AT + EVERY, 0.1, "web", measured=AT)) == 0
        assert gathering.add(2, _usage(AT + 2 * EVERY, 0.2, "web")) == 2
        gathering.write(tmp_path / "made.upid", _facts(), [_pod("web", "u1", AT - EVERY * 9)])
    with open_recording(tmp_path / "made.upid") as found:
        assert found.panel(CPU).steps_of_samples().tolist() == [0, 2]


def test_a_container_that_is_listed_twice_is_measured_once(tmp_path: Path) -> None:
    with Gathering(tmp_path / "made.upid") as gathering:
        assert gathering.add(0, _usage(AT, 0.1, "web", "web")) == 2


def test_a_pod_made_anew_under_its_name_does_not_inherit(tmp_path: Path) -> None:
    """web-0 of a StatefulSet: its predecessor's last sample is told until there is a next one."""
    died, born = AT + timedelta(seconds=40), AT + timedelta(seconds=41)
    usages = [
        (0, _usage(AT, 0.5, "web-0")),
        (1, _usage(AT + EVERY, 0.5, "web-0")),
        (3, _usage(AT + 3 * EVERY, 0.5, "web-0", measured=AT + timedelta(seconds=38))),
        (4, _usage(AT + 4 * EVERY, 0.4, "web-0", measured=AT + timedelta(seconds=45))),
        (5, _usage(AT + 5 * EVERY, 0.3, "web-0", measured=AT + timedelta(seconds=60))),
        (8, _usage(AT + 8 * EVERY, 0.1, "web-0")),
    ]
    lives = [_pod("web-0", "old", AT - timedelta(days=1), died), _pod("web-0", "new", born)]
    path, made = _written(tmp_path, usages, lives)
    with open_recording(path) as found:
        uids = found.catalogue(Entity.CONTAINER).labels["pod_uid"].tolist()
        rows = dict(zip(uids, found.panel(CPU).matrix(), strict=True))
    assert np.flatnonzero(~np.isnan(rows["old"])).tolist() == [0, 1, 3]
    assert np.flatnonzero(~np.isnan(rows["new"])).tolist() == [8]
    # Step 4 speaks of both; step 5 of the new one, or, by a node's clock that is ahead, of the old.
    assert made.quality == {"samples of pods that are not known for certain": 2}


_SECONDS = st.integers(0, 600)


@given(
    turns=st.lists(st.integers(1, 120), min_size=1, max_size=9),
    samples=st.lists(st.tuples(_SECONDS, st.integers(0, 60)), max_size=30),
)
def test_a_sample_belongs_to_the_only_pod_that_had_the_name_all_the_while(
    turns: list[int], samples: list[tuple[int, int]]
) -> None:
    """Pods follow each other under one name; each second had at most one of them."""
    edges = np.cumsum(turns).tolist()
    pods = [
        _pod("web-0", f"u{number}", AT + timedelta(seconds=begin), AT + timedelta(seconds=end))
        for number, (begin, end) in enumerate(pairwise(edges))
    ]
    lives = Lives()
    assert list(lives.watched(pods)) == pods
    owners = lives.owners([("shop", "web-0", "app"), ("shop", "other", "app")])
    until = np.array([round((AT.timestamp() + end) * 1000) for end, _ in samples], dtype=np.int64)
    window = np.array([seconds * 1000 for _, seconds in samples], dtype=np.int64)
    keys = np.zeros(until.size, dtype=np.int64)
    found = owners.places(keys, until - window, until)
    for place, (end, seconds) in zip(found.tolist(), samples, strict=True):
        if place >= 0:
            pod = pods[place]
            assert pod.until is not None
            assert pod.since <= AT + timedelta(seconds=end - seconds)
            assert AT + timedelta(seconds=end) <= pod.until
            assert owners.labels[place][2] == pod.uid
    assert (owners.places(keys + 1, until - window, until) == -1).all()


def test_samples_of_a_pod_that_nobody_saw_are_counted_and_left_out(tmp_path: Path) -> None:
    path, made = _written(tmp_path, [(0, _usage(AT, 0.1, "ghost"))], [])
    assert made.quality == {"samples of pods that are not known for certain": 1}
    with open_recording(path) as found:
        assert len(found.catalogue(Entity.CONTAINER)) == 0
        assert found.panel(NODE_CPU).values.tolist() == [0.2]


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1e300])
def test_a_value_that_cannot_be_is_a_gap_and_counted(tmp_path: Path, value: float) -> None:
    usage = Usage(AT, (ContainerReading("shop", "web", "app", value, 1e6, AT, 10.0),), ())
    path, made = _written(tmp_path, [(0, usage)], [_pod("web", "u1", AT - EVERY * 9)])
    with open_recording(path) as found:
        assert found.panel(CPU).values.size == 0
        assert found.panel(MEMORY).values.tolist() == [1e6]
    assert made.quality == {"negative or infinite values": 1}


def test_objects_that_went_are_in_it_with_the_time_of_their_life(tmp_path: Path) -> None:
    path = tmp_path / "made.upid"
    with Gathering(path) as gathering:
        gathering.keep(_pod("job-1", "u1", AT, AT + EVERY))
        gathering.add(0, _usage(AT, 0.1))
        gathering.write(path, _facts(), [_pod("web", "u2", AT)])
    with open_recording(path) as found:
        lives = [(one.name, one.since, one.until) for one in found.objects()]
    assert lives == [("job-1", AT, AT + EVERY), ("web", AT, None)]


def test_an_object_that_no_recording_can_hold_does_not_end_it(tmp_path: Path) -> None:
    odd = _pod("odd", "u1", AT)._replace(body=b"no JSON")
    path, made = _written(tmp_path, [(0, _usage(AT, 0.1))], [odd, _pod("web", "u2", AT)])
    assert made.quality == {"unreadable objects": 1}
    assert validate(path).ok


def test_remarks_are_told_and_a_copy_without_names_has_no_word_of_the_cluster(
    tmp_path: Path,
) -> None:
    path, copy = tmp_path / "made.upid", tmp_path / "copy.upid"
    remark = Remark("usage was unknown", "host prod-db is down", "2026-11-02T12:00:00Z", "then")
    with Gathering(path) as gathering:
        gathering.write(path, _facts(remark), [_pod("web", "u1", AT)])
    anonymise(path, copy, b"0123456789abcdef")
    with open_recording(path) as found, open_recording(copy) as hidden:
        assert found.facts().notes == (
            "usage was unknown from 2026-11-02T12:00:00Z to then: host prod-db is down",
        )
        assert hidden.facts().notes == ("usage was unknown from 2026-11-02T12:00:00Z to then",)
    assert b"prod-db" not in copy.read_bytes()
    assert validate(path).ok
    assert validate(copy).ok


def test_the_same_readings_give_the_same_bytes(tmp_path: Path) -> None:
    made = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        usages = [(step, _usage(AT + step * EVERY, 0.1, "web", "api")) for step in range(3)]
        pods = [_pod("web", "u1", AT - EVERY * 9), _pod("api", "u2", AT - EVERY * 9)]
        made.append(_written(tmp_path / name, usages, pods)[0].read_bytes())
    assert made[0] == made[1]


def test_memory_does_not_grow_with_the_readings(tmp_path: Path) -> None:
    """500 containers and 300 readings: 150,000 samples, of which none may stay an object."""
    names = [f"pod-{number}" for number in range(500)]
    with Gathering(tmp_path / "made.upid") as gathering:
        gathering.add(0, _usage(AT, 0.1, *names))
        tracemalloc.start()
        try:
            begun = tracemalloc.get_traced_memory()[0]
            for step in range(1, 300):
                gathering.add(step, _usage(AT + step * EVERY, 0.1, *names))
            grown = tracemalloc.get_traced_memory()[0] - begun
        finally:
            tracemalloc.stop()
        assert gathering.samples == 300 * 501 * 2
    assert grown < 200_000  # bytes; the samples are 6 MB on disk, and 30 MB as objects


def test_what_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "made.upid"
    path.write_bytes(b"what was there before")

    def failing() -> Iterator[ObjectVersion]:
        yield _pod("web", "u1", AT)
        raise ZeroDivisionError

    gathering = Gathering(path)
    gathering.add(0, _usage(AT, 0.1, "web"))
    with pytest.raises(ZeroDivisionError), gathering:
        gathering.write(path, _facts(), failing())
    assert path.read_bytes() == b"what was there before"
    assert _names(tmp_path) == ["made.upid"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordingUnwritable, match="no such file or directory") as told:
        Gathering(tmp_path / "nowhere" / "made.upid")
    assert told.value.hint
