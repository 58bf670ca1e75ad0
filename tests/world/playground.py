"""A world that stays: `make world-up`, `world-status`, `world-down`."""

import json
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.world import control_plane as planes
from tests.world import images, parts, place
from tests.world import node as nodes
from tests.world.debian import Missing
from tests.world.enclosure import CannotEnclose, Enclosure, enclose, end_stayed, init_of, inside
from tests.world.enclosure import missing as cannot_enclose
from tests.world.neighbours.metrics_server import start_metrics_server
from tests.world.neighbours.neighbour import Died
from tests.world.neighbours.prometheus import kubelet_jobs, start_prometheus
from tests.world.waiting import WaitedInVain

_STAYS = "stays.json"
_MIB = 1024  # KiB, as ps counts
_SCRAPE = 5.0  # seconds


@dataclass(frozen=True)
class Playground:
    """What a developer is told of a world that stays."""

    number: int
    server: str
    kubeconfig: str
    node: str
    prometheus: str


def up() -> int:
    """Start a control plane and a node that stay; returns an exit code."""
    if _cannot():
        return 1
    standing = stays()
    if standing:
        print(f"  world {standing[0].number} is up already")
        _show(standing[0])
        return 0
    absent = parts.not_built()
    if absent:
        print(f"  not built: {', '.join(absent)}; make world builds it")
        return 1
    started = time.perf_counter()
    try:
        made = enclose()
    except (CannotEnclose, WaitedInVain) as error:
        print(f"  {error}")
        return 1
    try:
        found = _furnish(made, started)
    except (WaitedInVain, CannotEnclose, Missing, Died) as error:
        print(f"  {error}")
        made.close()
        return 1
    except BaseException:
        made.close()
        raise
    (made.folder / _STAYS).write_text(json.dumps(asdict(found)))
    made.let_go()
    _show(found)
    return 0


def down() -> int:
    """End every world that stays, and clean up after those that died; returns an exit code."""
    if _cannot():
        return 1
    standing = stays()
    for one in standing:
        end_stayed(one.number)
        print(f"  world {one.number} is down")
    try:
        swept = place.sweep()
    except place.NoPlace as error:
        print(f"  {error}")
        return 1
    for number in swept:
        print(f"  removed what world {number} left")
    if not standing and not swept:
        print("  no world stays here")
    return 0


def status() -> int:
    """Say which worlds live, and what runs in them; returns an exit code."""
    if _cannot():
        return 1
    living = place.living()
    standing = {one.number: one for one in stays()}
    for number in living:
        whose = "stays until make world-down" if number in standing else "ends with its test run"
        print(f"  world {number}: {whose}")
        for name, mebibytes in sorted(_programs(number)):
            print(f"    {name:<28}{mebibytes:>6} MiB")
        if number in standing:
            _show(standing[number])
    if not living:
        print("  no world runs here; make world-up starts one")
    absent = parts.not_built()
    print(f"  not built: {', '.join(absent)} (make world)" if absent else "  every part is built")
    return 0


def stays() -> list[Playground]:
    """Return the worlds that stay."""
    found = []
    for number in place.living():
        path = place.folder_of(number) / _STAYS
        if path.exists():
            found.append(Playground(**json.loads(path.read_text())))
    return found


def _furnish(made: Enclosure, started: float) -> Playground:
    def done(what: str) -> None:
        print(f"  {what} ({time.perf_counter() - started:.1f} s)", flush=True)

    plane = planes.prepare(made)
    plane.start()
    done(f"control plane ready: {plane.server}")
    node = nodes.start(plane, images.write_all(made.folder / "images"))
    done(f"node {node.name} ready: {node.address}")
    jobs = kubelet_jobs(node.address, plane.token("admin"))
    prometheus = start_prometheus(made, jobs, interval=_SCRAPE).url
    done(f"Prometheus scrapes it every {_SCRAPE:g} s: {prometheus}")
    start_metrics_server(plane)
    done("metrics-server has figures")
    config = str(plane.kubeconfig())
    return Playground(made.number, plane.server, config, node.address, prometheus)


def _show(found: Playground) -> None:
    kubectl = parts.program("kubectl")
    print(f"\n  export KUBECONFIG={found.kubeconfig}")
    print(f"  {kubectl} top nodes")
    print(f"  Prometheus: {found.prometheus}")
    print(f"  images on the node: {images.ACTOR}, {images.BUSYBOX}")
    print("  make world-down ends it\n")


def _cannot() -> bool:
    """Say why this machine, or this user, has no worlds; return whether that is so."""
    reason = cannot_enclose()
    if reason:
        print(f"  {reason}")
    return reason is not None


def _programs(number: int) -> list[tuple[str, int]]:
    """Return name and resident memory (MiB) of the programs of a world."""
    try:
        said = inside(init_of(number), ["ps", "-eo", "rss=,args="], 20)
    except (OSError, subprocess.CalledProcessError):
        return []  # it is being made, or it ended meanwhile
    found = []
    for line in said.splitlines():
        rss, command = line.split(None, 1)
        name = Path(command.split()[0]).name
        if name not in {"ps", "nsenter"}:
            found.append((name, int(rss) // _MIB))
    return found
