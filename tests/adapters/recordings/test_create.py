"""Anyone can make a recording, and every bad row is counted (COL-4, COL-9)."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
import pytest

from upid.adapters.recordings import Created, RecordingRefused, create, open_recording, validate
from upid.core.metrics import CPU, ERRORS, MEMORY, NODE_CPU, REQUESTS, RESTARTS, Entity
from upid.core.window import Window

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
Make: TypeAlias = Callable[..., Created]
HEAD = "time,metric,namespace,pod,container,value\n"


def pod(name: str, uid: str, created: str, **more: object) -> dict[str, object]:
    metadata = {"name": name, "namespace": "shop", "uid": uid, "creationTimestamp": created}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata | more}


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a recording of a table; by default of one pod's."""
    (tmp_path / "objects").mkdir()
    default = pod("web", "u1", "2026-03-01T00:00:00Z")
    (tmp_path / "objects" / "web.json").write_text(json.dumps(default))

    def made(text: str, **more: Any) -> Created:  # noqa: ANN401 - of create()
        (tmp_path / "s.csv").write_text(text)
        given: dict[str, Any] = {
            "samples": tmp_path / "s.csv",
            "cadence": timedelta(minutes=5),
        } | more
        return create(
            tmp_path / "objects", out=tmp_path / "r.upid", name="x", created=NOON, writer="t",
            **given,
        )  # fmt: skip

    return made


def row(minute: float, value: object, metric: str = "cpu", name: str = "web") -> str:
    time = datetime(2026, 3, 2, tzinfo=UTC) + timedelta(minutes=minute)
    return f"{time.isoformat()},{metric},shop,{name},app,{value}\n"


def test_the_guides_example_does_what_the_guide_says(root: Path, tmp_path: Path) -> None:
    guide = (root / "docs" / "guide" / "recordings.md").read_text()
    files = re.findall(r"^`([\w./]+)`\n\n```\w+\n(.*?)^```$", guide, re.DOTALL | re.MULTILINE)
    assert [name for name, _ in files] == ["objects/all.json", "usage.csv", "requests.csv"]
    (tmp_path / "objects").mkdir()
    for name, text in files:
        (tmp_path / name).write_text(text)
    made = create(
        tmp_path / "objects", tmp_path / "usage.csv", requests=tmp_path / "requests.csv",
        out=tmp_path / "shop.upid", name="shop", created=NOON, writer="the guide",
    )  # fmt: skip
    left_out = made.quality["NaN or missing values"], made.quality["rows of unknown pods"]
    assert (
        f"recorded {made.samples} samples of {made.series} series at a cadence of "
        f"{made.cadence.seconds} s, and left out {left_out[0]} row with NaN and "
        f"{left_out[1]} row of an unknown pod" in guide
    )
    recording = open_recording(made.path)
    assert recording.panel(CPU).values.tolist() == [0.031, 0.044, 0.029]
    assert recording.panel(MEMORY).values.tolist() == [201326592, 203423744]
    assert recording.panel(NODE_CPU).values.tolist() == [1.9]
    assert recording.panel(REQUESTS).values.sum() == 34
    assert recording.panel(ERRORS).values.sum() == 1
    assert validate(made.path).ok


def test_each_kind_of_bad_row_is_counted_and_left_out(make: Make, tmp_path: Path) -> None:
    """COL-4: recognised, counted, handled in a stated way."""
    made = make(
        HEAD + row(10, 0.3) + row(0, 0.1) + row(5, 0.2) + row(5, 9) + row(15, "NaN")
        + row(20, "inf") + row(22, "1e300") + row(25, -1) + row(30, "") + row(35, 1, name="gone")
        + row(40, 1, metric="bogus") + "yesterday,cpu,shop,web,app,1\n" + row(45, "much")
        + row(50, 0.5) + row(52, 0.7) + row(900, 1),
        window=Window(NOON.replace(hour=0), NOON.replace(hour=1)),
    )  # fmt: skip
    assert made.quality == {
        "NaN or missing values": 3,
        "duplicate rows": 1,
        "infinite values": 1,
        "negative values": 1,
        "out-of-order rows": 1,
        "rows merged into a step": 1,
        "rows of unknown pods": 1,
        "rows outside the window": 1,
        "unknown metric 'bogus'": 1,
        "unreadable times": 1,
        "values beyond measure": 1,
    }
    recording = open_recording(tmp_path / "r.upid")
    panel = recording.panel(CPU)
    assert panel.values.tolist() == [0.1, 0.2, 0.3, 0.6]
    assert panel.steps_of_samples().tolist() == [0, 1, 2, 10]
    assert recording.manifest.quality == made.quality


def test_the_cadence_is_the_most_frequent_gap(make: Make) -> None:
    rows = "".join(row(minute, 1) for minute in (0, 1, 2, 3, 10, 11, 30))
    assert make(HEAD + rows, cadence=None).cadence == timedelta(minutes=1)


def test_a_single_sample_has_no_cadence(make: Make) -> None:
    with pytest.raises(RecordingRefused, match="cadence is unknown"):
        make(HEAD + row(0, 1), cadence=None)


def test_memory_takes_the_highest_and_counts_add_up_within_a_step(
    make: Make, tmp_path: Path
) -> None:
    make(HEAD + "".join(row(i, i + 1, m) for i in range(5) for m in ("memory", "restarts", "cpu")))
    recording = open_recording(tmp_path / "r.upid")
    found = {m: recording.panel(metric).values.tolist() for m, metric in METRIC_OF.items()}
    assert found == {"memory": [5.0], "restarts": [15.0], "cpu": [3.0]}


