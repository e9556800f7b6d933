# ruff: noqa: D103 - the names of the situations are sentences themselves
"""Situations of a gate at `NOW`, each with the verdict that it must lead to (domain.md §6)."""

from collections.abc import Callable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Period, Window
from mitregate.core.changes import StatusClass
from mitregate.core.gates import GatingStatus, Standing
from tests.core.making import MICROSECOND, NOW, approved, at, freezes, standing, window

WAIT, PROCEED, STOP = StatusClass
AWAITING, ALLOWED, PREVENTED, INVALID = GatingStatus


class Case(Struct, frozen=True, kw_only=True):
    """A situation at `NOW`, and the verdict it must lead to."""

    change: Standing | None
    calendar: Calendar = Calendar()
    status: GatingStatus
    reasons: Sequence[str]
    wake_at: datetime | None = None
    good_until: datetime | None = None
    opens_at: datetime | None = None


# --- nobody has approved yet ---


def nobody_approved() -> Case:
    change = standing(WAIT, approvals=approved(0))
    return Case(change=change, status=AWAITING, reasons=["waiting_for_approval"])


def nobody_approved_and_the_window_opens_later() -> Case:
    change = standing(WAIT, (1, 2), approved(0))
    reasons = ["waiting_for_approval", "window_not_open"]
    return Case(change=change, status=AWAITING, reasons=reasons, wake_at=at(1), opens_at=at(1))


def nobody_approved_and_the_window_is_open() -> Case:
    change = standing(WAIT, (-1, 2), approved(0))
    return Case(change=change, status=AWAITING, reasons=["waiting_for_approval"], wake_at=at(2) + MICROSECOND)


def nobody_approved_before_the_window_closed() -> Case:
    return Case(change=standing(WAIT, (-2, -1), approved(0)), status=PREVENTED, reasons=["window_missed"])


def a_foreign_change_waits() -> Case:
    return Case(change=standing(WAIT, approvals=None), status=AWAITING, reasons=["waiting_for_approval"])


# --- approved ---


def implementing() -> Case:
    return Case(change=standing(), status=ALLOWED, reasons=["approved"])


def implementing_in_its_window() -> Case:
    change = standing(PROCEED, (-1, 2))
    end = at(2)
    return Case(change=change, status=ALLOWED, reasons=["approved"], wake_at=end + MICROSECOND, good_until=end)


def window_opens_this_instant() -> Case:
    return replace(implementing_in_its_window(), change=standing(PROCEED, (0, 2)))


def window_closes_this_instant() -> Case:
    change = standing(PROCEED, (-1, 0))
    return Case(change=change, status=ALLOWED, reasons=["approved"], wake_at=NOW + MICROSECOND, good_until=NOW)


def window_closed_a_tick_ago() -> Case:
    change = replace(standing(), window=Window(start=at(-1), end=NOW - MICROSECOND))
    return Case(change=change, status=PREVENTED, reasons=["window_over"])


def window_opens_in_a_tick() -> Case:
    start = NOW + MICROSECOND
    change = replace(standing(), window=Window(start=start))
    return Case(change=change, status=AWAITING, reasons=["window_not_open"], wake_at=start, opens_at=start)


def a_foreign_change_proceeds() -> Case:
    return Case(change=standing(approvals=None), status=ALLOWED, reasons=["approved"])


def approved_and_the_window_opens_later() -> Case:
    change = standing(WAIT, (1, 2), moves_by_itself=True)
    return Case(change=change, status=AWAITING, reasons=["window_not_open"], wake_at=at(1), opens_at=at(1))


def approved_but_put_on_hold() -> Case:
    change = standing(WAIT, (-1, 2))
    return Case(change=change, status=AWAITING, reasons=["waiting_for_implementation"], wake_at=at(2) + MICROSECOND)


def approved_but_put_on_hold_before_the_window() -> Case:
    change = standing(WAIT, (1, 2))
    reasons = ["window_not_open", "waiting_for_implementation"]
    return Case(change=change, status=AWAITING, reasons=reasons, wake_at=at(1), opens_at=at(1))


def implementing_without_approval() -> Case:
    return Case(change=standing(approvals=approved(0)), status=AWAITING, reasons=["approvals_incomplete"])


def changed_after_approval() -> Case:
    change = standing(approvals=approved(0, stale=1))
    return Case(change=change, status=AWAITING, reasons=["approvals_incomplete"])


def changed_after_approval_and_not_yet_started() -> Case:
    change = standing(WAIT, approvals=approved(0, stale=1))
    return Case(change=change, status=AWAITING, reasons=["approvals_incomplete"])


def approved_again_after_it_changed() -> Case:
    return Case(change=standing(approvals=approved(1, stale=2)), status=ALLOWED, reasons=["approved"])


# --- freezes ---


def frozen() -> Case:
    thaw = at(3) + MICROSECOND
    change, calendar = standing(), freezes((-1, 3))
    return Case(change=change, calendar=calendar, status=AWAITING, reasons=["frozen"], wake_at=thaw, opens_at=thaw)


def frozen_until_somebody_ends_it() -> Case:
    return Case(change=standing(), calendar=freezes((-1, None)), status=AWAITING, reasons=["frozen"])


