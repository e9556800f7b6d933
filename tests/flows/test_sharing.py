"""What becomes of a change that deployments share: how they end moves it on, and newer ones take places."""

from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.changes import Status
from mitregate.core.control import Matrix, UnknownServices
from mitregate.core.deployments import State
from mitregate.core.gates import GatingStatus, ReasonCode
from mitregate.core.matching import NUMBER
from mitregate.core.rulebook import Rulebook
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Ending, Outcomes, Workflow
from mitregate.flows import review, withdraw
from mitregate.flows.review import Draft
from tests.flows.shared import Shared
from tests.flows.world import MANAGER, World, codes, record, told

AWAITING, ALLOWED, PREVENTED = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.PREVENTED
ENDS = (State.SUCCESSFUL, State.FAILED, State.ROLLED_BACK, State.CANCELLED)


# --- outcomes ---

BEFORE: dict[Ending, Status] = {
    Ending.COMPLETE: Status.CANCELED,
    Ending.CLOSE: Status.CLOSED,
    Ending.FAIL: Status.CANCELED,
    Ending.CANCEL: Status.CANCELED,
    Ending.LEAVE: Status.PEER_REVIEW,
}
DURING: dict[Ending, Status] = {
    Ending.COMPLETE: Status.RESOLVED,
    Ending.CLOSE: Status.CLOSED,
    Ending.FAIL: Status.FAILED,
    Ending.CANCEL: Status.FAILED,
    Ending.LEAVE: Status.IMPLEMENTING,
}
"""Where a change goes from peer review, and where from Implementing."""


@pytest.mark.parametrize("is_approved", [True, False])
@pytest.mark.parametrize("ending", Ending)
@pytest.mark.parametrize("state", ENDS)
def test_how_it_ends_is_a_setting(shared: Shared, state: State, ending: Ending, is_approved: bool) -> None:
    """However a deployment ends, its change goes where the rules say, from wherever it stands; and says so."""
    others: dict[str, Any] = dict.fromkeys((one.value for one in ENDS), Ending.LEAVE)
    shared.rule(Rulebook(workflow=Workflow(outcomes=Outcomes(**others | {state.value: ending}))))
    shared.ask(1)
    if is_approved:
        shared.approve()
    shared.report(1, state)
    assert shared.status() is (DURING if is_approved else BEFORE)[ending]
    said = "stays open" if ending is Ending.LEAVE else "Moved from"
    assert said in shared.world.remarks("CHG-1")[-1]


@pytest.mark.parametrize(
    ("first", "last", "status"),
    [
        (State.SUCCESSFUL, State.SUCCESSFUL, Status.RESOLVED),
        (State.SUCCESSFUL, State.FAILED, Status.FAILED),
        (State.FAILED, State.SUCCESSFUL, Status.RESOLVED),
        (State.SUCCESSFUL, State.CANCELLED, Status.RESOLVED),
        (State.FAILED, State.CANCELLED, Status.FAILED),
        (State.CANCELLED, State.CANCELLED, Status.FAILED),
    ],
)
def test_the_last_that_ends_moves_a_shared_change(shared: Shared, first: State, last: State, status: Status) -> None:
    """A shared change stays open until its last deployment ends; one that did nothing does not undo what one did."""
    shared.ask(1, 2)
    shared.approve()
    shared.report(1, State.IN_PROGRESS, first) if first is not State.CANCELLED else shared.report(1, first)
    assert shared.status() is Status.IMPLEMENTING
    assert "1 more relies on this change." in shared.world.remarks("CHG-1")[-1]
    shared.report(2, last)
    assert shared.status() is status


def test_what_runs_keeps_a_change_open(shared: Shared) -> None:
    """A deployment that is under way keeps its change open when another one is deleted."""
    shared.ask(1, 2)
    shared.approve()
    shared.report(1, State.IN_PROGRESS)
    shared.world.do(shared.app, withdraw.delete, record(shared.app, number=2).key)
    assert shared.status() is Status.IMPLEMENTING
    shared.world.do(shared.app, withdraw.delete, record(shared.app).key)
    assert not shared.world.change("CHG-1").is_open


def test_a_prepared_change_outlives_a_cancelled_deployment(shared: Shared) -> None:
    """A change that somebody prepared stays open when a deployment is given up, and ends when one has ended well."""
    title = 'Jenkins: Deploy "Shop" version 1.0 to "Production"'
    shared.world.do(MANAGER, review.prepare, Draft(title=title))
    shared.ask(1)
    shared.report(1, State.CANCELLED)
    assert shared.world.change("CHG-1").is_open
    shared.ask(2)
    shared.approve()
    shared.report(2, State.SUCCESSFUL)
    assert shared.status() is Status.RESOLVED


def test_who_describes_a_change_shuts_the_others(shared: Shared) -> None:
    """When the first describes itself otherwise, what the others were allowed by is not said any more: they shut."""
    shared.ask(1, 2)
    shared.approve()
    again = replace(record(shared.app, 7, label="1.0"), description="And the database")
    shared.world.submit(shared.app, again)
    shared.world.wake()
    assert shared.statuses() == [AWAITING, AWAITING]
    assert "And the database" in shared.world.change("CHG-1").description
    shared.approve()
    assert shared.statuses() == [ALLOWED, ALLOWED]


