"""Feeds: calendars elsewhere that the rules subscribe to; what their events say is frozen.

It fails closed: while it is not known what such a calendar says, everything that it reaches is frozen. Once it has been
read, what it said last holds until it says something else, however often it cannot be read.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from mitregate.core.calendar import Freeze, Period, Window, agenda
from mitregate.core.errors import Malformed
from mitregate.core.reach import Reach
from mitregate.core.times import Times, periods, read_length

TIMES_LIMIT, RECURRING_LIMIT = 2000, 100
"""How many events of one calendar are kept to, and of these such as come again: each decision looks at them."""

SHORTEST, LONGEST = timedelta(minutes=5), timedelta(days=7)
"""How often a calendar may be read, and how seldom."""


class Feed(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A calendar that is read again and again; nothing that it reaches may start while one of its events lasts.

    `zone` is that of events that name none, and of whole days; if it is empty, the calendar's own. `every` is how often
    it is read.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    url: str
    every: str = "6h"
    zone: str = ""
    reach: Reach = Reach()
    reason: str = ""
    spares_emergencies: bool = True


class Reading(Struct, frozen=True, kw_only=True):
    """What a calendar said when it was last read, and by which address and for which zone it was."""

    name: str
    url: str
    zone: str
    times: tuple[Times, ...]


Readings: TypeAlias = tuple[Reading, ...]

UNREAD: Readings = ()
"""No calendar has been read."""


class Condition(Struct, frozen=True, kw_only=True):
    """How a calendar fares that is read again and again.

    `read_at` is when it was last read, `due_at` when it will be next. `failing_since` and `error` say since when that
    fails, and why. `etag` and `modified` are what its server said it is known by.
    """

    name: str
    url: str
    zone: str
    due_at: datetime
    read_at: datetime | None = None
    failing_since: datetime | None = None
    error: str = ""
    etag: str = ""
    modified: str = ""

    def is_of(self, feed: Feed) -> bool:
        """Tell whether it is about *feed* as the rules have it by now."""
        return (self.name, self.url, self.zone) == (feed.name, feed.url, feed.zone)


def interval(feed: Feed) -> timedelta:
    """Say how often *feed* is read; `Malformed` if that is too often, too seldom, or no length."""
    found = read_length(feed.every)
    if not SHORTEST <= found <= LONGEST:
        raise Malformed(f"A calendar is read every 5m to 7d, not every {feed.every}.", advice="Leave it out for 6h.")
    return found


def check_address(feed: Feed) -> None:
    """Refuse an address that cannot be asked; `webcal` stands for `https`."""
    try:
        parts = urlsplit(address(feed))
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_whole, parts = False, urlsplit("")
    if not is_whole or parts.username is not None or not feed.url.isprintable() or " " in feed.url:
        message = "It is not an http, https or webcal URL without a user in it."
        raise Malformed(message, advice="Copy the secret address in iCal format from the calendar's settings.")


def address(feed: Feed) -> str:
    """Give the URL by which *feed* is read."""
    scheme, _, rest = feed.url.partition("://")
    return f"https://{rest}" if scheme.lower() in {"webcal", "webcals"} else feed.url


def freezes_by(feed: Feed, readings: Readings) -> tuple[Freeze, ...]:
    """Make freezes of what is known of *feed*: one that holds always if that is nothing."""
    known = (one for one in readings if (one.name, one.url, one.zone) == (feed.name, feed.url, feed.zone))
    reading = next(known, None)
    if reading is None:
        reason = f"the calendar {feed.name!r} has not been read yet"
        return (Freeze(name=feed.name, window=Window(), reason=f"{feed.reason}: {reason}" if feed.reason else reason),)
    return freezes_in(feed.name, reading.times, feed.reason)


def freezes_in(name: str, times: Iterable[Times], reason: str) -> tuple[Freeze, ...]:
    """Make freezes of many times: one of all that do not come again, and one of each that does."""
    single: list[tuple[datetime, datetime, str]] = []
    others: list[Freeze] = []
    for one in times:
        for period in periods(name, one):
            window = period.window
            if window is not None and window.start is not None and window.end is not None:
                single.append((window.start, window.end, one.note))
            else:
                others.append(frozen(period, reason, one.note))
    listed = (Freeze(name=name, agenda=agenda(single), reason=reason),) if single else ()
    return (*listed, *others)


def frozen(period: Period, reason: str, note: str) -> Freeze:
    """Make a freeze of a period, with its reason and what it is."""
    said = ": ".join(filter(None, (reason, note)))
    return Freeze(name=period.name, window=period.window, recurrence=period.recurrence, reason=said)


def spans_in(freezes: Iterable[Freeze], begin: datetime, end: datetime) -> list[tuple[Window, Freeze]]:
    """Give all spans of *freezes* that have an instant in common with *begin* … *end*, in the order of their starts.

    Each comes with its freeze, whose reason is the one for that span.
    """
    found = [(span, freeze.because(span)) for freeze in freezes for span in freeze.between(begin, end)]
    return sorted(found, key=lambda one: (one[0].start or begin, one[0].end or end, one[1].reason))


def still_to_come(times: Iterable[Times], now: datetime) -> tuple[Times, ...]:
    """Leave out what is over."""
    return tuple(one for one in times if any(_is_to_come(period, now) for period in periods("", one)))


def checked(times: tuple[Times, ...]) -> tuple[Times, ...]:
    """Refuse more times than are kept to.

    Raises:
        Malformed: there are too many, or too many that come again.
    """
    recurring = sum(one.comes_again for one in times)
    if len(times) > TIMES_LIMIT or recurring > RECURRING_LIMIT:
        message = (
            f"The calendar has {len(times)} events that are not over, {recurring} of which come again; at most "
            f"{TIMES_LIMIT} and {RECURRING_LIMIT} are kept to."
        )
        raise Malformed(message, advice="Keep a calendar that has nothing in it but freezes.")
    return times


def _is_to_come(period: Period, now: datetime) -> bool:
    return period.at(now) is not None or period.next_start(now) is not None
