"""What a world could leave on the host: links, routes, chains, mounts, processes, files."""

import os
import subprocess
from pathlib import Path

from tests.world import place

_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_KUBERNETES_WRITES = ("/var/lib/kubelet", "/var/lib/cni", "/var/log/pods", "/run/containerd")


def of(number: int) -> dict[str, list[str]]:
    """Return what there is of a world on the host, by where it was found; empty when nothing."""
    marks: tuple[str, ...] = (f"upid-w{number}", f"upid-world-{number}", f"upid-world/{number}/")
    marks += tuple(f"10.{octet}.{number}." for octet in (213, 214, 215))
    found = {kind: [line for line in lines if _has(line, marks)] for kind, lines in seen().items()}
    return {kind: lines for kind, lines in found.items() if lines}


def seen() -> dict[str, list[str]]:
    """Return everything on the host that worlds can change, line by line."""
    return {
        "links": _said("ip", "-o", "link"),
        "routes": _said("ip", "route"),
        "namespaces": _said("ip", "netns"),
        "chains": _said("iptables-save"),
        "mounts": Path("/proc/self/mounts").read_text().splitlines(),
        "processes": _processes(),
        "cgroups": [str(path) for root in place.cgroup_roots() for path in root.glob("*/")],
        "files": [str(path) for path in place.STATE.glob("*")]
        + [name for name in _KUBERNETES_WRITES if Path(name).exists()],
    }


def _has(line: str, marks: tuple[str, ...]) -> bool:
    return any(mark in f"{line}/" for mark in marks)


def _said(*command: str) -> list[str]:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=20, check=True, env={"PATH": _PATH}
    )
    # counters and the time of the dump differ each time
    return [line for line in done.stdout.splitlines() if not line.startswith("#")]


def _processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue  # it ended meanwhile
    return found
