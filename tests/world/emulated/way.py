"""The way to an emulated server: an address, an authority, and kubeconfigs that hold them."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from upid.adapters.kubernetes.access import Access, ClientCertificate, Tls

TOKEN = "emulated-token"  # noqa: S105 - of a server that lets everybody in


class _Bearer:
    """Credentials that never end."""

    async def headers(self) -> Mapping[str, str]:
        return {"Authorization": f"Bearer {TOKEN}"}

    def certificate(self) -> ClientCertificate | None:
        return None

    async def renew(self) -> bool:
        return False


@dataclass(frozen=True)
class Way:
    """Where an emulated server listens, and the PEM of the authority that it is known by."""

    name: str
    url: str
    authority: bytes

    def access(self) -> Access:
        """Return what a client needs."""
        return Access(self.url, Tls(self.authority), _Bearer(), self.name, self.name, "ana")


def kubeconfig(path: Path, ways: Iterable[Way]) -> Path:
    """Write a kubeconfig with a context for each way; the first is the current one."""
    ways = list(ways)
    clusters = [
        {
            "name": way.name,
            "cluster": {
                "server": way.url,
                "certificate-authority-data": base64.b64encode(way.authority).decode(),
            },
        }
        for way in ways
    ]
    contexts = [{"name": w.name, "context": {"cluster": w.name, "user": "ana"}} for w in ways]
    whole = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": ways[0].name,
        "clusters": clusters,
        "contexts": contexts,
        "users": [{"name": "ana", "user": {"token": TOKEN}}],
    }
    path.write_text(json.dumps(whole))
    return path
