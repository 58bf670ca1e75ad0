"""Kubeconfigs of every sort from a seed: valid, merged from several files, and broken."""

import base64
import json
import random
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.adapters.kubernetes.arrivals import Recorder
from upid.adapters.kubernetes.kubeconfig import Options

V1 = "client.authentication.k8s.io/v1"
_BARE = "WITHOUT QUOTES "  # before text that is written as it stands
BETA = "client.authentication.k8s.io/v1beta1"


@dataclass
class Case:
    """Files, the order in which they count, flags and environment."""

    folder: Path
    files: list[Path] = field(default_factory=list)
    explicit: bool = False
    flags: dict[str, Any] = field(default_factory=dict)  # a field of Options → value
    environment: dict[str, str] = field(default_factory=dict)
    note: str = ""
    contexts: list[str] = field(default_factory=list)

    @property
    def options(self) -> Options:
        """Return the flags as UPID takes them."""
        return Options(kubeconfig=str(self.files[0]) if self.explicit else "", **self.flags)

    @property
    def arguments(self) -> list[str]:
        """Return the flags as kubectl takes them."""
        found = [f"--kubeconfig={self.files[0]}"] if self.explicit else []
        for name, value in self.flags.items():
            flag = _FLAGS[name]
            values = value if isinstance(value, tuple) else (value,)
            found += [f"--{flag}={one}" if one is not True else f"--{flag}" for one in values]
        return found

    @property
    def variables(self) -> dict[str, str]:
        """Return the environment."""
        listed = ":".join(str(path) for path in self.files)
        named = {} if self.explicit else {"KUBECONFIG": listed} if listed else {}
        return {"PATH": "/usr/bin:/bin", "HOME": str(self.folder), **named, **self.environment}


_FLAGS = {
    "context": "context",
    "cluster": "cluster",
    "user": "user",
    "namespace": "namespace",
    "server": "server",
    "token": "token",
    "certificate_authority": "certificate-authority",
    "client_certificate": "client-certificate",
    "client_key": "client-key",
    "tls_server_name": "tls-server-name",
    "insecure": "insecure-skip-tls-verify",
    "as_": "as",
    "as_uid": "as-uid",
    "as_groups": "as-group",
    "request_timeout": "request-timeout",
}


