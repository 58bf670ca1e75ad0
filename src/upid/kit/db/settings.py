"""Settings of the database."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from upid.kit.settings import Duration

DEFAULT_TENANT = "default"  # the only one until there are logins
ALL_TENANTS = "*"  # reads what is waiting, whosever it is; is nobody's name and writes nothing

SCHEMES = {
    "sqlite": "sqlite+aiosqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
}


class DatabaseSettings(BaseModel):
    """Where rows are kept and how many connections are held."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = Field(
        default=None,
        description="sqlite:///PATH or postgresql://USER:PASSWORD@HOST/NAME; without one, the "
        "file upid.db in the home folder.",
    )
    owner_url: SecretStr | None = Field(
        default=None,
        description="PostgreSQL address of the role that owns the tables, used only to migrate "
        "them; without one, `url`.",
    )
    pool_size: int = Field(default=20, ge=1, le=1000, description="Connections kept open.")
    max_overflow: int = Field(
        default=30, ge=0, le=1000, description="Connections opened beyond the pool under load."
    )
    query_timeout: Duration = Field(
        default=timedelta(seconds=10),
        gt=timedelta(0),
        description="Time for one statement, and for waiting for a connection or a lock.",
    )

    @field_validator("url", "owner_url")
    @classmethod
    def _known_scheme(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and url.get_secret_value().partition("://")[0] not in SCHEMES:
            raise ValueError("should begin with sqlite:/// or postgresql://")
        return url
