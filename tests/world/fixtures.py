"""What a test can ask of the world: an enclosure, a cluster in it, a real node."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import control_plane as planes
from tests.world import needs, parts
from tests.world import node as nodes
from tests.world.cluster import Cluster, namespace
from tests.world.control_plane import ControlPlane
from tests.world.enclosure import CannotEnclose, Enclosure, enclosed
from tests.world.judge import Judge
from tests.world.ledger import Host, host
from tests.world.node import Node

_left_out = pytest.StashKey[str]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of the world out, with one line, at a desk that can have none."""
    reason = None if needs.IN_CI else needs.no_world()
    if reason is None:
        return
    worldly = [item for item in items if item.get_closest_marker("world")]
    if worldly:
        items[:] = [item for item in items if not item.get_closest_marker("world")]
        config.hook.pytest_deselected(items=worldly)
        config.stash[_left_out] = f"{len(worldly)} tests on a real Kubernetes left out: {reason}"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what was left out."""
    if _left_out in config.stash:
        terminalreporter.write_line(config.stash[_left_out])


@pytest.fixture(scope="session")
def enclosure() -> Iterator[Enclosure]:
    """Yield the namespaces in which everything of this test run lives, and ends with it."""
    needs.need_enclosure()
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(enclosed())
        except CannotEnclose as error:
            needs.refuse(str(error))
        yield made


@pytest.fixture(scope="session")
def control_plane(enclosure: Enclosure) -> Iterator[ControlPlane]:
    """Yield a real control plane with its audit log and whole history."""
    needs.need_parts("kubernetes")
    with planes.running(enclosure) as running:
        yield running


@pytest.fixture(scope="session")
def old_control_plane(enclosure: Enclosure) -> Iterator[ControlPlane]:
    """Yield an API server two versions older, without controllers."""
    needs.need_parts("kubernetes", "kubernetes-1.34")
    with planes.running(enclosure, slot=1, old=True, controllers=False) as running:
        yield running


@pytest.fixture
def judge(control_plane: ControlPlane) -> Judge:
    """Return who knows what was changed, by whom and in which order."""
    return Judge(control_plane.audit_log, control_plane.etcd)


@pytest.fixture
def cluster(control_plane: ControlPlane) -> Iterator[Cluster]:
    """Yield a namespace for this test only."""
    with namespace(control_plane) as found:
        yield found


@pytest.fixture(scope="session")
def node_images(enclosure: Enclosure) -> list[Path]:
    """Return the archives of the images that pods of tests run."""
    from tests.world import images

    needs.need_parts("actor")
    return images.write_all(enclosure.folder / "images")


@pytest.fixture(scope="session")
def node(control_plane: ControlPlane, node_images: list[Path]) -> Iterator[Node]:
    """Yield a real node that is Ready: containerd, runc, kubelet, kube-proxy."""
    needs.need_parts("kubernetes", "containerd")
    with nodes.running(control_plane, node_images) as running:
        yield running


@pytest.fixture(scope="session")
def actor() -> Path:
    """Return the program that plays servers and clients."""
    needs.need_parts("actor")
    return parts.program("actor")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Host]:
    """Yield this machine as a place for programs that end with the test run."""
    with host(tmp_path) as made:
        yield made
