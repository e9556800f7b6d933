"""Publish: the calendar that people subscribe to, with planned changes and freezes."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from mitregate.core.calendar import Window
from mitregate.core.changes import Change, Status
from mitregate.core.feeds import Feed, spans_in
from mitregate.core.people import Permission, fingerprint
from mitregate.core.queries import ChangeQuery
from mitregate.core.rulebook import FreezeRule, Rulebook, freezes_of
from mitregate.core.services import plain_id
from mitregate.flows.act import Act
from mitregate.flows.settle import readings_for
from mitregate.ports import UnitOfWork
from mitregate.wire.icalendar_text import Entry

BEHIND, AHEAD = timedelta(days=31), timedelta(days=366)
"""How far back freezes are shown, and how far ahead."""

SPANS_LIMIT = 750
"""Spans of one freeze, at most: every night of that time, and more."""

CHANGES_LIMIT = 2000
"""Open changes that are looked through, newest first, at most."""

PAGE = 200

CERTAIN = {Status.AWAITING_IMPLEMENTATION, Status.IMPLEMENTING}
"""The statuses of changes that everybody who must has agreed to."""


class Content(StrEnum):
    """What of the calendar is wanted."""

    ALL = "all"
    CHANGES = "changes"
    FREEZES = "freezes"


def calendar(act: Act, *, content: Content = Content.ALL, services: tuple[str, ...] = ()) -> list[Entry]:
    """Read what is in the calendar: open changes with a planned start or end, and freezes.

    Args:
        act: the use case under way, which only reads.
        content: what is wanted.
        services: ids of services in any form; what concerns none of them is left out, if there are any.

    Raises:
        Forbidden: the principal may not view.
    """
    act.principal.require(Permission.VIEW)
    uow, base_url = act.uow, act.ports.base_url
    wanted = frozenset(map(plain_id, services))
    found: list[Entry] = []
    if content is not Content.FREEZES:
        found += _changes(uow, base_url, wanted)
    if content is not Content.CHANGES:
        found += _freezes(uow, base_url, act.now, wanted)
    return sorted(found, key=lambda entry: (entry.start, entry.uid))


def _changes(uow: UnitOfWork, base_url: str, services: frozenset[str]) -> Iterator[Entry]:
    last: int | None = None
    for _ in range(CHANGES_LIMIT // PAGE):
        page = uow.changes.page(ChangeQuery(is_open=True, before=last, limit=PAGE))
        for change in page:
            is_planned = change.window != Window()
            if is_planned and (not services or not services.isdisjoint(change.services)):
                yield _planned(change, base_url)
        if len(page) < PAGE:
            return
        last = page[-1].number


def _planned(change: Change, base_url: str) -> Entry:
    window = change.window
    start = window.start or min(change.created_at, window.end or change.created_at)
    status = f"Status: {change.status.value}\nType: {change.type.value}\nRisk: {change.risk.value}"
    return Entry(
        uid=_uid(base_url, "change", change.key),
        start=start,
        end=window.end,
        title=_line(f"{change.key} {change.title}"),
        description=_text(f"{status}\n\n{change.description}"),
        url=f"{base_url}/changes/{change.key}",
        category="Change",
        is_certain=change.status in CERTAIN,
        changed_at=change.updated_at,
    )


def _freezes(uow: UnitOfWork, base_url: str, now: datetime, services: frozenset[str]) -> Iterator[Entry]:
    kept = uow.rules.current()
    # Whole days, so that whoever asks twice on one day is told the same.
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    readings = readings_for(uow, kept.book)
    for rule in _all_freezes(kept.book):
        reached = frozenset(map(plain_id, rule.reach.services))
        if services and reached and services.isdisjoint(reached):
            continue
        spans = spans_in(freezes_of(kept.book, rule, readings=readings), today - BEHIND, today + AHEAD)
        seen: Counter[str] = Counter()
        for span, freeze in spans[:SPANS_LIMIT]:
            begin = f"{span.start.astimezone(UTC):%Y%m%dT%H%M%SZ}" if span.start is not None else "always"
            seen[begin] += 1
            place = (rule.name, begin, *([str(seen[begin])] if seen[begin] > 1 else []))
            name = f"{rule.name} ({freeze.reason})" if freeze.reason else rule.name
            yield Entry(
                uid=_uid(base_url, "freeze", *place),
                start=span.start or today - BEHIND,
                end=span.end or today + AHEAD,
                title=_line(f"Frozen: {name}"),
                description="" if span.end is not None else "It lasts until somebody ends it.",
                category="Freeze",
                changed_at=kept.at or today,
            )


def _all_freezes(book: Rulebook) -> tuple[FreezeRule | Feed, ...]:
    return (*book.freezes, *book.feeds)


def _uid(base_url: str, *parts: str) -> str:
    """Give what an event is known by for ever, at this installation."""
    return f"{parts[0]}-{fingerprint(' '.join((base_url, *parts)))[:32]}@mitregate"


def _line(text: str) -> str:
    return " ".join(_text(text).split())


def _text(text: str) -> str:
    """Leave out what no line of text has."""
    return "".join(letter for letter in text if letter.isprintable() or letter == "\n").strip()
