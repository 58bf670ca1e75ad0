"""Settings of registered clusters."""

from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator

from upid.kit.settings import Duration

_SECOND = timedelta(seconds=1)


class ClusterSettings(BaseModel):
    """How registered clusters are kept, reached and followed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path | None = Field(
        default=None,
        description="File with the keys that seal credentials; without one, the file key in the "
        "home folder, which is made when it is not there.",
    )
    allowed_networks: tuple[str, ...] = Field(
        default=(),
        description="Networks beside the public ones that clusters may be in, such as "
        '["10.0.0.0/8"]; loopback only when it is named.',
    )
    failures: int = Field(
        default=3,
        ge=1,
        le=100,
        description="Failures in a row after which a cluster is not asked for a while (CLU-7).",
    )
    pause: Duration = Field(
        default=timedelta(seconds=60),
        ge=_SECOND,
        description="Time after which a cluster that failed is tried once again.",
    )
    at_once: int = Field(
        default=4, ge=1, le=100, description="Questions that one cluster is asked at a time."
    )
    waiting: int = Field(
        default=32,
        ge=0,
        le=10_000,
        description="Questions that may wait for one cluster; more are refused.",
    )
    check_interval: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=0.1),
        description="Time between two looks at a cluster.",
    )
    checks_kept: int = Field(
        default=1000,
        ge=1,
        le=100_000,
        description="Looks at each cluster that are remembered.",
    )
    look_timeout: Duration = Field(
        default=timedelta(seconds=20),
        ge=timedelta(seconds=0.1),
        description="Time for one look at a cluster, connecting included.",
    )
    usage_interval: Duration = Field(
        default=timedelta(seconds=60),
        ge=timedelta(seconds=0.1),
        description="Time between two readings of a cluster's metrics server; the last hour is "
        "kept in memory.",
    )
    snapshot_age: Duration = Field(
        default=timedelta(seconds=2),
        ge=timedelta(0),
        description="What a cluster holds is read anew at most this often, when it changed.",
    )

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ip_network(network)
        return networks
