"""Ill clusters are not felt by healthy ones (O1), by the registry's own lines and real servers.

Run with the tests of the world, which have the machine to themselves. How quick the healthy ones
stay is measured by `make bench ONLY=clusters`.

Broken on purpose, or rather found broken: lines followed a cluster before anybody had looked at it,
and "usage is unknown" closed the breakers that looks had begun to open.

| Before | memory, 24 healthy alone | and 16 ill | breakers open |
| --- | --- | --- | --- |
| followed at once, usage through the breaker | 174 MB | 813 MB | 0 of 16 |
| followed when a look went well, looks decide | 175 MB | 178 MB | 16 of 16 |
"""

from typing import Any

import pytest

from tests.bench.clusters import MOST_FAILURES, MOST_MEMORY, ran

pytestmark = [pytest.mark.world, pytest.mark.slow, pytest.mark.full]

QUICK = (24, 16, 14, 1, 60)  # healthy, ill, seconds, rounds, seconds of a breaker's pause
PAUSE = 2
PROBED = (2, 8, 8, 1, PAUSE)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return ran(*QUICK)


def test_what_hostile_clusters_send_does_not_fill_memory(found: dict[str, Any]) -> None:
    """O1: endless bodies and gzip bombs among them."""
    assert found["memory"]["beside"] <= MOST_MEMORY * found["memory"]["alone"]


def test_every_breaker_opens_after_three_failures_and_lets_nothing_through(
    found: dict[str, Any],
) -> None:
    """CLU-7, O1: within the pause of a minute no probe is due."""
    assert found["open"] == found["ill"] == 16
    assert set(found["asked"].values()) == {MOST_FAILURES}


def test_half_open_breakers_probe_once_a_pause() -> None:
    """CLU-7, O1: a pause of two seconds stands for the minute."""
    found = ran(*PROBED)
    seconds = PROBED[2]
    most = MOST_FAILURES + seconds / PAUSE + 1
    assert all(MOST_FAILURES <= asked <= most for asked in found["asked"].values())
    quick = [asked for name, asked in found["asked"].items() if name.startswith("expired")]
    assert min(quick) > MOST_FAILURES, "those that fail at once are probed again and again"
