"""Kubeconfigs that a stranger might send, by the thousand from a seed."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import yaml

CANARY = "canary-7f3a9c51d2"

_COMMAND = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "interactiveMode": "Never",
    "command": "/bin/sh",
    "args": ["-c", "touch /tmp/upid-was-here; cat /etc/passwd"],
}
_DANGEROUS: list[tuple[str, str, object]] = [
    ("users", "exec", _COMMAND),
    ("users", "Exec", _COMMAND),
    ("users", "exec ", _COMMAND),
    ("users", "exec", None),
    ("users", "auth-provider", {"name": "gcp", "config": {"cmd-path": "/bin/sh"}}),
    (
        "users",
        "auth-provider",
        {"name": "oidc", "config": {"idp-issuer-url": "http://169.254.169.254"}},
    ),
    ("users", "authProvider", {"name": "azure"}),
    ("users", "tokenFile", "/etc/passwd"),
    ("users", "token-file", "/etc/passwd"),
    ("users", "client-certificate", "/etc/passwd"),
    ("users", "client-key", "/etc/shadow"),
    ("users", "username", "root"),
    ("users", "password", CANARY),
    ("users", "as", "system:admin"),
    ("users", "as-groups", ["system:masters"]),
    ("users", "as-uid", "0"),
    ("users", "as-user-extra", {"scopes": ["all"]}),
    ("users", "insecure-skip-tls-verify", True),
    ("clusters", "certificate-authority", "/etc/ssl/cert.pem"),
    ("clusters", "certificate-authority", "file:///etc/passwd"),
    ("clusters", "proxy-url", "http://169.254.169.254"),
    ("clusters", "proxy-url", ""),
    ("clusters", "insecure-skip-tls-verify", True),
    ("clusters", "insecure-skip-tls-verify", "false"),
    ("clusters", "disable-compression", True),
    ("clusters", "exec", _COMMAND),
    ("contexts", "exec", _COMMAND),
    ("contexts", "proxy-url", "http://127.0.0.1"),
]
_SERVERS = (
    *("https://localhost", "https://127.0.0.1:6443", "https://[::1]", "https://[::ffff:10.0.0.1]"),
    *(
        "https://169.254.169.254",
        "http://example.com",
        "https://0x7f000001",
        "https://017700000001",
    ),
    *(
        "https://2130706433",
        "https://127.1",
        "https://user:pw@example.com",
        "https://example.com#@10.0.0.1",
    ),
    *("https://example.com\\@127.0.0.1", "https://example.com%2f@127.0.0.1", "file:///etc/passwd"),
    *("https://[fe80::1%25eth0]", "https://[64:ff9b::a9fe:a9fe]", "https://[2002:7f00:1::]"),
    *(
        "unix:///var/run/docker.sock",
        "https://metadata",
        "https://exa mple.com",
        "https://example.com:0",
    ),
    *(
        "https://example.com:99999",
        "https://example.com/../..",
        "https://ⓛocalhost",
        "//example.com",
    ),
    *("https://168.63.129.16", "https://192.0.0.192", "https://100.100.100.200", "https://0.0.0.0"),
    *(
        "https://224.0.0.1",
        "https://[ff02::1]",
        "https://[::]",
        "https://10.0.0.1.",
        "https://1.2.3.4.5",
    ),
    *("https://169.254.169.254.", "https://example.com\t", "https://example.com\n.evil", ""),
)
_VALUES: tuple[object, ...] = (
    *(
        None,
        True,
        False,
        0,
        -1,
        1.5,
        10**30,
        "",
        " ",
        "\x00",
        "a" * 70_000,
        "\u202e",
        "../../etc/passwd",
    ),
    *([], {}, [[]], {"a": {}}, ["x"], "$(id)", "`id`", "{{7*7}}", "%s%n", "\ud7ff", "yes", "0x10"),
)
_TEXTS: tuple[bytes, ...] = (
    b"",
    b"\x00",
    b"- a\n- b\n",
    b"just text",
    b"null",
    b"{",
    b"%YAML 9.9\n---\na: b",
    b"!!python/object/apply:os.system ['touch /tmp/upid-was-here']",
    b"!!python/object/new:subprocess.Popen [['/bin/sh']]",
    b"users: !!python/name:os.system",
    b"users: !<tag:yaml.org,2002:python/module:os> ''",
    b"a: &a [x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (i, i, b",".join([b"*%c" % (i - 1)] * 8)) for i in b"bcdefghi"),
    b"a: &a {b: *a}",
    b"&x users: *x",
    b"[" * 100_000,
    b"{a: " * 50_000,
    b"- " * 100_000,
    b"? " * 50_000,
    b"a: " + b"x" * 250_000,
    b"k" * 300_000,
    b"'" + b"\n" * 250_000,
    b"\n".join(b"k%d: v" % number for number in range(20_000)),
    b"#" * 250_000,
    b"a: |\n" + b" \n" * 100_000,
    "users: \udcff".encode("utf-8", "surrogatepass"),
    b"\xff\xfe" + "kind: Config".encode("utf-16-le"),
    b"\xef\xbb\xbfkind: Config",
    b"kind: Config\n---\nkind: Config\n",
    b"clusters: []\nclusters: []\n",
    b"<<: {users: [{name: u, user: {exec: {command: id}}}]}\n",
)


def good() -> dict[str, Any]:
    """Return a kubeconfig with nothing wrong in it."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": "prod",
        "contexts": [
            {"name": "prod", "context": {"cluster": "c", "user": "u", "namespace": "web"}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://k8s.example.com:6443"}}],
        "users": [{"name": "u", "user": {"token": CANARY}}],
    }


def generate(count: int, seed: int) -> list[tuple[str, bytes]]:
    """Return kubeconfigs with the kind of mischief in them; `harmless` is none."""
    draw = random.Random(seed)
    made: list[tuple[str, bytes]] = [("text", text) for text in _TEXTS]
    made += [("field", _spelled(_with_field(one, draw), draw)) for one in _DANGEROUS]
    made += [("server", _spelled(_with_server(one), draw)) for one in _SERVERS]
    kinds: list[tuple[str, Callable[[random.Random], bytes]]] = [
        ("field", lambda d: _spelled(_with_field(d.choice(_DANGEROUS), d), d)),
        ("server", lambda d: _spelled(_with_server(d.choice(_SERVERS)), d)),
        ("value", lambda d: _spelled(_with_value(d), d)),
        ("bytes", _with_bytes),
        ("hidden", _hidden),
        ("harmless", lambda d: _spelled(_harmless(d), d)),
    ]
    while len(made) < count:
        kind, make = draw.choice(kinds)
        made.append((kind, make(draw)))
    return made[:count]


def _with_field(one: tuple[str, str, object], draw: random.Random) -> dict[str, Any]:
    sort, field, value = one
    found = good()
    part = found[sort]
    if draw.random() < 0.3:  # in a part that nobody uses
        part.append({"name": "other", sort[:-1]: {}})
    part[-1][sort[:-1]][field] = value
    return found


def _with_server(server: str) -> dict[str, Any]:
    found = good()
    found["clusters"][0]["cluster"]["server"] = server
    return found


def _with_value(draw: random.Random) -> dict[str, Any]:
    """Put a strange value somewhere."""
    found = good()
    places: list[tuple[Any, Any]] = []

    def walk(part: Any) -> None:  # noqa: ANN401 - any YAML
        for key in part if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], dict | list):
                walk(part[key])

    walk(found)
    part, key = draw.choice(places)
    part[key] = copy.deepcopy(draw.choice(_VALUES))
    return found


