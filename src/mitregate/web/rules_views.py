"""Views of the rulebook: what the native API answers about rules."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from mitregate.core.differences import Difference, Step
from mitregate.flows.foresee import Foresight
from mitregate.flows.rules import Edition
from mitregate.ports import KeptRules
from mitregate.web.views import Next, View, given


class DifferenceOut(View, frozen=True, kw_only=True):
    """One part of the rulebook that differs."""

    step: Annotated[Step, Meta(description="What happens to it.")]
    section: Annotated[str, Meta(description="The section of the rulebook, such as `freezes`.")]
    name: Annotated[str, Meta(description="Its name in there.")]
    before: Annotated[str, Meta(description="What it was, as JSON.")] | UnsetType = UNSET
    after: Annotated[str, Meta(description="What it will be, as JSON.")] | UnsetType = UNSET


class RulesPlan(View, frozen=True, kw_only=True):
    """What other rules change."""

    revision: Annotated[int, Meta(description="The revision that is in force now.")]
    is_changed: Annotated[bool, Meta(description="Whether anything differs at all.")]
    is_dry_run: Annotated[bool, Meta(description="Whether nothing was done.")]
    changes: tuple[DifferenceOut, ...]
    waiting: Annotated[int, Meta(description="How many gates wait; only of a dry run.")] | UnsetType = UNSET
    held: Annotated[int, Meta(description="How many of them freezes and hours would newly hold.")] | UnsetType = UNSET
    freed: Annotated[int, Meta(description="How many of them these would hold no more.")] | UnsetType = UNSET


class EditionOut(View, frozen=True, kw_only=True):
    """A revision of the rulebook."""

    revision: int
    at: datetime | UnsetType = UNSET
    actor: Annotated[str, Meta(description="Who wrote it.")]
    changes: Annotated[tuple[DifferenceOut, ...], Meta(description="What it changed in the one before.")]


class EditionPage(View, frozen=True, kw_only=True):
    """A page of revisions, newest first."""

    items: tuple[EditionOut, ...]
    next: Next | UnsetType = UNSET


def difference_out(found: Difference) -> DifferenceOut:
    """Show a difference."""
    return DifferenceOut(
        step=found.step, section=found.section, name=found.name, before=given(found.before), after=given(found.after)
    )


def plan_out(plan: Foresight) -> RulesPlan:
    """Show what other rules would change."""
    return RulesPlan(
        revision=plan.revision,
        is_changed=bool(plan.changed),
        is_dry_run=True,
        changes=tuple(map(difference_out, plan.changed)),
        waiting=plan.waiting,
        held=plan.held,
        freed=plan.freed,
    )


def done_out(kept: KeptRules, changed: tuple[Difference, ...]) -> RulesPlan:
    """Show what was changed."""
    return RulesPlan(
        revision=kept.revision, is_changed=bool(changed), is_dry_run=False, changes=tuple(map(difference_out, changed))
    )


def edition_out(edition: Edition) -> EditionOut:
    """Show a revision."""
    kept = edition.kept
    return EditionOut(
        revision=kept.revision,
        at=given(kept.at),
        actor=kept.actor,
        changes=tuple(map(difference_out, edition.changed)),
    )
