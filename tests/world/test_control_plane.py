"""The control plane is a real one, and each test has a namespace of its own."""

import pytest

from tests.world.api import ApiError
from tests.world.cluster import Cluster
from tests.world.control_plane import ControlPlane

pytestmark = pytest.mark.world


def test_the_api_server_says_which_version_it_is(
    control_plane: ControlPlane, old_control_plane: ControlPlane
) -> None:
    """Two versions stand side by side, so that skew can be tried."""
    new = control_plane.api().get("/version")
    old = old_control_plane.api().get("/version")
    assert (new["major"], new["minor"]) == ("1", "36")
    assert (old["major"], old["minor"]) == ("1", "34")


def test_a_deployment_gets_its_pods_from_the_real_controllers(cluster: Cluster) -> None:
    from tests.world.waiting import wait_until

    labels = {"app": "web"}
    container = {"name": "web", "image": "localhost/none:1"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    spec = {"replicas": 3, "selector": {"matchLabels": labels}, "template": template}
    cluster.create("deployments", {"metadata": {"name": "web"}, "spec": spec}, "apps/v1")

    def pods() -> int:
        return len(cluster.api.get(cluster.path("pods"), labelSelector="app=web")["items"])

    wait_until("three pods", lambda: pods() == 3, 30)


def test_a_users_rights_are_what_rbac_says(control_plane: ControlPlane, cluster: Cluster) -> None:
    """A user without a role is refused, one with a role does what the role says and no more."""
    viewer = control_plane.api("viewer")
    with pytest.raises(ApiError) as refused:
        viewer.get(cluster.path("configmaps"))
    assert refused.value.status == 403
    cluster.create(
        "roles",
        {
            "metadata": {"name": "look"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["list"]}],
        },
        "rbac.authorization.k8s.io/v1",
    )
    cluster.create(
        "rolebindings",
        {
            "metadata": {"name": "look"},
            "subjects": [{"kind": "User", "name": "viewer"}],
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "look"},
        },
        "rbac.authorization.k8s.io/v1",
    )
    from tests.world.waiting import wait_until

    def may_list() -> bool:
        try:
            return bool(viewer.get(cluster.path("configmaps"))["items"] is not None)
        except ApiError:
            return False

    wait_until("the role to be seen", may_list, 10)
    with pytest.raises(ApiError) as still:
        viewer.create(cluster.path("configmaps"), {"metadata": {"name": "no"}})
    assert still.value.status == 403


def test_a_kubeconfig_alone_is_enough_for_kubectl(control_plane: ControlPlane) -> None:
    import subprocess

    from tests.world import parts

    config = f"--kubeconfig={control_plane.kubeconfig()}"
    said = subprocess.run(
        [parts.program("kubectl"), config, "get", "ns", "-o", "name"],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"HOME": "/nonexistent"},
    ).stdout
    assert "namespace/kube-system" in said.split()


def test_an_answer_of_400_or_more_is_an_error_with_the_servers_reason(cluster: Cluster) -> None:
    body = {"metadata": {"name": "one"}}
    cluster.create("configmaps", body)
    with pytest.raises(ApiError) as twice:
        cluster.create("configmaps", body)
    assert (twice.value.status, twice.value.reason) == (409, "AlreadyExists")
