"""The fixture `fleet`: simulated nodes and pods, in a control plane of their own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.world import needs
from tests.world.enclosure import Enclosure
from tests.world.fleet import starting
from tests.world.fleet.running import Fleet, Through
from tests.world.fleet.starting import HEARTBEAT, PATIENCE, SLOT

_SLOTS = 4  # of the six that ports allow, two are the session's

Fleets = Callable[..., Fleet]


@pytest.fixture(scope="module")
def fleet(enclosure: Enclosure) -> Iterator[Fleets]:
    """Yield `fleet(nodes, pods, …)`, with the words of `starting.running`.

    Asked again for the same within a module, it returns the same fleet; all end with the module.
    """
    needs.need_parts("kubernetes")
    made: dict[tuple[object, ...], Fleet] = {}
    with ExitStack() as stack:

        def ask(
            nodes: int,
            pods: int,
            *,
            seed: int = 0,
            through: Through = "controllers",
            heartbeat: int = HEARTBEAT,
            patience: int = PATIENCE,
        ) -> Fleet:
            wanted = (nodes, pods, seed, through, heartbeat, patience)
            if wanted not in made:
                if len(made) == _SLOTS:
                    pytest.fail(f"a module has {_SLOTS} fleets at most")
                running = starting.running(
                    enclosure,
                    nodes,
                    pods,
                    slot=SLOT + len(made),
                    seed=seed,
                    through=through,
                    heartbeat=heartbeat,
                    patience=patience,
                )
                made[wanted] = stack.enter_context(running)
            return made[wanted]

        yield ask
