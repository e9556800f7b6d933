"""Views of calendars: what the native API answers about freezes, calendars that are read, and files taken in."""

from datetime import date, datetime
from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from mitregate.core.feeds import Condition
from mitregate.flows.calendars import Import
from mitregate.flows.rules import FreezeView
from mitregate.web.rules_views import DifferenceOut, difference_out
from mitregate.web.views import View, given
from mitregate.wire.rulebook_text import as_written


class FeedOut(View, frozen=True, kw_only=True):
    """How a calendar fares that is read again and again."""

    read_at: Annotated[datetime, Meta(description="When it was last read; missing if it never was.")] | UnsetType = (
        UNSET
    )
    due_at: Annotated[datetime, Meta(description="When it will be read next.")]
    failing_since: (
        Annotated[datetime, Meta(description="Since when it cannot be read; what it said last still holds.")]
        | UnsetType
    ) = UNSET
    error: Annotated[str, Meta(description="Why it cannot be read.")] | UnsetType = UNSET


class FreezeOut(View, frozen=True, kw_only=True):
    """A freeze, and when it holds."""

    name: str
    reason: Annotated[str, Meta(description="Why; it is shown to those who wait.")] | UnsetType = UNSET
    holds_now: bool
    holds_until: Annotated[datetime, Meta(description="The last instant of it, if it holds now.")] | UnsetType = UNSET
    next_from: Annotated[datetime, Meta(description="When it begins next.")] | UnsetType = UNSET
    next_until: Annotated[datetime, Meta(description="The last instant then.")] | UnsetType = UNSET
    feed: Annotated[FeedOut, Meta(description="Of a calendar that is read: how that fares.")] | UnsetType = UNSET
    rule: Annotated[dict[str, Any], Meta(description="The freeze, or feed, as the rulebook has it.")]


class FreezeList(View, frozen=True, kw_only=True):
    """All freezes, in the order of the rulebook, and after them the calendars that are read."""

    items: tuple[FreezeOut, ...]


class SpanOut(View, frozen=True, kw_only=True):
    """A span that is frozen."""

    start: datetime | UnsetType = UNSET
    end: datetime | UnsetType = UNSET
    reason: Annotated[str, Meta(description="Why; it is shown to those who wait.")] | UnsetType = UNSET


class ImportOut(View, frozen=True, kw_only=True):
    """What came, or would come, of taking in a calendar file."""

    revision: Annotated[int, Meta(description="The revision of the rulebook that is in force now.")]
    is_changed: Annotated[bool, Meta(description="Whether anything differs at all.")]
    is_dry_run: Annotated[bool, Meta(description="Whether nothing was done.")]
    changes: tuple[DifferenceOut, ...]
    taken: Annotated[int, Meta(description="How many of its events were taken in.")]
    left_out: Annotated[
        int, Meta(description="How many were not: those that are over; for holidays, those that are no whole days.")
    ]
    coming: Annotated[tuple[SpanOut, ...], Meta(description="What it freezes in the next year; the first of it.")]
    days: Annotated[tuple[date, ...], Meta(description="The holidays.")]


class LinkOut(View, frozen=True, kw_only=True):
    """A link to the calendar, just made."""

    id: Annotated[str, Meta(description="The id of its token, to revoke it by.")]
    label: str
    url: Annotated[str, Meta(description="The address to subscribe to, with the secret in it. Shown this once.")]
    expires_at: Annotated[datetime, Meta(description="Until when it is good.")] | UnsetType = UNSET


def freeze_out(view: FreezeView) -> FreezeOut:
    """Show a freeze."""
    return FreezeOut(
        name=view.freeze.name,
        reason=given(view.reason),
        holds_now=view.holds is not None,
        holds_until=given(view.holds.end if view.holds is not None else None),
        next_from=given(view.next.start if view.next is not None else None),
        next_until=given(view.next.end if view.next is not None else None),
        feed=_feed_out(view.condition) if view.condition is not None else UNSET,
        rule=as_written(view.freeze),
    )


def import_out(found: Import, *, is_dry: bool) -> ImportOut:
    """Show what came of taking in a calendar file."""
    return ImportOut(
        revision=found.revision,
        is_changed=bool(found.changed),
        is_dry_run=is_dry,
        changes=tuple(map(difference_out, found.changed)),
        taken=found.taken,
        left_out=found.left_out,
        coming=tuple(
            SpanOut(start=given(span.start), end=given(span.end), reason=given(freeze.reason))
            for span, freeze in found.coming
        ),
        days=found.days,
    )


def _feed_out(condition: Condition) -> FeedOut:
    return FeedOut(
        read_at=given(condition.read_at),
        due_at=condition.due_at,
        failing_since=given(condition.failing_since),
        error=given(condition.error),
    )
