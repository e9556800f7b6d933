import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.changes import (
    CLASS_OF,
    FIRST,
    INITIAL,
    TRANSITIONS,
    Change,
    ChangeType,
    Status,
    StatusClass,
    Transition,
    move,
    number_of,
    take,
)
from mitregate.core.errors import IllegalTransition, Unknown
from mitregate.core.risk import Risk
from tests.core import making
from tests.core.making import NOW, at, window

# Jira Service Management's default workflow for change requests, as `GET /rest/api/3/workflow/search` tells it of a
# fresh project: from, transition, to.
JIRA_DEFAULT = """
Peer review / change manager approval | Approve                  | Planning
Peer review / change manager approval | Decline                  | Declined
Peer review / change manager approval | Cancel                   | Canceled
Peer review / change manager approval | Emergency override       | Awaiting implementation
Planning                              | Ready for CAB approval   | Awaiting CAB approval
Planning                              | Ready for implementation | Awaiting implementation
Planning                              | Pending                  | Pending
Planning                              | Cancel                   | Canceled
Awaiting CAB approval                 | Approve                  | Awaiting implementation
Awaiting CAB approval                 | Decline                  | Declined
Awaiting CAB approval                 | Emergency override       | Awaiting implementation
Awaiting implementation               | Start implementation     | Implementing
Awaiting implementation               | Pending                  | Pending
Awaiting implementation               | Cancel                   | Canceled
Implementing                          | Change completed         | Resolved
Pending                               | Back to planning         | Planning
Pending                               | Ready for implementation | Awaiting implementation
Pending                               | Cancel                   | Canceled
Declined                              | Cancel                   | Canceled
Resolved                              | Close                    | Closed
Declined                              | Close                    | Closed
Canceled                              | Close                    | Closed
"""
OURS = """
Implementing                          | Change failed            | Failed
Failed                                | Close                    | Closed
"""


def rows(*tables: str) -> set[tuple[str, ...]]:
    """Read the rows of a table."""
    return {tuple(cell.strip() for cell in line.split("|")) for table in tables for line in table.strip().splitlines()}


def change(status: Status = INITIAL, start: float | None = None, end: float | None = None) -> Change:
    """Make a change that stands in *status*, with a window in hours after `NOW`."""
    return Change(
        number=7,
        title="Deploy",
        description="It",
        status=status,
        window=window(start, end),
        requested_by="ci",
        created_at=NOW,
        updated_at=NOW,
    )


def test_the_workflow_is_jiras() -> None:
    """The transitions are those of Jira's default workflow, and the way from Implementing to Failed and out of it."""
    ours = {(status.value, step.value, to.value) for status, steps in TRANSITIONS.items() for step, to in steps.items()}
    assert ours == rows(JIRA_DEFAULT, OURS)


def test_a_change_begins_at_peer_review() -> None:
    """The initial status is Jira's, and it waits."""
    assert INITIAL.value == "Peer review / change manager approval"
    assert CLASS_OF[INITIAL] is StatusClass.WAIT


def test_each_type_begins_where_it_belongs() -> None:
    """Normal and emergency changes begin at peer review; what is approved beforehand waits to be implemented."""
    begins = {kind.value: status.value for kind, status in FIRST.items()}
    review = "Peer review / change manager approval"
    assert begins == {"normal": review, "emergency": review, "standard": "Awaiting implementation"}
    assert set(FIRST) == set(ChangeType)


def test_a_change_of_which_nothing_is_said() -> None:
    """A change is a normal one of low risk that has no twin, was seen once, and waits, unless it says otherwise."""
    fresh = making.change()
    assert (fresh.type, fresh.risk, fresh.is_twin, fresh.revision) == (ChangeType.NORMAL, Risk.LOW, False, 1)
    assert (fresh.status, fresh.is_open, fresh.approvals, fresh.covers) == (INITIAL, True, (), None)


def test_every_status_can_be_reached() -> None:
    """From the initial status, transitions lead to every status there is."""
    reached, fresh = set(), {INITIAL}
    while fresh:
        reached |= fresh
        fresh = {to for status in fresh for to in TRANSITIONS[status].values()} - reached
    assert reached == set(Status)


def test_every_transition_is_used() -> None:
    """No transition stands in the vocabulary that no status has."""
    assert {step for steps in TRANSITIONS.values() for step in steps} == set(Transition)


