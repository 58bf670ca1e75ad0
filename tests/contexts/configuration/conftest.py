"""Settings of two clusters on both databases."""

import pytest

from tests.fixtures.clock import FixedClock
from upid.contexts.clusters import ClusterNotFound
from upid.contexts.configuration import ConfigurationService, Fallback, Section
from upid.contexts.configuration.repository import ConfigurationRepository
from upid.kit.db import Database

PROD, TEST = "cl_000000000000000a", "cl_000000000000000b"
NAMES = {PROD: PROD, TEST: TEST, "prod": PROD, "test": TEST}


def named(cluster: str) -> str:
    """Return the id of a cluster, as the context that knows clusters does."""
    if cluster not in NAMES:
        raise ClusterNotFound(cluster, [PROD, TEST])
    return NAMES[cluster]


class Program:
    """One run of the program over a database; another one is a restart."""

    def __init__(self, db: Database) -> None:
        self.db, self.clock = db, FixedClock()
        self.settings = ConfigurationService(
            db,
            ConfigurationRepository,
            named,
            {
                Section.THRESHOLDS: {
                    "cpu_headroom": Fallback(0.3, "UPID_OPTIMIZATION__CPU_HEADROOM")
                }
            },
            self.clock,
        )


@pytest.fixture
def program(db: Database) -> Program:
    return Program(db)
