"""Measures the simulated server: python -m tests.world.simulated.speed [SECONDS]."""

import sys
import time
from collections.abc import Callable

from tests.world.simulated.server import SimulatedServer
from tests.world.simulated.subjects import SUBJECTS
from tests.world.simulated.writing import MERGE_PATCH

OBJECTS = 50  # in the namespace, which is what a rollout looks at
SECONDS = 2.0  # for each kind


def operations(server: SimulatedServer, path: str, content: Callable[[int], object]) -> int:
    """Do one round of what a controller does, and return the number of operations."""
    watch = server.watch(path, {"resourceVersion": str(server.revision)})
    done = 0
    for number in range(OBJECTS):
        name = f"x{number}"
        body = {"metadata": {"name": name}, **content(1)}  # type: ignore[dict-item]
        made = server.request("POST", path, None, body).json()
        server.request("GET", f"{path}/{name}")
        note = {"metadata": {"annotations": {"note": str(number)}}}
        server.request("PATCH", f"{path}/{name}", None, note, MERGE_PATCH)
        server.request("PUT", f"{path}/{name}", None, made)  # stale by now: 409
        server.request("PATCH", f"{path}/{name}", None, content(2), MERGE_PATCH)  # type: ignore[arg-type]
        done += 5
    for number in range(OBJECTS):
        server.request("DELETE", f"{path}/x{number}")
    done += OBJECTS + 1
    server.request("GET", path, {"limit": "10"})
    assert len(server.events(watch)) >= 2 * OBJECTS
    server.compact()
    return done + 1


def main() -> int:
    """Print operations a second for each kind, on one core."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    for subject in SUBJECTS:
        server = SimulatedServer()
        path = subject.kind.path("default")
        done, began = 0, time.process_time()
        while time.process_time() - began < seconds:
            done += operations(server, path, subject.content)
        took = time.process_time() - began
        print(f"{subject.kind.name:20} {done / took:9,.0f} operations a second")
    return 0


if __name__ == "__main__":
    sys.exit(main())
