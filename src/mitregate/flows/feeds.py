"""Feeds: keep what calendars say that the rules subscribe to, and how they fare."""

from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.errors import MitregateError, Unknown
from mitregate.core.feeds import Condition, Feed, Reading, address, checked, interval, still_to_come
from mitregate.core.people import Permission
from mitregate.core.rulebook import Rulebook
from mitregate.flows.act import BY_ITSELF, Act
from mitregate.wire.calendar_feed import Sent, ask
from mitregate.wire.http import Conversation
from mitregate.wire.icalendar import CalendarFile

AT_ONCE = 8
"""Calendars that are read at the same time, at most."""

LEASE = timedelta(minutes=2)
"""How long one that is being read is kept from others."""

RETRY, RETRY_UNREAD = timedelta(minutes=5), timedelta(minutes=1)
"""When one is tried again that could not be read: sooner if it never was, and so holds all that it reaches."""


class Errand(Struct, frozen=True, kw_only=True):
    """A calendar that is to be read now, and how it fared until now."""

    feed: Feed
    condition: Condition


def subscribe(act: Act, book: Rulebook) -> None:
    """Expect the calendars that the rules subscribe to, and forget the others; called by whoever replaces the rules."""
    known = {condition.name: condition for condition in act.uow.feeds.conditions()}
    for feed in book.feeds:
        condition = known.pop(feed.name, None)
        if condition is None or not condition.is_of(feed):
            act.uow.feeds.expect(feed, act.now)
    for name in known:
        act.uow.feeds.forget(name)


def claim(act: Act) -> list[Errand]:
    """Take the calendars that are due, so that nobody else reads them meanwhile."""
    feeds = {feed.name: feed for feed in act.uow.rules.current().book.feeds}
    due = [one for one in act.uow.feeds.conditions() if one.due_at <= act.now and one.name in feeds]
    return [
        Errand(feed=feeds[one.name], condition=one)
        for one in due[:AT_ONCE]
        if act.uow.feeds.claim(one.name, act.now, act.now + LEASE)
    ]


def inquire(errand: Errand) -> Conversation[Sent]:
    """Ask for a calendar, unless it still says what it said."""
    return ask(address(errand.feed), errand.condition.etag, errand.condition.modified)


def keep(act: Act, errand: Errand, sent: Sent, file: CalendarFile | None) -> None:
    """Keep what a calendar said; if that is anything else than before, all gates that wait are decided on anew.

    Args:
        act: the use case under way.
        errand: which calendar.
        sent: what its server sent.
        file: what that says; None if it is what it said before.

    Raises:
        Malformed: it says more than can be kept to.
    """
    feed = errand.feed
    times = checked(still_to_come(file.times, act.now)) if file is not None else None
    condition = replace(
        errand.condition,
        due_at=act.now + interval(feed),
        read_at=act.now,
        failing_since=None,
        error="",
        etag=sent.etag or (errand.condition.etag if file is None else ""),
        modified=sent.modified or (errand.condition.modified if file is None else ""),
    )
    if times is None:
        same = (feed.name, feed.url, feed.zone)
        is_known = any((one.name, one.url, one.zone) == same for one in act.uow.feeds.readings())
        act.uow.feeds.keep(condition if is_known else _forgotten(act, condition))
        return
    # Nobody shall decide by what it said before, unseen by whom wakes all gates.
    act.uow.rules.lock()
    reading = Reading(name=feed.name, url=feed.url, zone=feed.zone, times=times)
    is_new = reading not in act.uow.feeds.readings()
    if act.uow.feeds.keep(condition, reading if is_new else None) and is_new:
        act.uow.gates.wake_all(act.now)
        act.record_for(BY_ITSELF, Action.FEED_CHANGED, feed.name, {"events": str(len(times))})


def _forgotten(act: Act, condition: Condition) -> Condition:
    """Have a calendar read in full that says what it said before, which nobody knows: it was subscribed to anew."""
    return replace(
        condition,
        due_at=act.now + RETRY_UNREAD,
        read_at=None,
        failing_since=act.now,
        error="Its server says that it is as before, but what it said before is not known. It is asked again in full.",
        etag="",
        modified="",
    )


def fail(act: Act, errand: Errand, error: MitregateError) -> None:
    """Note that a calendar could not be read, and why; what it said last holds on, and it is tried again soon."""
    before, feed = errand.condition, errand.feed
    pause = RETRY_UNREAD if before.read_at is None else min(RETRY, interval(feed))
    condition = replace(
        before,
        due_at=act.now + pause,
        failing_since=before.failing_since or act.now,
        error=" ".join(filter(None, (error.message, error.advice()))),
    )
    if act.uow.feeds.keep(condition) and before.failing_since is None:
        act.record_for(BY_ITSELF, Action.FEED_FAILED, feed.name, {"error": condition.error})


def hasten(act: Act, name: str) -> None:
    """Let a calendar be read as soon as a worker is at hand.

    Raises:
        Forbidden: the principal may not plan.
        Unknown: there is no such feed.
    """
    act.principal.require(Permission.PLAN)
    if not act.uow.feeds.hasten(name, act.now):
        raise Unknown(f"There is no feed {name!r}.", advice="`mitregate feed list` shows the feeds.")
