"""Readings of the last hour, also when the clock is set."""

from datetime import UTC, datetime, timedelta

from upid.contexts.clusters.lines.readings import UsageHour
from upid.core.ports.cluster_connection import ContainerReading, Usage

AT = datetime(2026, 11, 2, 12, tzinfo=UTC)


def usage(at: datetime, cores: float) -> Usage:
    return Usage(at, (ContainerReading("shop", "web", "app", cores, 1.0),), ())


def test_readings_go_on_after_the_clock_was_set_back() -> None:
    """O1: a clock that was ahead at boot kept usage as it was then, for as long as it was ahead."""
    hour = UsageHour()
    hour.take(usage(AT + timedelta(days=1), 1.0), AT + timedelta(days=1))
    hour.take(usage(AT, 2.0), AT)

    assert [one.at for one in hour.readings()] == [AT]
    assert hour.readings()[0].containers[0].cores == 2.0


def test_readings_older_than_an_hour_go_also_when_the_clock_is_set_forward() -> None:
    hour = UsageHour()
    hour.take(usage(AT, 1.0), AT)
    later = AT + timedelta(days=3_650)
    hour.take(usage(later, 2.0), later)

    assert [one.at for one in hour.readings()] == [later]