def _with_bytes(draw: random.Random) -> bytes:
    """Break the text of one that was good or bad."""
    text = bytearray(_spelled(_with_field(draw.choice(_DANGEROUS), draw), draw))
    for _ in range(draw.randint(1, 8)):
        at = draw.randrange(len(text))
        match draw.randrange(3):
            case 0:
                text[at] = draw.randrange(256)
            case 1:
                del text[at : at + draw.randint(1, 20)]
            case _:
                text[at:at] = draw.choice(
                    (b"&a ", b"*a", b"!!python/name:os.system ", b"<<: ", b"\t", b"\0")
                )
    return bytes(text)


def _hidden(draw: random.Random) -> bytes:
    """Bring a dangerous field in by YAML's own means."""
    field = draw.choice(
        ("exec: {command: id}", "tokenFile: /etc/passwd", "auth-provider: {name: gcp}")
    )
    text = yaml.safe_dump(good()).encode()
    user = f"{{token: x, {field}}}"
    ways = (
        f"x: &bad {user}\n".encode() + text.replace(b"user:\n", b"user:\n      <<: *bad\n"),
        text.replace(b"token: ", b'"\\x65xec": {command: id}\n    token: '),
        text + f"users: [{{name: u, user: {user}}}]\n".encode(),
        text + f"---\nusers: [{{name: u, user: {user}}}]\n".encode(),
        text.replace(b"users:", f"users: &u [{{name: v, user: {user}}}]\nusers:".encode()),
        text.replace(b"token: ", f"? {field.split(':')[0]}\n    : id\n    token: ".encode()),
    )
    return draw.choice(ways)


