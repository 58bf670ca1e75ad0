"""How what was found about a cluster is judged: EXPERIENCE row 2, CLU-4, CLU-6."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from upid.adapters.pricelist import ShippedPrices
from upid.contexts.clusters import Check, Sight, State, capabilities_of
from upid.contexts.clusters.logic import checks
from upid.contexts.clusters.logic.permissions import READ
from upid.contexts.clusters.logic.survey import TELLING, survey
from upid.contexts.costs.logic.sources import prices_check
from upid.core.ports.cluster_connection import Grant, Identified, Reach, Served
from upid.core.ports.cluster_source import ObjectVersion
from upid.core.snapshot import Node, Service
from upid.core.units import Resources

NOW = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WHO = Identified("https://k8s.example.com", "prod", "c", "ana", "default", "token")
REACH = Reach(
    at=NOW,
    version="v1.36.1",
    platform="linux/amd64",
    identity="x",
    latency=timedelta(milliseconds=3),
    skew=timedelta(),
    grants=(),
    usage_age=timedelta(seconds=20),
)
METERED = Served("v1.36.1", {"": ("pods",), "metrics.k8s.io": ("nodes", "pods")})


def everything_granted() -> list[Grant]:
    return [Grant(one, allowed=True) for one in READ.permissions]


@pytest.mark.parametrize(
    ("days", "state"), [(-1, State.FAILED), (0, State.FAILED), (29, State.WARNING), (31, State.OK)]
)
def test_a_certificate_is_named_thirty_days_before_it_ends(days: int, state: State) -> None:
    """CLU-6."""
    end = NOW + days * DAY
    for who in (replace(WHO, certificate_until=end), replace(WHO, authority_until=end)):
        found = checks.credentials_check(who, "a client certificate", "", NOW)
        assert found.state is state
        assert bool(found.remedy) is (state is not State.OK)


def test_a_token_is_short_lived_by_design_and_named_once_it_has_ended() -> None:
    """CLU-6."""
    soon = replace(WHO, token_until=NOW + timedelta(minutes=5))
    assert checks.credentials_check(soon, "a token", "", NOW).state is State.OK
    past = replace(WHO, token_until=NOW - timedelta(minutes=5))
    assert checks.credentials_check(past, "a token", "", NOW).state is State.FAILED


def test_what_ends_first_is_what_is_told() -> None:
    """CLU-6."""
    who = replace(WHO, certificate_until=NOW + 2 * DAY, authority_until=NOW + DAY)
    found = checks.credentials_check(who, "a client certificate", "bob", NOW).found
    assert "authority is good until 2026-06-02" in found
    assert "acting as 'bob'" in found


@pytest.mark.parametrize(
    ("version", "state"),
    [
        ("v1.24.17", State.WARNING),
        ("v1.25.0", State.OK),
        ("v1.30.5-gke.1014001", State.OK),
        ("v1.37.0", State.OK),
        ("v1.38.0-alpha.1", State.WARNING),
        ("v2.0.0", State.WARNING),
        ("unknown", State.UNKNOWN),
    ],
)
def test_known_versions_are_those_that_are_said_to_be(version: str, state: State) -> None:
    """EXPERIENCE 2."""
    assert checks.version_check(version).state is state


def test_clocks_that_differ_are_told_which_way() -> None:
    """EXPERIENCE 2: not told is not equal."""
    assert checks.clock_check(None).state is State.UNKNOWN
    assert checks.clock_check(timedelta(seconds=2)).state is State.OK
    assert "3 minutes ahead of" in checks.clock_check(timedelta(minutes=3)).found
    assert "2 hours behind" in checks.clock_check(-timedelta(hours=2)).found


def test_usage_is_fresh_old_unasked_or_not_there() -> None:
    """EXPERIENCE 2: each with another way out."""

    def told(reach: Reach, served: Served = METERED, lacking: str = "") -> Check:
        grants = [one for one in everything_granted() if lacking not in str(one.permission)]
        return checks.usage_check(
            reach, served, READ.needs, grants if lacking else everything_granted()
        )

    assert told(REACH).state is State.OK
    old = told(replace(REACH, usage_age=timedelta(minutes=10)))
    assert (old.state, "10 minutes old" in old.found) == (State.WARNING, True)
    absent = told(REACH, replace(METERED, groups={"": ("pods",)}))
    assert absent.code.startswith("kubectl apply")
    dead = replace(METERED, groups={"": ("pods",)}, failing=("metrics.k8s.io",))
    silent = told(replace(REACH, no_usage="usage is unknown: it does not answer"), dead)
    assert (silent.found, "logs" in silent.code) == ("it does not answer", True)
    forbidden = told(replace(REACH, no_usage="usage is unknown: no"), lacking="metrics.k8s.io")
    assert forbidden.remedy == "apply the YAML below"


def test_each_permission_that_is_missing_comes_with_what_is_lost() -> None:
    """CLU-5: list and watch of one kind in one line, the vital ones as failures."""
    refused = {"list pods", "watch pods", "watch services"}
    grants = [Grant(one, str(one) not in refused) for one in READ.permissions]
    first, pods, services = checks.permission_checks(READ.needs, grants)
    total = len(READ.needs)
    assert first.found == f"{total - 3} of {total} that UPID asks for are granted"
    assert (pods.state, pods.found) == (State.FAILED, "may not list or watch pods")
    assert (services.state, services.found) == (State.WARNING, "may not watch services")
    assert pods.means
    assert services.means == "a server that stays connected does not see changes of services"


def test_what_a_cluster_does_not_say_is_unknown_not_refused() -> None:
    """CLU-5."""
    grants = [Grant(READ.permissions[0], False, "unknown: the cluster forbids to ask")]
    [found] = checks.permission_checks(READ.needs[:1], grants)
    assert found.state is State.UNKNOWN


def test_prometheus_is_named_where_it_answers_and_not_called_absent_unseen() -> None:
    """CLU-4."""
    labels = {"app.kubernetes.io/name": "prometheus"}
    service = Service("monitoring", "main", labels=labels, ports={9090: "web"})

    def told(sight: Sight) -> Check:
        return next(iter(checks.capability_checks(capabilities_of(sight))))

    seen = Sight("v1.36.0", {"": ()}, (), (), (service,))
    assert told(seen).found == "found: monitoring/main:9090"
    absent = told(replace(seen, services=()))
    assert (absent.state, "helm install" in absent.code) == (State.WARNING, True)
    blind = told(replace(seen, services=None))
    assert (blind.state, blind.code) == (State.UNKNOWN, "")
    assert "list services" in blind.remedy


def test_a_cluster_of_which_nothing_may_be_listed_is_surveyed_all_the_same() -> None:
    """CLU-3, CLU-4: and a node that cannot be read hides nothing else."""
    blind = survey({}, "v1.36.0", None, NOW)
    assert blind.nodes is None
    assert checks.provider_check(blind.provider).state is State.UNKNOWN
    broken = ObjectVersion("Node", "", "n", "u", NOW - DAY, None, b"{")
    found = survey({**dict.fromkeys(TELLING, ()), "nodes": [broken]}, "v1.36.0", METERED, NOW)
    assert found.nodes == ()


def test_whose_prices_would_answer_is_said_node_by_node() -> None:
    """COST-4: rates alone are a warning, and nothing to price is unknown."""
    listed = Node(
        "a",
        "u",
        Resources(2, 8 << 30),
        Resources(2, 8 << 30),
        NOW,
        provider="aws",
        region="us-east-1",
        instance_type="m5.large",
    )
    prices = ShippedPrices()
    found = prices_check([listed, listed], prices)
    assert (found.state, found.found.startswith("2 of 2 nodes by ")) == (State.OK, True)
    mixed = prices_check([listed, replace(listed, instance_type="of-my-own")], prices)
    assert mixed.state is State.WARNING
    assert "1 of 2 nodes by OpenCost's default rates (aws)" in mixed.found
    assert prices_check(None, prices).state is State.UNKNOWN
    assert prices_check((), prices).found == "there are no nodes to price"
