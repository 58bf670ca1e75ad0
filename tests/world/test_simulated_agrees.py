"""The simulated API server against the real one: the same histories, the same answers."""

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.world import needs
from tests.world.enclosure import Enclosure
from tests.world.simulated.agree import Bed, bed_of_its_own, compared
from tests.world.simulated.histories import history
from tests.world.simulated.runs import Seen, simulated

pytestmark = pytest.mark.world

SEEDS = range(1000)
SHOWN = 3  # disagreements in a failure's message

# What the histories are for, and how often the real server has to have answered so, at least. A
# tenth of what these seeds give: a generator that stops reaching something turns this red.
REACHED = {
    "request 200": 600,
    "request 201": 450,
    "request 400": 40,
    "request 404": 200,
    "request 409": 200,
    "request 410": 5,
    "request 422": 80,
    "watch 200": 80,
    "watch 422": 5,
    "ADDED": 200,
    "MODIFIED": 50,
    "DELETED": 20,
    "BOOKMARK": 20,
    "ERROR": 5,
    "page": 20,
}


@pytest.fixture(scope="module")
def bed(enclosure: Enclosure) -> Iterator[Bed]:
    needs.need_parts("kubernetes")
    with bed_of_its_own(enclosure) as made:
        yield made


def test_a_thousand_histories_are_answered_alike_by_the_real_server_and_the_simulated_one(
    bed: Bed,
) -> None:
    reached: Counter[str] = Counter()
    parted = []
    for played, seen in bed.play([history(seed) for seed in SEEDS]):
        reached.update(word for each in seen for word in words(each))
        found = compared(played, seen, simulated(played, seen[0].body["metadata"]["name"]))
        if found is not None:
            parted.append(str(found))
    assert not parted, f"{len(parted)} histories differ\n" + "\n\n".join(parted[:SHOWN])
    short = {word: reached[word] for word, least in REACHED.items() if reached[word] < least}
    assert not short, f"the histories no longer reach {short}"


def words(seen: Seen) -> Iterator[str]:
    """Yield what one step of a history reached."""
    if seen.status:
        yield f"{seen.kind} {seen.status}"
    if isinstance(seen.body, dict) and "remainingItemCount" in seen.body.get("metadata", {}):
        yield "page"
    for kind, _ in seen.events:
        yield kind
