"""Credentials that a command prints: `exec` of a kubeconfig, client.authentication.k8s.io.

The command runs when its last answer ends and once after a 401, never twice at a time. Only one's
own kubeconfig may name one: what comes over the API never gets here.
"""

import asyncio
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from upid.adapters.kubernetes import pem
from upid.adapters.kubernetes.access import ClientCertificate, Credentials
from upid.adapters.kubernetes.credentials.proofs import bearing
from upid.adapters.kubernetes.credentials.running import Finished, NotRun, run
from upid.adapters.kubernetes.errors import CredentialsFailed
from upid.kit.clock import Clock, system_clock

VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")

# Renewed a little before they end, so that a request does not arrive too late; and an answer that
# ends at once is kept that long all the same, or each request would run the command.
_LEEWAY = timedelta(seconds=10)
_ALONE = 60.0  # seconds; `aws eks get-token` takes one to three
_WITH_PERSON = 300.0  # seconds; kubelogin itself waits three minutes for the browser


@dataclass(frozen=True, slots=True)
class Command:
    """A command and how it wants to be run.

    environment  what it gets: UPID's own with the kubeconfig's variables over it
    private      values in it that no message may repeat
    cluster      what `KUBERNETES_EXEC_INFO` says of the cluster; None unless it asks for that
    """

    command: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    version: str
    interactive: str = "IfAvailable"
    install_hint: str = ""
    cluster: Mapping[str, object] | None = field(default=None, repr=False)
    private: Sequence[str] = field(default=(), repr=False)
    seconds: float | None = None


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    expiration_timestamp: datetime | None = None
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


@dataclass(frozen=True, slots=True)
class _Issued:
    """What the command gave, and when."""

    token: str = field(repr=False)
    pair: ClientCertificate | None
    until: datetime | None
    at: datetime

    def proves_as(self, other: "_Issued") -> bool:
        """Return whether it is the same proof, perhaps with another end."""
        return (self.token, self.pair) == (other.token, other.pair)


class CommandCredentials(Credentials):
    """Credentials from a command; `headers` comes first, the certificate comes with it."""

    def __init__(
        self,
        command: Command,
        user: str,
        *,
        clock: Clock = system_clock,
        has_terminal: Callable[[], bool] | None = None,
    ) -> None:
        self._command, self._user, self._clock = command, user, clock
        self._has_terminal = has_terminal or _has_terminal
        self._one = asyncio.Lock()
        self._issued: _Issued | None = None

    async def headers(self) -> Mapping[str, str]:
        """Return the header with the token, if the command gave one; it runs if it has to."""
        async with self._one:
            issued = self._issued
            if issued is None or _ends(issued, self._clock()):
                self._issued = issued = await self._run()
        return bearing(issued.token, self._user) if issued.token else {}

    def certificate(self) -> ClientCertificate | None:
        """Return the certificate that the command gave last."""
        return self._issued.pair if self._issued else None

    async def renew(self) -> bool:
        """Run the command once more; the run for the first of many refusals counts for all."""
        async with self._one:
            before = self._issued
            if before is not None and self._clock() - before.at < _LEEWAY:
                return True
            self._issued = await self._run()
            return before is None or not self._issued.proves_as(before)

    async def _run(self) -> _Issued:
        interactive = self._interactive()
        spec: dict[str, object] = {"interactive": interactive}
        if self._command.cluster is not None:
            spec = {"cluster": self._command.cluster, "interactive": interactive}
        asked = {"kind": "ExecCredential", "apiVersion": self._command.version, "spec": spec}
        environment = {**self._command.environment, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
        seconds = self._command.seconds or (_WITH_PERSON if interactive else _ALONE)
        try:
            finished = await run(
                [self._command.command, *self._command.arguments],
                environment,
                interactive=interactive,
                seconds=seconds,
            )
        except NotRun as error:
            raise self._failed(str(error), self._remedy(missing=error.missing)) from None
        if finished.code != 0:
            raise self._failed(self._complaint(finished), self._remedy(missing=False))
        return self._issued_by(finished.output)

    def _interactive(self) -> bool:
        """Return whether the command gets the terminal."""
        if self._command.interactive == "Never":
            return False
        there = self._has_terminal()
        if self._command.interactive == "Always" and not there:
            raise self._failed(
                f"the command '{self._command.command}' asks for a terminal (interactiveMode: "
                "Always), and there is none here",
                "run UPID in a terminal, or put a token that needs no person into the kubeconfig",
            )
        return there

    def _issued_by(self, output: bytes) -> _Issued:
        """Return what an answer gives; its text never gets into a message."""
        name = self._command.command
        hint = f"see what `{name}` prints; it has to be an ExecCredential as JSON"
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self._failed(f"the answer of '{name}' is no ExecCredential", hint) from None
        if (answer.kind, answer.api_version) != ("ExecCredential", self._command.version):
            raise self._failed(
                f"'{name}' answers with another version than {self._command.version!r}",
                "bring the command or the apiVersion in the kubeconfig up to date",
            )
        status = answer.status or _Status()
        certificate, key = status.client_certificate_data or "", status.client_key_data or ""
        if not (status.token or certificate or key):
            raise self._failed(f"'{name}' gives neither a token nor a certificate", hint)
        if bool(certificate) != bool(key):
            raise self._failed(f"'{name}' gives a certificate or a key, but not both", hint)
        pair = ClientCertificate(certificate.encode(), key.encode()) if certificate else None
        wrong = pair and pem.wrong_with_pair(pair.certificate, pair.key)
        if wrong:
            raise self._failed(f"{wrong}, as '{name}' gives it", hint)
        until = status.expiration_timestamp
        if until is not None and until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        return _Issued(status.token or "", pair, until, self._clock())

    def _complaint(self, finished: Finished) -> str:
        said = finished.said(self._command.private)
        how = f"ended with code {finished.code}" if finished.code > 0 else "was killed"
        return f"the command '{self._command.command}' {how}" + (f": {said}" if said else "")

    def _remedy(self, *, missing: bool) -> str:
        name = self._command.command
        if not missing:
            return (
                f"run `{' '.join([name, *self._command.arguments][:4])} …` by hand, or log in again"
            )
        return self._command.install_hint or f"install '{name}', or put it on the PATH"

    def _failed(self, why: str, hint: str) -> CredentialsFailed:
        return CredentialsFailed(self._user, why, hint)


def _ends(issued: _Issued, now: datetime) -> bool:
    """Return whether it is time for another."""
    if issued.until is None or now - issued.at < _LEEWAY:
        return False
    return now >= issued.until - _LEEWAY


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
