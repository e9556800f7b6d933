"""Views: what the native API answers with.

Every field that may be missing is `UNSET` then, so that no null ever leaves. The descriptions end up in the OpenAPI
document.
"""

from datetime import datetime
from typing import Annotated, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from mitregate.core.announcements import Announcement
from mitregate.core.audit import Action, Entry
from mitregate.core.deployments import EnvironmentType
from mitregate.core.gates import Ended, Gate, GatingStatus, Override, ReasonCode, Stage, Verdict
from mitregate.core.jobs import Attempt, Job, JobState, Result
from mitregate.core.matching import How
from mitregate.flows.ask import DeliveryView

T = TypeVar("T")

Next = Annotated[str, Meta(description="The cursor of the next page; missing on the last page.")]
Link = Annotated[str, Meta(description="The page about it.")]


class View(Struct, frozen=True, kw_only=True, rename="camel"):
    """What all answers share: their names are in camel case on the wire."""


class ReasonOut(View, frozen=True, kw_only=True):
    """One reason for a verdict."""

    code: Annotated[ReasonCode, Meta(description="What is so, as a word for programs.")]
    message: Annotated[str, Meta(description="What is so, in a sentence.")]
    remedy: Annotated[str, Meta(description="What would open the gate.")] | UnsetType = UNSET


class OverrideOut(View, frozen=True, kw_only=True):
    """Leave to start in spite of freezes."""

    freezes: Annotated[tuple[str, ...], Meta(description="Which ones, by their names.")]
    actor: str
    at: datetime
    reason: str


class EndedOut(View, frozen=True, kw_only=True):
    """A wait that has ended for good."""

    code: Annotated[ReasonCode, Meta(description="Why: `expired` or `superseded`.")]
    at: datetime
    successor: Annotated[str, Meta(description="The deployment that took its place.")] | UnsetType = UNSET


class GateOut(View, frozen=True, kw_only=True):
    """Where one deployment waits, and the verdict on it."""

    id: str
    app_id: Annotated[str, Meta(description="The app that submitted the deployment.")]
    pipeline_id: str
    environment_id: str
    deployment_sequence_number: int
    project: Annotated[str, Meta(description="What is deployed: the pipeline's name.")]
    version: Annotated[str, Meta(description="Which version of it: the label, or the deployment's name.")]
    environment: Annotated[str, Meta(description="Where to: the environment's name.")]
    environment_type: EnvironmentType
    url: Annotated[str, Meta(description="The deployment in the tool that submitted it.")]
    stage: Annotated[Stage, Meta(description="How far the deployment has come; only a held one is decided on.")]
    gating_status: Annotated[GatingStatus, Meta(description="Whether the deployment may start.")]
    since: Annotated[datetime, Meta(description="When that gating status was reached.")]
    reasons: Annotated[tuple[ReasonOut, ...], Meta(description="Why, completely.")]
    opens_at: Annotated[datetime, Meta(description="When the gate opens at the earliest.")] | UnsetType = UNSET
    good_until: Annotated[datetime, Meta(description="The last instant at which it is allowed.")] | UnsetType = UNSET
    ends_at: Annotated[datetime, Meta(description="When it is prevented if nobody decides.")] | UnsetType = UNSET
    ended: EndedOut | UnsetType = UNSET
    change_key: Annotated[str, Meta(description="The change request that it waits for.")] | UnsetType = UNSET
    change_link: Link | UnsetType = UNSET
    found: Annotated[How, Meta(description="How its change was found.")] | UnsetType = UNSET
    override: OverrideOut | UnsetType = UNSET
    revision: Annotated[int, Meta(description="Rises with every change of the gate; for the wait.")]
    created_at: datetime
    link: Link


class GatePage(View, frozen=True, kw_only=True):
    """A page of gates, newest first."""

    items: tuple[GateOut, ...]
    next: Next | UnsetType = UNSET


class DeliveryOut(View, frozen=True, kw_only=True):
    """A delivery of a verdict to the outside."""

    id: str
    provider: str
    lane: Annotated[str, Meta(description="Who is told: the id of the app.")]
    gate_id: str
    status: Annotated[GatingStatus, Meta(description="What is told.")]
    state: JobState
    attempts: Annotated[int, Meta(description="The number of tries so far.")]
    due_at: datetime
    created_at: datetime
    finished_at: datetime | UnsetType = UNSET
    note: Annotated[str, Meta(description="How the last try ended, or why there will be none.")] | UnsetType = UNSET


