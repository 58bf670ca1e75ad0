"""Namespaces in which a world runs, so that nothing of it can stay behind.

An enclosure has its own network, processes and mounts. Its first process (`init.py`) ends when the
pipe to whoever made it closes, also after `kill -9`; the kernel then ends every other process, and
links, routes, iptables chains and mounts go with the last of them. Files and empty control groups
are left; the next start removes them (`place.sweep`).

From the host it is reached over one pair of virtual links: it has `address`, the host `gateway`;
pods and services have a network each, routed from the host.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.world import place
from tests.world.waiting import WaitedInVain, wait_until

LINK = "world0"  # the name of the link inside
_INIT = Path(__file__).with_name("init.py")
_BRIEF = 20  # seconds for a command that takes milliseconds
_STOP = 15  # seconds for a program to end by itself
_STAMP = "enclosure.json"
_NEEDED = ("unshare", "nsenter", "ip", "mount", "iptables")
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21}  # their bits: capabilities(7)


class CannotEnclose(Exception):
    """This machine gives no namespaces: not Linux, not root, or something is missing."""


@dataclass(frozen=True)
class Networks:
    """The addresses of world number `number`, /24 each, from a corner of 10.0.0.0/8 seldom used."""

    number: int

    @property
    def gateway(self) -> str:
        """Return the host's end of the pair of links."""
        return f"10.213.{self.number}.1"

    @property
    def address(self) -> str:
        """Return the world's end: where everything in it listens."""
        return f"10.213.{self.number}.2"

    @property
    def pods(self) -> str:
        """Return the pods' network."""
        return f"10.214.{self.number}.0/24"

    @property
    def services(self) -> str:
        """Return the services' network."""
        return f"10.215.{self.number}.0/24"


@dataclass
class Program:
    """A program in an enclosure; `pid` counts as it does inside."""

    enclosure: "Enclosure"
    name: str
    pid: int
    log: Path

    def code(self) -> int | None:
        """Return the exit code, 128 + n after signal n; None while it runs."""
        answer = self.enclosure.ask({"ended": self.pid})
        return None if answer["code"] is None else int(answer["code"])

    @property
    def alive(self) -> bool:
        """Return whether it still runs."""
        return self.code() is None

    def signal(self, number: int) -> None:
        """Send it a signal; none is sent to one that ended."""
        self.enclosure.ask({"signal": number, "pid": self.pid})

    def stop(self, seconds: float = _STOP) -> None:
        """Ask it to end, and end it by force when it has not after `seconds`."""
        self.signal(signal.SIGTERM)
        try:
            wait_until(f"{self.name} to end", lambda: not self.alive, seconds, self.log)
        except WaitedInVain:
            self.kill()

    def kill(self) -> None:
        """End it without a chance to clean up, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        wait_until(f"{self.name} to be gone", lambda: not self.alive, _STOP, self.log)


@dataclass
class Enclosure:
    """A running set of namespaces."""

    place: place.Place
    pid: int  # of its first process, as the host counts
    networks: Networks
    _first: "subprocess.Popen[bytes]"
    programs: dict[str, Program] = field(default_factory=dict)  # by name, the last of each

    @property
    def folder(self) -> Path:
        """Return the folder that is removed with the enclosure."""
        return self.place.folder

    @property
    def number(self) -> int:
        """Return the number by which addresses, links and control groups are named."""
        return self.place.number

    @property
    def address(self) -> str:
        """Return the address at which the host reaches what listens inside."""
        return self.networks.address

    def start(
        self, name: str, *command: str | Path, environment: Mapping[str, str] | None = None
    ) -> Program:
        """Start a program; its output goes to `folder/logs/NAME.log`.

        Raises `CannotEnclose` when it cannot be started, or another of this name still runs.
        """
        before = self.programs.get(name)
        if before is not None and before.alive:
            raise CannotEnclose(f"{name!r} already runs here")
        log = self.folder / "logs" / f"{name}.log"
        log.parent.mkdir(mode=0o700, exist_ok=True)
        answer = self.ask(
            {
                "start": [str(part) for part in command],
                "log": str(log),
                "environment": dict(environment or {}),
            }
        )
        if "error" in answer:
            raise CannotEnclose(f"cannot start {name}: {answer['error']}")
        program = Program(self, name, int(answer["pid"]), log)
        self.programs[name] = program
        return program

    def run(self, *command: str | Path, seconds: float = _BRIEF) -> str:
        """Run a command inside and return what it printed.

        Raises `subprocess.CalledProcessError` or `subprocess.TimeoutExpired`.
        """
        return inside(self.pid, command, seconds)

    def program(self, name: str) -> Program:
        """Return the program last started by this name."""
        return self.programs[name]

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """Ask the first process; raises `CannotEnclose` when it is gone."""
        pipe, answers = self._first.stdin, self._first.stdout
        if pipe is None or answers is None:
            raise CannotEnclose("the enclosure was made without pipes")
        try:
            pipe.write(json.dumps(request).encode() + b"\n")
            pipe.flush()
            line = answers.readline()
        except (BrokenPipeError, ValueError) as error:
            raise CannotEnclose("the enclosure is gone") from error
        if not line:
            raise CannotEnclose("the enclosure is gone")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def let_go(self) -> None:
        """Leave an enclosure to itself: from now on it outlives this process."""
        self.ask({"stay": True})
        for pipe in (self._first.stdin, self._first.stdout):
            if pipe is not None:
                pipe.close()
        os.close(self.place.lock)

    def close(self) -> None:
        """End everything in it and remove what it left."""
        if self._first.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        self._first.wait(timeout=_STOP)
        for pipe in (self._first.stdin, self._first.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        wait_until("the links to go", lambda: not _link_exists(self.number), _STOP)
        self.place.give_back()


def missing() -> str | None:
    """Return why this machine cannot enclose, in one line; None when it can."""
    if sys.platform != "linux":
        return "a world needs Linux namespaces"
    if os.geteuid() != 0:
        return "a world needs root: namespaces, links and mounts"
    held = effective_capabilities(Path("/proc/self/status").read_text())
    for capability, bit in _CAPABILITIES.items():
        if not held >> bit & 1:
            return f"a world needs the capability {capability}, which is not given here"
    absent = [name for name in _NEEDED if shutil.which(name, path=_path()) is None]
    return f"a world needs the program {absent[0]!r}: make world installs it" if absent else None


def effective_capabilities(status: str) -> int:
    """Return the effective capabilities of `/proc/PID/status` as bits."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def enclose() -> Enclosure:
    """Make an enclosure; it ends with this process, however that ends, unless it is let go.

    Raises `CannotEnclose` with the reason when the machine cannot.
    """
    reason = missing()
    if reason:
        raise CannotEnclose(reason)
    try:
        taken = place.take()
    except place.NoPlace as error:
        raise CannotEnclose(str(error)) from error
    try:
        first = _first_process(taken)
    except BaseException:
        taken.give_back()
        raise
    made = Enclosure(taken, first.pid, Networks(taken.number), first)
    try:
        _settle(made)
    except subprocess.CalledProcessError as error:
        made.close()
        said = (error.stderr or error.stdout or b"").strip()
        text = said.decode(errors="replace") if isinstance(said, bytes) else said
        raise CannotEnclose(f"no enclosure can be made here: {text}") from error
    except BaseException:
        made.close()
        raise
    return made


