"""The judge's reasoning, on histories whose truth is known."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.world.judge.invented import Asked, Fate, Invented, Verb, invent
from tests.world.judge.joining import Joined, join
from tests.world.judge.records import How, Outcome

KNOWN = {How.ANSWERED, How.DEDUCED}
VERBS = ("create", "update", "apply", "delete", "release", "kill", "evict")
STEPS = st.tuples(*[st.integers(0, 12)] * 4).map(sorted).map(tuple)
ANY = st.builds(
    Asked,
    user=st.sampled_from(["ana", "ben", "system"]),
    verb=st.sampled_from(VERBS),
    name=st.sampled_from(["a", "b"]),
    value=st.integers(0, 2),
    begins=st.integers(0, 40),
    steps=STEPS,
    bodies=st.booleans(),
    dry_run=st.sampled_from([False, False, False, True]),
    finalizer=st.booleans(),
    fate=st.sampled_from(["answered", "answered", "answered", "unanswered", "late", "timeout"]),
)
FIRST = Asked("system", "create", "a", 1, 0, steps=(0, 0, 0, 0), finalizer=True)
HISTORIES = st.lists(ANY, max_size=12).map(lambda asked: [FIRST, *asked])
FEW = settings(max_examples=50)  # each judges a dozen requests; four laws take two seconds


def judged(made: Invented) -> Joined:
    return join(made.writes, made.requests)


def one_after_another(asked: list[Asked]) -> list[Asked]:
    """Make requests wait for each other, all with an answer in the log."""
    return [replace(one, begins=20 * place, fate="answered") for place, one in enumerate(asked)]


def with_bodies(asked: list[Asked]) -> list[Asked]:
    return [replace(one, bodies=True) for one in asked]


@FEW
@given(HISTORIES)
def test_nobody_is_named_who_did_not_write_it_and_the_writer_is_among_the_candidates(
    asked: list[Asked],
) -> None:
    made = invent(asked)

    joined = judged(made)

    for attribution, author in zip(joined.attributions, made.authors, strict=True):
        writer = made.requests[author]
        assert writer in attribution.candidates
        assert attribution.request in {None, writer}
        assert (attribution.request is not None) == (attribution.how in KNOWN)


@FEW
@given(HISTORIES)
def test_no_outcome_says_what_is_not_so(asked: list[Asked]) -> None:
    made = invent(asked)

    outcomes = judged(made).outcomes

    wrote = set(made.authors)
    for number, outcome in enumerate(outcomes):
        if number in wrote:
            assert outcome in {Outcome.WROTE, Outcome.MAYBE_WROTE}
        else:
            assert outcome is not Outcome.WROTE
        if outcome in {Outcome.NO_OP, Outcome.NO_OP_OR_LOST}:
            assert number in made.idle or asked[number].dry_run
        assert outcome is not Outcome.NOT_WRITTEN


@FEW
@given(HISTORIES)
def test_requests_that_wait_for_each_other_are_all_told_apart(asked: list[Asked]) -> None:
    made = invent(with_bodies(one_after_another(asked)))

    joined = judged(made)

    for attribution, author in zip(joined.attributions, made.authors, strict=True):
        writer = made.requests[author]
        # An eviction's answer names no object: after a recreation it may be about either.
        assert attribution.request == writer or any(
            one.subresource == "eviction" for one in attribution.candidates
        )
    for number, outcome in enumerate(joined.outcomes):
        if made.requests[number].subresource != "eviction" and outcome is not Outcome.MAYBE_WROTE:
            assert (outcome is Outcome.NO_OP) == (number in made.idle)
            assert (outcome is Outcome.WROTE) == (number in made.authors)


@FEW
@given(HISTORIES, st.data())
def test_revisions_of_an_event_that_the_log_lacks_go_to_nobody_by_proof(
    asked: list[Asked], data: st.DataObject
) -> None:
    made = invent(with_bodies(one_after_another(asked)))
    lost = data.draw(st.sampled_from(made.authors or [-1]))
    seen = [one for number, one in enumerate(made.requests) if number != lost]

    joined = join(made.writes, seen)

    for attribution, author in zip(joined.attributions, made.authors, strict=True):
        if author == lost and attribution.how is How.ANSWERED:
            # Whoever changed nothing was answered with it, and nobody else is there to ask.
            assert attribution.request in [made.requests[number] for number in made.idle]


def test_without_its_event_a_revision_is_unseen_and_the_others_stay_known() -> None:
    asked = one_after_another(
        [Asked("ana", "create", "a", 1, 0), Asked("ben", "update", "a", 2, 0)]
    )
    made = invent([*asked, Asked("ana", "update", "a", 3, 60)])

    joined = join(made.writes, [made.requests[0], made.requests[2]])

    assert [one.how for one in joined.attributions] == [How.ANSWERED, How.UNSEEN, How.ANSWERED]


def test_a_write_that_was_answered_but_is_not_in_etcd_is_told() -> None:
    made = invent(
        one_after_another([Asked("ana", "create", "a", 1, 0), Asked("ben", "update", "a", 2, 0)])
    )

    joined = join(made.writes[:1], made.requests)

    assert joined.outcomes == [Outcome.WROTE, Outcome.NOT_WRITTEN]


def test_an_update_without_a_body_in_the_log_and_without_a_revision_may_be_a_no_op_or_lost() -> (
    None
):
    made = invent(
        one_after_another(
            [Asked("ana", "create", "a", 1, 0), Asked("ben", "update", "a", 1, 0, bodies=False)]
        )
    )

    assert judged(made).outcomes == [Outcome.WROTE, Outcome.NO_OP_OR_LOST]


def test_a_dry_run_is_never_a_candidate() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0, steps=(5, 5, 5, 9)),
            Asked("ana", "update", "a", 2, 6, steps=(1, 1, 1, 9), bodies=False, dry_run=True),
            Asked("ana", "update", "a", 2, 7, steps=(1, 1, 1, 9)),
        ]
    )

    joined = judged(made)

    assert [one.request for one in joined.attributions] == [made.requests[0], made.requests[2]]
    assert joined.outcomes[1] is Outcome.DRY_RUN


def test_deletes_of_one_name_are_told_apart_by_uid_although_they_overlap() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0),
            Asked("ben", "delete", "a", 0, 10, steps=(1, 1, 1, 9)),
            Asked("ana", "create", "a", 1, 12, steps=(1, 1, 1, 9)),
            Asked("ana", "delete", "a", 0, 10, steps=(5, 5, 5, 9)),
        ]
    )

    joined = judged(made)

    assert [one.request for one in joined.attributions] == [made.requests[n] for n in (0, 1, 2, 3)]
    assert made.writes[1].uid != made.writes[3].uid


def test_who_asked_after_an_answer_carried_the_revision_did_not_write_it() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0),
            Asked("ana", "update", "a", 2, 10, steps=(1, 1, 1, 2)),
            Asked("ana", "update", "a", 2, 14, steps=(1, 1, 1, 2), bodies=False),
        ]
    )

    joined = judged(made)

    assert joined.attributions[1].request == made.requests[1]
    assert joined.outcomes[2] is Outcome.NO_OP_OR_LOST


def test_without_bodies_updates_of_one_object_are_told_apart_by_their_order() -> None:
    """Leases are logged without bodies, and renewed all the time within the same second."""
    again: list[Verb] = ["update"] * 8
    verbs: list[Verb] = ["create", *again]
    made = invent(
        [
            Asked("ana", verb, "a", n, n, steps=(0, 0, 0, 0), bodies=False)
            for n, verb in enumerate(verbs)
        ]
    )

    joined = judged(made)

    assert [one.request for one in joined.attributions] == made.requests


def test_of_two_that_may_have_written_the_same_both_are_named_and_neither_chosen() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0),
            Asked("ana", "update", "a", 2, 10, steps=(1, 1, 1, 9)),
            Asked("ana", "update", "a", 2, 10, steps=(2, 2, 2, 9)),
        ]
    )

    second = judged(made).attributions[1]

    assert second.how is How.AMBIGUOUS
    assert second.candidates == (made.requests[1], made.requests[2])


def test_the_stamp_on_the_object_decides_between_users_who_wanted_the_same() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0),
            Asked("ana", "update", "a", 2, 10, steps=(1, 1, 1, 9)),
            Asked("ben", "update", "a", 2, 10, steps=(2, 2, 2, 9)),
        ]
    )

    joined = judged(made)

    assert joined.attributions[1].request == made.requests[1]
    assert joined.outcomes[2] is Outcome.NO_OP


@pytest.mark.parametrize("written", [True, False])
def test_what_a_killed_api_server_left_open_is_decided_by_the_revision(written: bool) -> None:
    fate: Fate = "unanswered" if written else "late"
    made = invent(
        [Asked("ana", "create", "a", 1, 0), Asked("ben", "update", "a", 2, 10, fate=fate)]
    )

    joined = judged(made)

    assert joined.outcomes[1] is (Outcome.WROTE if written else Outcome.UNKNOWN)


def test_an_open_request_is_no_candidate_once_its_api_server_has_a_successor() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0),
            Asked("ana", "update", "a", 2, 10, fate="late"),
            Asked("ana", "update", "a", 2, 40),
        ]
    )
    killed = replace(made.requests[1], gone_by=made.requests[2].received.replace(second=3))

    open_still = join(made.writes, made.requests)
    closed = join(made.writes, [made.requests[0], killed, made.requests[2]])

    assert open_still.attributions[1].how is How.AMBIGUOUS
    assert closed.attributions[1].request == made.requests[2]
    assert closed.outcomes[1] is Outcome.UNKNOWN


def test_what_timed_out_may_have_been_written_behind_its_answer() -> None:
    made = invent(
        [
            Asked("ana", "create", "a", 1, 0),
            Asked("ben", "update", "a", 3, 10, steps=(9, 9, 9, 9), fate="timeout"),
            Asked("ana", "update", "a", 2, 12, steps=(1, 1, 1, 2)),
            Asked("sys", "update", "a", 3, 20, steps=(1, 1, 1, 2), bodies=False),
        ]
    )

    joined = judged(made)

    assert [one.request for one in joined.attributions] == [made.requests[n] for n in (0, 2, 1)]


def test_an_eviction_is_one_request_with_several_revisions() -> None:
    made = invent([Asked("ana", "create", "a", 1, 0), Asked("ben", "evict", "a", 0, 10)])

    joined = judged(made)

    assert [one.request for one in joined.attributions] == [made.requests[n] for n in (0, 1, 1, 1)]
