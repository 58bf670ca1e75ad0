"""Ten thousand pods: the shipped sample's last week, many times over, as one recording.

Each copy is a whole cluster of its own: its namespaces, nodes and volumes are renamed, so that
every pod stays on its node, finds its services and keeps its callers. What was measured varies
from copy to copy, in fixed ways: the same sample gives the same bytes.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

import upid
from tests.bench.ledger import KEPT
from upid.adapters.recordings import Recording, RecordingWriter, open_recording
from upid.contexts.clusters import Cluster
from upid.core import metrics as m
from upid.core.panel import Floats
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.window import Window

Json: TypeAlias = Any  # as msgspec decodes it

SAMPLE = Path(upid.__file__).with_name("sample.upid")
FOLDER = KEPT / "bench"
PODS = 10_000  # that live when the week ends; those that ended within it come on top
WEEK = timedelta(days=7)
SEED = 11
_WRITING = ("writer", "encode", "tables", "layout", "manifest")  # what a recording's bytes are from

# Kinds that a cluster has once, however many teams share it.
_SINGLE = frozenset({"PriorityClass", "StorageClass"})
_UNIQUE = frozenset({"Node", "PersistentVolume", "Namespace"})  # named once in a cluster
_COPY, _COPY_HEX = "\ue000", "\ue001"  # where a copy's number goes; no object has private letters
_NODE_KEYS = frozenset({"namespace", "nodeName", "kubernetes.io/hostname", "volumeName"})
_NAMED = frozenset({"kubernetes.io/metadata.name", "providerID", "volumeHandle"})
_UID_DIGITS = 8  # leading digits of a uid that are the copy's number instead

# Varied levels never rise, so that none passes its container's limit or its node's size.
_LEVEL = (0.75, 1.0)  # a copy of a series has between these shares of the original
_UNREST = 0.05  # and each of its samples up to this share less again
_GRAINS = {m.MEMORY.name: 4, m.NODE_MEMORY.name: 4}  # stored units; pages have 4 KiB
_VARIED = (
    m.CPU, m.MEMORY, m.NETWORK_RX, m.NETWORK_TX, m.NODE_CPU, m.NODE_MEMORY, m.VOLUME_USED
)  # fmt: skip


def fleet() -> Path:
    """Return the recording, built where it is not there yet."""
    writing = (SAMPLE.parent / "adapters" / "recordings" / f"{name}.py" for name in _WRITING)
    seen = hashlib.sha256()
    for part in (SAMPLE, Path(__file__), *writing):
        seen.update(part.read_bytes())
    path = FOLDER / f"fleet-{seen.hexdigest()[:16]}.upid"
    if not path.exists():
        print("  building ten thousand pods …", flush=True)
        shutil.rmtree(FOLDER, ignore_errors=True)  # fleets of other samples
        FOLDER.mkdir(parents=True)
        # In a process of its own: on Linux a child's peak memory begins with its parent's size.
        subprocess.run([sys.executable, "-m", "tests.bench.fleet", path], check=True)
    return path


def build(path: Path, pods: int = PODS) -> None:
    """Write the sample's last week as often as it takes to have `pods` pods at its end."""
    with open_recording(SAMPLE) as sample:
        facts = sample.facts()
        week = Window(facts.window.end - WEEK, facts.window.end)
        versions = [v for v in sample.objects() if v.until is None or v.until > week.start]
        living = sum(pod.ended is None for pod in Cluster(sample).inventory().pods)
        copies = -(-pods // living)
        with RecordingWriter(
            path,
            name=f"{facts.name}-times-{copies}",
            window=week,
            cadence=facts.cadence,
            sources=facts.sources,
            currency=facts.currency,
            created=week.end,
            writer="make bench",
            provider=sample.manifest.cluster.provider,
            region=sample.manifest.cluster.region,
            version=sample.manifest.cluster.version,
        ) as writer:
            for version in versions:
                writer.add_objects(_copied(version, copies))
            for entity in m.Entity:
                _measured(sample, entity, week, copies, writer)


# ── objects ─────────────────────────────────────────────────────────────────────────────────────


def _copied(version: ObjectVersion, copies: int) -> Iterator[ObjectVersion]:
    """Yield an object once for each copy; its text is a form with the number left open."""
    tree = msgspec.json.decode(version.body)
    if version.kind in _SINGLE:
        yield version
        return
    if version.kind in _UNIQUE:
        tree["metadata"]["name"] += _COPY
    form = msgspec.json.encode(_open(tree)).decode()
    name = version.name + (_COPY if version.kind in _UNIQUE else "")
    namespace = version.namespace + (_COPY if version.namespace else "")
    uid = _COPY_HEX + version.uid[_UID_DIGITS:]
    for copy in range(copies):
        yield ObjectVersion(
            version.kind,
            _filled(namespace, copy),
            _filled(name, copy),
            _filled(uid, copy),
            version.since,
            version.until,
            _filled(form, copy).encode(),
        )


def _open(node: Json) -> Json:
    """Return a tree of an object in which every name that a copy must not share is open."""
    if isinstance(node, list):
        return [_open(item) for item in node]
    if not isinstance(node, dict):
        return node
    found: dict[str, Json] = {}
    for key, value in node.items():
        if not isinstance(value, str):
            found[key] = _open(value)
        elif key in _NODE_KEYS or key in _NAMED:
            found[key] = value + _COPY
        elif key == "uid":
            found[key] = _COPY_HEX + value[_UID_DIGITS:]
        else:
            found[key] = value
    return found


def _filled(form: str, copy: int) -> str:
    return form.replace(_COPY, _suffix(copy)).replace(_COPY_HEX, f"{copy:0{_UID_DIGITS}x}")


def _suffix(copy: int) -> str:
    return f"-{copy:03d}"


# ── samples ─────────────────────────────────────────────────────────────────────────────────────


def _measured(
    sample: Recording, entity: m.Entity, week: Window, copies: int, writer: RecordingWriter
) -> None:
    """Write the series of an entity that have samples in the week, once for each copy."""
    has = [
        one
        for one in m.METRICS.values()
        if one.entity is entity and one.name in sample.facts().metrics
    ]
    matrices = {one: sample.panel(one, week).matrix() for one in has}
    there: dict[m.Metric, NDArray[np.bool_]] = {
        one: np.asarray(~np.isnan(matrix).all(axis=1)) for one, matrix in matrices.items()
    }
    kept = np.flatnonzero(np.stack(list(there.values())).any(axis=0))
    catalogue = sample.catalogue(entity)
    labels = {name: column[kept].tolist() for name, column in catalogue.labels.items()}
    for copy in range(copies):
        ids = writer.add_series(entity, _renamed(labels, copy))
        rng = np.random.default_rng((SEED, copy, *entity.value.encode()))
        for metric, matrix in matrices.items():
            rows = there[metric][kept]
            writer.add_samples(metric, ids[rows], varied(metric, matrix[kept[rows]], rng))


def _renamed(labels: Mapping[str, list[str]], copy: int) -> dict[str, list[str]]:
    """Return the labels of a copy's series."""
    suffix = _suffix(copy)

    def renamed(name: str, text: str) -> str:
        if name in ("namespace", "node"):
            return text + suffix
        if name == "pod_uid":
            return f"{copy:0{_UID_DIGITS}x}" + text[_UID_DIGITS:]
        if name == "source" and "/" in text:
            namespace, rest = text.split("/", 1)
            return f"{namespace}{suffix}/{rest}"
        return text

    return {name: [renamed(name, text) for text in column] for name, column in labels.items()}


def varied(metric: m.Metric, matrix: Floats, rng: np.random.Generator) -> Floats:
    """Return what a copy's series measured: less by a share of its own, and never quite steady.

    Requests vary as arrivals do, by their root; what only beats, as probes and scrapes do, stays.
    Restarts, kills, errors and throttling stay: they belong to the objects' story.
    """
    if metric is m.REQUESTS:
        beats = np.nanmax(matrix, axis=1) == np.nanmin(matrix, axis=1)
        moved = matrix + np.sqrt(matrix) * rng.standard_normal(matrix.shape, np.float32)
        found: NDArray[np.float64] = np.where(beats[:, None], matrix, np.rint(moved.clip(0)))
        return found
    if metric not in _VARIED:
        return matrix
    share = rng.uniform(*_LEVEL, (len(matrix), 1))
    unrest = 1 - _UNREST * rng.random(matrix.shape, np.float32)
    grain = _GRAINS.get(metric.name, 1)
    stored = np.rint(matrix * share * unrest * (metric.scale / grain)) * grain
    levels: Floats = stored / metric.scale
    return levels


if __name__ == "__main__":
    build(Path(sys.argv[1]))
