"""What holds a gate shut, each with what would open it, in words (domain.md §6)."""

from collections.abc import Iterator
from datetime import datetime

from mitregate.core.calendar import Calendar, Position
from mitregate.core.changes import StatusClass
from mitregate.core.verdicts import BASE, Reason, ReasonCode, Standing, spell


def holds(change: Standing, calendar: Calendar, now: datetime) -> Iterator[Reason]:
    """Give everything that holds a gate shut for now; nothing if an open gate may stay open."""
    yield from _approval_holds(change)
    is_before = change.window.position(now) is Position.NOT_YET
    if is_before and change.window.start is not None:
        yield Reason(
            code=ReasonCode.WINDOW_NOT_OPEN,
            message=f"The change window opens at {spell(change.window.start)}.",
            remedy="It opens by itself at that time.",
        )
    is_approved = change.approvals is not None and change.approvals.is_complete
    if change.status_class is StatusClass.WAIT and is_approved and not (is_before and change.moves_by_itself):
        yield Reason(
            code=ReasonCode.WAITING_FOR_IMPLEMENTATION,
            message=f"The change request {change.key} is approved but stands in status {change.status!r}.",
            remedy=f"Somebody must move {change.key} on towards Implementing.",
        )
    for freeze, span in calendar.freezes_now(now):
        until = f" until {spell(span.end)}" if span.end is not None else ""
        why = f" ({freeze.reason})" if freeze.reason else ""
        ends = "It opens by itself when the freeze ends" if span.end is not None else "Somebody must end the freeze"
        yield Reason(
            code=ReasonCode.FROZEN,
            message=f"The freeze {freeze.name!r} holds{until}{why}.",
            remedy=f"{ends}; a change manager can override it for this deployment.",
        )
    if not calendar.is_within_hours(now):
        yield _outside_hours(calendar, now)


def _outside_hours(calendar: Calendar, now: datetime) -> Reason:
    names = ", ".join(repr(period.name) for period in calendar.hours)
    begin = calendar.next_hours(now)
    when = f" They begin at {spell(begin)}." if begin is not None else ""
    return Reason(
        code=ReasonCode.OUTSIDE_HOURS,
        message=f"Deployments may start in the hours of {names} only.{when}",
        remedy="It opens by itself when they begin." if begin is not None else "Somebody must allow other hours.",
    )


def _approval_holds(change: Standing) -> Iterator[Reason]:
    approvals = change.approvals
    if approvals is not None and approvals.is_complete:
        return
    if approvals is not None and approvals.stale:
        yield Reason(
            code=ReasonCode.APPROVALS_INCOMPLETE,
            message=f"What is to be deployed, or its window, changed after {change.key} was approved.",
            remedy=f"{_approver(change)} must look at {change.key} again and approve it.",
        )
    elif change.status_class is StatusClass.PROCEED and approvals is not None:
        yield Reason(
            code=ReasonCode.APPROVALS_INCOMPLETE,
            message=f"{change.key} has {approvals.met} of {approvals.needed} approvals.",
            remedy=f"{_approver(change)} must approve {change.key}.",
        )
    elif change.status_class is StatusClass.WAIT:
        so_far = f", {approvals.met} of {approvals.needed} are there" if approvals is not None and approvals.met else ""
        yield Reason(
            code=ReasonCode.WAITING_FOR_APPROVAL,
            message=f"The change request {change.key} waits for approval{so_far}; its status is {change.status!r}.",
            remedy=f"{_approver(change)} must approve {change.key}.",
        )


def _approver(change: Standing) -> str:
    if change.is_emergency:
        return "Somebody who may override freezes"
    return "Another approver" if change.approvals is not None and change.approvals.met else "An approver"


def shut_for_good(change: Standing, now: datetime) -> Reason:
    """Say why a gate does not open any more."""
    if change.is_declined:
        return Reason(
            code=ReasonCode.CHANGE_DECLINED,
            message=f"The change request {change.key} was declined.",
            remedy="Submit a new deployment to ask again.",
        )
    _, code = BASE[change.status_class, change.window.position(now)]
    if code is ReasonCode.CHANGE_CLOSED:
        message = f"The change request {change.key} is closed for deployment; its status is {change.status!r}."
        return Reason(code=code, message=message, remedy="Submit a new deployment to ask again.")
    end = spell(change.window.end) if change.window.end else "its end"
    unapproved = " before the change was ready" if code is ReasonCode.WINDOW_MISSED else ""
    return Reason(
        code=code,
        message=f"The change window closed at {end}{unapproved}.",
        remedy=f"Plan a new window for {change.key}, or submit a new deployment.",
    )
