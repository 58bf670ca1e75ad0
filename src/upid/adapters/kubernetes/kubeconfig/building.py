"""From what was chosen to an access: certificates read, credentials made, proxy found."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from upid.adapters.kubernetes import credentials, pem
from upid.adapters.kubernetes.access import Access, ClientCertificate, Credentials, Tls
from upid.adapters.kubernetes.errors import CredentialsFailed, KubeconfigInvalid
from upid.adapters.kubernetes.kubeconfig.proxies import proxy_for
from upid.adapters.kubernetes.kubeconfig.servers import server_url
from upid.adapters.kubernetes.kubeconfig.types import Cluster, Exec, User, decoded

if TYPE_CHECKING:
    from upid.adapters.kubernetes.kubeconfig.choosing import Chosen

_EXEC_EXTENSION = "client.authentication.k8s.io/exec"  # what a cluster says to commands
_REMOVED = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin"}  # and what came after
_UNPROVEN = "nothing: it asks as nobody in particular"
_PRIVATE = 8  # letters; a shorter value of the environment is a profile's or region's name
_TOKEN = frozenset("!#$&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


class Builder:
    """Makes an access of one choice.

    where  what messages call the files
    alone  whether it is the only one; of several, none may ask the person at the terminal
    """

    def __init__(
        self, chosen: "Chosen", where: str, environment: Mapping[str, str], *, alone: bool = True
    ) -> None:
        self._chosen, self._where, self._environment = chosen, where, environment
        self._alone = alone

    def access(self, origin: str, timeout: float | None) -> Access:
        """Return the access. Without https no credentials are sent, as in kubectl."""
        chosen = self._chosen
        server = self._server(chosen.cluster.server)
        secure = server.startswith("https:")
        tls = self._tls(chosen.cluster) if secure else Tls()
        return Access(
            server=server,
            tls=tls,
            credentials=self._credentials(tls) if secure else credentials.Proofs(chosen.user_name),
            context=chosen.context or "flags",
            cluster=chosen.cluster_name,
            user=chosen.user_name,
            namespace=chosen.namespace or "default",
            proxy=chosen.cluster.proxy_url or proxy_for(server, self._environment),
            impersonate=impersonation(chosen.user),
            origin=origin,
            proof=_proof(chosen.user) if secure else _UNPROVEN,
            timeout=timeout,
            compress=not chosen.cluster.disable_compression,
        )

    def _server(self, raw: str) -> str:
        try:
            return server_url(raw)
        except ValueError as error:
            raise self._invalid(f"the server of cluster {self._cluster_name!r}: {error}") from None

    def _tls(self, cluster: Cluster) -> Tls:
        authority = self._authority(cluster)
        if authority and cluster.insecure_skip_tls_verify:
            raise self._invalid(
                f"cluster {self._cluster_name!r} has both a certificate authority and "
                "insecure-skip-tls-verify"
            )
        insecure = cluster.insecure_skip_tls_verify
        return Tls(authority, cluster.tls_server_name or None, insecure)

    def _authority(self, cluster: Cluster) -> bytes | None:
        if cluster.certificate_authority_data:
            found = decoded(cluster.certificate_authority_data)
        elif cluster.certificate_authority:
            found = self._file(cluster.certificate_authority)
        else:
            return None
        if not pem.holds_authority(found):
            raise self._invalid(
                f"the certificate authority of cluster {self._cluster_name!r} holds no certificate"
            )
        return found

    def _file(self, path: str) -> bytes:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise self._invalid(f"'{path}' cannot be read: {error.strerror}") from None

    def _credentials(self, tls: Tls) -> Credentials:
        user, name = self._chosen.user, self._chosen.user_name
        bearer, pair = self._bearer(user), self._pair(user)
        command = user.exec and self._command(user.exec, tls)
        if command and not (bearer or pair):
            return credentials.CommandCredentials(command, name)
        return credentials.Proofs(name, bearer, pair)

    def _pair(self, user: User) -> credentials.Pair | None:
        if not (user.client_certificate or user.client_certificate_data):
            return None
        certificate = self._part(user.client_certificate, user.client_certificate_data)
        key = self._part(user.client_key, user.client_key_data)
        read = [
            one if isinstance(one, bytes) else self._file(str(one)) for one in (certificate, key)
        ]
        wrong = pem.wrong_with_pair(*read)
        if wrong:
            raise self._invalid(f"{wrong}, of user {self._user_name!r}")
        if isinstance(certificate, bytes) and isinstance(key, bytes):
            return credentials.FixedPair(ClientCertificate(certificate, key))
        return credentials.FilePair(certificate, key, self._chosen.user_name)

    @staticmethod
    def _part(path: str, data: str) -> Path | bytes:
        return decoded(data) if data else Path(path)

    def _bearer(self, user: User) -> credentials.Bearer | None:
        name = self._chosen.user_name
        issued = self._issued(user)
        if user.token_file:
            if not user.token:
                self._file(user.token_file)  # kubectl, too, wants it there at first
            return credentials.FileToken(Path(user.token_file), name, otherwise=user.token)
        if user.token:
            credentials.bearing(user.token, name)
            return credentials.FixedToken(user.token)
        return issued

    def _issued(self, user: User) -> credentials.IssuedToken | None:
        provider = user.auth_provider
        if provider is None:
            return None
        if provider.name != "oidc":
            raise self._unknown_provider(provider.name)
        said = provider.config
        for wanted in ("idp-issuer-url", "client-id"):
            if not said.get(wanted):
                raise self._invalid(
                    f"the auth-provider of user {self._user_name!r} has no {wanted}"
                )
        issuer = credentials.Issuer(
            said["idp-issuer-url"],
            said["client-id"],
            said.get("client-secret", ""),
            self._issuer_authority(said),
            proxy_for(said["idp-issuer-url"], self._environment),
        )
        token, refresh = said.get("id-token", ""), said.get("refresh-token", "")
        return credentials.IssuedToken(issuer, self._chosen.user_name, token=token, refresh=refresh)

    def _issuer_authority(self, said: Mapping[str, str]) -> str:
        data, path = (
            said.get("idp-certificate-authority-data"),
            said.get("idp-certificate-authority"),
        )
        try:
            return (decoded(data) if data else self._file(path) if path else b"").decode("ascii")
        except ValueError:
            raise self._invalid(
                f"the idp-certificate-authority of user {self._user_name!r} is not PEM"
            ) from None

    def _unknown_provider(self, name: str) -> CredentialsFailed:
        instead = _REMOVED.get(name)
        return CredentialsFailed(
            self._chosen.user_name,
            f"its auth-provider {name!r} is none that kubectl or UPID has",
            f"install {instead} and let it write the kubeconfig anew"
            if instead
            else "use a token, a client certificate, a command (exec) or oidc",
        )

    def _command(self, command: Exec, tls: Tls) -> credentials.Command:
        if command.api_version not in credentials.VERSIONS:
            raise self._invalid(
                f"the exec of user {self._user_name!r} is of {command.api_version!r}; "
                f"{' and '.join(credentials.VERSIONS)} are known",
                "bring the command up to date and let it write the kubeconfig anew",
            )
        return credentials.Command(
            command=command.command,
            arguments=command.args,
            environment={**self._environment, **{one.name: one.value for one in command.env}},
            version=command.api_version,
            interactive=self._interactive(command.interactive_mode or "IfAvailable"),
            install_hint=_printable(command.install_hint),
            cluster=self._told(tls) if command.provide_cluster_info else None,
            private=[one.value for one in command.env if len(one.value) >= _PRIVATE],
        )

    def _interactive(self, wanted: str) -> str:
        return "Never" if wanted == "IfAvailable" and not self._alone else wanted

    def _told(self, tls: Tls) -> Mapping[str, object]:
        """Return what a command that asks is told about the cluster, spelled as client-go does."""
        cluster = self._chosen.cluster
        found: dict[str, object] = {"server": cluster.server}
        if tls.server_name:
            found["tls-server-name"] = tls.server_name
        if tls.insecure:
            found["insecure-skip-tls-verify"] = True
        if tls.authority:
            found["certificate-authority-data"] = base64.b64encode(tls.authority).decode()
        if cluster.proxy_url:
            found["proxy-url"] = cluster.proxy_url
        if cluster.disable_compression:
            found["disable-compression"] = True
        extensions = {one.name: one.extension for one in cluster.extensions}
        return {**found, "config": extensions.get(_EXEC_EXTENSION)}

    @property
    def _cluster_name(self) -> str:
        return self._chosen.cluster_name or "(of the flags)"

    @property
    def _user_name(self) -> str:
        return self._chosen.user_name or "(of the flags)"

    def _invalid(self, why: str, hint: str = "") -> KubeconfigInvalid:
        return KubeconfigInvalid(self._where, why, hint)


def _proof(user: User) -> str:
    """Return in words how a user is known; nothing that is secret."""
    ways = (
        (user.token_file, "a token from a file"),
        (user.token and not user.token_file, "a token"),
        (user.client_certificate or user.client_certificate_data, "a client certificate"),
        (user.auth_provider, "a token of an OIDC issuer"),
    )
    said = [words for there, words in ways if there]
    if user.exec and not said:
        said.append(f"the command {_printable(Path(user.exec.command).name)!r}")
    return " and ".join(said) or _UNPROVEN


def impersonation(user: User) -> tuple[tuple[str, str], ...]:
    """Return the headers that ask to act as somebody else."""
    if not user.as_:
        return ()
    found = [("Impersonate-User", user.as_)]
    if user.as_uid:
        found.append(("Impersonate-Uid", user.as_uid))
    found += [("Impersonate-Group", group) for group in user.as_groups]
    for key in sorted(user.as_user_extra):
        name = f"Impersonate-Extra-{_escaped(key)}"
        found += [(name, value) for value in user.as_user_extra[key]]
    return tuple(found)


def _escaped(key: str) -> str:
    """Return a key as part of a header's name: what may not stand there as %XX."""
    return "".join(chr(byte) if chr(byte) in _TOKEN else f"%{byte:02X}" for byte in key.encode())


def _printable(text: str) -> str:
    """Return a text without what could upset a terminal."""
    return "".join(letter for letter in text if letter.isprintable() or letter in "\n\t")
