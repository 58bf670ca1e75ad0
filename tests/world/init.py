"""The first process of an enclosure: starts what it is told, reaps, and ends with its owner.

Run as `python -I -S init.py`. Reads one JSON request a line from its standard input and
answers each with one line: `{"start": [command…], "log": path, "environment": {…}}` → `{"pid": n}`,
`{"signal": n, "pid": n}` → `{}`, `{"ended": pid}` → `{"code": n | null}`, `{"stay": true}` → `{}`.
When its input ends, the owner is dead: it ends as well, and with the first process of a PID
namespace the kernel ends all others. Told to `stay`, it lives until it is killed.
"""

import json
import os
import select
import signal
import sys

ended: dict[int, int] = {}  # PID to exit code, as a shell counts: 128 + n for signal n


def main() -> None:
    """Serve requests until the owner is gone."""
    signals, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    requests, unread, stay = sys.stdin.fileno(), b"", False
    watched = [requests, signals]
    while True:
        readable, _, _ = select.select(watched, [], [])
        if signals in readable:
            os.read(signals, 4096)
        reap()
        if requests not in readable:
            continue
        chunk = os.read(requests, 1 << 16)
        if not chunk:
            if not stay:
                return
            watched.remove(requests)
            continue
        *lines, unread = (unread + chunk).split(b"\n")
        for request in map(json.loads, lines):
            stay = stay or "stay" in request
            os.write(sys.stdout.fileno(), json.dumps(respond(request)).encode() + b"\n")


def reap() -> None:
    """Take note of every child that ended, adopted ones included."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        code = os.waitstatus_to_exitcode(status)
        ended[pid] = code if code >= 0 else 128 - code


def respond(request: dict) -> dict:  # type: ignore[type-arg]
    """Do one thing."""
    if "stay" in request:
        return {}
    if "start" in request:
        return start(request)
    if "signal" in request:
        try:
            os.kill(request["pid"], request["signal"])
        except ProcessLookupError:
            return {}
        return {}
    reap()
    return {"code": ended.get(request["ended"])}


def start(request: dict) -> dict:  # type: ignore[type-arg]
    """Start a program in a session of its own, its output in its log."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    command, environment = request["start"], {**os.environ, **request["environment"]}
    redirect = [(os.POSIX_SPAWN_DUP2, nothing, 0)]
    redirect += [(os.POSIX_SPAWN_DUP2, log, stream) for stream in (1, 2)]
    try:
        pid = os.posix_spawnp(command[0], command, environment, file_actions=redirect, setsid=True)
    except OSError as error:
        return {"error": f"{command[0]}: {error.strerror}"}
    finally:
        os.close(nothing)
        os.close(log)
    return {"pid": pid}


if __name__ == "__main__":
    main()
