"""What can go wrong between a client and the API."""

from collections.abc import Mapping

from upid.core.errors import Kind, UpidError


class Problem(UpidError):
    """What the API refused, as its problem details told it."""

    def __init__(
        self,
        kind: Kind,
        code: str,
        message: str,
        hint: str,
        details: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, hint=hint, details=details)
        self.kind = kind  # type: ignore[misc]  # as the server says, not as a class would
        self.code = code  # type: ignore[misc]


class ServerUnreachable(UpidError):
    """The server did not answer, or not in time."""

    kind = Kind.UNREACHABLE
    code = "server_unreachable"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"the server {address!r} does not answer: {why}",
            hint="check the address and whether `upid serve` runs there",
        )


class NotUpid(UpidError):
    """Something answered, but not with what UPID's API answers."""

    kind = Kind.UNREACHABLE
    code = "not_upid"

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"{address!r} does not answer as UPID's API does: {why}",
            hint="check the address, and that client and server have the same version",
        )
