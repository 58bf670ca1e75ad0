"""What an API server, or the way to it, can answer instead of what was asked for (CLU-7)."""

from upid.core.errors import Kind, UpidError

_UNKNOWN = (
    "put the cluster's authority into the kubeconfig (certificate-authority-data), "
    "or the name in its certificate into tls-server-name; a company's proxy that opens "
    "TLS has an authority of its own"
)
_EXPIRED = (
    "have whoever runs the cluster renew its certificate, and check this machine's clock; "
    "what an expired certificate shows is not the cluster's word"
)


class ClusterError(UpidError):
    """A request to a cluster failed.

    again        whether the same question may be asked again by itself, after a pause
    retry_after  seconds that the server told to wait, if it did
    """

    kind = Kind.UNREACHABLE
    code = "cluster_error"
    again: bool = False

    def __init__(
        self,
        cluster: str,
        message: str,
        *,
        hint: str,
        retry_after: float | None = None,
        details: dict[str, object] | None = None,
    ) -> None:
        told = {} if retry_after is None else {"retry_after": retry_after}
        super().__init__(
            f"cluster {cluster!r} {message}",
            hint=hint,
            details={"cluster": cluster, **told, **(details or {})},
        )
        self.retry_after = retry_after


class Unauthorized(ClusterError):
    """401: the cluster does not know who is asking, also after the credentials were renewed."""

    kind = Kind.DENIED
    code = "cluster_unauthorized"

    def __init__(self, cluster: str, user: str, said: str) -> None:
        super().__init__(
            cluster,
            f"does not accept the credentials of user {user!r}: {said}",
            hint="log in again (for example `kubectl get namespaces` with the same context), "
            "or choose another context with --context",
        )


def _granting(asked: str) -> str:
    """Return what grants it; Secrets have a role of their own."""
    if asked.endswith(" secrets"):
        return (
            "have whoever runs the cluster apply deploy/rbac/read-secrets-metadata.yaml; "
            "what is in Secrets is never asked for"
        )
    return (
        "`upid doctor` names all that is missing and prints the YAML that grants it; whoever "
        "runs the cluster applies it"
    )


class Forbidden(ClusterError):
    """403: the cluster knows who is asking, and that one may not."""

    kind = Kind.DENIED
    code = "cluster_forbidden"

    def __init__(self, cluster: str, asked: str, said: str) -> None:
        super().__init__(
            cluster,
            f"forbids to {asked}: {said}",
            hint=_granting(asked),
            details={"asked": asked},
        )


class ObjectMissing(ClusterError):
    """404: there is no such object, or no such kind."""

    kind = Kind.MISSING
    code = "cluster_object_missing"

    def __init__(self, cluster: str, asked: str, said: str) -> None:
        super().__init__(
            cluster,
            f"has nothing to {asked}: {said}",
            hint="check name and namespace; a kind that is not installed answers the same, "
            "and `kubectl api-resources` lists those that are",
            details={"asked": asked},
        )


class Expired(ClusterError):
    """410: the cluster has forgotten the moment that was asked about; list anew.

    `onward` is what continues a list from a later moment, when the server gave it.
    """

    kind = Kind.CONFLICT
    code = "cluster_history_gone"

    def __init__(self, cluster: str, asked: str, onward: str = "") -> None:
        super().__init__(
            cluster,
            f"no longer has the past that it was asked to {asked} from",
            hint="list anew; a cluster keeps about five minutes of its past",
        )
        self.onward = onward


class RequestRefused(ClusterError):
    """Another answer of the 400s: the server does not take this request from anyone."""

    kind = Kind.INVALID
    code = "cluster_request_refused"

    def __init__(self, cluster: str, asked: str, status: int, said: str) -> None:
        super().__init__(
            cluster,
            f"refused to {asked} with status {status}: {said}",
            hint="the server may be of a version that UPID does not know; "
            "`kubectl version` says which it has",
            details={"status": status},
        )


class TooManyRequests(ClusterError):
    """429: the cluster has too much to do; asked again as late as it said, in vain."""

    kind = Kind.BUSY
    code = "cluster_busy"
    again = True

    def __init__(self, cluster: str, asked: str, retry_after: float | None) -> None:
        later = "" if retry_after is None else f", and said to wait {retry_after:g} s"
        super().__init__(
            cluster,
            f"has too many requests at once to {asked}{later}",
            hint="try again later; somebody else may be asking too much of it as well",
            retry_after=retry_after,
        )


class ServerFailed(ClusterError):
    """5xx: the API server, or what stands before it, is in trouble."""

    code = "cluster_failing"
    again = True

    def __init__(
        self, cluster: str, asked: str, status: int, said: str, retry_after: float | None
    ) -> None:
        super().__init__(
            cluster,
            f"failed to {asked} with status {status}: {said}",
            hint="look at the API server's health (`kubectl get --raw /readyz?verbose`) "
            "and at what stands before it",
            retry_after=retry_after,
            details={"status": status},
        )
        self.status = status


