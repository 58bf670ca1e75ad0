"""UPID and the real kubectl, with the same files and flags, reach the same server as the same."""

import asyncio
import base64
import http.client
import json
import re
import ssl
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.adapters.kubernetes.arrivals import Arrival, Recorder, recording
from tests.adapters.kubernetes.kubeconfigs import V1, Case, Maker
from tests.world.parts import program
from upid.adapters.kubernetes import errors
from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.kubeconfig import find_access
from upid.core.errors import UpidError

pytestmark = pytest.mark.world

QUICK, FULL, SEED = 80, 340, 5

# How kubectl says what went wrong, and what that is. The first that is found counts.
_SAYS = (
    (r"Please enter Username", "asks for a name"),
    (r"(context|auth info|cluster) \".*\" does not exist", "name"),
    (r"^error: stat .*no such file", "no file"),
    (r"localhost:8080|Missing or incomplete configuration", "no cluster"),
    (r"invalid configuration|error loading config file|context was not found", "invalid"),
    (r"Invalid timeout value", "flag"),
    (
        r"getting credentials|exec plugin|[Aa]uth [Pp]rovider|auth plugin|id-token|Must provide",
        "credentials",
    ),
    (r"tls: |x509|certificate|PEM", "certificate"),
    (r"no such host|dial tcp|proxyconnect|Bad Gateway|refused", "unreached"),
    (r"invalid header field value", "credentials"),
    (r"unsupported protocol scheme", "invalid"),
    (r"^error: |Error in configuration", "invalid"),
)
_OURS: Mapping[type[UpidError], str] = {
    errors.KubeconfigNameMissing: "name",
    errors.KubeconfigMissing: "no file",
    errors.NoCluster: "no cluster",
    errors.KubeconfigInvalid: "invalid",
    errors.FlagInvalid: "flag",
    errors.CredentialsFailed: "credentials",
}


@dataclass(frozen=True)
class Outcome:
    """What came of a case: who arrived at the server, or why nobody did.

    names  context, cluster, user and namespace, where both sides can tell
    """

    arrival: Arrival | None
    failure: str
    said: str = ""
    names: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def recorder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorder]:
    with recording(tmp_path_factory.mktemp("recorder")) as found:
        yield found


