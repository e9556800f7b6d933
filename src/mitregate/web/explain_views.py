"""Views of explanations: what the native API answers about why a deployment may start, waits or stopped."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import replace

from mitregate.core.approvals import Decision
from mitregate.core.calendar import Freeze, Window
from mitregate.core.changes import ChangeType
from mitregate.core.conflicts import Conflict
from mitregate.core.deployments import EnvironmentType, State
from mitregate.core.explanations import Bounds, Explanation, Named, Relation
from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.matching import How
from mitregate.core.profiles import Profile
from mitregate.core.risk import Risk
from mitregate.core.story import Event
from mitregate.web.views import Link, OverrideOut, ReasonOut, View, given, override_out, reasons_out


class NamedOut(View, frozen=True, kw_only=True):
    """Which deployment is explained; one that is imagined has no pipeline and no number."""

    app_id: str | UnsetType = UNSET
    pipeline_id: str | UnsetType = UNSET
    environment_id: str
    deployment_sequence_number: int | UnsetType = UNSET
    project: str
    version: str
    environment: str
    environment_type: EnvironmentType
    url: str | UnsetType = UNSET
    state: Annotated[State, Meta(description="What its tool said last.")] | UnsetType = UNSET
    said: Annotated[str, Meta(description="What is deployed where, in one line.")]


class RulesOut(View, frozen=True, kw_only=True):
    """By which rules a deployment is gated, or not."""

    revision: Annotated[int, Meta(description="The revision of the rulebook that decided it.")]
    in_force: Annotated[int, Meta(description="The revision that is in force now.")]
    side: Annotated[Literal["project", "runbook"], Meta(description="Which rules speak of what is deployed.")]
    left: Annotated[str, Meta(description="The rule for its project or runbook, in words.")]
    right: Annotated[str, Meta(description="The rule for its environment, in words.")]
    why: Annotated[str, Meta(description="Why it is gated, let pass, or not gated.")]


class FoundOut(View, frozen=True, kw_only=True):
    """How a change was found."""

    how: Annotated[How, Meta(description="As a word for programs.")]
    why: Annotated[str, Meta(description="In a sentence, with what was passed over before.")]
    passed: Annotated[str, Meta(description="Why it is not another type of change.")] | UnsetType = UNSET


class NeedOut(View, frozen=True, kw_only=True):
    """So many approvals, and why."""

    count: int
    why: str


class GivenOut(View, frozen=True, kw_only=True):
    """What one person decided."""

    actor: str
    decision: Decision
    at: datetime
    comment: str
    counts: Annotated[bool, Meta(description="Whether it holds for this deployment as it is now.")]


class ApprovalsOut(View, frozen=True, kw_only=True):
    """How far the approvals of a change have come."""

    met: int
    needed: int
    stale: Annotated[int, Meta(description="Given to something else than what is to be deployed now.")]
    needs: Annotated[tuple[NeedOut, ...], Meta(description="What makes up those that are needed.")]


class ConflictOut(View, frozen=True, kw_only=True):
    """Another change that would touch the same services at the same time."""

    key: str
    title: str
    status: str
    planned_start: datetime | UnsetType = UNSET
    planned_end: datetime | UnsetType = UNSET
    services: tuple[str, ...]
    is_earlier: Annotated[bool, Meta(description="Whether it was opened before; then it asks for more approvals.")]


class ExplainedChange(View, frozen=True, kw_only=True):
    """The change that a deployment waits for."""

    key: Annotated[str, Meta(description="Its key; `CHG-new` for one that would be opened.")]
    link: Link | UnsetType = UNSET
    found: FoundOut
    is_there: Annotated[
        bool, Meta(description="Whether there is, or would be, such a change; if not, no more is told.")
    ]
    title: str | UnsetType = UNSET
    type: ChangeType | UnsetType = UNSET
    template: Annotated[str, Meta(description="The standard change that it was opened of.")] | UnsetType = UNSET
    risk: Risk | UnsetType = UNSET
    risk_why: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    planned_start: datetime | UnsetType = UNSET
    planned_end: datetime | UnsetType = UNSET
    services: tuple[str, ...] = ()
    requested_by: str | UnsetType = UNSET
    approvals: Annotated[ApprovalsOut, Meta(description="Only while it is waited for.")] | UnsetType = UNSET
    decisions: Annotated[tuple[GivenOut, ...], Meta(description="Who decided; not told to apps.")] = ()
    conflicts: Annotated[tuple[ConflictOut, ...], Meta(description="Not told to apps.")] = ()


class FrozenOut(View, frozen=True, kw_only=True):
    """A span of a freeze."""

    name: str
    reason: str | UnsetType = UNSET
    start: datetime | UnsetType = UNSET
    end: Annotated[datetime, Meta(description="Its last instant.")] | UnsetType = UNSET


class BoundsOut(View, frozen=True, kw_only=True):
    """Which freezes and hours bear on a deployment, now and next."""

    frozen: Annotated[tuple[FrozenOut, ...], Meta(description="Freezes that hold now.")]
    next_freeze: Annotated[FrozenOut, Meta(description="The freeze that begins next.")] | UnsetType = UNSET
    hours: Annotated[tuple[str, ...], Meta(description="The hours that it has to keep; none if it may start at any.")]
    is_within_hours: bool
    hours_turn_at: Annotated[datetime, Meta(description="Their last instant, or when they begin.")] | UnsetType = UNSET


class EventOut(View, frozen=True, kw_only=True):
    """Something that happened."""

    at: datetime
    said: str
    actor: str | UnsetType = UNSET


class ExplanationOut(View, frozen=True, kw_only=True):
    """Why a deployment may start, waits or stopped."""

    headline: Annotated[str, Meta(description="The whole in a sentence or two.")]
    outcome: Annotated[
        Literal["required", "not_required", "no_gate"],
        Meta(description="An approved change is required; not, so its gate lets it pass; or there is no gate at all."),
    ]
    deployment: NamedOut
    gate_id: str | UnsetType = UNSET
    gate_link: Link | UnsetType = UNSET
    stage: Stage | UnsetType = UNSET
    gating_status: GatingStatus | UnsetType = UNSET
    since: datetime | UnsetType = UNSET
    reasons: Annotated[tuple[ReasonOut, ...], Meta(description="Why, completely, each with what would open it.")] = ()
    rules: RulesOut
    change: ExplainedChange | UnsetType = UNSET
    when: Annotated[tuple[str, ...], Meta(description="When it may start, or why that cannot be said; when it ends.")]
    opens_at: Annotated[datetime, Meta(description="When it opens at the earliest, if it is not now.")] | UnsetType = (
        UNSET
    )
    good_until: Annotated[datetime, Meta(description="The last instant at which it is allowed.")] | UnsetType = UNSET
    ends_at: Annotated[datetime, Meta(description="When it is prevented if nobody decides.")] | UnsetType = UNSET
    calendar: Annotated[BoundsOut, Meta(description="Only while anything bears on it.")] | UnsetType = UNSET
    override: OverrideOut | UnsetType = UNSET
    unknown_services: Annotated[tuple[str, ...], Meta(description="Services that the rulebook does not know.")] = ()
    supersedes: Annotated[tuple[str, ...], Meta(description="Those that wait, and whose place it would take.")] = ()
    story: Annotated[tuple[EventOut, ...], Meta(description="What happened, in order of time.")] = ()


def explanation_out(explained: Explanation, base_url: str) -> ExplanationOut:
    """Show an explanation."""
    gate = explained.gate
    control = explained.ruling.control
    shown = ExplanationOut(
        headline=explained.headline,
        outcome=control.value if control is not None else "no_gate",
        deployment=_named_out(explained.named),
        rules=_rules_out(explained),
        change=_change_out(explained.relation, explained.change, base_url),
        when=explained.when,
        calendar=_bounds_out(explained.bounds) if explained.bounds is not None else UNSET,
        unknown_services=explained.unknown_services,
        supersedes=explained.supersedes,
        story=tuple(map(_event_out, explained.story)),
    )
    if gate is None:
        return shown
    return replace(
        shown,
        gate_id=given(gate.id),
        gate_link=given(gate.id and f"{base_url}/gates/{gate.id}"),
        stage=gate.stage if gate.id else UNSET,
        gating_status=gate.verdict.status,
        since=gate.since if gate.id else UNSET,
        reasons=reasons_out(gate.verdict),
        opens_at=given(gate.verdict.opens_at),
        good_until=given(gate.verdict.good_until),
        ends_at=given(gate.verdict.ends_at),
        override=override_out(gate.override),
    )


def _named_out(named: Named) -> NamedOut:
    key = named.key
    is_there = bool(key.pipeline_id) or named.state is not None
    return NamedOut(
        app_id=given(key.app_id),
        pipeline_id=key.pipeline_id if is_there else UNSET,
        environment_id=key.environment_id,
        deployment_sequence_number=key.sequence_number if is_there else UNSET,
        project=named.project,
        version=named.version,
        environment=named.environment,
        environment_type=named.environment_type,
        url=given(named.url),
        state=given(named.state),
        said=named.said,
    )


def _rules_out(explained: Explanation) -> RulesOut:
    ruling = explained.ruling
    (_, left), (_, right) = explained.sides
    return RulesOut(
        revision=ruling.grounds.revision,
        in_force=ruling.in_force,
        side="runbook" if ruling.is_runbook else "project",
        left=left,
        right=right,
        why=ruling.why,
    )


def _change_out(relation: Relation | None, profile: Profile | None, base_url: str) -> ExplainedChange | UnsetType:
    if relation is None:
        return UNSET
    found = FoundOut(how=relation.how, why=relation.why, passed=given(relation.passed))
    if profile is None:
        return ExplainedChange(key=relation.key, found=found, is_there=False)
    return ExplainedChange(
        key=profile.key,
        link=f"{base_url}/changes/{profile.key}" if not profile.is_imagined else UNSET,
        found=found,
        is_there=True,
        title=profile.title,
        type=profile.type,
        template=given(profile.template),
        risk=profile.risk,
        risk_why=given(profile.risk_why),
        status=profile.status,
        planned_start=given(profile.window.start),
        planned_end=given(profile.window.end),
        services=profile.services,
        requested_by=given(profile.requested_by),
        approvals=approvals_out(profile),
        decisions=tuple(
            GivenOut(actor=one.actor, decision=one.decision, at=one.at, comment=one.comment, counts=one.counts)
            for one in profile.given
        ),
        conflicts=conflicts_out(profile.conflicts),
    )


def conflicts_out(conflicts: Iterable[Conflict]) -> tuple[ConflictOut, ...]:
    """Show the conflicts of a change."""
    return tuple(
        ConflictOut(
            key=one.key,
            title=one.title,
            status=one.status,
            planned_start=given(one.window.start),
            planned_end=given(one.window.end),
            services=one.services,
            is_earlier=one.is_earlier,
        )
        for one in conflicts
    )


def approvals_out(profile: Profile) -> ApprovalsOut | UnsetType:
    """Show how far the approvals of a change have come, if that is known."""
    if profile.tally is None:
        return UNSET
    return ApprovalsOut(
        met=profile.tally.met,
        needed=profile.tally.needed,
        stale=profile.tally.stale,
        needs=tuple(NeedOut(count=need.count, why=need.why) for need in profile.needs),
    )


def _bounds_out(bounds: Bounds) -> BoundsOut:
    return BoundsOut(
        frozen=tuple(_span_out(*one) for one in bounds.frozen),
        next_freeze=_span_out(*bounds.coming) if bounds.coming is not None else UNSET,
        hours=bounds.hours,
        is_within_hours=bounds.is_within_hours,
        hours_turn_at=given(bounds.turns_at),
    )


def _span_out(freeze: Freeze, span: Window) -> FrozenOut:
    return FrozenOut(name=freeze.name, reason=given(freeze.reason), start=given(span.start), end=given(span.end))


def _event_out(event: Event) -> EventOut:
    return EventOut(at=event.at, said=event.said, actor=given(event.actor))
