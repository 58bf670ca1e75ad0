"""Settings of the HTTP API."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, field_validator

from upid.kit.settings import Duration

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


class ApiSettings(BaseModel):
    """Where the API listens and how much it takes in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Only loopback while no login is configured.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="Port; 0 picks a free one.")
    request_timeout: Duration = Field(
        default=timedelta(seconds=30),
        gt=timedelta(0),
        description="Time from the last byte of a request to the first of its answer.",
    )
    max_body_bytes: int = Field(
        default=1 << 20,
        ge=1024,
        description="Largest request body in bytes. Recordings have a limit of their own.",
    )
    stop_timeout: Duration = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="Time that running requests are given when the program stops.",
    )

    @field_validator("host")
    @classmethod
    def _only_loopback(cls, host: str) -> str:
        if host not in LOOPBACK_NAMES:
            raise ValueError(
                f"listening on {host!r} would let everybody on the network in, since no login "
                "exists; use 127.0.0.1 and put a proxy that asks for a login before it"
            )
        return host