class TimedOut(ClusterError):
    """No answer, or not a whole one, within the time given.

    `answering` is whether an answer had begun.
    """

    code = "cluster_timeout"
    again = True

    def __init__(self, cluster: str, asked: str, seconds: float, *, answering: bool) -> None:
        state = "did not finish its answer" if answering else "did not answer"
        super().__init__(
            cluster,
            f"{state} within {seconds:g} s when asked to {asked}",
            hint="check the network between, firewalls and VPN, or allow more time "
            "with --request-timeout",
        )
        self.answering = answering
        self.again = not answering  # what was too slow once is: ask for less instead


class NotTrusted(ClusterError):
    """The certificate that the server shows is not one to trust for this address."""

    kind = Kind.UNSAFE
    code = "cluster_not_trusted"

    def __init__(self, cluster: str, address: str, why: str) -> None:
        super().__init__(
            cluster,
            f"at '{address}' shows a certificate that is not trusted: {why}",
            hint=_EXPIRED if "expired" in why else _UNKNOWN,
        )


class TlsFailed(ClusterError):
    """TLS did not come about, for another reason than trust."""

    code = "cluster_tls_failed"

    def __init__(self, cluster: str, address: str, why: str) -> None:
        super().__init__(
            cluster,
            f"at '{address}' and UPID did not agree on TLS: {why}",
            hint="check that the address begins with https:// for a port that speaks TLS, "
            "and that the client certificate is the cluster's",
        )


class NameUnknown(ClusterError):
    """The server's name has no address."""

    code = "cluster_name_unknown"
    again = True  # a laptop that wakes up has no names for some seconds

    def __init__(self, cluster: str, host: str) -> None:
        super().__init__(
            cluster,
            f"cannot be found: the name {host!r} has no address",
            hint="check the server's name in the kubeconfig, and VPN and DNS",
        )


class ConnectionRefused(ClusterError):
    """Nothing listens at the server's address."""

    code = "cluster_refused"
    again = True

    def __init__(self, cluster: str, address: str) -> None:
        super().__init__(
            cluster,
            f"refuses connections at '{address}'",
            hint="check that the cluster runs and that the port is right",
        )


class ConnectionLost(ClusterError):
    """A connection could not be made, or broke before the whole answer was there."""

    code = "cluster_connection_lost"
    again = True

    def __init__(self, cluster: str, address: str, why: str) -> None:
        super().__init__(
            cluster,
            f"at '{address}' was lost: {why}",
            hint="check the network between, and whether the API server was restarted",
        )


class ProxyFailed(ClusterError):
    """The proxy on the way to the cluster does not let the request through."""

    code = "cluster_proxy_failed"

    def __init__(self, cluster: str, proxy: str, why: str) -> None:
        super().__init__(
            cluster,
            f"cannot be reached through the proxy '{proxy}': {why}",
            hint="check proxy-url in the kubeconfig, and HTTPS_PROXY and NO_PROXY",
        )


class NotKubernetes(ClusterError):
    """What answers is something else: a web page, a log-in, a load balancer, a redirect."""

    kind = Kind.INVALID
    code = "not_kubernetes"

    def __init__(self, cluster: str, address: str, found: str) -> None:
        super().__init__(
            cluster,
            f"at '{address}' does not answer as a Kubernetes API server does: {found}",
            hint="check the server's address; a proxy, a log-in page or a load balancer "
            "may stand before it",
        )


class AnswerTooLarge(ClusterError):
    """An answer of more bytes than UPID takes at once."""

    kind = Kind.UNSAFE
    code = "cluster_answer_too_large"

    def __init__(self, cluster: str, asked: str, most: int) -> None:
        super().__init__(
            cluster,
            f"answered with more than {most} bytes when asked to {asked}",
            hint="narrow the question to a namespace; a server that does so with little in it "
            "is broken or hostile",
            details={"most": most},
        )


class ObjectUnreadable(ClusterError):
    """An object that is not shaped as its kind is."""

    kind = Kind.INVALID
    code = "cluster_object_unreadable"

    def __init__(self, cluster: str, asked: str, why: str) -> None:
        super().__init__(
            cluster,
            f"answered with an object of another shape when asked to {asked}: {why}",
            hint="the server may be of a version that UPID does not know; "
            "`kubectl version` says which it has",
        )


class CertificateUnusable(ClusterError):
    """A certificate or key from the credentials that TLS cannot load."""

    kind = Kind.INVALID
    code = "cluster_certificate_unusable"

    def __init__(self, cluster: str, which: str, why: str) -> None:
        super().__init__(
            cluster,
            f"cannot be asked: {which} cannot be used: {why}",
            hint="check that it is PEM, that key and certificate belong together, "
            "and that the key has no password",
        )
