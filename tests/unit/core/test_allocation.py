"""Dividing bills: worked examples, laws over random clusters, and a slow exact twin."""

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upid.core.allocation import (
    CPU,
    GIB,
    GPU,
    MEMORY,
    RESOURCES,
    UNMEASURED,
    USED,
    WASTED,
    Basis,
    Demand,
    Machines,
    Model,
    Shares,
    Sharing,
    allocate,
    model_weights,
    saved,
)

RATES = (0.031611, 0.004237, 0.95)  # of a core-hour, GiB-hour and GPU-hour
CLUSTERS = 500  # in one batch; twenty batches are ten thousand
NAN = np.nan

seeds = st.integers(0, 2**32 - 1)
models, bases, sharings = (st.sampled_from(list(words)) for words in (Model, Basis, Sharing))


@dataclass(frozen=True)
class World:
    """A random cluster, or many: nodes do not know each other."""

    demand: Demand
    machines: Machines


def world(seed: int, nodes: int, hours: int = 5, crowded: float = 3.0) -> World:
    """Return containers on nodes with gaps, resizes, absences and over-commitment."""
    random = np.random.default_rng(seed)
    containers = int(random.integers(0, 4 * nodes + 1))
    capacity = np.stack(
        [
            random.choice([1.0, 2.0, 4.0, 0.0], nodes, p=[0.4, 0.3, 0.25, 0.05]),
            random.choice([2.0, 8.0, 16.0], nodes) * GIB,
            random.choice([0.0, 1.0, 4.0], nodes),
        ],
        axis=1,
    )
    machines = Machines(
        capacity=capacity,
        presence=_shares(random, (nodes, hours)),
        price=random.choice([0.0, 1.0, 333_333.333, 138_888.889, 5e7], nodes),
    )
    node = random.integers(-1, nodes, containers)
    on = machines.presence[node]
    shape = (containers, hours)
    usage = [
        np.where(random.random(shape) < 0.2, NAN, random.gamma(0.5, size, shape))
        for size in (crowded, crowded * 4 * GIB)
    ]
    demand = Demand(
        node=node,
        presence=np.where(node[:, None] < 0, 1.0, np.minimum(on, _shares(random, shape))),
        request=(
            random.choice([0.0, 0.1, 0.5, crowded], shape),
            random.choice([0.0, 0.25, 1.0, 4 * crowded], (containers, 1)) * GIB,
            random.choice([0.0, 1.0], (containers, 1), p=[0.8, 0.2]),
        ),
        usage=(usage[0], usage[1], np.full((containers, 1), NAN)),
    )
    return World(demand, machines)