def test_a_name_that_is_used_again_is_another_pod(make: Make, tmp_path: Path) -> None:
    items = [pod("web", "u1", "2026-03-01T00:00:00Z"), pod("web", "u2", "2026-03-02T00:10:00Z")]
    (tmp_path / "objects" / "web.json").write_text(json.dumps({"kind": "PodList", "items": items}))
    make(HEAD + "".join(row(minute, minute) for minute in (0, 5, 10, 15)))
    recording = open_recording(tmp_path / "r.upid")
    matrix = recording.panel(CPU).matrix()
    assert recording.catalogue(Entity.CONTAINER).labels["pod_uid"].tolist() == ["u1", "u2"]
    assert [r[~(r != r)].tolist() for r in matrix] == [[0, 5], [10, 15]]  # noqa: PLR0124 - NaN


def test_csv_and_parquet_and_every_writing_of_time_are_the_same_table(
    make: Make, tmp_path: Path
) -> None:
    make(HEAD + "".join(row(i * 5, i / 7) for i in range(50)))
    expected = (tmp_path / "r.upid").read_bytes()
    start = datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    seconds = [f"{start + i * 300:.0f}" for i in range(50)]
    make(HEAD + "".join(f"{t},cpu,shop,web,app,{i / 7}\n" for i, t in enumerate(seconds)))
    assert (tmp_path / "r.upid").read_bytes() == expected
    table = pcsv.read_csv(tmp_path / "s.csv")
    moments = pa.array([int(t) * 10**6 for t in seconds], pa.timestamp("us", tz="Europe/Berlin"))
    for column in (moments, pa.array(map(int, seconds)), pa.array(map(float, seconds))):
        pq.write_table(table.set_column(0, "time", column), tmp_path / "s.parquet")
        make("", samples=tmp_path / "s.parquet")
        assert (tmp_path / "r.upid").read_bytes() == expected


def test_yaml_lists_and_documents_are_read_and_aliases_refused(make: Make, tmp_path: Path) -> None:
    file = tmp_path / "objects" / "more.yaml"
    file.write_text(
        "kind: List\nitems:\n- {apiVersion: v1, kind: Node, metadata: {name: n1}}\n---\n"
        "{apiVersion: v1, kind: Namespace, metadata: {name: shop}}\n"
    )
    make(HEAD + row(0, 1))
    kinds = [version.kind for version in open_recording(tmp_path / "r.upid").objects()]
    assert kinds == ["Namespace", "Node", "Pod"]
    file.write_text("kind: Pod\na: &a [x]\nb: [*a, *a]\n")
    with pytest.raises(RecordingRefused, match="aliases"):
        make(HEAD + row(0, 1))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("time,value\n1,2\n", "no column 'metric'"),
        (HEAD, "no usable sample"),
        (HEAD + row(0, -5), "1 negative values"),
        ("", "cannot be read"),
    ],
)
def test_tables_that_nothing_can_be_made_of_are_refused(make: Make, text: str, why: str) -> None:
    with pytest.raises(RecordingRefused, match=why):
        make(text)


@pytest.mark.parametrize("raw", ["{", "[1]", '{"kind": "Pod"}', '{"kind": "List", "items": [3]}'])
def test_objects_that_are_none_name_their_file(make: Make, tmp_path: Path, raw: str) -> None:
    (tmp_path / "objects" / "odd.json").write_text(raw)
    with pytest.raises(RecordingRefused, match=r"odd\.json"):
        make(HEAD + row(0, 1))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["objects", "s.csv"]


METRIC_OF = {"memory": MEMORY, "restarts": RESTARTS, "cpu": CPU}


@pytest.mark.parametrize(
    "text",
    [
        "https://ana:CANARY@host/x",
        "ana:CANARY@registry.example/shop/web:1",
        "https://hooks.slack.com/services/T0/B0/CANARY",
        "/login?token=CANARY&user=ana",
        "db:\n  password: CANARY\n",
        "Authorization: Bearer CANARY",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.CANARY",
    ],
)
def test_what_looks_like_a_secret_is_masked_in_any_text(
    make: Make, tmp_path: Path, text: str
) -> None:
    """SEC-8: also where no key tells, in objects of any kind and in requested paths."""
    odd = {"kind": "Odd", "metadata": {"name": "o", "annotations": {"note": text}}, "values": text}
    named = {
        "kind": "Odd",
        "metadata": {"name": "p"},
        "x": [{"name": "a.password", "value": "CANARY"}],
    }
    lower = {"kind": "secret", "metadata": {"name": "s"}, "data": {"p": "CANARY"}}
    listed = {"kind": "List", "items": [odd, named, lower]}
    (tmp_path / "objects" / "odd.json").write_text(json.dumps(listed))
    asked = tmp_path / "requests.csv"
    path = text.replace("\n", " ")
    asked.write_text(
        "time,namespace,pod,path,agent,source,requests,errors\n"
        f'2026-03-02T00:00:00Z,shop,web,"{path}",curl,,5,0\n'
    )
    make(HEAD + row(0, 1) + row(5, 1), requests=asked)
    recording = open_recording(tmp_path / "r.upid")
    assert not [o.name for o in recording.objects() if b"CANARY" in o.body]
    assert "CANARY" not in str(recording.catalogue(Entity.REQUEST).labels["path"].tolist())
    assert validate(tmp_path / "r.upid").ok
