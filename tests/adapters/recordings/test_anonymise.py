"""A recording without names says the same of the figures and nothing of whose they are (SEC-8)."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.adapters.recordings import RecordingRefused, anonymise, open_recording, validate
from upid.adapters.recordings.pseudonyms import Pseudonyms
from upid.core.metrics import METRICS, Entity

KEY = b"sixteen letters!"
TELLING = (
    b"acme", b"shop", b"web-1", b"orders", b"ana", b"blue", b"10.0.0.", b"d0000000",
    b"a0000000", b"registry", b"hunter2",
)  # fmt: skip


@pytest.fixture
def copy(small: Path, tmp_path: Path) -> Path:
    anonymise(small, tmp_path / "copy.upid", KEY)
    return tmp_path / "copy.upid"


def test_nothing_that_tells_is_left_anywhere(copy: Path) -> None:
    recording = open_recording(copy)
    told = [version.body for version in recording.objects()]
    told += [f"{v.namespace} {v.name} {v.uid}".encode() for v in recording.objects()]
    told += [repr(recording.prices()).encode(), repr(recording.manifest).encode()]
    for entity in Entity:
        told += [repr(v.tolist()).encode() for v in recording.catalogue(entity).labels.values()]
    everything = b"\n".join(told)
    for word in TELLING:
        assert word not in everything, word
    assert "namespaces" in recording.manifest.pseudonymised


def test_every_figure_stays_and_finds_its_series(small: Path, copy: Path) -> None:
    before, after = open_recording(small), open_recording(copy)
    names = Pseudonyms(KEY)
    for metric in METRICS.values():
        ways: dict[str, Callable[[str], str]] = {
            "path": names.path,
            "source": names.source,
            "agent": str,
        }
        old, found = before.catalogue(metric.entity), after.catalogue(metric.entity)
        expected = {
            tuple(ways.get(k, names.name)(str(v[i])) for k, v in old.labels.items()): row.tobytes()
            for i, row in enumerate(before.panel(metric).matrix())
        }
        keys = list(zip(*found.labels.values(), strict=True))
        rows = after.panel(metric).matrix()
        assert {k: r.tobytes() for k, r in zip(keys, rows, strict=True)} == expected
    assert validate(copy).ok


def test_what_belonged_together_still_does(copy: Path) -> None:
    recording = open_recording(copy)
    (deployment,) = (json.loads(v.body) for v in recording.objects(["Deployment"]))
    (pod,) = (json.loads(v.body) for v in recording.objects(["Pod"]))
    owner = pod["metadata"]["ownerReferences"][0]
    assert (owner["name"], owner["uid"]) == (
        deployment["metadata"]["name"], deployment["metadata"]["uid"],
    )  # fmt: skip
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    prices = recording.prices()
    assert prices is not None
    assert pod["spec"]["nodeName"] == prices.nodes[0].node
    streams = recording.catalogue(Entity.REQUEST).labels
    assert pod["status"]["hostIP"] in streams["source"]
    container = template["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["path"] == "/healthz"
    assert "/healthz" in streams["path"]
    assert container["resources"]["requests"] == {"cpu": "250m", "memory": "1Gi"}
    assert container["name"] in recording.catalogue(Entity.CONTAINER).labels["container"]
    assert sorted(streams["agent"]) == ["kube-probe/1.30", "okhttp/4"]


def test_the_same_key_gives_the_same_bytes_and_another_key_another_name(
    small: Path, copy: Path, tmp_path: Path
) -> None:
    anonymise(small, tmp_path / "again.upid", KEY)
    anonymise(small, tmp_path / "other.upid", KEY[::-1])
    assert (tmp_path / "again.upid").read_bytes() == copy.read_bytes()
    name, other = (open_recording(p).facts().name for p in (copy, tmp_path / "other.upid"))
    assert name != other


def test_a_short_key_is_refused(small: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingRefused, match="shorter than 16 bytes"):
        anonymise(small, tmp_path / "x.upid", b"short")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/livez", "/metrics", "/", "/api/v1/", "/actuator/health"]
)
def test_well_known_paths_are_kept(path: str) -> None:
    assert Pseudonyms(KEY).path(path) == path


def test_well_known_labels_keep_their_values() -> None:
    labels = {
        "kubernetes.io/arch": "arm64",
        "node.kubernetes.io/instance-type": "m5.large",
        "topology.kubernetes.io/zone": "us-east-1a",
        "karpenter.sh/capacity-type": "spot",
        "eks.amazonaws.com/capacityType": "SPOT",
    }
    node = {"metadata": {"name": "n", "labels": labels},
            "spec": {"providerID": "aws:///us-east-1a/i-0abc"}}  # fmt: skip
    found = Pseudonyms(KEY).object_of(node)
    assert found["metadata"]["labels"] == labels
    assert found["spec"]["providerID"].startswith("aws:///us-east-1a/x")


@given(st.lists(st.text(), unique=True))
def test_different_names_stay_different(words: list[str]) -> None:
    names = Pseudonyms(KEY)
    assert len({names.name(word) for word in words}) == len(words)


def test_the_shipped_sample_keeps_its_sums(sample: Path, tmp_path: Path) -> None:
    anonymise(sample, tmp_path / "s.upid", KEY)
    before, after = open_recording(sample), open_recording(tmp_path / "s.upid")
    for metric in METRICS.values():
        old, found = before.panel(metric).values, after.panel(metric).values
        assert np.array_equal(np.sort(old), np.sort(found))
