"""Where worlds keep their things: built programs, folders of running worlds, their numbers.

A world has a number; its addresses, links and control groups are named by it. The number is taken
by a lock that the world's first process holds, so a world is alive exactly as long as the lock is.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.world.waiting import WaitedInVain, wait_until

STATE = Path("/tmp/upid-world")  # noqa: S108 - short: a socket's path may have 107 bytes
NUMBERS = range(1, 255)  # one octet of the addresses
_PASSABLE = 0o711  # PostgreSQL, which refuses root, has to reach its own folder, and no other
_LINGERING = 10  # seconds, on a machine with much to do; milliseconds are usual
_CGROUP_KINDS = {"cgroup", "cgroup2"}


class NoPlace(Exception):
    """There is no free number, or the folder of running worlds is not ours."""


def cache() -> Path:
    """Return the folder of built programs, outside the tree; WORLD_CACHE chooses another."""
    chosen = os.environ.get("WORLD_CACHE")
    if chosen:
        return Path(chosen).resolve()
    around = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(around) / "upid-world"


@dataclass(frozen=True)
class Place:
    """A number, its folder and the descriptor of the lock that says that it is taken."""

    number: int
    folder: Path
    lock: int

    def clear(self) -> None:
        """Remove what a world of this number can leave: files and control groups."""
        remove_cgroups(self.number)
        shutil.rmtree(self.folder, ignore_errors=True)

    def give_back(self) -> None:
        """Remove everything of this number, the lock last."""
        self.clear()
        with contextlib.suppress(FileNotFoundError):
            _lock_of(self.number).unlink()
        os.close(self.lock)
        with contextlib.suppress(OSError):
            STATE.rmdir()  # only when no other world is there


def take() -> Place:
    """Take a free number with an empty folder; what dead worlds left is removed on the way.

    Raises `NoPlace` when every number is taken, or `STATE` belongs to somebody else.
    """
    make_own(STATE)
    sweep()
    for number in NUMBERS:
        place = _try(number)
        if place is not None:
            place.clear()
            place.folder.mkdir(parents=True, mode=_PASSABLE)
            return place
    raise NoPlace(f"all {len(NUMBERS)} worlds under {STATE} are taken")


def sweep() -> list[int]:
    """Clean up after worlds that ended without doing so; return their numbers."""
    swept = []
    for number in sorted(_known()):
        place = _try(number)
        if place is not None:
            place.give_back()
            swept.append(number)
    return swept


def living() -> list[int]:
    """Return the numbers of the worlds that run now."""
    return [number for number in sorted(_known()) if _is_held(number)]


def make_own(folder: Path) -> None:
    """Make the folder of running worlds, or refuse one that another user may have prepared.

    Everybody may write beside it: a folder or link that was there first could lead anywhere what
    is written, and removed, as root. Raises `NoPlace`.
    """
    try:
        folder.mkdir(mode=_PASSABLE)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise NoPlace(f"{folder} is no folder of this user's own: remove it") from None
        folder.chmod(_PASSABLE)


def folder_of(number: int) -> Path:
    """Return the folder of a world."""
    return STATE / str(number)


def link_of(number: int) -> str:
    """Return the name of the host's end of the links that join a world."""
    return f"upid-w{number}"


def cgroup_of(number: int) -> str:
    """Return the control group, below each hierarchy's root, that holds a world's pods."""
    return f"upid-world-{number}"


def cgroup_roots() -> Iterator[Path]:
    """Yield where control group hierarchies are mounted."""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, *_ = line.split()
        if kind in _CGROUP_KINDS:
            yield Path(where)


def remove_cgroups(number: int) -> None:
    """Remove a dead world's control groups, innermost first, ending what still runs in them."""
    for root in cgroup_roots():
        top = root / cgroup_of(number)
        if not top.is_dir():
            continue
        for group, _, _ in os.walk(top, topdown=False):
            _end_members(Path(group))
            with contextlib.suppress(OSError):
                Path(group).rmdir()


def _end_members(group: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in (group / "cgroup.procs").read_text().split():
            os.kill(int(pid), signal.SIGKILL)


def _known() -> set[int]:
    names = [path.name.removesuffix(".lock") for path in STATE.glob("*")]
    for root in cgroup_roots():
        names += [path.name.removeprefix(cgroup_of(0)[:-1]) for path in root.glob("upid-world-*")]
    return {int(name) for name in names if name.isdigit() and int(name) in NUMBERS}


def _link_is_gone(number: int) -> bool:
    """Return whether the kernel has taken away the link of a dead world, which it does late.

    One that stays is that of a living world whose lock is elsewhere: its `/tmp` is not ours.
    """
    link = Path("/sys/class/net") / link_of(number)
    with contextlib.suppress(WaitedInVain):
        wait_until(f"{link} to go", lambda: not link.exists(), _LINGERING)
    return not link.exists()


def _lock_of(number: int) -> Path:
    return STATE / f"{number}.lock"


def _is_held(number: int) -> bool:
    try:
        with _lock_of(number).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _try(number: int) -> Place | None:
    """Take a number if no living process holds it."""
    make_own(STATE)
    path = _lock_of(number)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:  # whoever gave the last number back took the folder with it
        return _try(number)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # whoever had it may have removed the file between our open and our lock
        if os.fstat(descriptor).st_ino == path.stat().st_ino and _link_is_gone(number):
            return Place(number, folder_of(number), descriptor)
    except (BlockingIOError, FileNotFoundError):
        pass
    os.close(descriptor)
    return None
