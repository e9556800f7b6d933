"""What the native API answers about rules, as far as people are shown it."""

from datetime import datetime

from msgspec import Struct

from mitregate.core.gates import spell


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


class Rule(Struct, frozen=True, kw_only=True):
    """A rule of the control matrix."""

    name: str
    type: str = ""
    control: str

    @property
    def said(self) -> str:
        """What it says, in one line."""
        return f"{' '.join(filter(None, (self.name, self.type)))}: {self.control}"


class Hold(Struct, frozen=True, kw_only=True):
    """A freeze that holds."""

    name: str
    until: datetime | None = None

    @property
    def said(self) -> str:
        """Which one, and until when, in one line."""
        return f"{self.name} until {spell(self.until)}" if self.until is not None else self.name


class Ruling(Struct, frozen=True, kw_only=True, rename="camel"):
    """What the rules say of a deployment that is not there yet."""

    outcome: str
    left_rule: Rule | None = None
    right_rule: Rule | None = None
    title: str
    tier: int | None = None
    unknown_services: tuple[str, ...] = ()
    frozen_by: tuple[Hold, ...] = ()
    hours: tuple[str, ...] = ()
    is_within_hours: bool = True
    opens_at: datetime | None = None