# --- a newer one ---

NEWEST = Rulebook(waiting=(Waiting(name="newest", supersede=True),))


def ends(world: World) -> list[ReasonCode | None]:
    """Say why the waits have ended, oldest first."""
    return [gate.ended.code if gate.ended is not None else None for gate in world.gates()]


@pytest.mark.parametrize(
    ("numbers", "pipelines", "over"),
    [
        ((1, 2), ("a", "a"), 0),
        ((2, 1), ("a", "a"), 1),
        ((1, 2), ("a", "b"), 0),
        ((2, 1), ("a", "b"), 0),
    ],
    ids=["in order", "out of order", "other pipeline", "other pipeline, lower number"],
)
def test_a_newer_one_takes_the_place(
    shared: Shared, numbers: tuple[int, int], pipelines: tuple[str, str], over: int
) -> None:
    """Of one pipeline the higher number is newer, whatever came first; of different ones what came later."""
    shared.rule(NEWEST)
    for number, pipeline in zip(numbers, pipelines, strict=True):
        shared.ask(number, label=f"{number}.0", pipeline=pipeline)
    assert [code is ReasonCode.SUPERSEDED for code in ends(shared.world)] == [over == 0, over == 1]
    gate = shared.world.gates()[over]
    assert (gate.verdict.status, codes(gate)) == (PREVENTED, ["superseded"])
    assert shared.world.change(gate.change_key).status is Status.CANCELED
    newer = shared.world.gates()[1 - over].key
    assert f"number {newer.sequence_number} of {newer.pipeline_id}." in gate.verdict.reasons[0].message
    assert [status for status, _ in told(job for job in shared.world.jobs() if job.gate_id == gate.id)][-1] == PREVENTED


def test_the_places_are_apart(shared: Shared) -> None:
    """Another environment is another place, and so is another app's; without the setting nobody takes a place."""
    shared.ask(1, label="0.9")
    shared.rule(NEWEST)
    shared.ask(2, label="1.0", environment="prod-2")
    other = shared.world.app("other")
    shared.world.submit(other, record(other, number=3))
    assert ends(shared.world) == [None] * 3
    shared.ask(4, label="1.1")
    assert ends(shared.world) == [ReasonCode.SUPERSEDED, None, None, None]


def test_what_is_allowed_keeps_its_place(shared: Shared) -> None:
    """What is allowed already goes on, whatever comes after it."""
    shared.rule(NEWEST)
    shared.ask(1)
    shared.approve()
    shared.ask(2, label="2.0")
    assert (shared.statuses(), ends(shared.world)) == ([ALLOWED, AWAITING], [None, None])


def test_what_waits_for_an_operator_gives_way(shared: Shared) -> None:
    """What is invalid until an operator mends the rules gives way to a newer one, and does not come back by that."""
    shared.rule(replace(NEWEST, control=Matrix(unknown_services=UnknownServices.REFUSE)))
    shared.ask(1, label="1.0")
    shared.ask(2, label="2.0")
    shared.rule(Rulebook())
    shared.world.wake()
    assert (shared.statuses(), ends(shared.world)) == ([PREVENTED, AWAITING], [ReasonCode.SUPERSEDED, None])


@pytest.mark.parametrize("number", ["CHG-99", "CHG-2"], ids=["not there", "over"])
def test_what_cannot_be_allowed_takes_nobodys_place(shared: Shared, number: str) -> None:
    """A newer one that names a change which is not there, or over, leaves what waits for a decision waiting."""
    shared.rule(NEWEST)
    shared.ask(1, label="1.0")
    prepared = shared.world.do(MANAGER, review.prepare, Draft(title="Over"))
    shared.world.do(MANAGER, review.decline, prepared.key)
    newer = record(shared.app, number=2, label="2.0")
    shared.world.submit(shared.app, replace(newer, properties={NUMBER: number}))
    assert ends(shared.world) == [None, None]
    assert shared.statuses()[0] is AWAITING
    shared.approve()
    assert shared.statuses()[0] is ALLOWED


def test_the_newer_one_of_the_same_change(shared: Shared) -> None:
    """A try that takes the place of an earlier one of the same change leaves that open, and asks for no more."""
    shared.rule(NEWEST)
    shared.ask(1, 2)
    assert shared.status() is Status.PEER_REVIEW
    shared.approve()
    assert shared.statuses() == [PREVENTED, ALLOWED]


def test_who_was_overtaken_stays_so(shared: Shared) -> None:
    """What was prevented for a newer one is not allowed later: not by an approval, other rules, or an update of it."""
    shared.rule(NEWEST)
    shared.ask(1, 2)
    shared.rule(Rulebook())
    shared.approve()
    shared.world.submit(shared.app, record(shared.app, 3, label="1.0"))
    shared.world.wake()
    assert shared.statuses() == [PREVENTED, ALLOWED]
