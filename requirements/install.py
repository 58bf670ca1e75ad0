"""Makes the project's environment from the locks: `python requirements/install.py VERB`.

runtime  what the program needs      lock  resolve pyproject.toml anew into the locks
dev      that and the gates' tools   uv …  the environment's uv, with this machine's pip settings

Needs Python and nothing else: uv, pinned by hash, is installed into the environment and installs
the rest from hashed locks. Whether anything has to be done is decided by the content of the locks,
not by time stamps, so a second call costs a few milliseconds.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
UV = ENVIRONMENT / "bin" / "uv"
STAMP = ENVIRONMENT / "upid-setup.json"
OLDEST = (3, 11)
TIMEOUT = "180"  # seconds for one download; uv gives up after 30, too short for a slow line

# The build backend's lock stands beside the runtime's: an editable install needs it, a wheel not.
STAGES = {"runtime": ("runtime.txt", "build.txt"), "dev": ("dev.txt",)}

# uv does not read pip's settings, so a machine's mirror, certificate or wheel folder is handed on.
PIP_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "timeout": "UV_HTTP_TIMEOUT",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "proxy": "ALL_PROXY",
}


def main() -> int:
    """Do what the verb says."""
    if sys.version_info < OLDEST:
        print(f"UPID needs Python 3.11 or newer; this is {sys.version.split()[0]}", file=sys.stderr)
        return 1
    match sys.argv[1:]:
        case ["uv", *rest]:
            return subprocess.run([UV, *rest], env=environment(), check=False).returncode
        case ["lock"]:
            lock()
            return 0
        case [stage] if stage in STAGES:
            return install(stage)
    print(f"usage: install.py {'|'.join(STAGES)}|lock|uv …", file=sys.stderr)
    return 2


def install(stage: str) -> int:
    """Bring the environment up to a stage; nothing is done when the locks are what they were."""
    wanted = {name: digest(name) for name in STAGES}
    if current() in ((stage, wanted[stage]), ("dev", wanted["dev"])):
        return 0
    started = time.perf_counter()
    try:
        build(stage)
    except subprocess.CalledProcessError as error:
        print(f"set-up failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return error.returncode or 1
    STAMP.write_text(json.dumps({"stage": stage, "digest": wanted[stage]}))
    print(f"  ready in {time.perf_counter() - started:.1f} s", flush=True)
    return 0


def digest(stage: str) -> str:
    """Return a hash of everything that decides what a stage installs."""
    found = hashlib.sha256(sys.version.encode())
    for path in ("uv.txt", *STAGES[stage], "install.py"):
        found.update(LOCKS.joinpath(path).read_bytes())
    found.update((ROOT / "pyproject.toml").read_bytes())
    found.update(str(ROOT).encode())  # scripts hold the folder's name: a moved clone is set up anew
    return found.hexdigest()


def current() -> tuple[str, str] | None:
    """Return which stage is installed, with its hash; None when none is whole."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return None
    return (stamp["stage"], stamp["digest"]) if PYTHON.exists() else None


def build(stage: str) -> None:
    """Make the environment, then uv, then the locked packages, then the project itself."""
    STAMP.unlink(missing_ok=True)
    if not works(PYTHON):
        with step(f"environment with Python {sys.version.split()[0]}"):
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            venv.create(ENVIRONMENT, with_pip=False, symlinks=os.name != "nt")
    pip = pip_command()
    with step("uv"):
        run(*pip, "install", "--quiet", "--no-deps", "--require-hashes", "-r", LOCKS / "uv.txt")
    with step(f"locked packages ({stage})"):
        locks = [LOCKS / name for name in STAGES[stage]]
        uv("sync", "--require-hashes", "--compile-bytecode", *locks)
    with step("upid itself"):
        offline = ["--no-deps", "--no-build-isolation", "--no-index"]
        uv("install", *offline, "--editable", ROOT)
        run(PYTHON, "-m", "compileall", "-q", ROOT / "src" / "upid")


