"""What nobody uses, what is left alone, and how the money of both is told."""

import yaml

from tests.contexts.optimization.world import MIB, World
from tests.fixtures.memory_source import version_of
from upid.contexts.optimization import Advice, AdviceType, Code, Recommendation, Risk, Saving
from upid.core.metrics import OOM_KILLS

GIB = 1024 * MIB


def volume(world: World, *, claimed: bool) -> Recommendation:
    """Return the advice on a volume that no pod mounts, with and without its claim."""
    phase = "Bound" if claimed else "Released"
    if claimed:
        world.add(
            "PersistentVolumeClaim", "old", spec={"volumeName": "pv1"}, status={"phase": phase}
        )
    else:
        world.add("PersistentVolumeClaim", "other", status={"phase": "Pending"})
    body = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": "pv1", "uid": "pv1", "creationTimestamp": "2026-01-31T00:00:00Z"},
        "spec": {
            "capacity": {"storage": "100Gi"},
            "storageClassName": "gp3",
            "csi": {"driver": "ebs.csi.aws.com", "volumeHandle": "vol-1"},
            "claimRef": {"namespace": "shop", "name": "old"},
        },
        "status": {"phase": phase},
    }
    world.objects.append(version_of(body, since=world.objects[0].since))
    (found,) = (r for r in world.advice().recommendations if r.type is AdviceType.COST)
    return found


def busy() -> World:
    world = World()
    world.workload()
    return world


def test_a_volume_is_deleted_by_its_claim_and_without_one_by_itself() -> None:
    """OPT-4: the command names what exists; a claim that is gone cannot be deleted."""
    claimed, released = volume(busy(), claimed=True), volume(busy(), claimed=False)
    assert claimed.patch is not None
    assert released.patch is not None
    assert claimed.patch.command == "kubectl delete pvc old -n shop"
    assert released.patch.command == "kubectl delete pv pv1"
    assert "the claim 'old' that held it is gone" in released.reason
    assert any("Retain" in note for note in released.notes)


def test_what_is_deleted_says_that_it_destroys_and_has_no_manifest() -> None:
    """OPT-4: no patch could be applied; the diff takes the whole object away."""
    found = volume(busy(), claimed=True)
    assert found.patch is not None
    assert found.patch.manifest is None
    assert found.risk is not Risk.LOW
    assert found.notes[0].startswith("destructive: take a snapshot first")
    assert "-kind: PersistentVolumeClaim\n" in found.patch.diff
    assert not [x for x in found.patch.diff.splitlines()[3:] if not x.startswith("-")]


def test_a_diff_is_of_whole_yaml_with_its_context() -> None:
    """OPT-4: as kubectl diff prints it: names, levels, quoted numbers, a last newline."""
    world = World()
    world.workload()
    patch = world.advice().recommendations[0].patch
    assert patch is not None
    lines = patch.diff.splitlines()
    assert lines[:2] == ["--- live/shop/deployment/web", "+++ advised/shop/deployment/web"]
    assert patch.diff.endswith("\n")
    for sign, cpu in (("-", "2"), ("+", "210m")):
        side = yaml.safe_load("\n".join(x[1:] for x in lines[3:] if x[0] in (" ", sign)))
        assert side["kind"] == "Deployment"
        (container,) = side["spec"]["template"]["spec"]["containers"]
        assert container["name"] == "main"
        assert container["resources"]["requests"]["cpu"] == cpu


def wide(world: World, name: str, cpu: str) -> None:
    asked = {"requests": {"cpu": cpu, "memory": "480Mi"}}
    world.workload(name, resources=asked, cpu=(0.18,), memory=(410.0 * MIB,))


def test_what_no_change_is_worth_is_headroom_and_not_waste() -> None:
    """COST-2: a request 5 % above what is advised is kept on purpose."""
    world = World()
    wide(world, "web", "220m")
    advice = world.advice(efficiency=0.99)
    assert [x.code for x in advice.left_alone] == [Code.FITS]
    assert "with headroom no request can shrink by 10%" in advice.left_alone[0].reason
    (row,) = advice.headroom
    assert row.over == row.unknown == 0
    assert row.used + row.headroom == row.charged


def test_what_something_hinders_is_still_waste() -> None:
    """COST-2, SAF-4: an opt-out hides no money."""
    world = World()
    world.workload(metadata={"annotations": {"upid.io/ignore": "true"}})
    advice = world.advice()
    assert [x.code for x in advice.left_alone] == [Code.OPTED_OUT]
    assert advice.headroom[0].over > advice.headroom[0].headroom > 0


def test_what_a_limit_range_forbids_is_waste_with_that_reason() -> None:
    """COST-2, OPT-1: the range keeps the request high, not the work."""
    world = World()
    world.workload()
    least = {"type": "Container", "min": {"cpu": "2", "memory": "4Gi"}}
    world.add("LimitRange", "large", spec={"limits": [least]})
    advice = world.advice()
    assert [x.code for x in advice.left_alone] == [Code.LIMIT_RANGE]
    assert advice.headroom[0].over > advice.headroom[0].headroom > 0


def test_a_tenth_less_is_worth_a_rollout_also_in_floating_point() -> None:
    """OPT-1: 1 - 0.9 is a little below 0.1."""
    world = World()
    asked = {"requests": {"cpu": "1", "memory": "480Mi"}}
    world.workload(resources=asked, cpu=(0.75,), memory=(410.0 * MIB,))
    (found,) = world.advice(efficiency=0.9).recommendations
    assert found.changes[0].proposed.cpu_request == 0.9


def mixed() -> Advice:
    world = World()
    world.workload("large")
    wide(world, "starved", "50m")
    return world.advice()


def test_totals_tell_what_is_saved_from_what_costs_more() -> None:
    """OPT-5: the net, both of its sides, and the sure part of what is saved."""
    totals = mixed().totals
    assert totals.saves.month > 0
    assert totals.costs_more.month > 0
    assert totals.saving == totals.saves + -totals.costs_more
    assert Saving().month <= totals.high_confidence.month <= totals.saves.month


def test_a_container_that_no_source_lists_as_killed_was_not_killed() -> None:
    """OPT-4: the metric is there and the container is measured: none, not unknown."""
    world = World()
    world.workload("calm")
    world.workload("killed", events={OOM_KILLS: {900: 1}})
    world.samples[OOM_KILLS][0][:] = float("nan")
    found = {r.target.name: r.changes[0].usage.oom_kills for r in world.advice().recommendations}
    assert found == {"calm": 0, "killed": 1}
