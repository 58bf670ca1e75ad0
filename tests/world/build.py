"""Builds the programs of a world into the cache: `make world`. Nothing is done twice."""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.world import debian, parts, place
from tests.world.enclosure import missing as cannot_enclose

OLDEST_GO = (1, 26)
_LIMIT = 45 * 60  # seconds for one part; the longest takes six minutes on two cores
_TICK = 10  # seconds between two signs of life, on a terminal
_UNFINISHED = "building-"  # begins the name of a folder that is not a part yet
_ROOM = 6 << 30  # bytes: what building needs beside what it keeps


class CannotBuild(Exception):
    """Something that building takes is missing; the text says what to do."""


def build() -> int:
    """Install and build what is missing; say what could not be. Returns an exit code."""
    started = time.perf_counter()
    problems = [*_packages(), *_programs()]
    reason = cannot_enclose()
    if reason:
        problems.append(reason)
    for problem in problems:
        print(f"  missing: {problem}")
    seconds = time.perf_counter() - started
    print(f"  the world is {'not whole' if problems else 'ready'} ({seconds:.1f} s)")
    return 1 if problems else 0


def _packages() -> list[str]:
    absent = debian.missing()
    if not absent:
        _line("Debian packages", "there")
        return []
    try:
        with _step(f"Debian packages: {', '.join(absent)}"):
            debian.install(absent)
    except debian.Missing as error:
        return [str(error)]
    return []


def _programs() -> list[str]:
    problems = []
    try:
        with _alone():
            for part in parts.PARTS:
                what = f"{part.name} {part.version}".strip()
                if part.is_built:
                    _line(what, "there")
                    continue
                try:
                    go = find_go()
                    with _step(f"{what}: {', '.join(part.programs)}"):
                        _build(go, part)
                except CannotBuild as error:
                    problems.append(f"{part.name}: {error}")
    except OSError as error:
        why = f"{error.strerror} (WORLD_CACHE chooses another)"
        problems.append(f"the cache {place.cache()} cannot be used: {why}")
    return problems


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Wait for another build to end, and remove what a killed one left."""
    place.cache().mkdir(parents=True, exist_ok=True)
    with (place.cache() / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _line("another make world", "waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)  # two builds at once would do everything twice
        for left in place.cache().glob(f"{_UNFINISHED}*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def build_own() -> None:
    """Build what has its source in this tree, quietly: it takes seconds and changes often.

    Raises `CannotBuild`.
    """
    with _alone():
        for part in parts.PARTS:
            if part.own and not part.is_built:
                _build(find_go(), part)


def find_go() -> str:
    """Return the Go to build with; raises `CannotBuild` when there is none or an old one."""
    wanted = ".".join(map(str, OLDEST_GO))
    go = shutil.which("go", path=os.environ.get("PATH", "") + ":/usr/local/go/bin")
    if go is None:
        raise CannotBuild(f"Go {wanted} or newer is not on the PATH")
    said = subprocess.run(
        [go, "env", "GOVERSION"], capture_output=True, text=True, check=False, timeout=60
    ).stdout
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        raise CannotBuild(f"{go} is {said.strip() or 'broken'}, Go {wanted} or newer is needed")
    return go


def _build(go: str, part: parts.Part) -> None:
    """Build into a folder beside, and move it into place when it is whole."""
    free = shutil.disk_usage(place.cache()).free
    if free < _ROOM and not part.own:
        raise CannotBuild(f"{place.cache()} has {free >> 20} MiB free, {_ROOM >> 20} are needed")
    with tempfile.TemporaryDirectory(prefix=_UNFINISHED, dir=place.cache()) as name:
        target = Path(name) / "programs"
        target.mkdir()
        flat = {n: p for n, p in part.programs.items() if p.rpartition("/")[2] == n}
        command = ("env", f"GOTMPDIR={name}", *_dying_with_us(), go)
        if flat:
            _go(command, part, "build", *part.flags, "-o", f"{target}/", *flat.values())
        for program, package in part.programs.items():
            if program not in flat:
                _go(command, part, "build", *part.flags, "-o", str(target / program), package)
        for into, module, source in part.files:
            found = _go(command, part, "list", "-m", "-f", "{{.Dir}}", module).strip()
            shutil.copytree(Path(found).joinpath(*source), target / into)
            for path in [target / into, *(target / into).rglob("*")]:
                path.chmod(0o755 if path.is_dir() else 0o644)  # the module cache is read-only
        target.rename(part.built)


def _dying_with_us() -> tuple[str, ...]:
    """Return what to put before a command, so that a killed build does not go on unseen."""
    found = shutil.which("setpriv", path=debian.SYSTEM_PATH)
    return (found, "--pdeathsig", "KILL") if found else ()


def _go(go: tuple[str, ...], part: parts.Part, *arguments: str) -> str:
    settings = {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOWORK": "off"}
    try:
        return subprocess.run(
            [*go, *arguments],
            cwd=part.folder,
            env=os.environ | settings,
            capture_output=True,
            text=True,
            check=True,
            timeout=_LIMIT,
        ).stdout
    except subprocess.CalledProcessError as error:
        said = [line for line in error.stderr.splitlines() if not line.startswith("go: download")]
        raise CannotBuild(" / ".join(said[:5]) or f"go {arguments[0]} failed") from error
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"not built after {_LIMIT // 60} minutes") from error


def _line(what: str, outcome: str) -> None:
    print(f"  {what}: {outcome}", flush=True)


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    """Show a part with the seconds it took; on a terminal also while it is at it."""
    started, over = time.perf_counter(), threading.Event()
    print(f"  {what} …", end="", flush=True)

    def tick() -> None:
        while not over.wait(_TICK):
            print(".", end="", flush=True)

    if sys.stdout.isatty():
        threading.Thread(target=tick, daemon=True).start()
    try:
        yield
    except BaseException:
        print(" failed", flush=True)
        raise
    else:
        print(f" {time.perf_counter() - started:.1f} s", flush=True)
    finally:
        over.set()
