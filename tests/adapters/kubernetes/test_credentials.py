"""Who is asking: files that rotate and commands. CLU-1."""

import asyncio
import contextlib
import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from upid.adapters.kubernetes.credentials import (
    Command,
    CommandCredentials,
    FilePair,
    FileToken,
    Proofs,
    bearing,
)
from upid.adapters.kubernetes.errors import CredentialsFailed

pytestmark = pytest.mark.anyio

V1 = "client.authentication.k8s.io/v1"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
SECRET = "s3cr3t-canary-0815-and-long-enough"  # noqa: S105 - planted to be looked for
PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def answer(version: str = V1, **status: str) -> str:
    """Return what a command prints; `bearer` stands for the status' token."""
    if "bearer" in status:
        status["token"] = status.pop("bearer")
    return json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status})


class Script:
    """A real command that counts its runs and prints what lies in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "login"
        self.says(answer(bearer="t1"))
        self.does("cat $HERE/answer")

    def says(self, text: str) -> None:
        (self.folder / "answer").write_text(text)

    def does(self, line: str) -> None:
        text = f"#!/bin/sh\nHERE={self.folder}\necho run >> $HERE/runs\n{line}\n"
        self.path.write_text(text)
        self.path.chmod(0o700)

    @property
    def runs(self) -> int:
        log = self.folder / "runs"
        return len(log.read_text().splitlines()) if log.exists() else 0

    def credentials(self, hand: Hand | None = None, **more: object) -> CommandCredentials:
        usual = {
            "command": str(self.path),
            "arguments": [],
            "environment": {"PATH": os.environ["PATH"]},
            "version": V1,
            "interactive": "Never",
        }
        terminal = bool(more.pop("terminal", False))
        command = Command(**{**usual, **more})  # type: ignore[arg-type]
        return CommandCredentials(
            command, "ana", clock=hand or Hand(), has_terminal=lambda: terminal
        )


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path)


async def token(credentials: CommandCredentials | Proofs) -> str:
    return (await credentials.headers()).get("Authorization", "").removeprefix("Bearer ")


def runs(pid: str) -> bool:
    """Return whether a process is there and not only waiting to be buried."""
    stat = Path(f"/proc/{pid.strip()}/stat")
    return stat.exists() and " Z " not in stat.read_text()


async def ended(pid: str) -> bool:
    """Return whether a process ends soon."""
    for _ in range(100):
        if not runs(pid):
            return True
        await asyncio.sleep(0.05)
    return False


async def failure(credentials: CommandCredentials | Proofs) -> CredentialsFailed:
    with pytest.raises(CredentialsFailed) as caught:
        await credentials.headers()
    return caught.value


async def test_a_token_file_is_read_again_each_minute_and_when_refused(tmp_path: Path) -> None:
    path, seconds = tmp_path / "token", [0.0]
    path.write_text("one\n")
    proofs = Proofs("ana", FileToken(path, "ana", now=lambda: seconds[0]))
    assert await token(proofs) == "one"

    path.write_text("two")
    seconds[0] = 49
    assert await token(proofs) == "one"
    seconds[0] = 60
    assert await token(proofs) == "two"

    path.write_text("three")
    assert await proofs.renew()
    assert await token(proofs) == "three"
    assert not await proofs.renew()


async def test_a_token_file_that_goes_away_leaves_the_last_token(tmp_path: Path) -> None:
    path, seconds = tmp_path / "token", [0.0]
    path.write_text("one")
    proofs = Proofs("ana", FileToken(path, "ana", now=lambda: seconds[0]))
    assert await token(proofs) == "one"

    path.unlink()
    seconds[0] = 120
    assert await token(proofs) == "one"
    error = await failure(Proofs("ana", FileToken(path, "ana")))
    assert str(path) in error.message


async def test_client_certificates_in_files_are_read_again_each_minute_and_when_refused(
    tmp_path: Path,
) -> None:
    certificate, key, seconds = tmp_path / "crt", tmp_path / "key", [0.0]
    certificate.write_text("one")
    key.write_text(SECRET)
    proofs = Proofs("ana", pair=FilePair(certificate, key, "ana", now=lambda: seconds[0]))

    def shown() -> bytes:
        pair = proofs.certificate()
        assert pair is not None
        assert SECRET not in repr(pair)
        return pair.certificate

    assert shown() == b"one"
    certificate.write_text("two")
    assert shown() == b"one"
    seconds[0] = 60
    assert shown() == b"two"
    certificate.write_text("three")
    assert await proofs.renew()
    assert shown() == b"three"
    assert not await proofs.renew()


async def test_a_command_runs_once_until_its_answer_ends(script: Script) -> None:
    hand = Hand()
    script.says(answer(bearer="t1", expirationTimestamp="2026-11-22T13:00:00Z"))
    credentials = script.credentials(hand)
    assert [await token(credentials) for _ in range(5)] == ["t1"] * 5
    assert script.runs == 1

    script.says(answer(bearer="t2", expirationTimestamp="2026-11-22T14:00:00Z"))
    hand.pass_(3580)
    assert await token(credentials) == "t1"
    hand.pass_(15)  # five seconds before its end
    assert await token(credentials) == "t2"
    assert script.runs == 2


async def test_an_answer_without_an_end_is_kept(script: Script) -> None:
    hand = Hand()
    credentials = script.credentials(hand)
    for _ in range(3):
        await credentials.headers()
        hand.pass_(86_400)
    assert script.runs == 1


async def test_a_command_whose_answers_have_ended_does_not_run_for_each_request(
    script: Script,
) -> None:
    hand = Hand()
    script.says(answer(bearer="t", expirationTimestamp="2020-01-01T00:00:00Z"))
    credentials = script.credentials(hand)
    for _ in range(20):
        await credentials.headers()
    assert script.runs == 1


async def test_after_a_refusal_the_command_runs_once_for_all_requests(script: Script) -> None:
    hand = Hand()
    credentials = script.credentials(hand)
    await credentials.headers()
    hand.pass_(60)
    script.says(answer(bearer="t2"))

    renewed = await asyncio.gather(*(credentials.renew() for _ in range(20)))

    assert all(renewed)
    assert script.runs == 2
    assert await token(credentials) == "t2"


async def test_an_equal_answer_after_a_refusal_is_nothing_to_try(script: Script) -> None:
    hand = Hand()
    credentials = script.credentials(hand)
    await credentials.headers()
    hand.pass_(60)

    assert not await credentials.renew()


async def test_many_requests_at_once_run_the_command_once(script: Script) -> None:
    script.does("sleep 0.2; cat $HERE/answer")
    credentials = script.credentials()

    await asyncio.gather(*(credentials.headers() for _ in range(20)))

    assert script.runs == 1


async def test_a_command_may_give_a_certificate(script: Script) -> None:
    script.says(answer(clientCertificateData=PEM, clientKeyData=KEY))
    credentials = script.credentials()

    assert await credentials.headers() == {}
    pair = credentials.certificate()
    assert pair is not None
    assert (pair.certificate, pair.key) == (PEM.encode(), KEY.encode())


@pytest.mark.parametrize(
    "text",
    [
        "",
        SECRET,
        f'{{"token": "{SECRET}"',
        json.dumps({"apiVersion": V1, "kind": "Other", "status": {"token": SECRET}}),
        answer("client.authentication.k8s.io/v1beta1", bearer=SECRET),
        answer(),
        answer(bearer=""),
        answer(clientKeyData=SECRET),
        answer(clientCertificateData=PEM, clientKeyData=SECRET),
        answer(clientCertificateData=PEM, clientKeyData=KEY.replace("PRIV", "ENCRYPTED PRIV")),
        answer(bearer=f"{SECRET}\nInjected: yes"),
        answer(bearer=SECRET, expirationTimestamp="tomorrow"),
        json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": {"token": [SECRET]}}),
    ],
)
async def test_an_answer_that_is_none_is_an_error_that_does_not_repeat_it(
    script: Script, text: str
) -> None:
    """A9."""
    script.says(text)

    error = await failure(script.credentials())

    assert SECRET not in f"{error} {error.hint} {error.details} {error.__context__!r}"


async def test_a_missing_command_shows_its_install_hint(script: Script) -> None:
    error = await failure(
        script.credentials(command="no-such-login", install_hint="brew install no-such-login")
    )
    assert "'no-such-login' is not on the PATH" in error.message
    assert error.hint == "brew install no-such-login"


async def test_a_command_is_not_taken_from_the_folder_where_upid_runs(script: Script) -> None:
    beside = script.path.rename(script.folder / "login-of-this-folder")
    with contextlib.chdir(script.folder):
        error = await failure(
            script.credentials(command=beside.name, environment={"PATH": ":.:/usr/bin:/bin"})
        )
    assert "not on the PATH" in error.message
    assert script.runs == 0


async def test_a_failing_command_is_quoted_without_its_secrets(script: Script) -> None:
    """A9."""
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLW9mLXNvbWU"
    script.does(f"echo 'session has ended: $TOKEN {jwt} password=hunter2 {SECRET}' >&2; exit 3")

    error = await failure(script.credentials(private=[SECRET]))

    assert "code 3: session has ended" in error.message
    for secret in (jwt, "hunter2", SECRET, "eyJ"):
        assert secret not in error.message


async def test_a_command_that_never_ends_is_ended_with_its_children(script: Script) -> None:
    script.does("sleep 300 & echo $! > $HERE/child; wait")
    started = time.monotonic()

    error = await failure(script.credentials(seconds=0.5))

    assert "longer than 0.5 s" in error.message
    assert time.monotonic() - started < 30
    assert await ended((script.folder / "child").read_text())


async def test_a_command_that_prints_without_end_is_ended(script: Script) -> None:
    script.does("yes")
    error = await failure(script.credentials())
    assert "prints more than" in error.message


async def test_a_command_that_wants_a_person_is_not_run_without_one(script: Script) -> None:
    error = await failure(script.credentials(interactive="Always"))
    assert "terminal" in error.message
    assert script.runs == 0


@pytest.mark.parametrize(
    ("mode", "terminal", "told"),
    [
        ("Never", True, False),
        ("IfAvailable", False, False),
        ("IfAvailable", True, True),
        ("Always", True, True),
    ],
)
async def test_a_command_is_told_whether_there_is_a_person(
    script: Script, mode: str, *, terminal: bool, told: bool
) -> None:
    script.does('printf "%s" "$KUBERNETES_EXEC_INFO" > $HERE/told; cat $HERE/answer')

    await script.credentials(interactive=mode, terminal=terminal).headers()

    said = json.loads((script.folder / "told").read_text())
    assert said == {"kind": "ExecCredential", "apiVersion": V1, "spec": {"interactive": told}}


async def test_a_run_that_is_given_up_ends_the_command(script: Script) -> None:
    script.does("echo $$ > $HERE/pid; sleep 300")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await script.credentials().headers()

    assert await ended((script.folder / "pid").read_text())


@pytest.mark.parametrize("bad", ["a\nb", "a\r\nInjected: x", "a\x00", "ä"])
async def test_a_token_cannot_break_out_of_its_header(bad: str) -> None:
    with pytest.raises(CredentialsFailed):
        bearing(bad, "ana")