class Maker:
    """Makes cases; certificates, tokens and commands are real and lie in the case's folder."""

    def __init__(self, recorder: Recorder, seed: int) -> None:
        self._recorder, self._draw = recorder, random.Random(seed)
        self._authority = recorder.signer.certificate.read_bytes()
        pairs = [recorder.signer.client(name, f"/CN={name}") for name in ("ana", "bo")]
        self._pairs = [(one.read_bytes(), key.read_bytes()) for one, key in pairs]
        self._paths = pairs
        self._secure = f"https://127.0.0.1:{recorder.https}"

    def case(self, folder: Path) -> Case:
        """Return the next case, with its files written."""
        draw = self._draw
        folder.mkdir(parents=True)
        made = Case(folder)
        self._write(made)
        if draw.random() < 0.25:
            made.explicit = bool(made.files)
        for _ in range(draw.choice((0, 0, 0, 0, 1, 1, 2))):
            self._flag(made)
        if draw.random() < 0.1:
            self._proxy(made)
        return made

    def _write(self, made: Case) -> None:
        draw = self._draw
        count = 0 if draw.random() < 0.06 else draw.choice((1, 1, 1, 2, 2, 3))
        for number in range(count):
            path = made.folder / f"f{number}" / "config"
            path.parent.mkdir()
            made.files.append(path)
            if draw.random() < 0.06:
                made.note += " file missing"
                continue
            text = self._text(self._kubeconfig(path.parent, number), made)
            made.contexts += [f"x{number}"]
            path.write_bytes(text)
        if count and draw.random() < 0.05:
            made.files.append(made.files[0])
        if not count and draw.random() < 0.5:
            home = made.folder / ".kube"
            home.mkdir()
            (home / "config").write_bytes(self._text(self._kubeconfig(home, 0), made))

    def _kubeconfig(self, folder: Path, number: int) -> dict[str, Any]:
        draw = self._draw
        clusters = {
            f"c{draw.randrange(3)}": self._cluster(folder) for _ in range(draw.choice((1, 2)))
        }
        users = {f"u{draw.randrange(3)}": self._user(folder) for _ in range(draw.choice((1, 2)))}
        contexts = {}
        for name in (f"x{draw.randrange(3)}", f"x{number}"):
            contexts[name] = {
                "cluster": f"c{draw.randrange(4)}"
                if draw.random() < 0.04
                else draw.choice([*clusters]),
                "user": f"u{draw.randrange(4)}" if draw.random() < 0.05 else draw.choice([*users]),
            }
            if draw.random() < 0.5:
                contexts[name]["namespace"] = draw.choice(("web", "default", "team-a"))
        found: dict[str, Any] = {"apiVersion": "v1", "kind": "Config"}
        if draw.random() < 0.95:
            strange = draw.random() < 0.06
            found["current-context"] = draw.choice(("", "x9") if strange else [*contexts])
        for sort, inner, parts in (
            ("clusters", "cluster", clusters),
            ("users", "user", users),
            ("contexts", "context", contexts),
        ):
            found[sort] = [{"name": name, inner: part} for name, part in parts.items()]
        return found

    def _cluster(self, folder: Path) -> dict[str, Any]:
        draw = self._draw
        data = base64.b64encode(self._authority).decode()
        usual: dict[str, Any] = {"server": self._secure, "certificate-authority-data": data}
        if draw.random() < 0.8:
            return usual
        (folder / "ca.crt").write_bytes(self._authority)
        plain = {"server": self._secure}
        ways: tuple[dict[str, Any], ...] = (
            {**plain, "certificate-authority": "ca.crt"},
            {**plain, "certificate-authority": "../" + folder.name + "/ca.crt"},
            {**plain, "certificate-authority": "nowhere.crt"},
            {**plain, "insecure-skip-tls-verify": True},
            {**usual, "insecure-skip-tls-verify": True},
            {**usual, "certificate-authority": "ca.crt"},
            {**usual, "tls-server-name": "api.test"},
            {**usual, "server": f"https://localhost:{self._recorder.https}/k8s/clusters/c-1/"},
            {**usual, "server": f"https://localhost:{self._recorder.https}?a=b#c"},
            {**usual, "server": f"HTTPS://localhost:{self._recorder.https}"},
            {"server": f"http://127.0.0.1:{self._recorder.http}"},
            {"server": f"127.0.0.1:{self._recorder.http}"},
            {**usual, "server": ""},
            {"certificate-authority-data": data},
            {},
            {**usual, "server": "https://"},
            {**usual, "server": "ftp://127.0.0.1"},
            {**usual, "server": "https://127.0.0.1:notaport"},
            {**usual, "server": f"https://me:pw@127.0.0.1:{self._recorder.https}"},
            {**plain, "certificate-authority-data": base64.b64encode(b"no pem").decode()},
            {**plain, "certificate-authority-data": "%%%"},
            {**usual, "proxy-url": f"http://127.0.0.1:{self._recorder.http}"},
            {**usual, "proxy-url": "ftp://127.0.0.1"},
            {**usual, "proxy-url": ":"},
            {**usual, "disable-compression": True},
            {**usual, "extensions": [{"name": "minikube", "extension": {"a": 1}}]},
            {**usual, "unknown-field": {"a": [1]}},
        )
        return dict(draw.choice(ways))

    def _user(self, folder: Path) -> dict[str, Any]:
        draw = self._draw
        token = f"token-{draw.randrange(1000)}"
        if draw.random() < 0.3:
            return {"token": token}
        certificate, key = draw.choice(self._pairs)
        data, secret = base64.b64encode(certificate).decode(), base64.b64encode(key).decode()
        (folder / "me.crt").write_bytes(certificate)
        (folder / "me.key").write_bytes(key)
        (folder / "token").write_text(f"file-{token}\n")
        (folder / "void").write_text("\n")
        pair = {"client-certificate-data": data, "client-key-data": secret}
        ways: tuple[dict[str, Any], ...] = (
            *[pair] * 5,
            {**pair, "token": token},
            {"client-certificate": "me.crt", "client-key": "me.key"},
            {"client-certificate": "me.crt", "client-key-data": secret},
            {"client-certificate-data": data},
            {"client-key-data": secret},
            {**pair, "client-key": "me.key"},
            {**pair, "client-certificate": "me.crt"},
            {"client-certificate": "no.crt", "client-key": "me.key"},
            {"client-certificate-data": base64.b64encode(b"x").decode(), "client-key-data": secret},
            {"tokenFile": "token"},
            {"tokenFile": "nowhere"},
            {"tokenFile": "void"},
            {"tokenFile": "token", "token": token},
            {"tokenFile": "nowhere", "token": token},
            {"token": f"{token}\n"},
            {"username": "me", "password": "pw"},
            {"username": "me", "password": "pw", "token": token},
            {"auth-provider": {"name": "gcp"}},
            {"auth-provider": {"name": "nobody"}, "token": token},
            self._oidc(9_999_999_999),
            {**self._oidc(9_999_999_999), "token": token},
            self._oidc(1),
            {"auth-provider": {"name": "oidc", "config": {"client-id": "x"}}},
            {"token": token, "as": "jane", "as-groups": ["dev", "ops"], "as-uid": "42"},
            {"token": token, "as": "jane", "as-user-extra": {"scopes": ["a", "b"], "x/y": ["c"]}},
            {"token": token, "as-groups": ["dev"]},
            {},
            *(self._exec(folder, token) for _ in range(12)),
        )
        return dict(draw.choice(ways))

    def _oidc(self, ends: int) -> dict[str, Any]:
        def part(value: object) -> str:
            return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

        token = f"{part({'alg': 'RS256'})}.{part({'exp': ends})}.c2ln"
        config = {"idp-issuer-url": "https://127.0.0.1:1", "client-id": "upid", "id-token": token}
        return {"auth-provider": {"name": "oidc", "config": config}}

    def _exec(self, folder: Path, token: str) -> dict[str, Any]:
        draw = self._draw
        certificate, key = draw.choice(self._pairs)
        answers: tuple[tuple[str, dict[str, Any]], ...] = (
            (V1, {"token": token}),
            (V1, {"token": token, "expirationTimestamp": "2999-01-01T00:00:00Z"}),
            (BETA, {"token": token}),
            (V1, {"clientCertificateData": certificate.decode(), "clientKeyData": key.decode()}),
            (V1, {"clientCertificateData": certificate.decode()}),
            (V1, {}),
        )
        version, status = draw.choice(answers)
        answer = {"apiVersion": version, "kind": "ExecCredential", "status": status}
        told = base64.b64encode(json.dumps(answer).encode()).decode()
        script = folder / "login.sh"
        script.write_text(f"#!/bin/sh\necho {told} | base64 -d\n")
        script.chmod(stat.S_IRWXU)
        asked = V1 if draw.random() < 0.8 else BETA
        usual: dict[str, Any] = {"apiVersion": asked, "command": "./login.sh"}
        usual["interactiveMode"] = "Never"
        ways: tuple[Callable[[], dict[str, Any]], ...] = (
            *[lambda: usual] * 12,
            lambda: {**usual, "command": str(script), "env": [{"name": "A", "value": "b"}]},
            lambda: {**usual, "interactiveMode": "IfAvailable", "provideClusterInfo": True},
            lambda: {**usual, "interactiveMode": "Always"},
            lambda: {**usual, "interactiveMode": "Sometimes"},
            lambda: {key: value for key, value in usual.items() if key != "interactiveMode"},
            lambda: {**usual, "apiVersion": "client.authentication.k8s.io/v1alpha1"},
            lambda: {**usual, "apiVersion": ""},
            lambda: {**usual, "command": ""},
            lambda: {**usual, "command": "no-such-command-anywhere", "installHint": "get it"},
            lambda: {**usual, "command": "./nowhere.sh"},
            lambda: {**usual, "command": "false"},
            lambda: {**usual, "command": "echo", "args": ["not json"]},
            lambda: {**usual, "env": [{"name": "", "value": "x"}]},
        )
        user: dict[str, Any] = {"exec": draw.choice(ways)()}
        if draw.random() < 0.1:
            user["token"] = f"beside-{token}"
        if draw.random() < 0.05:
            user["auth-provider"] = {"name": "oidc"}
        return user

    def _text(self, found: dict[str, Any], made: Case) -> bytes:
        """Return a kubeconfig's text, now and then broken."""
        draw = self._draw
        if draw.random() < 0.92:
            if draw.random() < 0.2:
                return json.dumps(found).encode()
            return yaml.safe_dump(found, sort_keys=draw.random() < 0.5).encode()
        first = found["contexts"][0]
        ways: tuple[tuple[str, Callable[[], object]], ...] = (
            ("empty", lambda: b""),
            ("comment", lambda: b"# nothing\n"),
            ("list", lambda: b"- a\n"),
            ("text", lambda: b"hello\n"),
            ("broken", lambda: b"contexts: [\n"),
            ("tab", lambda: b"contexts:\n\t- name: x\n"),
            ("kind", lambda: found.update(kind="Pod")),
            ("version", lambda: found.update(apiVersion="v2")),
            ("no kind", lambda: (found.pop("kind"), found.pop("apiVersion"))),
            ("number", lambda: first.update(name=12)),
            ("boolean", lambda: first["context"].update(namespace=True)),
            ("word", lambda: yaml.safe_dump(found).replace("name: x", "name: yes #").encode()),
            ("null", lambda: found.update(users=None)),
            ("nulls", lambda: first["context"].update(namespace=None)),
            ("twice", lambda: found["contexts"].append(dict(first))),
            ("map", lambda: found.update(clusters={"a": 1})),
            ("case", lambda: found.update({"Current-Context": "x2"})),
            ("more", lambda: yaml.safe_dump(found).encode() + b"---\nkind: Other\n"),
            ("date", lambda: first["context"].update(namespace=_BARE + "2024-01-01")),
            ("time", lambda: first["context"].update(namespace=_BARE + "12:30:45")),
            ("exponent", lambda: first["context"].update(namespace=_BARE + "1e5")),
            ("hex", lambda: first["context"].update(namespace=_BARE + "0x1f")),
            ("octal", lambda: first["context"].update(namespace=_BARE + "0o17")),
            ("under", lambda: first["context"].update(namespace=_BARE + "1_000")),
            ("string", lambda: first["context"].update(namespace=_BARE + "!!str 12")),
            ("alias", lambda: b"x: &x web\n" + _aliased(found)),
            ("merge", lambda: _merged(found)),
        )
        name, change = draw.choice(ways)
        made.note += f" {name}"
        changed = change()
        return (
            changed
            if isinstance(changed, bytes)
            else yaml.safe_dump(found).replace(_BARE, "").encode()
        )

    def _flag(self, made: Case) -> None:
        draw = self._draw
        certificate, key = draw.choice(self._paths)
        ways: tuple[dict[str, Any], ...] = (
            {"context": draw.choice((*made.contexts, "x9"))},
            {"context": draw.choice((*made.contexts, "x9"))},
            {"cluster": f"c{draw.randrange(4)}"},
            {"user": f"u{draw.randrange(4)}"},
            {"namespace": "flagged"},
            {"server": self._secure},
            {"server": f"https://localhost:{self._recorder.https}/p"},
            {"token": "flag-token"},
            {"certificate_authority": str(self._recorder.signer.certificate)},
            {"certificate_authority": "/nowhere.crt"},
            {"client_certificate": str(certificate), "client_key": str(key)},
            {"tls_server_name": "api.test"},
            {"insecure": True},
            {"as_": "flag-user"},
            {"as_": "flag-user", "as_groups": ("g1", "g2"), "as_uid": "7"},
            {"as_groups": ("g1",)},
            {"request_timeout": draw.choice(("5", "5s", "1m30s", "0", "soon", "5x"))},
        )
        made.flags |= draw.choice(ways)

    def _proxy(self, made: Case) -> None:
        proxy = f"http://127.0.0.1:{self._recorder.http}"
        ways: tuple[dict[str, str], ...] = (
            {"HTTPS_PROXY": proxy},
            {"https_proxy": proxy},
            {"HTTPS_PROXY": proxy, "NO_PROXY": "proxied.test"},
            {"HTTPS_PROXY": proxy, "no_proxy": ".test"},
            {"HTTPS_PROXY": proxy, "NO_PROXY": "*"},
            {"HTTPS_PROXY": f"127.0.0.1:{self._recorder.http}"},
            {"HTTP_PROXY": proxy},
            {"ALL_PROXY": proxy},
        )
        made.environment |= self._draw.choice(ways)
        if self._draw.random() < 0.8:  # this machine is never reached through a proxy
            made.flags["server"] = f"https://proxied.test:{self._recorder.https}"
            if "NO_PROXY" in str(made.environment).upper():
                made.flags["server"] = f"https://proxied.test.:{self._recorder.https}"


def _aliased(found: dict[str, Any]) -> bytes:
    found["contexts"][0]["context"]["namespace"] = "ALIAS"
    return yaml.safe_dump(found).replace("ALIAS", "*x").encode()


def _merged(found: dict[str, Any]) -> bytes:
    found["contexts"][0]["context"].pop("namespace", None)
    text = yaml.safe_dump(found, sort_keys=True)
    return (
        b"x: &x {namespace: merged}\n"
        + text.replace("  name: x", "    <<: *x\n  name: x", 1).encode()
    )