def _shares(random: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    return np.clip(random.uniform(-0.5, 2.0, shape), 0.0, 1.0)


def divide(some: World, model: Model, basis: Basis, sharing: Sharing = Sharing.APART) -> Shares:
    weights = model_weights(some.machines.capacity, model, rates=RATES)
    return allocate(some.demand, some.machines, weights, basis=basis, sharing=sharing)


def one(
    *,
    request: tuple[float, float] = (0.5, GIB),
    usage: tuple[float, float] = (NAN, NAN),
    capacity: tuple[float, float, float] = (4, 16 * GIB, 0),
    monthly: float = 100,
    hours: int = 720,
    times: int = 1,
) -> World:
    """Return equal containers on one node that is there all the time."""
    column = np.ones((times, 1))
    return World(
        Demand(
            node=np.zeros(times, np.int64),
            presence=np.ones((times, hours)),
            request=(column * request[0], column * request[1], column * 0),
            usage=(
                np.full((times, hours), usage[0]),
                np.full((times, hours), usage[1]),
                column * NAN,
            ),
        ),
        Machines(
            capacity=np.array([capacity], float),
            presence=np.ones((1, hours)),
            price=np.array([monthly * 1e6 / 720]),
        ),
    )


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("usage", [(0.2, GIB / 2), (0.5, GIB), (NAN, NAN)])
def test_the_example_of_the_specification_is_allocated_ten(
    basis: Basis, usage: tuple[float, float]
) -> None:
    """COST-3: half a core and 1 GiB of 4 cores and 16 GiB at 100 a month are 10.00."""
    shares = divide(one(usage=usage), Model.WEIGHTED, basis)

    assert shares.allocated.tolist() == [10_000_000]
    assert shares.bills.tolist() == [100_000_000]
    assert shares.idle.sum() == 90_000_000


@pytest.mark.parametrize("hours", [1, 24, 168])
def test_the_share_does_not_depend_on_the_length_of_the_window(hours: int) -> None:
    """COST-3 at any length: a tenth of the bill."""
    shares = divide(one(hours=hours), Model.WEIGHTED, Basis.HIGHER)

    assert shares.allocated[0] == round(int(shares.bills[0]) / 10)


def test_usage_above_the_request_is_charged_unless_only_requests_are() -> None:
    """COST-1: max(request, usage) by default, the request by setting."""
    busy = one(usage=(1.0, 2 * GIB))

    assert divide(busy, Model.WEIGHTED, Basis.HIGHER).allocated.tolist() == [20_000_000]
    assert divide(busy, Model.WEIGHTED, Basis.REQUEST).allocated.tolist() == [10_000_000]


def test_what_was_taken_is_used_and_the_rest_of_the_charge_is_wasted() -> None:
    """COST-2: used is the charged share that was really taken."""
    parts = divide(one(usage=(0.1, GIB / 2)), Model.WEIGHTED, Basis.HIGHER).parts[0]

    assert parts[CPU].tolist() == [1_500_000, 6_000_000, 0]
    assert parts[MEMORY].tolist() == [1_250_000, 1_250_000, 0]


def test_an_hour_without_a_sample_is_charged_by_request_and_counted_as_unmeasured() -> None:
    half = one(usage=(0.5, GIB))
    half.demand.usage[CPU][:, ::2] = NAN

    shares = divide(half, Model.WEIGHTED, Basis.HIGHER)

    assert shares.parts[0, CPU].tolist() == [3_750_000, 0, 3_750_000]
    assert (shares.present, shares.measured) == (720, 360)


def test_charges_beyond_capacity_are_scaled_to_it_and_the_answer_says_so() -> None:
    """COST-1: idle of the resource is then 0."""
    crowd = one(request=(3.0, GIB), usage=(1.0, GIB), times=2, hours=24)

    shares = divide(crowd, Model.WEIGHTED, Basis.HIGHER)

    bill = int(shares.bills[0])
    assert shares.scaled == 24
    assert shares.idle[0, CPU] == 0
    assert shares.parts[:, CPU].sum() == pytest.approx(0.6 * bill, abs=1)
    assert shares.parts[0, CPU, USED] == pytest.approx(0.6 * bill / 2 / 3, abs=1)


def test_a_node_filled_to_the_brim_is_not_called_overcommitted() -> None:
    full = one(request=(0.1, GIB), capacity=(0.3, 3 * GIB, 0), times=3)  # 0.1 × 3 is above 0.3

    shares = divide(full, Model.WEIGHTED, Basis.HIGHER)

    assert shares.scaled == 0
    assert shares.idle.sum() <= 1


def test_price_ratio_weighs_resources_by_what_they_would_cost_at_the_rates() -> None:
    """COST-1, OpenCost's model: 4 × 0.031611 against 16 × 0.004237."""
    weights = model_weights(np.array([[4.0, 16.0 * GIB, 0.0]]), Model.PRICE_RATIO, rates=RATES)

    cpu, memory = 4 * RATES[CPU], 16 * RATES[MEMORY]
    assert weights[0].tolist() == pytest.approx([cpu / (cpu + memory), memory / (cpu + memory), 0])


def test_the_gpu_model_gives_gpus_their_share_and_splits_the_rest_as_ever() -> None:
    machines = np.array([[4.0, 16.0 * GIB, 1.0], [4.0, 16.0 * GIB, 0.0]])

    with_gpu, without = model_weights(machines, Model.GPU, rates=RATES)

    whole = 4 * RATES[CPU] + 16 * RATES[MEMORY] + RATES[GPU]
    assert with_gpu[GPU] == pytest.approx(RATES[GPU] / whole)
    assert with_gpu[CPU] / with_gpu[MEMORY] == pytest.approx(1.5)
    assert without.tolist() == pytest.approx([0.6, 0.4, 0])


def test_idle_is_shared_by_weight_or_evenly_among_the_containers_of_the_node() -> None:
    pair = one(request=(0.5, GIB), times=2)
    pair.demand.request[CPU][1] = 1.0
    pair.demand.request[MEMORY][1] = 2 * GIB

    weighted = divide(pair, Model.WEIGHTED, Basis.HIGHER, Sharing.WEIGHTED)
    even = divide(pair, Model.WEIGHTED, Basis.HIGHER, Sharing.EVEN)

    assert weighted.shared_idle.tolist() == [23_333_333, 46_666_667]
    assert even.shared_idle.tolist() == [35_000_000, 35_000_000]
    assert weighted.idle.sum() == even.idle.sum() == 0


@pytest.mark.parametrize("basis", Basis)
@pytest.mark.parametrize("model", Model)
@given(seed=seeds)
@settings(max_examples=20, deadline=None)
def test_ten_thousand_random_clusters_close_to_the_micro_and_nothing_is_negative(
    model: Model, basis: Basis, seed: int
) -> None:
    """COST-1: the parts always add up to the node's bill, in every model, basis and sharing."""
    many = world(seed, CLUSTERS)

    for sharing in Sharing:
        shares = divide(many, model, basis, sharing)

        node = many.demand.node
        on = node >= 0
        added = shares.idle.sum(axis=1)
        np.add.at(added, node[on], (shares.allocated + shares.shared_idle)[on])
        assert (added == shares.bills).all()
        cost = many.machines.price * many.machines.presence.sum(axis=1)
        assert (np.abs(shares.bills - cost) <= 0.5).all()
        assert min(shares.parts.min(initial=0), shares.idle.min(), shares.bills.min()) == 0
        assert shares.shared_idle.min(initial=0) == 0
        assert not shares.allocated[~on].any()


def exact_parts(some: World, weights: np.ndarray, basis: Basis) -> list[list[list[Fraction]]]:
    """Return the parts by the book, in fractions, one hour and container at a time."""
    demand, machines = some.demand, some.machines
    count, hours = demand.presence.shape
    parts = [[[Fraction(0)] * 3 for _ in range(RESOURCES)] for _ in range(count)]
    charges: dict[tuple[int, int, int], tuple[Fraction, Fraction | None]] = {}
    for r in range(RESOURCES):
        asked = np.broadcast_to(demand.request[r], (count, hours))
        taken = np.broadcast_to(demand.usage[r], (count, hours))
        for h in range(hours):
            totals: dict[int, Fraction] = {}
            for c in range(count):
                request, usage = Fraction(asked[c, h]), taken[c, h]
                there = Fraction(demand.presence[c, h])
                used = None if np.isnan(usage) else Fraction(usage)
                rate = request if used is None or basis is Basis.REQUEST else max(request, used)
                took = None if used is None else min(used, rate) * there
                charges[r, h, c] = (rate * there, took)
                node = int(demand.node[c])
                totals[node] = totals.get(node, Fraction(0)) + rate * there
            for c in range(count):
                node = int(demand.node[c])
                if node < 0:
                    continue
                size = Fraction(machines.capacity[node, r])
                available = size * Fraction(machines.presence[node, h])
                factor = min(Fraction(1), available / totals[node]) if totals[node] else Fraction(1)
                charged, took = charges[r, h, c]
                worth = Fraction(machines.price[node]) * Fraction(weights[node, r])
                price = worth / size * factor if size else Fraction(0)
                if took is None:
                    parts[c][r][UNMEASURED] += charged * price
                else:
                    parts[c][r][USED] += took * price
                    parts[c][r][WASTED] += (charged - took) * price
    return parts


@given(seeds, models, bases)
@settings(max_examples=60, deadline=None)
def test_the_vectorised_answer_is_that_of_a_slow_exact_twin(
    seed: int, model: Model, basis: Basis
) -> None:
    """COST-1 computed a second time, in fractions: alike to the rounding of one micro."""
    small = world(seed, nodes=3, hours=3)
    weights = model_weights(small.machines.capacity, model, rates=RATES)

    shares = allocate(small.demand, small.machines, weights, basis=basis)

    expected = np.array(exact_parts(small, weights, basis), float).reshape(shares.parts.shape)
    assert np.abs(shares.parts - expected).max(initial=0) <= 1.5


@given(seeds, models, bases)
@settings(max_examples=60, deadline=None)
def test_a_saving_is_what_dividing_again_with_the_other_request_gives(
    seed: int, model: Model, basis: Basis
) -> None:
    some = world(seed, nodes=2, hours=4, crowded=1.0)
    before = divide(some, model, basis)
    count = len(some.demand.node)
    random = np.random.default_rng(seed)
    cpu = random.choice([0.0, 0.2, 2.0, NAN], count)
    memory = random.choice([0.0, 0.5, 4.0], count) * GIB

    gains = saved(before, np.arange(count), cpu_request=cpu, memory_request=memory)

    for row in range(count):
        asked = [np.array(np.broadcast_to(a, some.demand.presence.shape))
                 for a in some.demand.request]  # fmt: skip
        if not np.isnan(cpu[row]):
            asked[CPU][row] = cpu[row]
        asked[MEMORY][row] = memory[row]
        other = World(
            replace(some.demand, request=(asked[CPU], asked[MEMORY], asked[GPU])), some.machines
        )
        after = divide(other, model, basis)
        assert gains[row] == pytest.approx(before.allocated[row] - after.allocated[row], abs=10)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_no_saving_is_more_than_what_the_container_is_charged(seed: int) -> None:
    some = world(seed, nodes=2)
    shares = divide(some, Model.WEIGHTED, Basis.HIGHER)
    rows = np.arange(len(some.demand.node))

    assert (saved(shares, rows, cpu_request=np.zeros(rows.size)) <= shares.allocated).all()


def test_a_request_that_stays_saves_nothing() -> None:
    some = world(7, nodes=3)
    rows = np.arange(len(some.demand.node))

    assert not saved(divide(some, Model.WEIGHTED, Basis.HIGHER), rows).any()
    unchanged = saved(
        divide(some, Model.WEIGHTED, Basis.HIGHER), rows, cpu_request=np.full(rows.size, NAN)
    )
    assert not unchanged.any()


def test_a_cluster_without_containers_is_all_idle() -> None:
    empty = world(0, nodes=2)
    nobody = np.zeros((0, 5))
    column = np.zeros((0, 1))
    demand = Demand(np.zeros(0, np.int64), nobody, (column,) * 3, (nobody, nobody, column))

    shares = divide(World(demand, empty.machines), Model.WEIGHTED, Basis.HIGHER)

    assert (shares.idle.sum(axis=1) == shares.bills).all()


def test_without_nodes_nothing_can_be_saved() -> None:
    nowhere = Demand(
        node=np.array([-1]),
        presence=np.ones((1, 5)),
        request=(np.ones((1, 5)),) * 3,
        usage=(np.full((1, 5), NAN),) * 2 + (np.full((1, 1), NAN),),
    )
    machines = Machines(np.zeros((0, 3)), np.zeros((0, 5)), np.zeros(0))
    shares = divide(World(nowhere, machines), Model.WEIGHTED, Basis.HIGHER)

    gains = saved(shares, np.array([0]), cpu_request=np.zeros(1), memory_request=np.zeros(1))

    assert gains.tolist() == [0]