def test_tables_cover_every_status() -> None:
    """Every status has its row of transitions and its class, and every class has a status."""
    assert set(TRANSITIONS) == set(CLASS_OF) == set(Status)
    assert set(CLASS_OF.values()) == set(StatusClass)


@pytest.mark.parametrize(
    ("status", "status_class"),
    [
        ("Peer review / change manager approval", "wait"),
        ("Planning", "wait"),
        ("Awaiting CAB approval", "wait"),
        ("Awaiting implementation", "wait"),
        ("Pending", "wait"),
        ("Implementing", "proceed"),
        ("Declined", "stop"),
        ("Canceled", "stop"),
        ("Failed", "stop"),
        ("Resolved", "stop"),
        ("Closed", "stop"),
    ],
)
def test_statuses_have_their_class(status: str, status_class: str) -> None:
    """Each status means for a gate what the domain says; only Implementing proceeds."""
    assert CLASS_OF[Status(status)] == status_class


def test_a_change_that_is_over_stays_over() -> None:
    """No transition leads from a status that stops back to one that waits or proceeds, and Closed has no way out."""
    over = [status for status in Status if CLASS_OF[status] is StatusClass.STOP]
    assert {CLASS_OF[to] for status in over for to in TRANSITIONS[status].values()} == {StatusClass.STOP}
    assert TRANSITIONS[Status.CLOSED] == {}


def test_only_a_start_leads_to_implementing() -> None:
    """There is one way into the class that proceeds: Start implementation, from Awaiting implementation."""
    into = [
        (status, step)
        for status, steps in TRANSITIONS.items()
        for step, to in steps.items()
        if CLASS_OF[to] is StatusClass.PROCEED
    ]
    assert into == [(Status.AWAITING_IMPLEMENTATION, Transition.START)]


@pytest.mark.parametrize("transition", list(Transition))
@pytest.mark.parametrize("status", list(Status))
def test_steps_are_legal_or_refused(status: Status, transition: Transition) -> None:
    """Each step leads where the table says or is refused, told what is possible; the change given is never touched."""
    before = change(status)
    copy = change(status)
    later = at(1)
    if transition in TRANSITIONS[status]:
        after = move(before, transition, later)
        assert (after.status, after.updated_at, after.key) == (TRANSITIONS[status][transition], later, "CHG-7")
    else:
        with pytest.raises(IllegalTransition) as refusal:
            move(before, transition, later)
        assert refusal.value.message == f"A change in status {status.value!r} has no transition {transition.value!r}."
        possible = ", ".join(step.value for step in TRANSITIONS[status]) or "none"
        assert refusal.value.advice() == f"Transitions that are possible now: {possible}."
    assert before == copy


@given(st.integers(0, 10**18 - 1), st.booleans())
def test_keys_lead_back_to_their_number(number: int, is_lower: bool) -> None:
    """A change's number is read out of its key, whatever the case."""
    key = f"CHG-{number}"
    assert number_of(key.lower() if is_lower else key) == number


@pytest.mark.parametrize(
    "key",
    [
        *["", "CHG", "CHG-", "7", "SHOP-7", "CHG-CHG-1", "CHG-0x1", "CHG-1.0", "CHG-1_0", "CHG--1", "CHG-+1"],
        *["CHG-1 ", " CHG-1", "CHG-1\n", "CHG-٣", "CHG-²", "\uff23HG-1", "CHG-007", "CHG-00", "CHG-" + "9" * 19],
    ],
)
def test_other_keys_are_unknown(key: str) -> None:
    """What is not exactly the key of a change names none, not even with leading zeros."""
    with pytest.raises(Unknown) as refusal:
        number_of(key)
    assert refusal.value.message == f"There is no change request {key!r}."
    assert refusal.value.advice() == "Keys of change requests look like CHG-42; `change list` shows them."


@given(st.text())
def test_one_change_has_one_key(text: str) -> None:
    """Whatever is understood as a key is, but for its case, the very key of the change it names."""
    try:
        number = number_of(text)
    except Unknown:
        return
    assert text.upper() == f"CHG-{number}"


@given(st.sampled_from(Status), st.sampled_from(Transition))
def test_take_follows_the_table(status: Status, transition: Transition) -> None:
    """`take` gives the status in the table, or refuses."""
    to = TRANSITIONS[status].get(transition)
    if to is None:
        with pytest.raises(IllegalTransition):
            take(status, transition)
    else:
        assert take(status, transition) is to
