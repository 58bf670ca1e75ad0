"""All settings of UPID: the sections together, the names people know, profiles, folders."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from upid.contexts.clusters.settings import ClusterSettings
from upid.contexts.costs.settings import CostSettings
from upid.contexts.insights.settings import InsightSettings
from upid.contexts.metrics.settings import MetricsSettings
from upid.contexts.optimization.settings import OptimizationSettings
from upid.gateway.settings import ApiSettings
from upid.kit.db import DEFAULT_TENANT
from upid.kit.db.settings import DatabaseSettings
from upid.kit.settings import Loaded, SettingsLoader

CONFIG_VARIABLE = "UPID_CONFIG_FILE"
APART = (CONFIG_VARIABLE, "UPID_RECORDING", "UPID_SERVER", "UPID_DEBUG")  # the CLI reads these
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

ALIASES = {  # CFG-2: names and defaults that people know
    "UPID_API_HOST": "api.host",
    "UPID_API_PORT": "api.port",
    "UPID_API_REQUEST_TIMEOUT": "api.request_timeout",
    "UPID_DATABASE_URL": "database.url",
    "UPID_DATABASE_POOL_SIZE": "database.pool_size",
    "UPID_DATABASE_MAX_OVERFLOW": "database.max_overflow",
    "UPID_DATABASE_QUERY_TIMEOUT": "database.query_timeout",
    "UPID_KEY_FILE": "clusters.key_file",
    "UPID_LOG_LEVEL": "logs.level",
}
PROFILES: Mapping[str, Mapping[str, object]] = {  # CFG-2
    "production": {"logs.level": "WARNING", "database.pool_size": 50},
    "staging": {"logs.level": "INFO", "database.pool_size": 20},
    "development": {"logs.level": "DEBUG", "database.pool_size": 10},
}


class LogSettings(BaseModel):
    """What is written to the log."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    level: Level = Field(default="INFO", description="Least important lines that are written.")
    areas: dict[str, Level] = Field(
        default_factory=dict,
        description='Another level for one area, such as {"upid.gateway": "DEBUG"}.',
    )


class Settings(BaseModel):
    """Everything that can be set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    home: Path = Field(
        description="Folder of all state: rows, recordings. Default: upid in XDG_DATA_HOME.",
    )
    environment: Literal["development", "staging", "production"] | None = Field(
        default=None, description="A profile: defaults for one kind of place."
    )
    api: ApiSettings = Field(default_factory=ApiSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    logs: LogSettings = Field(default_factory=LogSettings)
    clusters: ClusterSettings = Field(default_factory=ClusterSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    costs: CostSettings = Field(default_factory=CostSettings)
    insights: InsightSettings = Field(default_factory=InsightSettings)
    optimization: OptimizationSettings = Field(default_factory=OptimizationSettings)

    @property
    def database_url(self) -> str:
        """Where rows are kept; a file in the home folder unless set otherwise."""
        return _plain(self.database.url) or f"sqlite:///{self.home / 'upid.db'}"

    @property
    def owner_url(self) -> str:
        """Where migrations run."""
        return _plain(self.database.owner_url) or self.database_url

    @property
    def key_file(self) -> Path:
        """The keys that seal credentials."""
        return self.clusters.key_file or self.home / "key"

    @property
    def recordings_folder(self) -> Path:
        """Where stored recordings are, tenant by tenant."""
        return self.home / "recordings" / DEFAULT_TENANT


def load_settings(
    environ: Mapping[str, str], flags: Mapping[str, tuple[str, object]] | None = None
) -> Loaded[Settings]:
    """Return the settings: flags, then environment, then file, then profile, then defaults.

    flags  dotted name → (the flag as typed, its value), such as {"api.port": ("--port", 80)}
    Raises SettingsInvalid, which names every problem. Reads nothing but the file.
    """
    loader = SettingsLoader(Settings, ALIASES)
    loader.flags(flags or {})
    loader.environment(environ, apart=APART)
    named = environ.get(CONFIG_VARIABLE)
    path = Path(named) if named else _folder(environ, "XDG_CONFIG_HOME", ".config") / "config.toml"
    loader.file(path.expanduser(), required=named is not None)
    profile = loader.given("environment")
    if isinstance(profile, str) and profile in PROFILES:
        loader.profile(profile, PROFILES[profile])
    return loader.load({"home": _folder(environ, "XDG_DATA_HOME", ".local/share")})


def _folder(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Return UPID's folder by the XDG rules: an unset or relative variable does not count."""
    given = Path(environ.get(variable, ""))
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    return (given if given.is_absolute() else home / default) / "upid"


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