def kubectls(case: Case, recorder: Recorder) -> Outcome:
    """Return what comes of a case with the real kubectl."""
    recorder.take()
    waits = [] if "request_timeout" in case.flags else ["--request-timeout=5s"]
    command = [str(program("kubectl")), "get", "--raw", "/probe", *case.arguments, *waits]
    ran = subprocess.run(
        command,
        env=case.variables,
        cwd=case.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    arrived = recorder.take()
    if arrived:
        return Outcome(arrived[-1], "", ran.stderr, chosen(case))
    said = ran.stderr + ran.stdout
    for pattern, meaning in _SAYS:
        if re.search(pattern, said, re.MULTILINE):
            return Outcome(None, meaning, said)
    return Outcome(None, "?", said)


def chosen(case: Case) -> tuple[str, ...]:
    """Return the names that kubectl shows; it does not show what flags other than these make."""
    if not set(case.flags) <= {"context", "namespace"} or not text(case):
        return ()
    command = [str(program("kubectl")), "config", "view", "--minify", "-o", "json", *case.arguments]
    ran = subprocess.run(
        command, env=case.variables, cwd=case.folder, capture_output=True, check=True, timeout=60
    )
    found = json.loads(ran.stdout)
    context = found["contexts"][0]
    said = context["context"]
    namespace = case.flags.get("namespace") or said.get("namespace") or "default"
    return context["name"], said.get("cluster", ""), said.get("user", ""), namespace


def upids(case: Case, recorder: Recorder) -> Outcome:
    """Return what comes of a case with UPID's access and the standard library's client."""
    recorder.take()
    names: tuple[str, ...] = ()
    try:
        access = find_access(case.options, case.variables, case.folder)
        headers = dict(asyncio.run(access.credentials.headers()))
        names = (access.context, access.cluster, access.user, access.namespace)
        ask(access, headers, case.folder)
    except UpidError as error:
        return Outcome(None, _OURS[type(error)], f"{error} / {error.hint}")
    except (OSError, http.client.HTTPException) as error:
        arrived = recorder.take()
        if arrived:
            return Outcome(arrived[-1], "", "", names)
        failure = "certificate" if isinstance(error, ssl.SSLError) else "unreached"
        return Outcome(None, failure, repr(error))
    return Outcome(recorder.take()[-1], "", "", names)


def ask(access: Access, headers: Mapping[str, str], folder: Path) -> None:
    """Send one request as the access says."""
    url = urlsplit(access.server)
    host, port = url.hostname or "", url.port or (443 if url.scheme == "https" else 80)
    if access.proxy:
        proxy = urlsplit(access.proxy)
        tunnel = http.client.HTTPConnection(proxy.hostname or "", proxy.port, timeout=5)
        tunnel.request("CONNECT", f"{host}:{port}")
        tunnel.getresponse().read()
        tunnel.close()
        return
    if host.startswith("proxied.test"):
        raise ConnectionError("there is no such host")
    if url.scheme == "http":
        connection = http.client.HTTPConnection(host, port, timeout=5)
    else:
        connection = http.client.HTTPSConnection(
            host, port, timeout=5, context=trust(access, folder)
        )
        if access.tls.server_name:
            connection._tunnel_host = None  # type: ignore[attr-defined]
            connection = _named(connection, access.tls.server_name)
    connection.putrequest("GET", f"{url.path}/probe")
    for key, value in (*headers.items(), *access.impersonate):
        connection.putheader(key, value)
    connection.endheaders()
    connection.getresponse().read()
    connection.close()


def _named(connection: http.client.HTTPSConnection, name: str) -> http.client.HTTPSConnection:
    """Return a connection that asks for a name of its own in the handshake."""
    context: ssl.SSLContext = connection._context  # type: ignore[attr-defined]
    plain = http.client.HTTPConnection(connection.host, connection.port, timeout=5)
    plain.connect()
    connection.sock = context.wrap_socket(plain.sock, server_hostname=name)
    return connection


def trust(access: Access, folder: Path) -> ssl.SSLContext:
    """Return the TLS settings of an access; that keys lie in files here is the test's own way."""
    context = ssl.create_default_context()
    if access.tls.authority:
        context = ssl.create_default_context(cadata=access.tls.authority.decode())
    if access.tls.insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    pair = access.credentials.certificate()
    if pair:
        joined = folder / "pair.pem"
        joined.write_bytes(pair.certificate + b"\n" + pair.key)
        context.load_cert_chain(joined)
    return context


def text(case: Case) -> str:
    """Return all files of a case."""
    home = case.folder / ".kube" / "config"
    return "\n".join(p.read_text() for p in (*case.files, home) if p.is_file())


# The differences that docs/guide/connect.md explains, each with how it shows itself.
DIFFERENCES: Mapping[str, Callable[[Case, Outcome, Outcome], bool]] = {
    "no user": lambda _, theirs, ours: theirs.failure == "asks for a name" and not ours.failure,
    "username and password": lambda _case, _theirs, ours: (
        ours.failure == "invalid" and "password" in ours.said
    ),
    "token flag over token file": lambda case, _theirs, ours: (
        "token" in case.flags
        and "tokenFile" in text(case)
        and bool(ours.arrival)
        and ("authorization", "Bearer flag-token")
        in (ours.arrival or Arrival("", (), "", "")).headers
    ),
}


def table(root: Path) -> str:
    """Return the guide's differences from kubectl."""
    guide = (root / "docs/guide/connect.md").read_text()
    return guide.partition("## Where UPID differs from kubectl")[2]


def explained(case: Case, theirs: Outcome, ours: Outcome) -> str | None:
    """Return why two outcomes are as good as equal, or None."""
    if theirs.names and ours.names and theirs.names != ours.names:
        return None
    if (theirs.arrival, bool(theirs.failure)) == (ours.arrival, bool(ours.failure)):
        return "equal" if theirs.failure == ours.failure else "equal, by another name"
    return next((name for name, is_it in DIFFERENCES.items() if is_it(case, theirs, ours)), None)


@pytest.mark.parametrize(
    "count", [QUICK, pytest.param(FULL, marks=pytest.mark.slow)], ids=["quick", "full"]
)
def test_kubectl_and_upid_reach_the_same_server_as_the_same_user(
    recorder: Recorder, tmp_path: Path, count: int
) -> None:
    """CLU-1."""
    make = Maker(recorder, SEED)
    tally: Counter[str] = Counter()
    differing = []
    for number in range(count):
        case = make.case(tmp_path / str(number))
        theirs, ours = kubectls(case, recorder), upids(case, recorder)
        why = explained(case, theirs, ours)
        tally[why or "different"] += 1
        if why is None or theirs.failure == "?":
            differing.append((number, case.arguments, case.note, theirs, ours))
        elif theirs.failure:
            tally[f"failures: {theirs.failure} / {ours.failure}"] += 1
        elif ours.arrival:
            tally[f"arrived: {ours.arrival.kind}"] += 1
            tally["arrived with a certificate"] += bool(ours.arrival.certificate)
            tally["names compared"] += bool(theirs.names)

    assert not differing, differing[:5]
    # A comparison shows something only where many of every sort were compared.
    assert tally["arrived: https"] > count / 4
    if count == FULL:
        assert min(tally["arrived: proxy"], tally["arrived: http"]) > 0
    assert tally["arrived with a certificate"] > count / 20
    assert tally["names compared"] > count / 5
    assert sum(count for name, count in tally.items() if name.startswith("failures")) > count / 5
    print(json.dumps(tally, indent=1))  # noqa: T201 - shown with -s


def one(recorder: Recorder, folder: Path, user: dict[str, Any], **flags: str) -> Case:
    """Return a case with one good cluster and one user."""
    authority = base64.b64encode(recorder.signer.certificate.read_bytes()).decode()
    server = f"https://127.0.0.1:{recorder.https}"
    cluster = {
        "server": server,
        "certificate-authority-data": authority,
        "tls-server-name": "api.test",
        "proxy-url": "",
        "disable-compression": True,
        "extensions": [
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "a", "n": None}}
        ],
    }
    path = folder / "config"
    path.write_text(
        json.dumps(
            {
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "clusters": [{"name": "c", "cluster": cluster}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return Case(folder, [path], flags=flags)


def test_a_command_is_told_what_kubectl_tells_it(recorder: Recorder, tmp_path: Path) -> None:
    """CLU-1."""
    told = tmp_path / "told"
    answer = {"apiVersion": V1, "kind": "ExecCredential", "status": {"token": "t"}}
    script = f"env -0 > {told}; echo '{json.dumps(answer)}'"
    command = {
        "apiVersion": V1,
        "command": "sh",
        "args": ["-c", script],
        "env": [{"name": "HOME", "value": "/elsewhere"}, {"name": "ADDED", "value": "1"}],
        "interactiveMode": "IfAvailable",
        "provideClusterInfo": True,
    }
    case = one(recorder, tmp_path, {"exec": command})
    seen = []
    for ask_with in (kubectls, upids):
        assert ask_with(case, recorder).arrival
        variables = dict(line.split("=", 1) for line in told.read_text().split("\0") if line)
        variables["KUBERNETES_EXEC_INFO"] = json.loads(variables["KUBERNETES_EXEC_INFO"])
        seen.append(
            {key: value for key, value in variables.items() if key not in ("PWD", "_", "SHLVL")}
        )

    assert seen[0] == seen[1]
    assert seen[1]["HOME"] == "/elsewhere"


@pytest.mark.parametrize(
    ("name", "user", "flags"),
    [
        ("no user", {}, {}),
        ("username and password", {"username": "me", "password": "pw"}, {}),
        ("token flag over token file", {"tokenFile": "t"}, {"token": "flag-token"}),
    ],
)
def test_each_difference_from_kubectl_is_there_and_in_the_guide(
    root: Path,
    recorder: Recorder,
    tmp_path: Path,
    name: str,
    user: dict[str, Any],
    flags: dict[str, Any],
) -> None:
    (tmp_path / "t").write_text("from-the-file")
    case = one(recorder, tmp_path, user, **flags)

    theirs, ours = kubectls(case, recorder), upids(case, recorder)

    assert explained(case, theirs, ours) == name
    assert name in table(root)


@pytest.mark.parametrize(
    ("sort", "fields"),
    [
        ("clusters", {"certificate-authority": "ca.crt"}),
        ("clusters", {"insecure-skip-tls-verify": True}),
        ("clusters", {"proxy-url": "ftp://proxy"}),
        ("users", {"client-certificate-data": "eA=="}),
        ("users", {"as-groups": ["g"]}),
        ("users", {"exec": {"apiVersion": V1, "command": "true"}}),
        ("users", {"auth-provider": {"name": "gcp"}}),
    ],
)
def test_what_kubectl_refuses_upid_refuses(
    recorder: Recorder, tmp_path: Path, sort: str, fields: dict[str, Any]
) -> None:
    """CLU-1."""
    (tmp_path / "ca.crt").write_bytes(recorder.signer.certificate.read_bytes())
    case = one(recorder, tmp_path, {"token": "t"})
    found = json.loads(case.files[0].read_text())
    found[sort][0][sort[:-1]] |= fields
    case.files[0].write_text(json.dumps(found))

    theirs, ours = kubectls(case, recorder), upids(case, recorder)

    assert (theirs.arrival, ours.arrival) == (None, None)
    assert theirs.failure
    assert ours.failure in ("invalid", "credentials")
