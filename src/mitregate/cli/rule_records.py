"""What the native API answers about rules, as far as people are shown it."""

from datetime import datetime

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


class Freeze(Struct, frozen=True, kw_only=True, rename="camel"):
    """A freeze."""

    name: str
    reason: str = ""
    holds_now: bool
    holds_until: datetime | None = None
    next_from: datetime | None = None
    next_until: datetime | None = None


class Freezes(Struct, frozen=True, kw_only=True):
    """All freezes."""

    items: tuple[Freeze, ...]
