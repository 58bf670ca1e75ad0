"""Rewrites the locks from pyproject.toml: `make lock`. Hashes for every platform, no addresses."""

import os
import subprocess

from requirements.install import LOCKS, ROOT, UV, settings_for_uv

OPTIONS = ["--quiet", "--universal", "--generate-hashes", "--no-emit-index-url", "--no-header"]


def main() -> None:
    """Compile the widest lock first; the others may only narrow it."""
    compile_lock("dev.txt", "pyproject.toml", "--group", "dev")
    compile_lock("runtime.txt", "pyproject.toml", "-c", LOCKS / "dev.txt")
    compile_lock("build.txt", "--group", "build", "-c", LOCKS / "dev.txt")
    compile_lock("uv.txt", "--group", "uv")


def compile_lock(name: str, *source: object) -> None:
    """Write one lock."""
    where = ["--python-version", "3.11", "--custom-compile-command", "make lock"]
    command = [UV, "pip", "compile", *OPTIONS, *where, *source, "-o", LOCKS / name]
    environment = os.environ | settings_for_uv()
    subprocess.run([str(part) for part in command], check=True, cwd=ROOT, env=environment)
    print(f"  requirements/{name}")


if __name__ == "__main__":
    main()
