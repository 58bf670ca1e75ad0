"""A real control plane in an enclosure: etcd, API server, controller manager, scheduler."""

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.world import parts
from tests.world.api import Api, connect
from tests.world.certificates import Authority, authority, signing_key
from tests.world.enclosure import Enclosure, Program
from tests.world.switches import Switches
from tests.world.waiting import wait_until

READY = 60  # seconds; two are usual
_POLICY = "audit-policy.json"
# Of the API server's garbage: a fifth less memory with 2,000 pods, for 5 % more CPU.
_COLLECTED_OFTEN = {"GOGC": "60"}

# Who there is: token name → user and groups. Tokens are drawn anew for each control plane.
USERS = {
    "admin": ("admin", "system:masters"),
    "control": ("system:kube-controller-manager", "system:masters"),
    "node": ("system:node:node-1", "system:nodes"),
    "upid": ("upid", ""),
    "rival": ("rival", "system:masters"),
    "viewer": ("viewer", ""),
}


@dataclass
class ControlPlane:
    """A running control plane.

    slot      several in one enclosure have ports of their own: 0 has the usual ones
    folder    certificates, tokens, kubeconfigs, etcd's files
    """

    enclosure: Enclosure
    folder: Path
    slot: int
    switches: Switches
    old: bool
    authority: Authority
    tokens: dict[str, str]
    _apis: list[Api] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Return the address that all of it listens on."""
        return self.enclosure.address

    @property
    def server(self) -> str:
        """Return the API server's address."""
        return self._url(6443)

    @property
    def etcd(self) -> str:
        """Return etcd's address, its JSON gateway below `/v3`."""
        return f"http://{self.address}:{self._port(2379)}"

    @property
    def audit_log(self) -> Path:
        """Return the audit log, JSON lines: writes with what was sent and answered."""
        return self.folder / "audit.log"

    @property
    def ca(self) -> Path:
        """Return the certificate of the authority that vouches for the API server."""
        return self.authority.certificate

    def token(self, user: str = "admin") -> str:
        """Return the token of a user in `USERS`."""
        return self.tokens[user]

    def api(self, user: str = "admin", url: str | None = None, agent: str | None = None) -> Api:
        """Return a client for a user; `url` goes another way, such as through a proxy.

        agent  by itself `world-USER`: the API server names field managers by it
        """
        named = agent or f"world-{user}"
        made = connect(url or self.server, self.token(user), str(self.ca), named)
        self._apis.append(made)
        return made

    def kubeconfig(self, user: str = "admin", url: str | None = None) -> Path:
        """Write a kubeconfig that needs nothing beside it; return its file."""
        import base64

        trusted = base64.b64encode(self.ca.read_bytes()).decode()
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "world",
                    "cluster": {
                        "server": url or self.server,
                        "certificate-authority-data": trusted,
                    },
                }
            ],
            "users": [{"name": user, "user": {"token": self.token(user)}}],
            "contexts": [{"name": "world", "context": {"cluster": "world", "user": user}}],
            "current-context": "world",
        }
        way = "" if url is None else re.sub(r"\W+", "-", f"-{url}")
        target = self.folder / f"{user}{way}.kubeconfig"
        target.write_text(json.dumps(config, indent=1))
        target.chmod(0o600)
        return target

    def program(self, name: str) -> Program:
        """Return a running program: etcd, apiserver, controllers or scheduler."""
        return self.enclosure.program(self._named(name))

    def running_programs(self) -> list[str]:
        """Return which of etcd, apiserver, controllers and scheduler run."""
        started = self.enclosure.programs
        return [
            name
            for name in ("etcd", "apiserver", "controllers", "scheduler")
            if self._named(name) in started and started[self._named(name)].alive
        ]

    def restart_api_server(self, switches: Switches | None = None) -> None:
        """Stop the API server and start it again, with other switches if given."""
        self.program("apiserver").stop()
        self.switches = switches or self.switches
        self.start_api_server()

    def start_api_server(self) -> None:
        """Start the API server and wait until it is ready."""
        self._start_api_server("apiserver", 6443, self.switches, self.audit_log)
        self.wait_ready()

    @contextmanager
    def second_api_server(
        self, switches: Switches | None = None, etcd: str | None = None
    ) -> Iterator[str]:
        """Yield the address of another API server on the same etcd, or on a way to it (`etcd`).

        With a proxy between that is cut, the second one serves the past: what a client sees that
        is moved from one to the other.
        """
        log = self.folder / "audit-second.log"
        chosen = switches or self.switches
        program = self._start_api_server("apiserver2", 6444, chosen, log, etcd)
        self.wait_ready(6444, program)
        try:
            yield self._url(6444)
        finally:
            program.stop()

    def wait_ready(self, port: int = 6443, program: Program | None = None) -> None:
        """Wait until an API server answers that it is ready."""
        log = (program or self.program("apiserver")).log
        with connect(self._url(port), self.token(), str(self.ca)).client as client:
            wait_until("the API server to be ready", lambda: _is_ready(client), READY, log)

    def stop(self) -> None:
        """End all of it; files stay until the enclosure goes."""
        for api in self._apis:
            api.close()
        for name in reversed(self.running_programs()):
            self.program(name).stop()

    def start(self, *, controllers: bool = True) -> None:
        """Start etcd, the API server and, if wanted, what acts by itself."""
        self._start_etcd()
        self.start_api_server()
        if controllers:
            self._start_controllers()

    def _start_etcd(self) -> None:
        listen, peers = self.etcd, f"http://127.0.0.1:{self._port(2380)}"
        program = self.enclosure.start(
            self._named("etcd"),
            parts.program("etcd"),
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={listen}",
            f"--advertise-client-urls={listen}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",  # nothing of a world outlives it
            f"--quota-backend-bytes={8 << 30}",  # the whole history of 10,000 pods is kept
            "--log-level=warn",
        )

        def healthy() -> bool:
            try:
                return "true" in httpx2.get(f"{listen}/health", trust_env=False).text
            except httpx2.TransportError:
                return False

        wait_until("etcd to be healthy", healthy, READY, program.log)

    def _start_api_server(
        self, name: str, port: int, switches: Switches, log: Path, etcd: str | None = None
    ) -> Program:
        part = parts.OLD if self.old else None
        server = self.folder / "server"
        private, public = self.folder / "accounts.key", self.folder / "accounts.pub"
        policy = self.folder / _POLICY
        policy.write_text(json.dumps(switches.audit_policy()))
        flags = {
            "etcd-servers": etcd or self.etcd,
            "secure-port": self._port(port),
            "bind-address": self.address,
            "advertise-address": self.address,
            "tls-cert-file": f"{server}.crt",
            "tls-private-key-file": f"{server}.key",
            "cert-dir": self.folder,
            "service-account-key-file": public,
            "service-account-signing-key-file": private,
            "service-account-issuer": "https://kubernetes.default.svc",
            "token-auth-file": self.folder / "tokens.csv",
            "client-ca-file": self.ca,
            "authorization-mode": "Node,RBAC",
            "service-cluster-ip-range": self.enclosure.networks.services,
            "allow-privileged": "true",
            "kubelet-client-certificate": self.folder / "kubelet-client.crt",
            "kubelet-client-key": self.folder / "kubelet-client.key",
            "kubelet-preferred-address-types": "InternalIP",
            "requestheader-client-ca-file": self.ca,
            "requestheader-allowed-names": "front-proxy",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": self.folder / "front-proxy.crt",
            "proxy-client-key-file": self.folder / "front-proxy.key",
            "enable-aggregator-routing": "true",
            "storage-media-type": "application/json",  # so that etcd's history can be read
            "audit-log-path": log,
            "audit-policy-file": policy,
            **switches.flags(),
        }
        return self.enclosure.start(
            self._named(name),
            parts.program("kube-apiserver", part),
            *_flags(flags),
            environment=_COLLECTED_OFTEN,
        )

    def _start_controllers(self) -> None:
        config = self.kubeconfig("control")
        shared = {
            "kubeconfig": config,
            "authentication-kubeconfig": config,
            "authorization-kubeconfig": config,
            "leader-elect": "false",
            "cert-dir": self.folder,
            "bind-address": self.address,
            "kube-api-qps": 1000,  # the usual 20 a second is for clusters with neighbours
            "kube-api-burst": 2000,
        }
        controllers = {
            **shared,
            "secure-port": self._port(10257),
            "service-account-private-key-file": self.folder / "accounts.key",
            "root-ca-file": self.ca,
            "use-service-account-credentials": "false",
            "concurrent-deployment-syncs": 20,
            "concurrent-replicaset-syncs": 20,
            **self.switches.controllers,
        }
        scheduler = {**shared, "secure-port": self._port(10259)}
        for name, program, flags in (
            ("controllers", "kube-controller-manager", controllers),
            ("scheduler", "kube-scheduler", scheduler),
        ):
            self.enclosure.start(self._named(name), parts.program(program), *_flags(flags))

    def _named(self, program: str) -> str:
        return program if self.slot == 0 else f"{program}-{self.slot}"

    def _port(self, usual: int) -> int:
        return usual + 10_000 * self.slot

    def _url(self, port: int) -> str:
        return f"https://{self.address}:{self._port(port)}"


