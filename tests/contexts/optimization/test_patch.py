"""The exact patch: applied to an object it changes the advised amounts and nothing else."""

import copy
from typing import Any

import pytest

from tests.contexts.optimization.world import MIB, World
from upid.contexts.optimization import ContainerChange, Target, Usage
from upid.contexts.optimization.patch import resources_patch, sleep_patch
from upid.core.explain import Unknown
from upid.core.rightsizing import Ask
from upid.core.simulation import Replay

NOTHING = Unknown("not measured")
USAGE = Usage(1, 1, 1.0, 7.0, *[NOTHING] * 15)
REPLAY = Replay(NOTHING, NOTHING, NOTHING, NOTHING, NOTHING, NOTHING)
LIVE: dict[str, Any] = {
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {
        "replicas": 3,
        "template": {
            "spec": {
                "containers": [
                    {
                        "name": "main",
                        "image": "web:1",
                        "resources": {
                            "requests": {"cpu": "2", "memory": "4Gi", "nvidia.com/gpu": "1"},
                            "limits": {"memory": "4Gi"},
                        },
                    },
                    {"name": "other", "image": "o:1", "resources": {"requests": {"cpu": "1"}}},
                ],
                "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
            }
        },
    },
}


def change(name: str, before: Ask, after: Ask, *, sidecar: bool = False) -> ContainerChange:
    return ContainerChange(name, before, after, USAGE, REPLAY, (), sidecar)


def merged(live: Any, patch: Any) -> Any:  # noqa: ANN401 - JSON
    """Merge as the API server does for a strategic merge patch: lists of containers by name."""
    if isinstance(patch, dict) and isinstance(live, dict):
        return {k: merged(live[k], patch[k]) if k in live and k in patch else
                copy.deepcopy(patch.get(k, live.get(k))) for k in {**live, **patch}}  # fmt: skip
    if isinstance(patch, list) and isinstance(live, list):
        parts = {item["name"]: item for item in patch}
        return [merged(item, parts.get(item["name"], {})) for item in live]
    return patch


def test_a_patch_changes_the_advised_amounts_and_nothing_else() -> None:
    """OPT-4: untouched fields, other containers and other resources stay as they were."""
    before, after = Ask(2.0, None, 4096 * MIB, 4096 * MIB), Ask(0.21, None, 480 * MIB, 480 * MIB)
    patch = resources_patch(Target("shop", "Deployment", "web"), [change("main", before, after)])
    assert patch is not None
    found = merged(LIVE, patch.manifest)
    wanted = copy.deepcopy(LIVE) | {"apiVersion": "apps/v1", "kind": "Deployment"}
    resources = wanted["spec"]["template"]["spec"]["containers"][0]["resources"]
    resources["requests"] |= {"cpu": "210m", "memory": "480Mi"}
    resources["limits"] = {"memory": "480Mi"}
    assert found == wanted


def test_amounts_that_stay_are_not_in_the_patch() -> None:
    same = change("main", Ask(2.0, 4.0, MIB, MIB), Ask(1.0, 4.0, MIB, MIB))
    patch = resources_patch(Target("shop", "StatefulSet", "web"), [same])
    assert patch is not None
    assert "'resources': {'requests': {'cpu': '1'}}" in str(patch.manifest)
    assert patch.command == (
        "kubectl patch statefulset/web -n shop --type=strategic -p "
        '\'{"spec":{"template":{"spec":{"containers":'
        '[{"name":"main","resources":{"requests":{"cpu":"1"}}}]}}}}\''
    )


def test_a_sidecar_is_patched_among_the_init_containers() -> None:
    one = change("proxy", Ask(), Ask(cpu_request=0.1), sidecar=True)
    patch = resources_patch(Target("shop", "Deployment", "web"), [one])
    assert patch is not None
    pod = merged(LIVE, patch.manifest)["spec"]["template"]["spec"]
    assert pod["initContainers"][0]["resources"] == {"requests": {"cpu": "100m"}}
    assert pod["containers"] == LIVE["spec"]["template"]["spec"]["containers"]


@pytest.mark.parametrize("kind", ["Job", "Pod", "Rollout"])
def test_a_kind_that_cannot_be_patched_gets_no_patch(kind: str) -> None:
    assert resources_patch(Target("shop", kind, "x"), []) is None
    assert sleep_patch(Target("shop", kind, "x"), 1) is None


def test_an_idle_workload_sleeps_by_replicas_and_a_cron_job_by_suspension() -> None:
    web = sleep_patch(Target("shop", "Deployment", "web"), 3)
    nightly = sleep_patch(Target("shop", "CronJob", "nightly"), None)
    assert web is not None
    assert nightly is not None
    assert web.manifest is not None
    assert nightly.manifest is not None
    assert web.manifest["spec"] == {"replicas": 0}
    assert "-  replicas: 3\n+  replicas: 0\n" in web.diff
    assert nightly.manifest["spec"] == {"suspend": True}


def test_the_world_of_one_workload_yields_its_own_patch() -> None:
    world = World()
    world.workload()
    patch = world.advice().recommendations[0].patch
    assert patch is not None
    assert patch.manifest is not None
    assert patch.manifest["metadata"] == {"name": "web", "namespace": "shop"}
