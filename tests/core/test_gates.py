from collections.abc import Callable
from datetime import datetime
from itertools import product

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Position
from mitregate.core.changes import StatusClass
from mitregate.core.control import Control
from mitregate.core.gates import BASE, GatingStatus, Grounds, ReasonCode, Stage, Standing, Verdict, decide, spell
from tests.core.making import HOUR, NOW, freezes, gate, standing
from tests.core.situations import SITUATIONS, Case

WAIT, PROCEED, STOP = StatusClass
AWAITING, ALLOWED, PREVENTED, INVALID = GatingStatus


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_situation_has_its_verdict(situation: Callable[[], Case]) -> None:
    """Each situation has its status, all its reasons, and the instants at which that changes."""
    case = situation()
    verdict = decide(gate(), case.change, case.calendar, NOW)
    assert verdict.status is case.status
    assert [reason.code for reason in verdict.reasons] == case.reasons
    assert (verdict.wake_at, verdict.good_until, verdict.opens_at) == (case.wake_at, case.good_until, case.opens_at)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_verdict_explains_itself(situation: Callable[[], Case]) -> None:
    """Every reason says what is so, and every gate that is shut what would open it."""
    case = situation()
    verdict = decide(gate(), case.change, case.calendar, NOW)
    assert all(reason.message.endswith(".") for reason in verdict.reasons)
    assert all(reason.remedy.endswith(".") for reason in verdict.reasons if verdict.status is not ALLOWED)


def test_a_change_not_opened_yet_holds_the_gate() -> None:
    """A gate without a change waits for one to be opened, whatever else there is."""
    verdict = decide(gate(change_key=None), standing(), Calendar(), NOW)
    assert_says(verdict, AWAITING, "change_pending")


@pytest.mark.parametrize("change", [None, standing(STOP)], ids=["no change", "a closed one"])
def test_without_change_control_everything_passes(change: Standing | None) -> None:
    """Who asks where change control does not apply is let pass at once, and says so; no freeze holds."""
    verdict = decide(gate(control=Control.NOT_REQUIRED), change, freezes((-1, 1)), NOW)
    assert_says(verdict, ALLOWED, "not_change_controlled")


@pytest.mark.parametrize("control", Control)
@pytest.mark.parametrize("change", [None, standing(), standing(STOP)], ids=["no change", "approved", "closed"])
def test_what_is_contested_is_never_allowed(control: Control, change: Standing | None) -> None:
    """A gate that two jobs claim is invalid, whatever was approved, and says which two and what to do."""
    contested = replace(gate(control=control), contested="'team/Aa' and 'team/BB'")
    verdict = decide(contested, change, freezes((-1, 1)), NOW)
    assert_says(verdict, INVALID, "key_collision")
    (reason,) = verdict.reasons
    assert "The jobs 'team/Aa' and 'team/BB' share the pipeline id 'shop', and both have sent build 1" in reason.message
    assert reason.remedy == "Rename one of the two jobs, then start a new build; this one is never allowed."


def assert_says(verdict: Verdict, status: GatingStatus, code: str) -> None:
    """Check a verdict with one reason that time does not change."""
    assert (verdict.status, [reason.code for reason in verdict.reasons]) == (status, [code])
    assert (verdict.wake_at, verdict.good_until, verdict.opens_at) == (None, None, None)


def test_base_is_complete() -> None:
    """The table has a row for every class and position, and one alone that allows."""
    assert set(BASE) == set(product(StatusClass, Position))
    assert [row for row, (status, _) in BASE.items() if status is ALLOWED] == [(PROCEED, Position.OPEN)]
    assert INVALID not in {status for status, _ in BASE.values()}


@pytest.mark.parametrize("row", [pytest.param(row, id=" ".join(row)) for row in BASE])
def test_base_is_what_is_decided(row: tuple[StatusClass, Position]) -> None:
    """Where nothing else holds, the verdict is what the table says, with the reason that it names."""
    status_class, position = row
    span = {Position.NOT_YET: (1, 2), Position.OPEN: (-1, 1), Position.OVER: (-2, -1)}[position]
    verdict = decide(gate(), standing(status_class, span, None), Calendar(), NOW)
    status, code = BASE[row]
    assert verdict.status is status
    assert code in {reason.code for reason in verdict.reasons}


def test_every_reason_is_given_somewhere() -> None:
    """No reason stands in the vocabulary that no situation here leads to."""
    given = {code for situation in SITUATIONS for code in situation().reasons}
    elsewhere = {"change_pending", "not_change_controlled", "key_collision"}
    elsewhere |= {"expired", "superseded", "unknown_service"}  # test_terms.py
    assert given | elsewhere == set(ReasonCode)


def test_the_vocabulary_of_the_wire() -> None:
    """Four words leave on the Jira wire, in Jira's spelling."""
    assert [status.value for status in GatingStatus] == ["awaiting", "allowed", "prevented", "invalid"]


def test_instants_are_spelled_with_their_zone() -> None:
    """An instant is written for people to the second, and never under the name of a zone that is not its own."""
    assert spell(NOW) == "2024-05-06 12:00:00 UTC"
    assert spell(datetime.fromisoformat("2024-05-06T14:00:00.5+02:00")) == "2024-05-06 14:00:00 UTC+02:00"


def test_a_gate_of_which_nothing_is_said() -> None:
    """A gate is held, was opened by no rules yet, and nobody was reminded, unless it says otherwise."""
    fresh = gate()
    assert (fresh.stage, fresh.grounds, fresh.reminders, fresh.revision) == (Stage.HELD, Grounds(revision=0), 0, 1)


def test_a_decision_starts_from_nothing() -> None:
    """The verdict that a gate had before plays no part in the next one."""
    allowed = decide(gate(), standing(), Calendar(), NOW)
    shut = replace(gate(), verdict=allowed, since=NOW - HOUR)
    assert decide(shut, standing(STOP), Calendar(), NOW).status is PREVENTED
