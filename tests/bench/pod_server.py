"""A process that answers lists of 10,000 pods in pages, as an API server frames them.

Compressed for who asks for gzip, else in chunks of 2,048 bytes and the rest of each pod: so does
Kubernetes 1.36. It prints its port and serves until its input ends.
"""

import json
import socket
import sys
import threading
import zlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

PODS, PAGE = 10_000, 500
SIZE = 7_000  # bytes of one pod's JSON, as on real clusters with managed fields
_STAMP = "2026-03-02T12:00:00Z"
_FIELD = 20  # bytes of a managed field
_FIRST = 2_048
_QUICKEST = 1  # the API server's level of compression is low as well


def pod(number: int) -> bytes:
    """Return a pod as an API server writes it, of about `SIZE` bytes."""
    name = f"web-{number // 40}-{number:05x}"
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": name[:-6], "uid": name}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": f"team-{number % 40}",
        "uid": f"00000000-0000-4000-8000-{number:012x}",
        "resourceVersion": str(100_000 + number),
        "creationTimestamp": _STAMP,
        "labels": {"app": f"web-{number // 40}", "pod-template-hash": f"{number * 7919:010x}"},
        "ownerReferences": [owner | {"controller": True}],
        "managedFields": [],
    }
    content = {"metadata": metadata, "spec": spec(number), "status": status(number)}
    fields = [f"f:field-{n}-{(number * n) % 97}" for n in range(600)]
    missing = SIZE - len(_json(content))
    kept = fields[: max(1, missing // _FIELD)]
    metadata["managedFields"] = [{"manager": "kubelet", "fieldsV1": {one: {} for one in kept}}]
    return _json(content)


def image(number: int) -> str:
    """Return the image that a pod runs."""
    return f"registry.example/shop/web:{number % 17}"


def spec(number: int) -> dict[str, Any]:
    """Return what a pod should be."""
    container = {
        "name": "app",
        "image": image(number),
        "resources": {
            "requests": {"cpu": f"{100 + number % 900}m", "memory": "256Mi"},
            "limits": {"memory": "512Mi"},
        },
        "env": [{"name": f"SETTING_{n}", "value": f"{number * n:x}"} for n in range(20)],
        "ports": [{"containerPort": 8080, "protocol": "TCP"}],
        "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
    }
    volume = {"name": "token", "projected": {"defaultMode": 420, "sources": []}}
    return {"containers": [container], "nodeName": f"node-{number % 500}", "volumes": [volume]}


def status(number: int) -> dict[str, Any]:
    """Return what a pod is."""
    kinds = ("Initialized", "Ready", "ContainersReady", "PodScheduled")
    container = {
        "name": "app",
        "ready": True,
        "restartCount": number % 3,
        "image": image(number),
        "imageID": f"registry.example/shop/web@sha256:{number % 17:064x}",
        "state": {"running": {"startedAt": _STAMP}},
    }
    return {
        "phase": "Running",
        "podIP": f"10.{number % 250}.{number // 250}.7",
        "conditions": [
            {"type": one, "status": "True", "lastTransitionTime": _STAMP} for one in kinds
        ],
        "containerStatuses": [container],
        "qosClass": "Burstable",
    }


def page(first: int) -> tuple[bytes, bytes]:
    """Return one page's answer, compressed and in chunks."""
    pods = [pod(number) for number in range(first, min(first + PAGE, PODS))]
    last = first + PAGE >= PODS
    metadata = {"resourceVersion": "424242"} | ({} if last else {"continue": str(first + PAGE)})
    head = b'{"kind":"PodList","apiVersion":"v1","metadata":%b,"items":[' % _json(metadata)
    pieces = [head, *(one + (b"," if one is not pods[-1] else b"]}") for one in pods)]
    squeezing = zlib.compressobj(_QUICKEST, wbits=31)
    squeezed = squeezing.compress(b"".join(pieces)) + squeezing.flush()
    chunks = b"".join(chunk(one[:_FIRST]) + chunk(one[_FIRST:]) for one in pieces)
    start = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
    plain = start + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n"
    told = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(squeezed)
    return start + told + squeezed, plain


def chunk(content: bytes) -> bytes:
    """Return a piece of an answer whose length nobody knows yet."""
    return b"%x\r\n%b\r\n" % (len(content), content) if content else b""


def _json(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def serve(connection: socket.socket, pages: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Answer the requests of one connection until the client leaves."""
    with connection, connection.makefile("rb") as reading:
        while request := reading.readline():
            squeezed = False
            while (line := reading.readline().strip().lower()) != b"":
                squeezed |= line.startswith(b"accept-encoding:") and b"gzip" in line
            query = parse_qs(urlsplit(request.split()[1].decode()).query)
            compressed, plain = pages[query.get("continue", ["0"])[0]]
            connection.sendall(compressed if squeezed else plain)


def listen(server: socket.socket, pages: Mapping[str, tuple[bytes, bytes]]) -> None:
    """Serve every connection in a thread of its own."""
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=serve, args=(connection, pages), daemon=True).start()


def main() -> None:
    """Serve until the input ends."""
    pages = {str(first): page(first) for first in range(0, PODS, PAGE)}
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=listen, args=(server, pages), daemon=True).start()
        print(server.getsockname()[1], flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