class DeliveryPage(View, frozen=True, kw_only=True):
    """A page of deliveries, newest first."""

    items: tuple[DeliveryOut, ...]
    next: Next | UnsetType = UNSET


class TryOut(View, frozen=True, kw_only=True):
    """One try of a delivery."""

    number: int
    started_at: datetime
    duration_ms: Annotated[int, Meta(description="Milliseconds that it took.")]
    result: Result
    status: Annotated[int, Meta(description="The HTTP status of the reply, if there was one.")] | UnsetType = UNSET
    detail: str


class DeliveryDetail(DeliveryOut, frozen=True, kw_only=True):
    """A delivery with its tries."""

    tries: Annotated[tuple[TryOut, ...], Meta(description="The tries, oldest first.")]


class EntryOut(View, frozen=True, kw_only=True):
    """An entry of the audit log."""

    number: int
    at: datetime
    actor: str
    origin: Annotated[str, Meta(description="The address that the request came from; empty for Mitregate itself.")]
    action: Action
    subject: str
    detail: dict[str, str]


class AuditPage(View, frozen=True, kw_only=True):
    """A page of the audit log, newest first."""

    items: tuple[EntryOut, ...]
    next: Next | UnsetType = UNSET


def given(value: T | None) -> T | UnsetType:
    """Give *value*, or what is left out of the answer if there is none."""
    return UNSET if value is None or value == "" else value


def gate_out(gate: Gate, base_url: str) -> GateOut:
    """Show a gate."""
    verdict = gate.verdict
    return GateOut(
        id=gate.id,
        app_id=gate.key.app_id,
        pipeline_id=gate.key.pipeline_id,
        environment_id=gate.key.environment_id,
        deployment_sequence_number=gate.key.sequence_number,
        project=gate.project,
        version=gate.version,
        environment=gate.environment,
        environment_type=gate.environment_type,
        url=gate.url,
        stage=gate.stage,
        gating_status=verdict.status,
        since=gate.since,
        reasons=reasons_out(verdict),
        opens_at=given(verdict.opens_at),
        good_until=given(verdict.good_until),
        ends_at=given(verdict.ends_at),
        ended=_ended_out(gate.ended),
        change_key=given(gate.change_key),
        change_link=given(gate.related_to and f"{base_url}/changes/{gate.related_to}"),
        found=given(gate.found),
        override=override_out(gate.override),
        revision=gate.revision,
        created_at=gate.created_at,
        link=f"{base_url}/gates/{gate.id}",
    )


def reasons_out(verdict: Verdict) -> tuple[ReasonOut, ...]:
    """Show why a verdict is what it is."""
    return tuple(ReasonOut(code=why.code, message=why.message, remedy=given(why.remedy)) for why in verdict.reasons)


def override_out(override: Override | None) -> OverrideOut | UnsetType:
    """Show the leave to start in spite of freezes, if somebody gave it."""
    if override is None:
        return UNSET
    return OverrideOut(freezes=override.freezes, actor=override.actor, at=override.at, reason=override.reason)


def _ended_out(ended: Ended | None) -> EndedOut | UnsetType:
    return EndedOut(code=ended.code, at=ended.at, successor=given(ended.successor)) if ended is not None else UNSET


def delivery_out(job: Job) -> DeliveryOut:
    """Show a delivery."""
    return DeliveryOut(
        id=job.id,
        provider=job.provider,
        lane=job.lane,
        gate_id=job.gate_id,
        status=msgspec.json.decode(job.payload, type=Announcement).status,
        state=job.state,
        attempts=job.attempts,
        due_at=job.due_at,
        created_at=job.created_at,
        finished_at=given(job.finished_at),
        note=given(job.note),
    )


def delivery_detail(view: DeliveryView) -> DeliveryDetail:
    """Show a delivery with its tries."""
    return DeliveryDetail(
        **msgspec.structs.asdict(delivery_out(view.job)), tries=tuple(_try_out(made) for made in view.attempts)
    )


def entry_out(number: int, entry: Entry) -> EntryOut:
    """Show an entry of the audit log."""
    return EntryOut(
        number=number,
        at=entry.at,
        actor=entry.actor,
        origin=entry.origin,
        action=entry.action,
        subject=entry.subject,
        detail=entry.detail,
    )


def _try_out(made: Attempt) -> TryOut:
    return TryOut(
        number=made.number,
        started_at=made.started_at,
        duration_ms=made.duration_ms,
        result=made.outcome.result,
        status=given(made.outcome.status),
        detail=made.outcome.detail,
    )
