"""Run somebody's command: bounded in time and output, and ended with everything it started."""

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_OUTPUT = 1 << 20  # bytes; a certificate with its chain has some 10,000
_SAID = 2_000  # bytes of complaints that are kept
_SHOWN = 300  # characters of complaints that a message repeats

# What looks like a token or a key: a JWT, or a long run of the letters that these are written in.
_SECRET = re.compile(r"(?:eyJ[A-Za-z0-9_-]+|[A-Za-z0-9+_=-]{24,})(?:\.[A-Za-z0-9+_=-]+)*")
_ASSIGNED = re.compile(r"(?i)((?:token|secret|password|passwd|key)[\"']?\s*[:=]\s*)\S+")
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class NotRun(Exception):
    """A command that could not be run to its end."""

    def __init__(self, why: str, *, missing: bool = False) -> None:
        super().__init__(why)
        self.missing = missing


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended; `complaints` is the end of what it wrote to standard error."""

    code: int
    output: bytes = field(repr=False)
    complaints: bytes = field(default=b"", repr=False)

    def said(self, private: Sequence[str] = ()) -> str:
        """Return its last complaint for a message, without what may be a secret."""
        text = _CONTROL.sub("", self.complaints.decode("utf-8", "replace"))
        for value in sorted(private, key=len, reverse=True):
            if value:
                text = text.replace(value, "…")
        text = _ASSIGNED.sub(r"\1…", _SECRET.sub("…", text))
        return " ".join(text.split())[-_SHOWN:]


def find(command: str, environment: Mapping[str, str]) -> Path:
    """Return the file of a command: as it stands if it has a slash, else from the PATH.

    Entries of the PATH that are not absolute are passed over, so that nothing runs because it
    lies in the folder where UPID was started.
    """
    if os.sep in command:
        return Path(command)
    for folder in environment.get("PATH", os.defpath).split(os.pathsep):
        candidate = Path(folder) / command
        if Path(folder).is_absolute() and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate
    raise NotRun(f"the command '{command}' is not on the PATH", missing=True)


async def run(
    command: Sequence[str], environment: Mapping[str, str], *, interactive: bool, seconds: float
) -> Finished:
    """Run a command and return how it ended. Raises `NotRun`.

    interactive  it gets the terminal, and its complaints go there; else it has a session of its
                 own, nothing to read, and its complaints are kept
    """
    path = find(command[0], environment)
    try:
        process = await asyncio.create_subprocess_exec(
            path,
            *command[1:],
            env=dict(environment),
            stdin=None if interactive else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=None if interactive else asyncio.subprocess.PIPE,
            start_new_session=not interactive,
        )
    except FileNotFoundError:
        raise NotRun(f"the command '{command[0]}' is not there", missing=True) from None
    except OSError as error:
        raise NotRun(f"the command '{command[0]}' cannot be run: {error.strerror}") from None
    except ValueError:
        raise NotRun(f"the command '{command[0]}' has an argument with a null character") from None
    complaining = asyncio.create_task(_tail(process.stderr))
    try:
        async with asyncio.timeout(seconds):
            output = await _output(process.stdout, command[0])
            complaints = await complaining
            return Finished(await process.wait(), output, complaints)
    except TimeoutError:
        raise NotRun(f"the command '{command[0]}' took longer than {seconds:g} s") from None
    finally:
        complaining.cancel()
        if process.returncode is None:
            await _end(process, group=not interactive)


async def _output(stream: asyncio.StreamReader | None, name: str) -> bytes:
    found = bytearray()
    while stream is not None and (piece := await stream.read(65_536)):
        found += piece
        if len(found) > _OUTPUT:
            raise NotRun(f"the command '{name}' prints more than {_OUTPUT} bytes")
    return bytes(found)


async def _tail(stream: asyncio.StreamReader | None) -> bytes:
    found = b""
    while stream is not None and (piece := await stream.read(65_536)):
        found = (found + piece)[-_SAID:]
    return found


async def _end(process: asyncio.subprocess.Process, *, group: bool) -> None:
    """End a command that still runs: of a session of its own, everything in it."""
    with contextlib.suppress(ProcessLookupError):
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    await process.wait()
