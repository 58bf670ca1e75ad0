"""What Debian packages is found without apt, and installed without starting anything."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.world import debian, needs
from tests.world.debian import Missing, Package

NOBODY = 65534
APT = shutil.which("apt-get", path=debian.SYSTEM_PATH)
SHELL = Package("dash", "sh", "a shell")
NO_SUCH = Package("no-such-package-anywhere", "no-such-program", "nothing at all")
Run = Callable[[str], str]

# An image of this machine in which packages come and go: what is written stays in memory, and the
# first process has it as its root, so that nothing there takes it for a chroot and holds back.
_COPY = """
set -e
mount -t tmpfs -o size=1g copy "$1"
mkdir "$1/upper" "$1/work" "$1/copy"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/copy"
mount --rbind /dev "$1/copy/dev"
cd "$1/copy$2"
exec unshare --pid --fork --kill-child --root "$1/copy" --wd "$2" sh -c '
    mount -t proc proc /proc && mount -t tmpfs run /run && "$@"' sh "$3" -c "$4"
"""


@pytest.fixture
def in_a_copy(root: Path, tmp_path: Path) -> Run:
    """Return what runs Python code in a copy of this machine, and returns what it printed."""
    needs.need_enclosure()
    if APT is None:
        needs.refuse("no Debian here: there is no apt-get")

    def run(code: str) -> str:
        words = ["sh", "-c", _COPY, "sh", str(tmp_path), str(root), sys.executable, code]
        done = subprocess.run(
            ["unshare", "--mount", "--ipc", *words],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_what_is_there_asks_no_apt(tmp_path: Path) -> None:
    assert debian.install(packages=[SHELL], path=str(tmp_path)) == []


def test_without_apt_the_package_and_its_purpose_are_named(tmp_path: Path) -> None:
    with pytest.raises(Missing, match=r"'no-such-package-anywhere' \(nothing at all\).*no apt-get"):
        debian.install(packages=[SHELL, NO_SUCH], path=str(tmp_path))


@pytest.mark.skipif(APT is None, reason="no Debian here: there is no apt-get")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become someone else")
def test_who_is_not_root_is_told_that_apt_needs_it() -> None:
    os.seteuid(NOBODY)
    try:
        with pytest.raises(Missing, match=r"no-such-package-anywhere.*needs root"):
            debian.install(packages=[NO_SUCH])
    finally:
        os.seteuid(0)


def test_only_known_packages_can_be_asked_for() -> None:
    with pytest.raises(ValueError, match="libreoffice"):
        debian.missing("libreoffice")


def test_the_newest_of_several_versions_is_found(tmp_path: Path) -> None:
    for version in ("9", "15", "14"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "initdb").touch()
    several = Package("postgresql", f"{tmp_path}/*/initdb", "a database")
    assert several.find() == tmp_path / "15" / "initdb"


def test_a_program_that_asks_for_a_loader_is_not_static() -> None:
    asking = Package("python", sys.executable, "a program of many libraries")
    assert asking.find() is not None
    assert Package("python", sys.executable, "an image's only file", static=True).find() is None


def test_no_service_starts_while_packages_are_installed(tmp_path: Path) -> None:
    policy = tmp_path / "usr" / "sbin" / "policy-rc.d"
    with debian.quiet_services(policy):
        answer = subprocess.run([policy, "redis-server", "start"], check=False, timeout=10)
        assert answer.returncode == 101  # "action forbidden by policy", invoke-rc.d(8)
    assert list(tmp_path.iterdir()) == []


def test_a_policy_that_the_machine_has_stays(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 0\n")
    with debian.quiet_services(policy):
        assert policy.read_text() == "#!/bin/sh\nexit 0\n"
    assert policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_what_a_killed_installation_left_is_taken_away_by_the_next(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    killed = debian.quiet_services(policy)
    killed.__enter__()
    with debian.quiet_services(policy):
        assert policy.exists()
    assert not policy.exists()


_INSTALLS = """
import os, subprocess
from pathlib import Path
from tests.world import debian
# As on a machine that an init started, which containers are not: there services do start
debian.POLICY.unlink(missing_ok=True)
level = Path("/usr/sbin/runlevel")
level.unlink(missing_ok=True)
level.write_text("#!/bin/sh\\necho N 2\\n")
level.chmod(0o755)
subprocess.run(["dpkg", "--purge", "--force-depends", "redis-server"], check=True,
    stdout=subprocess.DEVNULL, env=os.environ | {"PATH": debian.SYSTEM_PATH})
Path("/usr/bin/redis-server").unlink(missing_ok=True)
print("lacking", debian.missing("redis-server"))
print("installed", debian.install(["redis-server"]))
print("there", debian.program("redis-server").name)
print("running", [path.read_text() for path in Path("/proc").glob("[0-9]*/comm")])
print("policy", debian.POLICY.exists(), "settings", debian.CLUSTER_SETTINGS.exists())
"""


@pytest.mark.world
@pytest.mark.slow
def test_a_service_is_installed_but_does_not_run(in_a_copy: Run) -> None:
    said = dict(line.split(" ", 1) for line in in_a_copy(_INSTALLS).splitlines())
    assert said["lacking"] == said["installed"] == "['redis-server']"
    assert said["there"] == "redis-server"
    assert "redis" not in said["running"]
    assert said["policy"] == "False settings False"


_ASKS = f"""
from tests.world import debian
from tests.world.debian import Package
try:
    debian.install(packages=[Package({NO_SUCH.name!r}, {NO_SUCH.program!r}, {NO_SUCH.purpose!r})])
except debian.Missing as missing:
    print(missing)
"""


@pytest.mark.world
@pytest.mark.slow
def test_a_package_that_debian_does_not_have_is_named(in_a_copy: Run) -> None:
    said = in_a_copy(_ASKS)
    assert "'no-such-package-anywhere' (nothing at all)" in said
    assert "Unable to locate package" in said