@contextlib.contextmanager
def enclosed() -> Iterator[Enclosure]:
    """Yield an enclosure that is closed afterwards."""
    made = enclose()
    try:
        yield made
    finally:
        made.close()


def _first_process(taken: place.Place) -> "subprocess.Popen[bytes]":
    spaces = ["--net", "--pid", "--mount", "--ipc", "--uts", "--fork", "--mount-proc"]
    spaces += ["--kill-child=KILL", "--propagation", "private"]
    return subprocess.Popen(
        ["unshare", *spaces, sys.executable, "-I", "-S", str(_INIT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # unshare complains of a signal mask it need not restore
        pass_fds=(taken.lock,),  # so that the lock is held as long as anything inside lives
        start_new_session=True,
        env={**os.environ, "PATH": _path()},
    )


def _settle(made: Enclosure) -> None:
    """Wait until the first process answers, so that its namespaces are there; join them."""
    outer = made.pid
    made.ask({"ended": 0})
    [child] = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
    made.pid = int(child)
    _connect(made)
    (made.folder / _STAMP).write_text(json.dumps({"pid": made.pid}))


def _connect(made: Enclosure) -> None:
    """Join the network, and make the mounts its own."""
    networks, host = made.networks, place.link_of(made.number)
    _host("ip", "link", "add", host, "type", "veth", "peer", "name", LINK, "netns", str(made.pid))
    upper, work = made.folder / "var", made.folder / "var-work"
    upper.mkdir()
    work.mkdir()
    # kubelet and CNI write below /var wherever they are told to work: the world's own copy takes it
    var = f"lowerdir=/var,upperdir={upper},workdir={work}"
    inner = (
        "mount --make-rshared / && mount -t tmpfs -o mode=755 world /run"
        f" && mount -t overlay -o {var} world /var"
        " && echo 1 > /proc/sys/net/ipv4/ip_forward && ip link set lo up"
        f" && ip addr add {networks.address}/24 dev {LINK} && ip link set {LINK} up"
        f" && ip route add default via {networks.gateway}"
    )
    made.run("sh", "-c", inner)
    _host("ip", "addr", "add", f"{networks.gateway}/24", "dev", host)
    _host("ip", "link", "set", host, "up")
    for network in (networks.pods, networks.services):
        _host("ip", "route", "add", network, "via", networks.address)


def inside(pid: int, command: Sequence[str | Path], seconds: float) -> str:
    """Run a command in the namespaces of a process and return what it printed."""
    done = subprocess.run(
        ["nsenter", "-t", str(pid), "-n", "-p", "-m", "-i", "-u", "--", *command],
        capture_output=True,
        text=True,
        check=True,
        timeout=seconds,
        env={**os.environ, "PATH": _path()},
    )
    return done.stdout


def init_of(number: int) -> int:
    """Return the first process of a living world, as the host counts."""
    stamp = place.folder_of(number) / _STAMP
    return int(json.loads(stamp.read_text())["pid"])


def end_stayed(number: int) -> None:
    """End a world that was made to stay."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(init_of(number), signal.SIGKILL)
    wait_until("the world to end", lambda: number not in place.living(), _STOP)
    wait_until("the links to go", lambda: not _link_exists(number), _STOP)
    place.sweep()


def _link_exists(number: int) -> bool:
    return Path(f"/sys/class/net/{place.link_of(number)}").exists()


def _path() -> str:
    # a desk's PATH often has no sbin, where ip and iptables are
    return os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin:/sbin"


def _host(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_BRIEF, env={"PATH": _path()})
