"""A recording with stand-ins for every name, so that it can be given to strangers (SEC-8)."""

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import numpy as np

from upid.adapters.recordings.errors import RecordingRefused
from upid.adapters.recordings.pseudonyms import Pseudonyms
from upid.adapters.recordings.reader import Recording, open_recording
from upid.adapters.recordings.writer import RecordingWriter
from upid.core.metrics import LABELS, METRICS, Entity
from upid.core.ports.cluster_source import NodePrice, ObjectVersion, PriceSheet
from upid.core.window import parse_instant

_SHORTEST_KEY = 16  # bytes: 128 bits, too many to try
_BLOCK = 1 << 22  # samples in memory at once
_REPLACED = (
    "addresses", "annotations", "claims", "cluster", "containers", "images", "labels",
    "namespaces", "nodes", "paths", "pods", "services", "uids", "workloads",
)  # fmt: skip


def anonymise(
    source: Path | str,
    target: Path | str,
    key: bytes,
    progress: Callable[[str], None] = lambda _: None,
) -> None:
    """Write a copy of a recording in which names are replaced and figures are not.

    The same key gives the same stand-ins, so that two recordings of one cluster can be compared;
    without the key nobody can tell which name was which. At least 16 bytes.
    """
    if len(key) < _SHORTEST_KEY:
        raise RecordingRefused("the key", f"it is shorter than {_SHORTEST_KEY} bytes")
    names = Pseudonyms(key)
    with open_recording(source) as found, _writer(found, target, names) as writer:
        progress("objects")
        writer.add_objects(_objects(found, names))
        prices = found.prices()
        if prices is not None:
            writer.set_prices(_prices(prices, names))
        for entity in Entity:
            progress(f"samples of {entity.value}")
            _copy_series(found, writer, entity, names)


def _writer(found: Recording, target: Path | str, names: Pseudonyms) -> RecordingWriter:
    manifest, facts = found.manifest, found.facts()
    return RecordingWriter(
        target,
        name=names.name(facts.name),
        window=facts.window,
        cadence=facts.cadence,
        sources=facts.sources,
        currency=facts.currency,
        created=parse_instant(manifest.created),
        writer=manifest.writer,
        provider=manifest.cluster.provider,
        region=manifest.cluster.region,
        version=manifest.cluster.version,
        pseudonymised=_REPLACED,
        quality=manifest.quality,
        remarks=[msgspec.structs.replace(one, detail="") for one in found.manifest.remarks or ()],
    )


def _objects(found: Recording, names: Pseudonyms) -> Iterator[ObjectVersion]:
    for version in found.objects():
        try:
            body = msgspec.json.encode(names.object_of(msgspec.json.decode(version.body)))
        except (msgspec.DecodeError, RecursionError, AttributeError) as error:
            why = f"its body is not an object ({error})"
            raise RecordingRefused(f"{version.kind} {version.name}", why) from error
        yield version._replace(
            namespace=names.name(version.namespace),
            name=names.name(version.name),
            uid=names.name(version.uid),
            body=body,
        )


def _prices(sheet: PriceSheet, names: Pseudonyms) -> PriceSheet:
    nodes = tuple(NodePrice(names.name(n.node), n.hourly, n.source, n.as_of) for n in sheet.nodes)
    return PriceSheet(
        currency=sheet.currency,
        nodes=tuple(sorted(nodes, key=lambda node: node.node)),
        volume_gib_hour={names.name(k): v for k, v in sheet.volume_gib_hour.items()},
        load_balancer_hour=sheet.load_balancer_hour,
        control_plane_hour=sheet.control_plane_hour,
        as_of=sheet.as_of,
    )


def _copy_series(
    found: Recording, writer: RecordingWriter, entity: Entity, names: Pseudonyms
) -> None:
    catalogue = found.catalogue(entity)
    if not len(catalogue):
        return
    ways: dict[str, Callable[[str], str]] = {
        "path": names.path,
        "source": names.source,
        "agent": str,
    }
    labels = {
        label: [ways.get(label, names.name)(str(text)) for text in catalogue.labels[label]]
        for label in LABELS[entity]
    }
    ids = writer.add_series(entity, labels)
    step = max(1, _BLOCK // writer.grid.span)
    for metric in METRICS.values():
        if metric.entity is not entity or metric.name not in found.manifest.metrics:
            continue
        for begin in range(0, len(catalogue), step):
            block = slice(begin, begin + step)
            panel = found.panel(metric, ids=catalogue.ids[block])
            matrix = panel.matrix()
            some = ~np.isnan(matrix).all(axis=1)
            writer.add_samples(metric, ids[block][some], matrix[some])
