"""Events as they travel."""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

import pytest

from tests.kit.news import INSTANT, Counted, counted
from upid.kit.bus import Bus
from upid.kit.events import PAYLOAD_BYTES, Event, enclosed, encoded


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted(Event):
    topic: ClassVar[str] = "wall.painted"
    colour: Colour
    cost: Decimal
    until: datetime
    tags: tuple[str, ...] = ()


def test_an_event_travels_with_its_fields_as_plain_values() -> None:
    event = Painted(at=INSTANT, colour=Colour.RED, cost=Decimal("1.10"), until=INSTANT, tags=("a",))

    sent = enclosed(event, "default")

    assert json.loads(encoded(sent.payload, sent.topic)) == {
        "colour": "red",
        "cost": "1.10",
        "until": "2026-03-02T11:30:00Z",
        "tags": ["a"],
    }
    assert (sent.topic, sent.key, sent.actor) == ("wall.painted", "", "system")


def test_an_event_is_a_cloud_event() -> None:
    """EVT-1: the attributes that CloudEvents 1.0 requires, and those that it knows."""
    elsewhere = INSTANT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    sent = enclosed(Counted(at=elsewhere, actor="ann", thing="t 1", number=7), "a/b")

    assert sent.cloud_event() == {
        "specversion": "1.0",
        "id": sent.id,
        "source": "/tenants/a%2Fb",
        "type": "io.upid.thing.counted",
        "subject": "t 1",
        "time": "2026-03-02T11:30:00Z",
        "datacontenttype": "application/json",
        "actor": "ann",
        "data": {"thing": "t 1", "number": 7},
    }


def test_a_cloud_event_about_nothing_has_no_empty_subject() -> None:
    sent = enclosed(Painted(at=INSTANT, colour=Colour.RED, cost=Decimal(1), until=INSTANT), "x")

    assert "subject" not in sent.cloud_event()


def test_every_event_has_an_id_of_its_own() -> None:
    ids = {enclosed(counted("a", 1), "default").id for _ in range(1000)}

    assert len(ids) == 1000
    assert all(one.startswith("evt_") and len(one) <= 40 for one in ids)


def test_an_actor_from_outside_is_bounded_and_cleaned() -> None:
    hostile = "ann\x00\x1b[31m\ud800" + "x" * 10_000
    sent = enclosed(Counted(at=INSTANT, actor=hostile, thing="t", number=1), "default")

    assert sent.actor.startswith("ann\ufffd\ufffd[31m\ufffdx")
    assert len(sent.actor) == 255


@pytest.mark.parametrize("thing", ["x" * 256, "a\x00b", "a\nb"])
def test_a_key_that_is_no_name_is_refused(thing: str) -> None:
    with pytest.raises(ValueError, match="no key"):
        enclosed(counted(thing, 1), "default")


def test_a_naive_instant_is_refused() -> None:
    with pytest.raises(ValueError, match="naive"):
        enclosed(Counted(at=INSTANT.replace(tzinfo=None), thing="t", number=1), "default")


def test_a_payload_has_a_bound() -> None:
    with pytest.raises(ValueError, match="payload"):
        encoded({"text": "x" * PAYLOAD_BYTES}, "a.b")


@pytest.mark.parametrize("topic", ["", "cluster", "Cluster.x", "a.b c", "a." + "b" * 100])
def test_a_topic_is_words_with_dots(topic: str) -> None:
    odd = type("Odd", (Counted,), {"topic": topic})
    with pytest.raises(ValueError, match="no topic"):
        enclosed(odd(at=INSTANT, thing="t", number=1), "default")


async def _nothing(*_: object) -> None: ...


def test_a_handler_is_given_its_topics_only() -> None:
    bus = Bus()
    bus.subscribe("exact", ["cluster.registered", "pod.failed"], _nothing)
    bus.subscribe("below", ["cluster.*"], _nothing)

    def names(topic: str) -> list[str]:
        return [one.name for one in bus.wanting(topic)]

    assert names("cluster.registered") == ["exact", "below"]
    assert names("cluster.deleted") == ["below"]
    assert names("clusters.deleted") == []
    assert names("cluster") == []


def test_two_handlers_do_not_have_one_name() -> None:
    bus = Bus()
    bus.subscribe("a", ["x.y"], _nothing)
    with pytest.raises(ValueError, match="'a'"):
        bus.subscribe("a", ["x.z"], _nothing)