def prepare(
    enclosure: Enclosure,
    *,
    slot: int = 0,
    switches: Switches | None = None,
    old: bool = False,
) -> ControlPlane:
    """Write what a control plane needs, and start nothing yet.

    `old` takes the older API server. Slots 0 to 5 run side by side.
    """
    folder = enclosure.folder / f"control-{slot}"
    made = authority(folder)
    kubernetes = "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
    first = enclosure.networks.services.replace(".0/24", ".1")  # the service "kubernetes" has it
    addresses = f"IP:{enclosure.address},IP:{first},IP:127.0.0.1,DNS:localhost"
    made.server("server", addresses, kubernetes)
    made.client("kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client")
    made.client("front-proxy", "/CN=front-proxy")
    signing_key(folder)
    tokens = {name: secrets.token_hex(16) for name in USERS}
    lines = [
        f'{tokens[name]},{user},{name},"{group}"' if group else f"{tokens[name]},{user},{name}"
        for name, (user, group) in USERS.items()
    ]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")
    return ControlPlane(enclosure, folder, slot, switches or Switches(), old, made, tokens)


@contextmanager
def running(
    enclosure: Enclosure,
    *,
    slot: int = 0,
    switches: Switches | None = None,
    old: bool = False,
    controllers: bool = True,
) -> Iterator[ControlPlane]:
    """Yield a control plane that is stopped afterwards."""
    made = prepare(enclosure, slot=slot, switches=switches, old=old)
    try:
        made.start(controllers=controllers)
        yield made
    finally:
        made.stop()


def _flags(flags: dict[str, object]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]


def _is_ready(client: httpx2.Client) -> bool:
    try:
        return client.get("/readyz").status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False
