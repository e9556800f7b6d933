"""What the native API answers about rules, as far as people are shown it."""

from datetime import date, datetime

from msgspec import Struct


class Difference(Struct, frozen=True, kw_only=True):
    """A part of the rules that differs; `before` and `after` are JSON."""

    step: str
    section: str
    name: str
    before: str = ""
    after: str = ""


class Edition(Struct, frozen=True, kw_only=True):
    """A revision of the rules."""

    revision: int
    at: datetime | None = None
    actor: str
    changes: tuple[Difference, ...] = ()


class Feed(Struct, frozen=True, kw_only=True, rename="camel"):
    """How a calendar fares that is read again and again."""

    read_at: datetime | None = None
    due_at: datetime
    failing_since: datetime | None = None
    error: str = ""


class Freeze(Struct, frozen=True, kw_only=True, rename="camel"):
    """A freeze."""

    name: str
    reason: str = ""
    holds_now: bool
    holds_until: datetime | None = None
    next_from: datetime | None = None
    next_until: datetime | None = None
    feed: Feed | None = None


class Span(Struct, frozen=True, kw_only=True):
    """A span that is frozen."""

    start: datetime | None = None
    end: datetime | None = None
    reason: str = ""


class Import(Struct, frozen=True, kw_only=True, rename="camel"):
    """What came, or would come, of taking in a calendar file."""

    revision: int
    is_changed: bool
    taken: int
    left_out: int
    coming: tuple[Span, ...]
    days: tuple[date, ...]


class Freezes(Struct, frozen=True, kw_only=True):
    """All freezes."""

    items: tuple[Freeze, ...]
