"""What must hold whatever comes: the promises of domain.md §8 that rest on `decide` alone."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.calendar import LAST, Calendar, Freeze, Window, earliest_opening
from mitregate.core.changes import StatusClass
from mitregate.core.control import Control
from mitregate.core.gates import Gate, GatingStatus, Standing, Verdict, decide
from tests.core.making import MICROSECOND, NOW, gate
from tests.core.strategies import SPAN, anywhen, calendars, gates, is_in_order, near, standings, windows

LATER = st.integers(1, SPAN).map(lambda tick: NOW + tick * MICROSECOND)
openable = st.builds(
    Standing,
    key=st.just("CHG-7"),
    status=st.just("Implementing"),
    status_class=st.just(StatusClass.PROCEED),
    window=st.builds(Window, start=st.none() | st.just(NOW), end=st.none() | st.just(NOW) | LATER),
)
"""Changes that let their gate open at `NOW`."""

freezes_to_come = st.builds(
    Calendar,
    freezes=st.lists(
        st.builds(
            Freeze,
            name=st.just("later"),
            window=st.builds(Window, start=LATER, end=st.none() | LATER).filter(is_in_order),
        ),
        max_size=3,
    ).map(tuple),
)
"""Calendars in which nothing is frozen at `NOW`."""

HORIZON = [NOW + tick * MICROSECOND for tick in range(-SPAN, SPAN + 4)]


def lies_in(window: Window | None, now: datetime) -> bool:
    """Tell whether *now* lies in *window*, edges included."""
    assert window is not None
    return (window.start is None or window.start <= now) and (window.end is None or now <= window.end)


def is_free(calendar: Calendar, now: datetime) -> bool:
    """Tell whether nothing is frozen, and the hours allow it if there are any."""
    is_frozen = any(lies_in(freeze.window, now) and not is_overridden(freeze) for freeze in calendar.freezes)
    return not is_frozen and (not calendar.hours or any(lies_in(period.window, now) for period in calendar.hours))


def is_overridden(freeze: Freeze) -> bool:
    """Tell whether the span of a freeze had begun when it was overridden."""
    start = freeze.window.start if freeze.window is not None else None
    return freeze.overridden_at is not None and (start is None or start <= freeze.overridden_at)


def may_open(change: Standing, calendar: Calendar, now: datetime) -> bool:
    """Say in the words of the promise whether a gate may be open."""
    return (
        change.status_class is StatusClass.PROCEED
        and lies_in(change.window, now)
        and is_free(calendar, now)
        and (change.approvals is None or change.approvals.met >= change.approvals.needed)
    )


def shown(verdict: Verdict) -> Verdict:
    """Check what every verdict has in common."""
    assert verdict.reasons
    assert (verdict.good_until is None) or verdict.status is GatingStatus.ALLOWED
    return verdict


@given(standings(near), calendars(near), near)
def test_a_gate_opens_exactly_when_it_may(change: Standing, calendar: Calendar, now: datetime) -> None:
    """Promise 1: allowed means a proceeding class, an open window, no freeze and complete approvals; and only then."""
    verdict = shown(decide(gate(), change, calendar, now))
    assert (verdict.status is GatingStatus.ALLOWED) == may_open(change, calendar, now)


@given(gates, st.none() | standings(anywhen), calendars(anywhen), anywhen)
def test_every_input_is_decided(asked: Gate, change: Standing | None, calendar: Calendar, now: datetime) -> None:
    """Promise 2: whatever the inputs, there is a verdict, and it allows only what may be or is not controlled."""
    verdict = shown(decide(asked, change, calendar, now))
    assert asked.contested is None or verdict.status is GatingStatus.INVALID
    if verdict.status is GatingStatus.ALLOWED and asked.control is Control.REQUIRED:
        assert asked.change_key is not None
        assert change is not None
        assert may_open(change, calendar, now)


@given(gates, st.none() | standings(anywhen), calendars(anywhen), anywhen)
def test_one_wakes_only_in_the_future(asked: Gate, change: Standing | None, calendar: Calendar, now: datetime) -> None:
    """A verdict's instants lie where they belong: good until now at least, waking and opening after now."""
    verdict = decide(asked, change, calendar, now)
    assert verdict.wake_at is None or verdict.wake_at > now
    assert verdict.opens_at is None or verdict.opens_at > now
    assert verdict.good_until is None or now <= verdict.good_until
    if verdict.good_until is not None:
        assert verdict.wake_at == verdict.good_until + MICROSECOND


@given(st.none() | standings(near), calendars(near), near)
def test_a_verdict_holds_until_one_wakes(change: Standing | None, calendar: Calendar, now: datetime) -> None:
    """From now until the wake time, tick by tick, the verdict stays exactly the same; for ever where there is none."""
    verdict = decide(gate(), change, calendar, now)
    for moment in HORIZON:
        if now <= moment and (verdict.wake_at is None or moment < verdict.wake_at):
            assert decide(gate(), change, calendar, moment) == verdict


@given(standings(anywhen), calendars(anywhen), anywhen, st.floats(0, 1))
def test_a_verdict_holds_at_any_instant_between(
    change: Standing, calendar: Calendar, now: datetime, part: float
) -> None:
    """At any instant between now and the wake time the verdict is the same, however long that is."""
    verdict = decide(gate(), change, calendar, now)
    end = verdict.wake_at or LAST
    between = max(now, min(now + part * (end - now), end - MICROSECOND))
    assert decide(gate(), change, calendar, between) == verdict


@given(openable, freezes_to_come)
def test_good_until_is_the_last_instant_that_is_allowed(change: Standing, calendar: Calendar) -> None:
    """What is allowed is so through `good_until`, and is no more one tick later; without it, for ever."""
    verdict = decide(gate(), change, calendar, NOW)
    assert verdict.status is GatingStatus.ALLOWED
    for moment in HORIZON:
        if moment >= NOW and (verdict.good_until is None or moment <= verdict.good_until):
            assert may_open(change, calendar, moment)
    if verdict.good_until is not None:
        assert not may_open(change, calendar, verdict.good_until + MICROSECOND)


@given(windows(near), calendars(near), near)
def test_the_earliest_opening_is_found(window: Window, calendar: Calendar, now: datetime) -> None:
    """The earliest opening is the first free instant that trying them all one by one finds, unless that is now."""
    free = [moment for moment in HORIZON if now <= moment and lies_in(window, moment) and is_free(calendar, moment)]
    found = earliest_opening(window, calendar, now)
    assert found == (free[0] if free and free[0] != now else None)


@given(standings(near), calendars(near), near)
def test_an_opening_is_where_an_approved_change_opens(change: Standing, calendar: Calendar, now: datetime) -> None:
    """Nothing opens before `opens_at`, were the change approved and implementing by then."""
    verdict = decide(gate(), change, calendar, now)
    if verdict.opens_at is not None:
        assert not any(
            lies_in_and_free(change, calendar, moment) for moment in HORIZON if now <= moment < verdict.opens_at
        )
        assert lies_in_and_free(change, calendar, verdict.opens_at)


def lies_in_and_free(change: Standing, calendar: Calendar, now: datetime) -> bool:
    """Tell whether the window of *change* is open, and the calendar free."""
    return lies_in(change.window, now) and is_free(calendar, now)
