"""What the world takes from Debian: found by its programs, installed where it is absent.

A machine that has the programs from elsewhere needs no apt at all. Nothing of an installation
stays but the packages: no service is started by it, no PostgreSQL cluster is made.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # what dpkg asks for
POLICY = Path("/usr/sbin/policy-rc.d")  # Debian's invoke-rc.d asks it before it starts a service
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d/world.conf")

_REFUSAL = (
    "#!/bin/sh\n# Until the installation that wrote this ends, no service starts.\nexit 101\n"
)
_NO_CLUSTER = "create_main_cluster = false\n"
_INSTALL = 600  # seconds: 300 MB at 1 MB/s, and the unpacking
_BUSY = 120  # seconds for another apt-get of this machine to end
_IMPATIENT = (  # without a network the answer takes 20 s, not minutes
    *("-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"),
    *("-o", "Dpkg::Options::=--force-confold", "-o", f"DPkg::Lock::Timeout={_BUSY}"),
)
_HEAD = 4096  # bytes of a program that tell whether it asks for a loader


class Missing(Exception):
    """A program is not here and cannot be installed; says which, what for, and why not."""


@dataclass(frozen=True)
class Package:
    """One of Debian's packages.

    name     as apt-get calls it
    program  by which it is found: a name on the PATH or the system's, or a pattern from the root
    purpose  what the world needs it for
    static   the program has to run in an image that holds nothing else
    """

    name: str
    program: str
    purpose: str
    static: bool = False

    def find(self) -> Path | None:
        """Return the program; None where there is none, or none that would do."""
        if self.program.startswith("/"):
            found = max(Path("/").glob(self.program[1:]), key=_by_number, default=None)
        else:
            path = f"{os.environ.get('PATH', '')}:{SYSTEM_PATH}"
            name = shutil.which(self.program, path=path)
            found = Path(name) if name else None
        return None if found is None or (self.static and not _is_static(found)) else found


PACKAGES = (
    Package("runc", "runc", "containers of the node"),
    Package("containernetworking-plugins", "/usr/lib/cni/bridge", "addresses of pods"),
    Package("iptables", "iptables", "services of the cluster"),
    Package("conntrack", "conntrack", "services of the cluster"),
    Package("iproute2", "ip", "links and addresses of the world"),
    Package("busybox-static", "busybox", "shell in the images of pods", static=True),
    Package("openssl", "openssl", "certificates of the control plane"),
    Package("util-linux", "nsenter", "namespaces of the world"),
    Package("mount", "mount", "file systems of the world"),
    Package("procps", "ps", "what runs in the world"),
    Package("postgresql", "/usr/lib/postgresql/*/bin/initdb", "the database 'postgres'"),
    Package("redis-server", "redis-server", "the neighbour 'redis'"),
    Package("prometheus", "prometheus", "the neighbour 'prometheus'"),
    Package("victoria-metrics", "victoria-metrics", "the neighbour 'victoria_metrics'"),
)


def missing(*names: str) -> list[str]:
    """Return the names of the packages whose program is not here; of those named, or of all."""
    return [package.name for package in _lacking(names, PACKAGES)]


def program(name: str) -> Path:
    """Return the program of a package, installing the package where it is missing.

    Raises `Missing` as `install` does.
    """
    install([name])
    [package] = [package for package in PACKAGES if package.name == name]
    found = package.find()
    if found is None:
        raise Missing(f"{_listed([package])}: gone since it was found")
    return found


def install(
    names: Iterable[str] = (),
    *,
    packages: Sequence[Package] = PACKAGES,
    path: str = SYSTEM_PATH,
) -> list[str]:
    """Install those packages that are missing, one caller at a time; return their names.

    names     which of `packages`; all when none is named
    packages  what may be asked for
    path      where apt-get is looked for, and what dpkg runs with
    raises    Missing: not root, no apt-get, no network, no such package, or a package that
              is there without the program it is found by
    cost      milliseconds when nothing is missing: apt-get is not called
    """
    wanted = tuple(names)
    lacking = _lacking(wanted, packages)
    if not lacking:
        return []
    apt = shutil.which("apt-get", path=path)
    if apt is None:
        raise Missing(f"{_listed(lacking)}: not installed, and there is no apt-get here")
    if os.geteuid() != 0:
        raise Missing(f"{_listed(lacking)}: not installed, and apt-get needs root")
    with Path(__file__).open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lacking = _lacking(wanted, packages)
        if lacking:
            with quiet_services(), no_cluster():
                _run(apt, ["update", "-qq"], lacking, path)
                quietly = ["install", "-qq", "-y", "--no-install-recommends"]
                _run(apt, [*quietly, *(package.name for package in lacking)], lacking, path)
    still = [package for package in lacking if package.find() is None]
    if still:
        raise Missing(f"{_listed(still)}: installed, but its program is not found")
    return [package.name for package in lacking]


def _lacking(names: Iterable[str], packages: Sequence[Package]) -> list[Package]:
    wanted = set(names)
    unknown = wanted - {package.name for package in packages}
    if unknown:
        raise ValueError(f"no such package: {', '.join(sorted(unknown))}")
    chosen = [package for package in packages if not wanted or package.name in wanted]
    return [package for package in chosen if package.find() is None]


@contextmanager
def quiet_services(policy: Path = POLICY) -> Iterator[None]:
    """Keep Debian's packages from starting their services while the block runs.

    A machine that has a policy of its own keeps it. What a killed run left is taken away.
    """
    with _lent(policy, _REFUSAL, 0o755):
        yield


@contextmanager
def no_cluster(settings: Path = CLUSTER_SETTINGS) -> Iterator[None]:
    """Keep Debian's postgresql from making a cluster of its own while the block runs."""
    with _lent(settings, _NO_CLUSTER, 0o644):
        yield


@contextmanager
def _lent(path: Path, text: str, mode: int) -> Iterator[None]:
    """Lend the machine a file, and the folders it lies in, for as long as the block runs."""
    if path.exists() and path.read_text() != text:
        yield
        return
    made = [folder for folder in path.parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        for folder in made:
            with suppress(OSError):  # by now a package may keep its own files there
                folder.rmdir()


def _run(apt: str, arguments: list[str], lacking: list[Package], path: str) -> None:
    environment = {**os.environ, "PATH": path, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            [apt, *_IMPATIENT, *arguments],
            env=environment,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_INSTALL,
        )
    except subprocess.TimeoutExpired as error:
        why = f"apt-get {arguments[0]} took more than {_INSTALL} s"
        raise Missing(f"{_listed(lacking)}: not installed, and {why}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip() or f"exit {done.returncode}"
        why = f"apt-get {arguments[0]} failed: {said.splitlines()[-1]}"
        raise Missing(f"{_listed(lacking)}: not installed, and {why}")


def _listed(packages: list[Package]) -> str:
    return ", ".join(f"{package.name!r} ({package.purpose})" for package in packages)


def _by_number(path: Path) -> list[int]:
    """Order versions in paths as numbers: 9 is older than 15."""
    return [int(digits) for digits in re.findall(r"\d+", str(path))]


def _is_static(found: Path) -> bool:
    """Return whether a program runs without a loader, as in an image with nothing else."""
    with found.open("rb") as file:
        return b"/ld-" not in file.read(_HEAD)
