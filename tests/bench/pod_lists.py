"""One way to list and parse 10,000 pods, in a process of its own: seconds and peak memory as JSON.

python -m tests.bench.pod_lists client|bound|lightkube PORT gzip|identity
"""

import asyncio
import json
import resource as system
import socket
import sys
import time
import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any

import msgspec

from tests.bench.pod_server import PAGE
from upid.adapters.kubernetes.access import Access, ClientCertificate, Tls
from upid.adapters.kubernetes.client import ClusterClient, Limits, resource
from upid.adapters.kubernetes.client.lists import ListOf
from upid.contexts.clusters.logic.manifests import PodObject


class Nobody:
    """Credentials of nobody."""

    async def headers(self) -> dict[str, str]:
        """Return none."""
        return {}

    def certificate(self) -> ClientCertificate | None:
        """Return none."""
        return None

    async def renew(self) -> bool:
        """Have nothing else to try."""
        return False


def client(port: int, encoding: str) -> int:
    """List with UPID's client, as partial structs."""
    access = Access(f"http://127.0.0.1:{port}", Tls(), Nobody(), "bench", "bench", "nobody")
    limits = Limits(compressed=encoding == "gzip")

    async def listed() -> int:
        pods: list[PodObject] = []
        async with ClusterClient(access, limits) as one:
            async for page in one.list(resource("v1", "pods"), PodObject):
                pods += page.items
        return len(pods)

    return asyncio.run(listed())


def bound(port: int, encoding: str) -> int:
    """Transfer the same bytes over a plain socket and decode them into the same structs."""
    decoder = msgspec.json.Decoder(ListOf[PodObject])
    pods: list[PodObject] = []
    onward = ""
    with socket.create_connection(("127.0.0.1", port)) as plug, plug.makefile("rb") as reading:
        while True:
            target = f"/api/v1/pods?limit={PAGE}" + (f"&continue={onward}" if onward else "")
            head = f"GET {target} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {encoding}\r\n\r\n"
            plug.sendall(head.encode())
            found = decoder.decode(_body(reading))
            pods += found.items or []
            onward = found.metadata.onward
            if not onward:
                return len(pods)


def _body(reading: Any) -> bytes:  # noqa: ANN401 - a socket's file
    size = 0
    while line := reading.readline().strip():
        if line.startswith(b"Content-Length:"):
            size = int(line.split()[1])
    if size:
        return zlib.decompress(reading.read(size), wbits=31)
    pieces = []
    while length := int(reading.readline(), 16):
        pieces.append(reading.read(length))
        reading.readline()
    reading.readline()
    return b"".join(pieces)


def lightkube(port: int, _: str) -> int:
    """List with lightkube, as its models; it asks for gzip."""
    settings = import_module("lightkube.config.kubeconfig")
    core = import_module("lightkube.resources.core_v1")
    config = {
        "clusters": [{"name": "bench", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "bench", "user": {"token": "nobody"}}],
        "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        "current-context": "bench",
    }
    made = import_module("lightkube").Client(config=settings.KubeConfig.from_dict(config))
    return len(list(made.list(core.Pod, namespace="*", chunk_size=PAGE)))


WAYS: dict[str, Callable[[int, str], int]] = {
    "client": client,
    "bound": bound,
    "lightkube": lightkube,
}


def main(way: str, port: str, encoding: str) -> None:
    """List twice, the first time unmeasured; print what the second took."""
    run = WAYS[way]
    run(int(port), encoding)
    started = time.perf_counter()
    pods = run(int(port), encoding)
    took = time.perf_counter() - started
    peak = system.getrusage(system.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"pods": pods, "seconds": took, "peak": peak}))


if __name__ == "__main__":
    main(*sys.argv[1:])
