"""What the rules say of a gate beside its calendar: faults, the end of waiting, and what comes before what."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.calendar import Calendar, Window
from mitregate.core.changes import StatusClass
from mitregate.core.control import Control
from mitregate.core.deployments import State
from mitregate.core.gates import (
    Ended,
    Gate,
    GatingStatus,
    Reason,
    ReasonCode,
    Stage,
    Standing,
    Terms,
    Verdict,
    decide,
    place_of,
)
from mitregate.core.matching import How
from mitregate.core.waiting import Patience
from tests.core.making import KEY, MICROSECOND, NOW, approved, at, freezes, gate, standing, window
from tests.core.strategies import calendars, is_in_order, near, standings

WAIT, PROCEED, STOP = StatusClass
AWAITING, ALLOWED, PREVENTED, INVALID = GatingStatus

FAULT = Reason(code=ReasonCode.UNKNOWN_SERVICE, message="It names a service that is not known.", remedy="Add it.")
FAULTY = Terms(faults=(FAULT,))
UNDECIDED = standing(WAIT, approvals=approved(0))
EXPIRED = Ended(code=ReasonCode.EXPIRED, at=NOW)
SUPERSEDED = Ended(code=ReasonCode.SUPERSEDED, at=NOW, successor="Release 2")


def until(ends: float, *reminders: float) -> Terms:
    """Let a gate wait until so many hours after `NOW`, with reminders."""
    return Terms(patience=Patience(ends_at=at(ends), reminders=tuple(map(at, reminders))))


def code_of(verdict: Verdict) -> ReasonCode:
    """Give the code of the one reason."""
    (reason,) = verdict.reasons
    return reason.code


# --- what comes before what ---

CONTESTED = "'team/Aa' and 'team/BB'"
LAST_OF_ALL = Terms(faults=(FAULT,), patience=Patience(ends_at=NOW))


@pytest.mark.parametrize(
    ("asked", "change", "status", "code"),
    [
        pytest.param(
            replace(gate(control=Control.NOT_REQUIRED, change_key=None), contested=CONTESTED, ended=EXPIRED),
            None,
            INVALID,
            "key_collision",
            id="contested",
        ),
        pytest.param(
            replace(gate(control=Control.NOT_REQUIRED, change_key=None), ended=EXPIRED),
            None,
            PREVENTED,
            "expired",
            id="ended",
        ),
        pytest.param(
            gate(control=Control.NOT_REQUIRED, change_key=None),
            None,
            ALLOWED,
            "not_change_controlled",
            id="not required",
        ),
        pytest.param(gate(change_key=None), None, AWAITING, "change_pending", id="pending"),
        pytest.param(gate(), None, INVALID, "misconfigured", id="missing"),
        pytest.param(gate(), standing(STOP), PREVENTED, "change_closed", id="closed"),
        pytest.param(gate(), standing(WAIT, (-2, -1), approved(0)), PREVENTED, "window_missed", id="missed"),
        pytest.param(gate(), standing(PROCEED, (-2, -1)), PREVENTED, "window_over", id="over"),
        pytest.param(gate(), standing(), INVALID, "unknown_service", id="faults of an approved change"),
        pytest.param(gate(), UNDECIDED, INVALID, "unknown_service", id="faults of an undecided change"),
    ],
)
def test_what_comes_before_what(asked: Gate, change: Standing | None, status: GatingStatus, code: str) -> None:
    """Contested, ended, not required, pending, missing, shut for good, at fault, expired: the first of them speaks."""
    verdict = decide(asked, change, freezes((-1, 1)), NOW, LAST_OF_ALL)
    assert (verdict.status, code_of(verdict)) == (status, code)
    assert (verdict.wake_at, verdict.good_until, verdict.opens_at) == (None, None, None)


def test_an_end_comes_before_a_freeze() -> None:
    """A wait whose end has come is over, even while it is frozen, or before its window."""
    verdict = decide(gate(), standing(WAIT, (1, 2), approved(0)), freezes((-1, 1)), NOW, until(0))
    assert (verdict.status, code_of(verdict)) == (PREVENTED, "expired")


# --- faults ---


def test_faults_are_all_said() -> None:
    """A gate that is at fault is invalid, with each of its faults, and no instant at which that would change."""
    other = replace(FAULT, message="It names another one.")
    verdict = decide(gate(), standing(), Calendar(), NOW, Terms(faults=(FAULT, other)))
    assert verdict == Verdict(status=INVALID, reasons=(FAULT, other))


@given(standings(near), calendars(near), near)
def test_what_is_at_fault_is_never_allowed(change: Standing, calendar: Calendar, now: datetime) -> None:
    """Whatever was approved, a gate that is at fault is invalid, or shut for good as it would be without."""
    verdict = decide(gate(), change, calendar, now, FAULTY)
    plain = decide(gate(), change, calendar, now)
    if plain.status is PREVENTED:
        assert verdict == plain
    else:
        assert (verdict.status, verdict.reasons) == (INVALID, (FAULT,))


# --- ended ---


@pytest.mark.parametrize("change", [None, standing(), standing(STOP)], ids=["no change", "approved", "closed"])
def test_what_has_expired_stays_so(change: Standing | None) -> None:
    """A wait that has ended for want of a decision is never taken up again, and says until when it lasted."""
    verdict = decide(replace(gate(), ended=replace(EXPIRED, at=at(-1))), change, Calendar(), NOW)
    reason = Reason(
        code=ReasonCode.EXPIRED,
        message="Nobody decided until 2024-05-06 11:00:00 UTC, and the rules let no deployment wait longer.",
        remedy="Submit a new deployment to ask again.",
    )
    assert verdict == Verdict(status=PREVENTED, reasons=(reason,), ends_at=at(-1))


@pytest.mark.parametrize("change", [None, standing(), standing(STOP)], ids=["no change", "approved", "closed"])
def test_what_was_superseded_stays_so(change: Standing | None) -> None:
    """A deployment whose place a newer one took is never allowed, and says which one that is."""
    verdict = decide(replace(gate(), ended=SUPERSEDED), change, Calendar(), NOW)
    reason = Reason(
        code=ReasonCode.SUPERSEDED,
        message="A newer deployment took its place: Release 2.",
        remedy="Nothing needs to be done; the newer one goes its own way.",
    )
    assert verdict == Verdict(status=PREVENTED, reasons=(reason,))


@pytest.mark.parametrize(
    ("stage", "ended", "is_waiting", "relies"),
    [
        (Stage.HELD, None, True, True),
        (Stage.HELD, EXPIRED, False, False),
        (Stage.STARTED, None, False, True),
        (Stage.STARTED, EXPIRED, False, True),
        (Stage.FINISHED, None, False, False),
        (Stage.WITHDRAWN, None, False, False),
    ],
)
def test_who_still_relies_on_a_change(stage: Stage, ended: Ended | None, is_waiting: bool, relies: bool) -> None:
    """What is held and has not ended waits; that and what is under way relies on its change."""
    asked = replace(gate(), stage=stage, ended=ended)
    assert (asked.is_waiting, asked.relies) == (is_waiting, relies)


# --- the end of waiting ---


@pytest.mark.parametrize(
    ("now", "status", "wake_at"),
    [
        (at(2) - MICROSECOND, AWAITING, at(2)),
        (at(2), PREVENTED, None),
        (at(2) + MICROSECOND, PREVENTED, None),
        (at(9), PREVENTED, None),
    ],
)
def test_a_wait_ends_at_its_instant(now: datetime, status: GatingStatus, wake_at: datetime | None) -> None:
    """Until a tick before its end a gate waits, and says when it ends; from that instant on it is prevented."""
    verdict = decide(gate(), UNDECIDED, Calendar(), now, until(2))
    assert (verdict.status, verdict.wake_at, verdict.ends_at) == (status, wake_at, at(2))
    assert code_of(verdict) == ("waiting_for_approval" if status is AWAITING else "expired")


@pytest.mark.parametrize(
    ("terms", "wake_at"),
    [
        (until(4), at(4)),
        (until(4, 1, 3), at(1)),
        (until(4, -1, 0, 3), at(3)),
        (until(4, -2, -1), at(4)),
        (Terms(), None),
    ],
)
def test_reminders_wake(terms: Terms, wake_at: datetime | None) -> None:
    """A gate wakes at its next reminder, or at its end."""
    assert decide(gate(), UNDECIDED, Calendar(), NOW, terms).wake_at == wake_at


def test_the_nearest_of_all_instants_wakes() -> None:
    """Windows and freezes wake a gate that waits before its end and its reminders, if they come sooner."""
    change = standing(WAIT, (1, 9), approved(0))
    assert decide(gate(), change, Calendar(), NOW, until(4, 2)).wake_at == at(1)
    assert decide(gate(), change, freezes((0.5, 3)), NOW, until(4, 2)).wake_at == at(0.5)
    assert decide(gate(), change, freezes((3, 5)), at(1.5), until(4, 2)).wake_at == at(2)


@pytest.mark.parametrize(
    ("change", "waits"),
    [
        pytest.param(standing(WAIT, approvals=approved(0)), True, id="nobody approved"),
        pytest.param(standing(WAIT, approvals=approved(0, stale=1)), True, id="stale"),
        pytest.param(standing(WAIT, (1, 2), approved(0)), True, id="nobody approved before the window"),
        pytest.param(standing(WAIT, approvals=None), True, id="a foreign change waits"),
        pytest.param(standing(PROCEED, (1, 2), approved(0)), True, id="implementing without approval"),
        pytest.param(standing(WAIT), False, id="approved and put on hold"),
        pytest.param(standing(WAIT, (1, 2), moves_by_itself=True), False, id="approved before the window"),
        pytest.param(standing(PROCEED, (1, 2)), False, id="implementing before the window"),
        pytest.param(standing(PROCEED, (1, 2), None), False, id="a foreign change proceeds"),
        pytest.param(standing(STOP, approvals=approved(0)), False, id="closed"),
        pytest.param(standing(WAIT, (-2, -1), approved(0)), False, id="missed"),
    ],
)
def test_only_what_somebody_is_to_decide_expires(change: Standing, waits: bool) -> None:
    """A wait ends only while somebody has yet to decide, and could; who is approved waits as long as it takes."""
    assert change.is_undecided(NOW) is waits
    verdict = decide(gate(), change, Calendar(), NOW, until(0))
    assert (code_of(verdict) == "expired") is waits
    later = decide(gate(), change, Calendar(), NOW, until(0.5, 0.25))
    assert (later.ends_at, later.wake_at == at(0.25)) == ((at(0.5), True) if waits else (None, False))


def test_a_change_of_which_nothing_is_said() -> None:
    """A change that says no more than its status was not declined, is no emergency, and moves only by somebody."""
    bare = Standing(key="SHOP-1", status="Planning", status_class=WAIT)
    assert (bare.is_declined, bare.is_emergency, bare.moves_by_itself) == (False, False, False)
    assert (bare.window, bare.approvals) == (Window(), None)


def test_an_open_gate_does_not_expire() -> None:
    """What is allowed stays so when the time for a decision is over."""
    assert decide(gate(), standing(), Calendar(), at(9), until(2, 1)) == decide(gate(), standing(), Calendar(), at(9))


spans = st.builds(Patience, ends_at=st.none() | near, reminders=st.lists(near, max_size=3).map(tuple))


@given(standings(near), calendars(near), near, spans)
def test_an_end_only_ever_shuts(change: Standing, calendar: Calendar, now: datetime, patience: Patience) -> None:
    """With or without an end to its wait, a gate opens in the same situations; one that has an end wakes for it."""
    ending, plain = (
        decide(gate(), change, calendar, now, Terms(patience=patience)),
        decide(gate(), change, calendar, now),
    )
    is_over = patience.ends_at is not None and now >= patience.ends_at
    if plain.status is AWAITING and change.is_undecided(now) and is_over:
        assert code_of(ending) is ReasonCode.EXPIRED
    else:
        assert replace(ending, wake_at=None, ends_at=None) == replace(plain, wake_at=None)
        assert ending.wake_at is None or ending.wake_at > now
        assert ending.ends_at is None or (ending.wake_at is not None and ending.wake_at <= ending.ends_at)


@given(standings(near), near, st.integers(0, 2))
def test_another_approval_never_closes(change: Standing, now: datetime, met: int) -> None:
    """One more approval never shuts a gate that is open, and never makes one expire that waits."""
    if not is_in_order(change.window):
        return
    order = [AWAITING, ALLOWED]
    for terms in (Terms(), Terms(patience=Patience(ends_at=NOW))):
        fewer, more = (
            decide(gate(), replace(change, approvals=Tally(met=number, needed=2)), Calendar(), now, terms)
            for number in (met, met + 1)
        )
        if fewer.status in order:
            assert more.status in order
            assert order.index(more.status) >= order.index(fewer.status)


# --- a change that is not there ---


@pytest.mark.parametrize("found", [how for how in How if how is not How.MISSING])
def test_a_change_that_is_gone_must_be_restored(found: How) -> None:
    """A change that was there and cannot be found any more is for an operator to bring back."""
    (reason,) = decide(replace(gate(), found=found), None, Calendar(), NOW).reasons
    assert reason.message == "The change request CHG-7 cannot be found."
    assert reason.remedy == "An operator must restore it, or submit a new deployment."


def test_a_number_that_is_no_change_is_to_be_checked() -> None:
    """Who names a change that never was is told to check the number."""
    (reason,) = decide(replace(gate(), found=How.MISSING), None, Calendar(), NOW).reasons
    assert reason.code is ReasonCode.MISCONFIGURED
    assert reason.message == "The deployment names CHG-7 as its change request, and there is no such change request."
    assert reason.remedy.startswith("Check the number, and submit a new deployment.")


# --- where deployments follow each other ---


def test_deployments_follow_each_other_at_a_place() -> None:
    """App, project and environment make a place; which run of which pipeline it was does not."""
    here = gate().place
    assert here == place_of(KEY, "Shop")
    assert len(here) == 32
    assert place_of(replace(KEY, pipeline_id="run 2", sequence_number=9), "Shop") == here
    assert replace(gate(), version="2.0", environment="Live", outcome=State.FAILED).place == here
    others = {
        place_of(KEY, "Till"),
        place_of(replace(KEY, app_id="x"), "Shop"),
        place_of(replace(KEY, environment_id="x"), "Shop"),
        replace(gate(), project="Bank").place,
    }
    assert len(others | {here}) == 5


def test_a_window_may_hold_an_end() -> None:
    """An end of waiting that lies after that of the window plays no part: the window is over before."""
    change = replace(UNDECIDED, window=Window(end=window(None, 1).end))
    assert decide(gate(), change, Calendar(), NOW, until(2)).wake_at == at(1) + MICROSECOND
    assert code_of(decide(gate(), change, Calendar(), at(2), until(2))) == "window_missed"
