"""What the user said on the command line or in settings; it goes before what the files say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Options:
    """kubectl's flags, under their names; empty: not given.

    as_user_extra    key → values
    insecure         `--insecure-skip-tls-verify`
    request_timeout  `5`, `5s`, `2m`, `1h30m`; `0`: as long as it takes
    """

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    user: str = ""
    namespace: str = ""
    server: str = ""
    token: str = field(default="", repr=False)
    certificate_authority: str = ""
    client_certificate: str = ""
    client_key: str = ""
    tls_server_name: str = ""
    insecure: bool = False
    as_: str = ""
    as_uid: str = ""
    as_groups: Sequence[str] = ()
    as_user_extra: Mapping[str, Sequence[str]] = field(default_factory=dict)
    request_timeout: str = ""
