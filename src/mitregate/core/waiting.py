"""Waiting: how long a deployment waits for a decision, and whether a newer one takes its place (domain.md §6)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Annotated

from msgspec import Meta, Struct

from mitregate.core.errors import Malformed
from mitregate.core.reach import Reach, Subject
from mitregate.core.times import read_length


class Waiting(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long those that it reaches wait; the first that reaches a deployment counts.

    A deployment that nobody has decided on for as long as `expires_after` (7d, 12h) is prevented; reminders come so
    long before that as `remind_before` says. `supersede` lets a newer deployment of the same project to the same
    environment take the place of those that wait.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    reach: Reach = Reach()
    expires_after: str = ""
    remind_before: tuple[str, ...] = ()
    supersede: bool = False


class Patience(Struct, frozen=True, kw_only=True):
    """When a wait ends by itself, and when to remind of that, in order; both instants."""

    ends_at: datetime | None = None
    reminders: tuple[datetime, ...] = ()


def waiting_for(rules: Iterable[Waiting], subject: Subject) -> Waiting:
    """Give the first of *rules* that reaches *subject*; one that says nothing if there is none."""
    return next((rule for rule in rules if rule.reach.covers(subject)), Waiting(name="-"))


def patience(rule: Waiting, asked_at: datetime | None) -> Patience:
    """Say when a wait ends for a decision that has been asked for since *asked_at*; never if none is asked for."""
    if not rule.expires_after or asked_at is None:
        return Patience()
    length = read_length(rule.expires_after)
    before = sorted({read_length(text) for text in rule.remind_before}, reverse=True)
    ends_at = _later(asked_at, length)
    if ends_at is None:
        return Patience()
    return Patience(ends_at=ends_at, reminders=tuple(ends_at - span for span in before if span < length))


def check_waiting(rule: Waiting) -> None:
    """Refuse a rule that cannot be carried out.

    Raises:
        Malformed: a length of time cannot be read, a reminder has no end to remind of, or comes before the beginning.
    """
    if not rule.expires_after:
        if rule.remind_before:
            raise Malformed("There is no end to remind of.", advice="Give expires_after, or leave the reminders out.")
        return
    length = read_length(rule.expires_after)
    if length <= timedelta(0):
        raise Malformed("It would expire at once.", advice="Give a length such as 7d.")
    for text in rule.remind_before:
        if not timedelta(0) < read_length(text) < length:
            message = f"The reminder {text!r} would not lie between the beginning and the end."
            raise Malformed(message, advice=f"Give less than {rule.expires_after}, and more than nothing.")


def _later(instant: datetime, length: timedelta) -> datetime | None:
    try:
        return instant + length
    except OverflowError:
        return None
