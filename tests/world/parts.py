"""The programs of a world: which there are, where their built copies lie."""

import hashlib
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from tests.world import place

_HERE = Path(__file__).parent
_PINNED = _HERE / "pinned"
_VERSION = "-X k8s.io/component-base/version."
_KUBERNETES = "k8s.io/kubernetes"


class NotBuilt(Exception):
    """A part of the world is not built on this machine."""


@dataclass(frozen=True)
class Part:
    """A Go module of pinned versions, and the programs built from it.

    programs  name of the built file → package
    files     name of a folder beside the programs → folders of a module to copy into it
    """

    name: str
    folder: Path
    programs: dict[str, str]
    module: str  # the one whose version is shown
    tags: str = ""
    files: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    own: bool = False  # its source is in the tree

    @cached_property
    def version(self) -> str:
        """Return the pinned version of the part's first module; nothing for the tree's own."""
        found = re.search(rf"{re.escape(self.module)} v([\w.-]+)", self._pins())
        return found[1] if found else ""

    @cached_property
    def flags(self) -> list[str]:
        """Return the flags to build with; Kubernetes learns its version from the linker."""
        linked = "-s -w"
        if self.module == _KUBERNETES:
            major, minor, _ = self.version.split(".")
            linked += f" {_VERSION}gitVersion=v{self.version}"
            linked += f" {_VERSION}gitMajor={major} {_VERSION}gitMinor={minor}"
        tags = [f"-tags={self.tags}"] if self.tags else []
        return ["-trimpath", *tags, f"-ldflags={linked}"]

    @cached_property
    def built(self) -> Path:
        """Return the folder of the built programs: another one when anything pinned changes."""
        seen = hashlib.sha256(repr((self.programs, self.flags, self.files)).encode())
        for source in sorted(self._sources()):
            seen.update(source.name.encode() + source.read_bytes())
        return place.cache() / f"{self.name}-{seen.hexdigest()[:12]}"

    @property
    def is_built(self) -> bool:
        """Return whether every program is there; a part is moved into place as a whole."""
        try:
            return self.built.is_dir()
        except PermissionError:  # another user's cache
            return False

    def _pins(self) -> str:
        return (self.folder / "go.mod").read_text()

    def _sources(self) -> list[Path]:
        return [
            path
            for pattern in ("go.mod", "go.sum", "*.go")
            for path in self.folder.glob(pattern)
            if not path.name.endswith("_test.go")
        ]


_STAGES = ("node/fast", "node/heartbeat-with-lease", "pod/fast")
_CONTROL = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_NODE = ("kubelet", "kube-proxy", "kubectl")
_CONTAINERD = "github.com/containerd/containerd/v2"

# What links the same libraries stands in one module: each is compiled once (measured: kwok and
# metrics-server add 25 s to Kubernetes' five minutes, and take three and a half apart).
PARTS = (
    Part(
        "kubernetes",
        _PINNED / "kubernetes",
        {
            "etcd": "go.etcd.io/etcd/server/v3",
            **{name: f"{_KUBERNETES}/cmd/{name}" for name in (*_CONTROL, *_NODE)},
            "metrics-server": "sigs.k8s.io/metrics-server/cmd/metrics-server",
            "kwok": "sigs.k8s.io/kwok/cmd/kwok",
        },
        module=_KUBERNETES,
        files=tuple(
            (f"stages/{stage}", "sigs.k8s.io/kwok", ("kustomize", "stage", *stage.split("/")))
            for stage in _STAGES
        ),
    ),
    Part(
        "containerd",
        _PINNED / "containerd",
        {
            name: f"{_CONTAINERD}/cmd/{name}"
            for name in ("containerd", "containerd-shim-runc-v2", "ctr")
        },
        module=_CONTAINERD,
        tags="no_btrfs,no_devmapper,no_zfs",
    ),
    Part(
        "neighbours",
        _PINNED / "neighbours",
        {
            "nats-server": "github.com/nats-io/nats-server/v2",
            "toxiproxy-server": "github.com/Shopify/toxiproxy/v2/cmd/server",
        },
        module="github.com/nats-io/nats-server/v2",
    ),
    Part("actor", _HERE / "actor", {"actor": "."}, module="upid.test/actor", own=True),
    Part(
        "kubernetes-1.34",
        _PINNED / "kubernetes-1.34",
        {"kube-apiserver": f"{_KUBERNETES}/cmd/kube-apiserver"},
        module=_KUBERNETES,
    ),
)
OLD = "kubernetes-1.34"  # the part of the older API server


def program(name: str, part: str | None = None) -> Path:
    """Return a built program; `part` chooses where several have it.

    Raises `NotBuilt` with what to do.
    """
    for found in PARTS:
        if name in found.programs and part in (None, found.name):
            if not found.is_built:
                raise NotBuilt(f"{found.name} is not built here: make world")
            return found.built / name
    raise NotBuilt(f"no part of the world has a program {name!r}")


def files(name: str) -> Path:
    """Return a folder of files that were kept beside the programs of a part."""
    for found in PARTS:
        if any(target == name or target.startswith(f"{name}/") for target, _, _ in found.files):
            if not found.is_built:
                raise NotBuilt(f"{found.name} is not built here: make world")
            return found.built / name
    raise NotBuilt(f"no part of the world has files {name!r}")


def not_built() -> list[str]:
    """Return the names of the parts that are missing here."""
    return [part.name for part in PARTS if not part.is_built]