def frozen_longer_than_the_window_lasts() -> Case:
    change, calendar = standing(PROCEED, (-1, 2)), freezes((-1, 3))
    over = at(2) + MICROSECOND
    return Case(change=change, calendar=calendar, status=AWAITING, reasons=["frozen"], wake_at=over)


def frozen_by_freezes_that_follow_each_other() -> Case:
    calendar = freezes((-1, 2), (1, 3), (3, 4), (5, 6))
    wake, opens = at(1), at(4) + MICROSECOND
    reasons = ["frozen"]
    return Case(change=standing(), calendar=calendar, status=AWAITING, reasons=reasons, wake_at=wake, opens_at=opens)


def outside_hours() -> Case:
    """The only hours in which it may open begin later."""
    begin = at(2)
    calendar = Calendar(hours=(Period(name="night", window=window(2, 3)), Period(name="noon", window=window(-3, -2))))
    reasons = ["outside_hours"]
    return Case(change=standing(), calendar=calendar, status=AWAITING, reasons=reasons, wake_at=begin, opens_at=begin)


def outside_hours_for_ever() -> Case:
    """The only hours in which it may open are over."""
    calendar = Calendar(hours=(Period(name="noon", window=window(-3, -2)),))
    return Case(change=standing(), calendar=calendar, status=AWAITING, reasons=["outside_hours"])


def within_hours() -> Case:
    """The hours in which it may open last until later."""
    over = at(1) + MICROSECOND
    calendar = Calendar(hours=(Period(name="night", window=window(-1, 1)),))
    reasons = ["approved"]
    return Case(change=standing(), calendar=calendar, status=ALLOWED, reasons=reasons, wake_at=over, good_until=at(1))


def frozen_twice_over() -> Case:
    calendar = freezes((-1, 2), (-2, 3))
    wake, opens = at(2) + MICROSECOND, at(3) + MICROSECOND
    reasons = ["frozen", "frozen"]
    return Case(change=standing(), calendar=calendar, status=AWAITING, reasons=reasons, wake_at=wake, opens_at=opens)


def freeze_begins_later() -> Case:
    change, calendar = standing(PROCEED, (-1, 9)), freezes((3, 4))
    good = at(3) - MICROSECOND
    return Case(change=change, calendar=calendar, status=ALLOWED, reasons=["approved"], wake_at=at(3), good_until=good)


def freeze_covers_the_start_of_the_window() -> Case:
    change, calendar = standing(PROCEED, (1, 5)), freezes((0.5, 2))
    opens = at(2) + MICROSECOND
    reasons = ["window_not_open"]
    return Case(change=change, calendar=calendar, status=AWAITING, reasons=reasons, wake_at=at(0.5), opens_at=opens)


def everything_at_once() -> Case:
    change, calendar = standing(WAIT, (1, 5), approved(0, stale=1)), freezes((-1, 2))
    reasons = ["approvals_incomplete", "window_not_open", "frozen"]
    opens = at(2) + MICROSECOND
    return Case(change=change, calendar=calendar, status=AWAITING, reasons=reasons, wake_at=at(1), opens_at=opens)


# --- shut for good ---


def declined() -> Case:
    return Case(change=standing(STOP, is_declined=True), status=PREVENTED, reasons=["change_declined"])


def declined_before_its_window() -> Case:
    return replace(declined(), change=standing(STOP, (1, 2), is_declined=True))


def declined_and_its_window_is_over() -> Case:
    return replace(declined(), change=standing(STOP, (-2, -1), is_declined=True))


def closed() -> Case:
    return Case(change=standing(STOP), status=PREVENTED, reasons=["change_closed"])


def closed_before_its_window() -> Case:
    return replace(closed(), change=standing(STOP, (1, 2)))


def closed_and_its_window_is_over() -> Case:
    return replace(closed(), change=standing(STOP, (-2, -1)))


def closed_and_frozen() -> Case:
    return replace(closed(), calendar=freezes((-1, 1)))


def change_is_gone() -> Case:
    return Case(change=None, status=INVALID, reasons=["misconfigured"])


SITUATIONS: list[Callable[[], Case]] = [
    nobody_approved,
    nobody_approved_and_the_window_opens_later,
    nobody_approved_and_the_window_is_open,
    nobody_approved_before_the_window_closed,
    a_foreign_change_waits,
    implementing,
    implementing_in_its_window,
    window_opens_this_instant,
    window_closes_this_instant,
    window_closed_a_tick_ago,
    window_opens_in_a_tick,
    a_foreign_change_proceeds,
    approved_and_the_window_opens_later,
    approved_but_put_on_hold,
    approved_but_put_on_hold_before_the_window,
    implementing_without_approval,
    changed_after_approval,
    changed_after_approval_and_not_yet_started,
    approved_again_after_it_changed,
    frozen,
    frozen_until_somebody_ends_it,
    frozen_longer_than_the_window_lasts,
    frozen_by_freezes_that_follow_each_other,
    frozen_twice_over,
    outside_hours,
    outside_hours_for_ever,
    within_hours,
    freeze_begins_later,
    freeze_covers_the_start_of_the_window,
    everything_at_once,
    declined,
    declined_before_its_window,
    declined_and_its_window_is_over,
    closed,
    closed_before_its_window,
    closed_and_its_window_is_over,
    closed_and_frozen,
    change_is_gone,
]
