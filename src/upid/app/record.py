"""`upid record`: a recording of a live cluster, read once or watched for a while (COL-9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from upid.adapters import recordings
from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.client import Portal
from upid.adapters.recordings import (
    Facts,
    Gathered,
    Gathering,
    RecordingExists,
    Remark,
    writing,
)
from upid.app.live import Wanted, found_access
from upid.app.recordings import key_of, span_of
from upid.app.watching import LONGEST, Plan, Progress, Watching
from upid.core.window import rfc3339
from upid.kit.clock import Clock, system_clock

_UNCHECKED = Remark("the server's certificate was not checked, as asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What `upid record` was asked for, as it was typed; empty or None: not given."""

    out: Path
    duration: str | None = None
    every: str = "15s"
    anonymise: bool = False
    key_file: Path | None = None
    force: bool = False

    def plan(self) -> Plan:
        """Return how long and how often to look. Raises `BadSpan`."""
        long = None if self.duration is None else span_of(self.duration, "--for")
        return Plan(long, span_of(self.every, "--every"))


def record(
    wanted: Wanted,
    asked: Asked,
    environment: Mapping[str, str],
    home: Path,
    told: Progress,
    clock: Clock = system_clock,
) -> Mapping[str, Any]:
    """Record a cluster; return what became of it.

    An interruption from the keyboard ends it early and keeps what is there, once there is
    anything. Raises an `UpidError`, and then nothing is at the path that was not there before.
    """
    if asked.out.exists() and (not asked.force or asked.out.is_dir()):
        hint = "choose another name" + ("" if asked.out.is_dir() else ", or say --force")
        raise RecordingExists(asked.out, hint)
    plan = asked.plan()
    key = key_of(asked.key_file) if asked.anonymise or asked.key_file else None
    access = found_access(wanted, environment, home)
    told(f"{access.cluster} at {access.server}")
    with Gathering(asked.out) as gathering, Portal() as portal:
        watching = Watching(access, plan, gathering, told, clock)
        early = False
        try:
            portal.run(watching.run())
        except KeyboardInterrupt:
            portal.run(watching.settled())
            early = True
            if watching.seen.start is None:
                raise
        told("writing")
        gathered = _write(access, watching, gathering, asked.out, key, clock)
        return {
            "path": str(asked.out),
            "window": _window(gathered),
            "cadence_seconds": round(watching.seen.cadence.total_seconds()),
            "readings": gathering.readings,
            "objects": gathered.objects,
            "series": gathered.series,
            "samples": gathered.samples,
            "quality": gathered.quality,
            "notes": [str(one) for one in _remarks(access, watching)],
            "ended_early": early,
            "asked_too_often": watching.seen.asked_too_often,
        }


def _write(
    access: Access,
    watching: Watching,
    gathering: Gathering,
    out: Path,
    key: bytes | None,
    clock: Clock,
) -> Gathered:
    """Write what was gathered to its place, without names where there is a key."""
    seen = watching.seen
    if seen.start is None:
        raise ValueError("nothing was read")
    facts = Facts(
        name=access.context,
        version=seen.version,
        start=seen.start,
        cadence=seen.cadence,
        created=clock(),
        writer=f"upid {version('upid')}",
        remarks=_remarks(access, watching),
    )
    if key is None:
        return gathering.write(out, facts, watching.objects())
    plain = gathering.folder / "named"
    gathered = gathering.write(plain, facts, watching.objects())
    with writing(out):
        recordings.anonymise(plain, out, key)
    return gathered


def _remarks(access: Access, watching: Watching) -> list[Remark]:
    left_out = [_left_out(one) for one in watching.seen.left_out]
    return [*left_out, *watching.seen.remarks, *([_UNCHECKED] if access.tls.insecure else [])]


def _left_out(sentence: str) -> Remark:
    """Return a remark whose first half names only a kind: `pods are left out: cluster 'a' …`."""
    what, _, detail = sentence.partition(": ")
    return Remark(what, detail[:LONGEST])


def _window(gathered: Gathered) -> Mapping[str, str]:
    return {"start": rfc3339(gathered.window.start), "end": rfc3339(gathered.window.end)}
