"""Container images without a registry: archives that `ctr images import` takes.

The format is what `docker save` writes: one uncompressed layer, a config named by its digest and a
manifest. The same files give the same bytes, on any machine and at any time.
"""

import hashlib
import io
import json
import os
import platform
import tarfile
from collections.abc import Mapping
from pathlib import Path

from tests.world import parts

ACTOR = "localhost/actor:1"  # entry point `actor serve`: a container's args are its flags
PAUSE = "localhost/pause:1"
BUSYBOX = "localhost/busybox:1"
_BUSYBOX = Path("/bin/busybox")  # Debian's busybox-static

_FOLDERS = {"dev": 0o755, "etc": 0o755, "proc": 0o755, "sys": 0o755, "tmp": 0o1777}
_PASSWD = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
_APPLETS = (  # of those that Debian's build has, what a test's container may want to run
    *("awk", "cat", "cp", "date", "dd", "echo", "env", "false", "grep", "head", "hostname"),
    *("httpd", "id", "kill", "ls", "mkdir", "mv", "nc", "nproc", "ps", "rm", "sed", "seq", "sh"),
    *("sleep", "stat", "tail", "tee", "test", "timeout", "top", "touch", "true", "wc", "wget"),
    "yes",
)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}  # the kernel's word → the image's

Contents = Mapping[str, Path | bytes]


def write_image(
    target: Path,
    name: str,
    files: Contents,
    command: list[str],
    env: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
) -> Path:
    """Write an image archive to `target` and return it.

    name     with its tag, as a pod names it
    files    path in the image → a file to copy, with its executable bit, or its content
    command  the entry point; a container's `args` are added to it
    links    path in the image → what the symbolic link there says

    Raises `OSError` when a file cannot be read or `target` cannot be written.
    """
    layer = _layer(files, links or {})
    config = _config(layer, command, env or {})
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = [{"Config": config_name, "RepoTags": [name], "Layers": ["layer.tar"]}]
    with tarfile.open(target, "w", format=tarfile.USTAR_FORMAT) as archive:
        _add(archive, "layer.tar", layer)
        _add(archive, config_name, config)
        _add(archive, "manifest.json", json.dumps(manifest).encode())
    return target


def write_all(folder: Path) -> list[Path]:
    """Write the images that tests run: the actor, pause, and busybox where it is installed.

    Raises `NotBuilt` when the actor is not built.
    """
    folder.mkdir(parents=True, exist_ok=True)
    actor = {"actor": parts.program("actor")}
    written = [
        write_image(folder / "actor.tar", ACTOR, actor, ["/actor", "serve"]),
        write_image(folder / "pause.tar", PAUSE, actor, ["/actor", "pause"]),
    ]
    if _BUSYBOX.exists():
        written.append(write_busybox(folder / "busybox.tar"))
    return written


def write_busybox(target: Path) -> Path:
    """Write an image with a shell and the usual small programs; it starts as `sh`."""
    return write_image(
        target,
        BUSYBOX,
        {"bin/busybox": _BUSYBOX},
        ["/bin/sh"],
        links={f"bin/{applet}": "busybox" for applet in _APPLETS},
    )


def _layer(files: Contents, links: Mapping[str, str]) -> bytes:
    content: dict[str, Path | bytes] = {"etc/passwd": _PASSWD, **files}
    folders = dict(_FOLDERS)
    for path in (*content, *links):
        for above in list(Path(path).parents)[:-1]:
            folders.setdefault(str(above), 0o755)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, mode in sorted(folders.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for path, source in sorted(content.items()):
            _add(tar, path, *_read(source))
        for path, says in sorted(links.items()):
            entry = tarfile.TarInfo(path)
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, says, 0o777
            tar.addfile(entry)
    return buffer.getvalue()


def _read(source: Path | bytes) -> tuple[bytes, int]:
    if isinstance(source, bytes):
        return source, 0o644
    return source.read_bytes(), 0o755 if os.access(source, os.X_OK) else 0o644


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(path)  # owner root and time 0, unlike what TarFile.add would take over
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))


def _config(layer: bytes, command: list[str], env: Mapping[str, str]) -> bytes:
    machine = platform.machine()
    variables = {"PATH": "/bin:/", **env}
    config = {
        "architecture": _ARCHITECTURES.get(machine, machine),
        "os": "linux",
        "config": {
            "Entrypoint": command,
            "Env": [f"{name}={value}" for name, value in sorted(variables.items())],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "tests/world/images.py"}],
    }
    return json.dumps(config, sort_keys=True).encode()
