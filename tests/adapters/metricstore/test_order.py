"""Any order and any repetition of the same deliveries gives the same bytes and answers (D2)."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.metricstore.shelves import (
    CLUSTER,
    DAY,
    HOUR,
    START,
    Machine,
    Row,
    at_rest,
    batch,
    everything,
    folder,
    opened,
)
from upid.adapters.metricstore import EmbeddedStore, StoreLimits
from upid.adapters.metricstore.head import MetricHead
from upid.adapters.metricstore.records import columns_of
from upid.core import metrics as m
from upid.core.metrics import Metric
from upid.core.ports.metric_store import Batch
from upid.core.rollup import Level
from upid.core.window import Window

# Repeated on purpose: few series, few times, values that fixed point holds and that it does not.
METRICS = (m.CPU, m.MEMORY, m.THROTTLED, m.REQUESTS)
times = st.integers(0, 20 * 60).map(lambda n: n * 60_000) | st.integers(0, 72_000_000)
amounts = st.sampled_from([0.0, -0.0, 0.25, 1 / 3, 1024.0, 3e9, 2.0**62]) | st.integers(
    0, 10**6
).map(float)
rows = st.lists(st.tuples(st.integers(0, 5), times, amounts), min_size=1, max_size=12)
ticks = st.tuples(st.integers(0, 20 * 60), st.lists(amounts, min_size=16, max_size=40)).map(
    lambda found: [(number, found[0] * 60_000, value) for number, value in enumerate(found[1])]
)
deliveries = st.lists(st.tuples(st.sampled_from(METRICS), rows | ticks), min_size=1, max_size=8)
Delivery = tuple[Metric, list[Row]]

LATE = timedelta(hours=20)  # when all of it comes, so that hours before are in files by then


def ticked(delivery: Delivery) -> Batch:
    """Return a delivery, with one time where all its samples have it."""
    found = batch(*delivery)
    if (found.times == found.times[0]).all():
        return Batch(found.metric, found.ids, found.times[:1], found.values)
    return found


def history(
    root: Path, given_: list[Delivery], random: np.random.Generator
) -> tuple[dict[str, str], list[object]]:
    """Let deliveries come, with hours flushed and the store opened again in between as chance has
    it; return the bytes that are at rest in the end, and what is answered before and then."""
    machine = Machine(START + LATE)
    store = opened(root, machine, StoreLimits(segment_bytes=2000))
    for delivery in given_:
        store.append(CLUSTER, [ticked(delivery)])
        chance = random.integers(0, 4)
        if chance == 0:
            store.tidy()
        elif chance == 1:
            store.close()
            store = opened(root, machine, StoreLimits(segment_bytes=2000))
    answers = answered(store)
    machine.pass_(3 * DAY)
    store.tidy()
    assert answered(store) == answers
    store.close()
    return at_rest(root), answers


def answered(store: EmbeddedStore) -> list[object]:
    found: list[object] = [everything(store, metric) for metric in METRICS]
    for level in (Level.MINUTE, Level.DAY):
        for metric in METRICS:
            cells = store.rollup(CLUSTER, metric, Window(START, START + DAY), level)
            arrays = (cells.times, cells.counts, cells.sums, cells.lowest, cells.quantiles(0.95))
            found.append([array.tobytes() for array in arrays])
    return found


def expected(given_: list[Delivery], metric: Metric) -> dict[tuple[int, int], float]:
    found: dict[tuple[int, int], float] = {}
    for _, rows_ in (one for one in given_ if one[0] is metric):
        for series, time, value in rows_:
            found[series, time] = max(value, found.get((series, time), value))
    return found


@settings(max_examples=30)
@given(deliveries, st.integers(0, 2**32))
def test_any_order_and_repetition_gives_the_same_bytes_and_answers(
    given_: list[Delivery], seed: int
) -> None:
    random = np.random.default_rng(seed)
    more = [given_[i] for i in random.integers(0, len(given_), 3)]
    other = [*given_, *more]
    random.shuffle(other)
    with folder() as one, folder() as two:
        bytes_, answers = history(one, given_, random)
        again, answers_again = history(two, other, random)
    assert bytes_ == again
    assert answers == answers_again
    for metric, answer in zip(METRICS, answers, strict=False):
        assert answer == expected(given_, metric)


@pytest.mark.slow
@pytest.mark.full
def test_a_thousand_orders_of_a_history_give_the_same_bytes() -> None:
    """Through the whole store: memory, hours, days, roll-ups."""
    random = np.random.default_rng(11)
    given_ = drawn(random, 6)
    found = set()
    for _ in range(1000):
        other = [given_[i] for i in random.permutation(len(given_))]
        with folder() as root:
            machine = Machine(START + LATE)
            with opened(root, machine) as store:
                for delivery in [*other, other[0]]:
                    store.append(CLUSTER, [ticked(delivery)])
                    if random.integers(0, 4) == 0:
                        store.tidy()
                machine.pass_(3 * DAY)
                store.tidy()
            found.add(str(at_rest(root)))
    assert len(found) == 1


@pytest.mark.slow
@pytest.mark.full
def test_ten_thousand_orders_of_a_history_are_one_set_in_memory() -> None:
    """D2's count; what files are written from."""
    random = np.random.default_rng(12)
    given_ = [ticked((m.CPU, rows_)) for _, rows_ in drawn(random, 12)]
    found = set()
    for _ in range(10_000):
        head = MetricHead(m.CPU.scale)
        for i in [*random.permutation(len(given_)), *random.integers(0, len(given_), 2)]:
            one = given_[i]
            head.add(columns_of(one.metric.name, one.ids, one.times, one.values))
        whole = head.samples(0, 1 << 60)
        arrays = (whole.ids, whole.offsets, whole.times, whole.values)
        found.add(b"".join(array.tobytes() for array in arrays))
    assert len(found) == 1


def drawn(random: np.random.Generator, count: int) -> list[Delivery]:
    """Return deliveries, every other one a tick; all of them meet in the same few times."""
    found: list[Delivery] = []
    for number in range(count):
        values = random.integers(0, 9, 30) / (3.0 if number % 3 else 1.0)
        series = random.permutation(30) if number % 2 else np.arange(30)
        at = random.integers(0, 4, 30) * 3_600_000 if number % 2 else np.full(30, 7_200_000)
        rows_ = list(zip(series.tolist(), at.tolist(), values.tolist(), strict=True))
        found.append((METRICS[number % 2], rows_))
    return found


def test_a_late_sample_gets_into_a_day_that_has_its_file_already() -> None:
    with folder() as one, folder() as two:
        machine = Machine(START + DAY + 2 * HOUR)
        with opened(one, machine) as store:
            store.append(CLUSTER, [batch(m.CPU, [(1, 20 * 3_600_000, 1.0)])])
            store.tidy()
            days = [name for name in at_rest(one) if ".day." in name and "=raw" in name]
            assert len(days) == 1
            store.append(CLUSTER, [batch(m.CPU, [(1, 20 * 3_600_000, 2.0), (2, 72_000_000, 0.5)])])
            machine.pass_(3 * DAY)
            store.tidy()
            assert everything(store, m.CPU) == {(1, 72_000_000): 2.0, (2, 72_000_000): 0.5}
        late = Machine(START + DAY + 2 * HOUR)
        with opened(two, late) as store:
            store.append(CLUSTER, [batch(m.CPU, [(2, 72_000_000, 0.5), (1, 72_000_000, 2.0)])])
            late.pass_(3 * DAY)
            store.tidy()
        assert at_rest(one) == at_rest(two)