def works(python: Path) -> bool:
    """Return whether the environment's Python starts and is the version that runs this."""
    code = "import sys; print(sys.version)"
    try:
        found = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return found.stdout.strip() == sys.version.strip()


def pip_command() -> list[str | Path]:
    """Return a pip that installs into the environment.

    The machine's own pip saves unpacking one; a Python without pip may still have ensurepip.
    """
    shared: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]
    if subprocess.run([*shared, "--version"], capture_output=True, check=False).returncode == 0:
        return shared
    try:
        run(PYTHON, "-m", "ensurepip", "--upgrade", quiet=True)
    except subprocess.CalledProcessError:
        print(
            "this Python has neither pip nor ensurepip; on Debian: apt-get install python3-venv",
            file=sys.stderr,
        )
        raise
    return [PYTHON, "-m", "pip"]


def settings_for_uv() -> dict[str, str]:
    """Return the machine's pip settings, from its files and PIP_* variables, as uv's."""
    found: dict[str, str] = {}
    for name, ours in PIP_TO_UV.items():
        value = os.environ.get("PIP_" + name.upper().replace("-", "_"))
        if value:
            found[ours] = in_the_words_of_uv(name, value)
    for line in pip_settings():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in {"global", "install"} and name in PIP_TO_UV:
            value = in_the_words_of_uv(name, value.strip().strip("'\""))
            found.setdefault(PIP_TO_UV[name], value)
    found.setdefault("UV_HTTP_TIMEOUT", TIMEOUT)
    found["UV_NO_PROGRESS"] = "1"
    return {key: value for key, value in found.items() if key not in os.environ}


def pip_settings() -> list[str]:
    """Return the settings in pip's files, `section.name='value'` each.

    The environment has no pip, so from within it the machine's own is asked.
    """
    for python in (sys.executable, Path(sys.base_prefix) / "bin" / "python3"):
        asked = [python, "-m", "pip", "config", "list"]
        listed = subprocess.run(asked, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            return listed.stdout.splitlines()
    return []


def in_the_words_of_uv(name: str, value: str) -> str:
    """Return a setting's value as uv reads it: wheel folders are parted by commas there."""
    return ",".join(value.split()) if name == "find-links" else value


def environment() -> dict[str, str]:
    """Return the variables that uv runs with."""
    return os.environ | settings_for_uv()


def uv(verb: str, *rest: str | Path) -> None:
    """Run `uv pip VERB` on the environment."""
    run(UV, "pip", verb, "--quiet", "--python", PYTHON, *rest, variables=environment())


def lock() -> None:
    """Write the locks: the widest first, which the others may only narrow."""
    narrowed = ("-c", LOCKS / "dev.txt")
    compile_lock("dev.txt", "pyproject.toml", "--group", "dev")
    compile_lock("runtime.txt", "pyproject.toml", *narrowed)
    compile_lock("build.txt", "--group", "build", *narrowed)
    compile_lock("uv.txt", "--group", "uv")


def compile_lock(name: str, *source: str | Path) -> None:
    """Write one lock: hashes for every platform, no addresses."""
    form = ["--quiet", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-header"]
    with step(f"requirements/{name}"):
        oldest = ["--python-version", ".".join(map(str, OLDEST))]
        target = ("--output-file", LOCKS / name)
        everything = (*form, *oldest, *source, *target)
        run(UV, "pip", "compile", *everything, variables=environment(), quiet=True)


def run(*command: str | Path, variables: dict[str, str] | None = None, quiet: bool = False) -> None:
    """Run a program; its errors are shown as they are."""
    silent = subprocess.DEVNULL if quiet else None
    subprocess.run(command, check=True, cwd=ROOT, env=variables, stdout=silent, stderr=None)


@contextmanager
def step(what: str) -> Iterator[None]:
    """Show a stage with the seconds it took."""
    print(f"  {what} …", end="", flush=True)
    started = time.perf_counter()
    yield
    print(f" {time.perf_counter() - started:.1f} s", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
