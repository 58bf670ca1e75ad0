"""One mirror of 10,000 pods, in a process of its own, as JSON: what it took and what it weighs.

python -m tests.bench.mirror_run changes|memory PORT

changes  processor seconds of the first list, and of `CHANGES` changes from the wire to the reader
memory   bytes of Python and its libraries' objects for each pod, as tracemalloc counts them, and
         as the mirror says itself; the longest that the loop was held up
"""

import asyncio
import gc
import json
import sys
import time
import tracemalloc

from tests.bench.pod_lists import Nobody
from tests.bench.pod_server import PODS
from tests.bench.pod_stream import CHANGES, LAST
from upid.adapters.kubernetes.access import Access, Tls
from upid.adapters.kubernetes.client import ClusterClient
from upid.adapters.kubernetes.mirror import Mirror

_SECONDS = 120  # at most
_TICK = 0.002


async def followed(port: int, *, traced: bool) -> dict[str, float]:
    """Return what a mirror took until every change was in it."""
    access = Access(f"http://127.0.0.1:{port}", Tls(), Nobody(), "bench", "bench", "nobody")
    async with ClusterClient(access) as client:
        if traced:
            gc.collect()
            tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0] if traced else 0
        mirror = Mirror(client, kinds=(("pods", ("v1",)), ("nodes", ("v1",))))
        began = time.process_time()
        running = asyncio.create_task(mirror.run())
        async with asyncio.timeout(_SECONDS):
            await mirror.loaded()
            listed = time.process_time()
            held_up = await _until_told(mirror)
        done = time.process_time()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        if len(mirror.changes()) != len({n * 7919 % PODS for n in range(CHANGES)}):
            raise RuntimeError("not every change was told")
        gc.collect()
        weight = tracemalloc.get_traced_memory()[0] - before if traced else 0
        said = mirror.following()
    return {
        "listed": listed - began,
        "changed": done - listed,
        "held_up": held_up,
        "traced": weight / PODS,
        "said": said.memory / PODS,
        "pods": said.objects["Pod"],
    }


async def _until_told(mirror: Mirror) -> float:
    """Return, once every change is in, the longest that the loop kept others waiting.

    In time of the processor: what the machine does beside is no fault of ours.
    """
    longest, last = 0.0, time.process_time()
    while mirror.following().generation < PODS + CHANGES:
        await asyncio.sleep(_TICK)
        now = time.process_time()
        longest, last = max(longest, now - last), now
    return longest


def main() -> None:
    """Print what it took."""
    what, port = sys.argv[1:]
    found = asyncio.run(followed(int(port), traced=what == "memory"))
    if found["pods"] != PODS or LAST <= CHANGES:
        raise RuntimeError(f"{found['pods']} pods are there of {PODS}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
