"""What several tests of the client ask for."""

from collections.abc import Iterator

import pytest

from tests.adapters.kubernetes.client_world import MANY, fill
from tests.world.cluster import namespace
from tests.world.control_plane import ControlPlane


@pytest.fixture(scope="session")
def crowd(control_plane: ControlPlane) -> Iterator[tuple[str, list[str]]]:
    """Yield a namespace with 1,200 ConfigMaps, and their names."""
    with namespace(control_plane, "crowd") as found:
        yield found.namespace, fill(found.api, found.path("configmaps"), MANY)
