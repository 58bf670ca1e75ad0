"""What pods ask for, added up."""

from upid.contexts.clusters.logic.requests import declared
from upid.core.snapshot import Container


def test_amounts_are_added_up_as_people_add_them() -> None:
    """CLU-4: 0.1 + 0.2 cores are 0.3 in an answer, not 0.30000000000000004."""
    asked = [Container("a", cpu_request=0.1), Container("b", cpu_request=0.2)]
    assert declared(asked, lambda one: one.cpu_request) == 0.3
    assert declared([Container("c")], lambda one: one.cpu_request) is None
