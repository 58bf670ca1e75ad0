"""Settings: which source wins, and one message for everything that is wrong."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upid.app.settings import ALIASES, PROFILES, Settings, load_settings
from upid.kit.settings import Loaded, SettingsInvalid, fields_of

CANARY = "canary-3f9a"


def load(
    environ: dict[str, str] | None = None,
    flags: dict[str, tuple[str, object]] | None = None,
    file: str | None = None,
    folder: Path | None = None,
) -> Loaded[Settings]:
    given = {"HOME": "/home/ana", **(environ or {})}
    if file is not None and folder is not None:
        path = folder / "config.toml"
        path.write_text(file)
        given["UPID_CONFIG_FILE"] = str(path)
    return load_settings(given, flags)


def refused(**sources: object) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        load(**sources)  # type: ignore[arg-type]
    return caught.value.message


def test_without_any_source_the_documented_defaults_hold() -> None:
    """CFG-2: names and defaults that people know."""
    found = load().settings

    assert (found.api.host, found.api.port) == ("127.0.0.1", 8000)
    assert (found.database.pool_size, found.database.max_overflow) == (20, 30)
    assert found.api.request_timeout == timedelta(seconds=30)
    assert found.database.query_timeout == timedelta(seconds=10)
    assert found.home == Path("/home/ana/.local/share/upid")
    assert found.database_url == "sqlite:////home/ana/.local/share/upid/upid.db"


def test_flags_beat_the_environment_which_beats_the_file_which_beats_the_profile(
    tmp_path: Path,
) -> None:
    """CFG-1."""
    profile = {"UPID_ENVIRONMENT": "production"}
    file = "[database]\npool_size = 3\n"
    variable = {"UPID_DATABASE_POOL_SIZE": "4"}
    flag: dict[str, tuple[str, object]] = {"database.pool_size": ("--pool", 5)}

    sizes = [
        load(profile),
        load(profile, file=file, folder=tmp_path),
        load(profile | variable, file=file, folder=tmp_path),
        load(profile | variable, flag, file=file, folder=tmp_path),
    ]

    assert [one.settings.database.pool_size for one in sizes] == [50, 3, 4, 5]
    assert [one.origins["database.pool_size"] for one in sizes] == [
        "profile production",
        str(tmp_path / "config.toml"),
        "UPID_DATABASE_POOL_SIZE",
        "--pool",
    ]


def test_one_message_names_every_problem_and_where_it_came_from(tmp_path: Path) -> None:
    """CFG-1: a wrong setting stops the start with one message that names every problem."""
    message = refused(
        environ={"UPID_API_PORT": "99999", "UPID_LOG_LEVL": "INFO", "UPID_LOGS__LEVEL": "loud"},
        flags={"api.host": ("--host", "0.0.0.0")},  # noqa: S104 - refused is what is shown
        file="[databse]\nurl = 'x'\n[database]\npool_size = 0\n",
        folder=tmp_path,
    )

    lines = message.splitlines()
    assert lines[0] == "6 settings are wrong:"
    assert any("'api.port' is '99999' (from UPID_API_PORT)" in line for line in lines)
    assert any("'UPID_LOG_LEVL'" in line and "'UPID_LOG_LEVEL'?" in line for line in lines)
    assert any("'logs.level' is 'loud' (from UPID_LOGS__LEVEL)" in line for line in lines)
    assert any("(from --host)" in line and "no login" in line for line in lines)
    assert any("'databse.url' in" in line and "'database.url'?" in line for line in lines)
    assert any("'database.pool_size' is 0 (from " in line for line in lines)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", "example.org"])  # noqa: S104
def test_no_address_that_others_can_reach_is_taken_while_there_is_no_login(host: str) -> None:
    """CFG-2: 0.0.0.0 is refused while no login is configured."""
    assert "no login" in refused(environ={"UPID_API_HOST": host})


@pytest.mark.parametrize("variable", ["UPID_DATABASE_URL", "UPID_DATABASE__OWNER_URL"])
def test_a_secret_is_never_shown_not_even_when_it_is_wrong(variable: str) -> None:
    message = refused(environ={variable: f"mysql://u:{CANARY}@h/n"})
    assert CANARY not in message
    assert variable in message

    good = load({variable: f"postgresql://u:{CANARY}@h/n"})
    assert CANARY not in repr(good.settings) + repr(list(good.shown()))


def test_every_alias_names_a_setting_and_every_profile_is_valid() -> None:
    names = {name for name, _ in fields_of(Settings)}

    assert set(ALIASES.values()) <= names
    for profile in PROFILES:
        assert load({"UPID_ENVIRONMENT": profile}).settings.environment == profile


def test_every_setting_says_what_it_is_for() -> None:
    undescribed = [name for name, field in fields_of(Settings) if not field.description]
    assert undescribed == []


def test_variables_that_kubernetes_puts_into_containers_are_not_ours() -> None:
    found = load(
        {
            "UPID_SERVICE_HOST": "10.0.0.7",
            "UPID_SERVICE_PORT": "8000",
            "UPID_PORT": "tcp://10.0.0.7:8000",
            "UPID_PORT_8000_TCP_ADDR": "10.0.0.7",
            "UPID_API_PORT": "tcp://10.0.0.7:8000",
        }
    )
    assert found.settings.api.port == 8000


@pytest.mark.parametrize(
    ("text", "seconds"), [("45", 45), ("45s", 45), ("250ms", 0.25), ("2 m", 120), ("1.5h", 5400)]
)
def test_lengths_of_time_are_written_with_their_unit(text: str, seconds: float) -> None:
    found = load({"UPID_API_REQUEST_TIMEOUT": text}).settings
    assert found.api.request_timeout.total_seconds() == seconds


def test_a_named_file_must_exist_and_the_usual_one_need_not() -> None:
    assert "'/nowhere.toml' does not exist" in refused(
        environ={"UPID_CONFIG_FILE": "/nowhere.toml"}
    )
    load({"XDG_CONFIG_HOME": "/nowhere"})


def test_a_file_that_is_no_toml_is_named(tmp_path: Path) -> None:
    assert "config.toml' cannot be read" in refused(file="[database", folder=tmp_path)


def test_levels_of_single_areas_come_as_json_or_as_a_table(tmp_path: Path) -> None:
    by_variable = load({"UPID_LOGS__AREAS": '{"upid.gateway": "DEBUG"}'})
    by_file = load(file='[logs.areas]\n"upid.gateway" = "DEBUG"\n', folder=tmp_path)

    assert by_variable.settings.logs.areas == by_file.settings.logs.areas
    assert by_file.settings.logs.areas == {"upid.gateway": "DEBUG"}


def test_state_goes_where_xdg_or_the_home_variable_say() -> None:
    assert load({"XDG_DATA_HOME": "/data"}).settings.home == Path("/data/upid")
    assert load({"XDG_DATA_HOME": "relative"}).settings.home.is_absolute()
    assert load({"UPID_HOME": "/state"}).settings.home == Path("/state")


@given(st.dictionaries(st.sampled_from(sorted(ALIASES)), st.text("ab01.:/{-\x00é"), max_size=4))
def test_any_value_is_either_taken_or_refused_by_name(environ: dict[str, str]) -> None:
    message = ""
    try:
        load(environ)
    except SettingsInvalid as refusal:
        message = refusal.message
    assert not message or any(variable in message for variable in environ)
