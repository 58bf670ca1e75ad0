"""What a kubeconfig holds, as its file spells it; reprs hold no secret."""

import base64
import binascii
from typing import Any

import msgspec


class _Part(msgspec.Struct, frozen=True, rename="kebab"):
    """A part of a kubeconfig: unknown fields are ignored, `null` is as good as absent."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class Extension(_Part, frozen=True):
    """Anything that somebody else keeps in a kubeconfig."""

    name: str = ""
    extension: Any = None


class Cluster(_Part, frozen=True):
    """How to reach an API server."""

    server: str = ""
    tls_server_name: str = ""
    insecure_skip_tls_verify: bool = False
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    proxy_url: str = ""
    disable_compression: bool = False
    extensions: list[Extension] = []


class Variable(_Part, frozen=True):
    """A variable of the environment that a command gets."""

    name: str = ""
    value: str = ""


class Exec(_Part, frozen=True, rename="camel"):
    """A command that prints credentials."""

    command: str = ""
    args: list[str] = []
    env: list[Variable] = []
    api_version: str = ""
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class AuthProvider(_Part, frozen=True):
    """A way to get tokens that is built into the client: OIDC."""

    name: str = ""
    config: dict[str, str] = {}


class User(_Part, frozen=True):
    """Who is asking."""

    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    as_: str = msgspec.field(default="", name="as")
    as_uid: str = ""
    as_groups: list[str] = []
    as_user_extra: dict[str, list[str]] = {}
    username: str = ""
    password: str = ""
    auth_provider: AuthProvider | None = None
    exec: Exec | None = None


class Context(_Part, frozen=True):
    """A cluster, a user and a namespace under one name."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""


class NamedCluster(_Part, frozen=True):
    """A cluster and its name."""

    name: str = ""
    cluster: Cluster = Cluster()


class NamedUser(_Part, frozen=True):
    """A user and its name."""

    name: str = ""
    user: User = User()


class NamedContext(_Part, frozen=True):
    """A context and its name."""

    name: str = ""
    context: Context = Context()


class Kubeconfig(_Part, frozen=True):
    """One file."""

    api_version: str = msgspec.field(default="", name="apiVersion")
    kind: str = ""
    current_context: str = ""
    clusters: list[NamedCluster] = []
    users: list[NamedUser] = []
    contexts: list[NamedContext] = []


def decoded(data: str) -> bytes:
    """Return what base64 stands for; line breaks do not count. Raises `ValueError`."""
    try:
        return base64.b64decode(data.replace("\r", "").replace("\n", ""), validate=True)
    except binascii.Error as error:
        raise ValueError("it is not base64") from error
