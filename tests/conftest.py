"""What every test can ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = [
    "tests.fixtures.postgres",
    "tests.fixtures.databases",
    "tests.world.fixtures",
    "tests.world.neighbours.fixtures",
    "tests.world.fleet_fixtures",
]

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() == "true"

# The same examples every time in CI: a red build is red again. A desk explores.
settings.register_profile(
    "ci",
    derandomize=True,
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("desk", print_blob=True, deadline=None)
settings.load_profile("ci" if IN_CI else "desk")


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return ROOT


@pytest.fixture(scope="session")
def sample() -> Path:
    """Return the recording that ships with UPID."""
    return ROOT / "src" / "upid" / "sample.upid"


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the facts beside the project; a desk without them skips, CI fails."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        missing = f"no folder {folder.name!r} beside the project"
        if IN_CI:
            pytest.fail(missing)
        pytest.skip(missing)
    return folder


@pytest.fixture
def anyio_backend() -> str:
    """Return the one event loop that UPID runs on."""
    return "asyncio"
