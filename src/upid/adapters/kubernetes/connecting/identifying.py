"""What credentials say of themselves before anything is sent."""

from datetime import datetime

from upid.adapters.kubernetes.access import Access
from upid.adapters.kubernetes.connecting.certificates import NoCertificate, ends
from upid.adapters.kubernetes.connecting.tokens import token_end
from upid.core.ports.cluster_connection import Identified


def identified(access: Access, token: str) -> Identified:
    """Return what an access and its token, if it has one, say.

    Raises `NoCertificate` for one that cannot be read, and what the credentials raise.
    """
    shown = access.credentials.certificate()
    certificate = _ends(shown.certificate, "client certificate") if shown else ()
    trusted = access.tls.authority
    authority = _ends(trusted, "certificate authority") if trusted else ()
    proofs = [*(["token"] if token else []), *(["client certificate"] if shown else [])]
    return Identified(
        server=access.server,
        context=access.context,
        cluster=access.cluster,
        user=access.user,
        namespace=access.namespace,
        proof=" and ".join(proofs) or "none",
        certificate_until=certificate[0] if certificate else None,  # its authorities follow it
        authority_until=min(authority, default=None),
        token_until=token_end(token),
    )


def _ends(text: bytes, which: str) -> tuple[datetime, ...]:
    try:
        return ends(text)
    except NoCertificate as error:
        raise NoCertificate(f"its {which} cannot be read: {error}") from None