def _harmless(draw: random.Random) -> dict[str, Any]:
    found = good()
    notes = [{"name": "minikube", "extension": {"exec": "id", "deep": [1, {"a": None}]}}]
    changes: list[Callable[[], object]] = [
        lambda: found.update(extensions=notes),
        lambda: found["clusters"][0]["cluster"].update(extensions=notes),
        lambda: found["clusters"][0]["cluster"].update({"insecure-skip-tls-verify": False}),
        lambda: found["clusters"][0]["cluster"].update({"tls-server-name": "api.example.com"}),
        lambda: found["clusters"][0]["cluster"].update(
            server="https://203.1.113.7/k8s/clusters/c-1"
        ),
        lambda: found["clusters"][0]["cluster"].update(server="https://[2a00:1450::1]:443"),
        lambda: found["contexts"][0]["context"].pop("namespace"),
        lambda: found.pop("preferences"),
        lambda: found["users"].append({"name": "z", "user": {"token": "y"}}),
        lambda: found["clusters"][0].update(name="c"),
    ]
    for change in draw.sample(changes, draw.randint(0, 4)):
        change()
    return found


class _Plain(yaml.CSafeDumper):
    """Writes out what is there twice."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _spelled(found: dict[str, Any], draw: random.Random) -> bytes:
    """Return a kubeconfig as JSON or as YAML in one of its styles."""
    if draw.random() < 0.4:
        return json.dumps(found, indent=draw.choice((None, 2))).encode("utf-8", "surrogatepass")
    text: str = yaml.dump(
        found, Dumper=_Plain, default_flow_style=draw.random() < 0.3, allow_unicode=True
    )
    return text.encode("utf-8", "surrogatepass")


_FIELDS = {
    "users": {"token", "client-certificate-data", "client-key-data", "extensions"},
    "clusters": {"server", "certificate-authority-data", "tls-server-name", "extensions"},
    "contexts": {"cluster", "user", "namespace", "extensions"},
}


def is_harmless(text: bytes) -> bool:
    """Return whether another reader finds nothing in a kubeconfig but what may be in it."""
    found = yaml.load(text, Loader=yaml.CSafeLoader)
    for sort, fields in _FIELDS.items():
        for named in found.get(sort) or ():
            part = named[sort[:-1]]
            if set(part) - fields - {"insecure-skip-tls-verify"} or part.get(
                "insecure-skip-tls-verify"
            ):
                return False
    return True
