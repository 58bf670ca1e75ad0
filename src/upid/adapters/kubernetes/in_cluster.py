"""The way to the cluster that UPID itself runs in: its pod's service account."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
NAME = "in-cluster"


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """What a pod is given; the token's file is replaced while it runs.

    authority  PEM of the cluster's authority; None where the file is not there
    """

    server: str
    token_file: Path
    authority: bytes | None
    namespace: str


def why_not(environment: Mapping[str, str], folder: Path = FOLDER) -> str | None:
    """Return why there is no service account here, or None when there is one."""
    for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
        if not environment.get(name):
            return f"not in a pod ({name} is not set)"
    if not (folder / "token").is_file():
        return f"the pod has no service account token ('{folder / 'token'}' is not there)"
    return None


def service_account(environment: Mapping[str, str], folder: Path = FOLDER) -> ServiceAccount:
    """Return the pod's service account; only where `why_not` finds nothing against it."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    shown = f"[{host}]" if ":" in host else host
    namespace = environment.get("POD_NAMESPACE") or _text(folder / "namespace") or "default"
    authority = (_text(folder / "ca.crt") or "").encode()
    return ServiceAccount(
        server=f"https://{shown}:{port}",
        token_file=folder / "token",
        authority=authority or None,
        namespace=namespace,
    )


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeError):
        return ""
