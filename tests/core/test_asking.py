"""Who must still approve a change, in words, and who may not."""

import pytest
from msgspec.structs import replace

from mitregate.core.approvals import Approval, Decision, Tally
from mitregate.core.asking import objection, progress, wanted
from mitregate.core.changes import Change, ChangeType, Status
from mitregate.core.people import Permission, Principal
from mitregate.core.profiles import Given, Profile
from mitregate.core.risk import Risk
from tests.core.making import NOW

PROFILE = Profile(
    key="CHG-7",
    title="t",
    type=ChangeType.NORMAL,
    risk=Risk.LOW,
    status=Status.PEER_REVIEW,
    tally=Tally(met=0, needed=1),
)
CHANGE = Change(number=7, title="t", description="", requested_by="ci", created_at=NOW, updated_at=NOW)
ANN = Principal(name="ann", permissions=frozenset({Permission.DECIDE}))


def given(actor: str, *, counts: bool = True) -> Given:
    """Make an approval as it is listed."""
    return Given(actor=actor, decision=Decision.APPROVE, at=NOW, counts=counts)


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        (PROFILE, "Somebody must approve it."),
        (replace(PROFILE, tally=None), ""),
        (replace(PROFILE, tally=Tally(met=1, needed=1)), ""),
        (replace(PROFILE, tally=Tally(met=0, needed=0)), ""),
        (replace(PROFILE, tally=Tally(met=0, needed=3)), "3 persons must approve it, each once."),
        (
            replace(PROFILE, tally=Tally(met=1, needed=3), given=(given("ann"),)),
            "2 other persons must approve it, each once; done by ann.",
        ),
        (
            replace(PROFILE, status=Status.AWAITING_CAB, tally=Tally(met=1, needed=2), given=(given("ann"),)),
            "Another person must approve it for the CAB; done by ann.",
        ),
        (
            replace(PROFILE, type=ChangeType.EMERGENCY),
            "Somebody with the permission 'override' must approve it.",
        ),
        (
            replace(PROFILE, tally=Tally(met=0, needed=1, stale=1), given=(given("ann", counts=False),)),
            "Somebody must approve it. The approval by ann was given to something else, and is asked for again.",
        ),
        (
            replace(
                PROFILE, tally=Tally(met=1, needed=2), given=(given("ann", counts=False), given("ann"), given("bob"))
            ),
            "Another person must approve it; done by ann, bob.",
        ),
    ],
)
def test_it_is_said_who_is_missing(profile: Profile, said: str) -> None:
    """As many persons are asked for as are missing, with those who are done, and whose approvals went stale."""
    assert wanted(profile) == said


@pytest.mark.parametrize(
    ("tally", "said"),
    [
        (Tally(met=1, needed=2), "1 of 2"),
        (Tally(met=0, needed=1, stale=2), "0 of 1, 2 stale"),
        (Tally(met=0, needed=0), "none needed"),
    ],
)
def test_progress_is_said_in_short(tally: Tally, said: str) -> None:
    """How far approvals have come is said as a fraction, with the stale ones."""
    assert progress(tally) == said


def test_nothing_stands_against_a_first_approval() -> None:
    """Who may decide may approve what they have not approved, or not in all its parts."""
    earlier = Approval(actor="ann", decision=Decision.APPROVE, at=NOW, digests=("a",))
    declined = replace(earlier, decision=Decision.DECLINE, digests=("a", "b"))
    assert objection(ANN, CHANGE, ("a",)) is None
    assert objection(ANN, replace(CHANGE, approvals=(earlier, declined)), ("a", "b")) is None


def test_one_person_counts_once() -> None:
    """Who approved all of it already is told that another person must; of the CAB by its name."""
    approved = Approval(actor="ann", decision=Decision.APPROVE, at=NOW, digests=("a", "b"))
    twice = objection(ANN, replace(CHANGE, approvals=(approved,)), ("a",))
    assert twice is not None
    assert twice.message == "ann has approved CHG-7 already, and one person counts once."
    assert twice.advice() == "If it needs more approvals, another person must give them."
    board = objection(ANN, replace(CHANGE, approvals=(approved,), status=Status.AWAITING_CAB), ("b",))
    assert board is not None
    assert board.message == "ann has approved CHG-7 at the peer review, and one person counts once."
    assert board.advice() == "Another person must approve it for the CAB."


def test_an_emergency_needs_who_may_override() -> None:
    """Who may decide but not override is told why that is too little, and whom to ask."""
    emergency = replace(CHANGE, type=ChangeType.EMERGENCY)
    refused = objection(ANN, emergency, ("a",))
    assert refused is not None
    assert refused.message == (
        "ann may not approve CHG-7: it is an emergency, which passes freezes, so whoever approves it needs the "
        "permission 'override'."
    )
    assert refused.advice() == "Ask a change manager or an administrator to approve it."
    manager = replace(ANN, permissions=ANN.permissions | {Permission.OVERRIDE})
    assert objection(manager, emergency, ("a",)) is None
