"""Views of changes: what the native API answers about what people approve."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mitregate.core.approvals import Approval, Decision
from mitregate.core.asking import wanted
from mitregate.core.changes import Change, ChangeType, Comment, Coverage, Status, Transition
from mitregate.core.risk import Risk
from mitregate.flows.ask import ChangeView
from mitregate.web.explain_views import ApprovalsOut, ConflictOut, approvals_out, conflicts_out
from mitregate.web.views import GateOut, Link, Next, View, gate_out, given


class CoversOut(View, frozen=True, kw_only=True):
    """Which deployments a change was prepared for: names or patterns."""

    project: str
    environment: str
    version: str


class ChangeOut(View, frozen=True, kw_only=True):
    """A change request, which people approve."""

    key: str
    title: str
    description: str
    type: ChangeType
    template: Annotated[str, Meta(description="The standard change that it was opened of.")] | UnsetType = UNSET
    risk: Risk
    risk_why: Annotated[str, Meta(description="Why it is that, in a sentence.")] | UnsetType = UNSET
    services: Annotated[tuple[str, ...], Meta(description="The ids of the services that it concerns.")]
    covers: CoversOut | UnsetType = UNSET
    status: Annotated[Status, Meta(description="Where it stands in the change workflow, in Jira's words.")]
    planned_start: Annotated[datetime, Meta(description="When its window opens.")] | UnsetType = UNSET
    planned_end: Annotated[datetime, Meta(description="The last instant of its window.")] | UnsetType = UNSET
    requested_by: str
    created_at: datetime
    updated_at: datetime
    link: Link


class ChangePage(View, frozen=True, kw_only=True):
    """A page of changes, newest first."""

    items: tuple[ChangeOut, ...]
    next: Next | UnsetType = UNSET


class CommentOut(View, frozen=True, kw_only=True):
    """A remark on a change."""

    author: str
    body: str
    at: datetime


class ApprovalOut(View, frozen=True, kw_only=True):
    """What one person decided on a change."""

    actor: str
    decision: Decision
    at: datetime
    comment: str


class ChangeDetail(ChangeOut, frozen=True, kw_only=True):
    """A change request with all that belongs to it."""

    gates: Annotated[tuple[GateOut, ...], Meta(description="The gates that rely on it, oldest first.")]
    comments: Annotated[tuple[CommentOut, ...], Meta(description="The remarks on it, oldest first.")]
    transitions: Annotated[tuple[Transition, ...], Meta(description="The transitions that are possible now.")]
    approvals: Annotated[tuple[ApprovalOut, ...], Meta(description="What was decided, oldest first.")]
    progress: (
        Annotated[ApprovalsOut, Meta(description="How far it has come with them; for the deployment that lacks most.")]
        | UnsetType
    ) = UNSET
    wanted: Annotated[str, Meta(description="Who must still approve it, in words.")] | UnsetType = UNSET
    conflicts: Annotated[
        tuple[ConflictOut, ...],
        Meta(description="Other open changes that would touch the same services at the same time."),
    ]
    digest: Annotated[
        str,
        Meta(
            description="Of what an approver judges by; to be sent back as `seen`. Empty if there is nothing to decide."
        ),
    ]


def change_out(change: Change, base_url: str) -> ChangeOut:
    """Show a change."""
    return ChangeOut(
        key=change.key,
        title=change.title,
        description=change.description,
        type=change.type,
        template=given(change.template),
        risk=change.risk,
        risk_why=given(change.risk_why),
        services=change.services,
        covers=_covers_out(change.covers),
        status=change.status,
        planned_start=given(change.window.start),
        planned_end=given(change.window.end),
        requested_by=change.requested_by,
        created_at=change.created_at,
        updated_at=change.updated_at,
        link=f"{base_url}/changes/{change.key}",
    )


def change_detail(view: ChangeView, base_url: str) -> ChangeDetail:
    """Show a change with all that belongs to it."""
    profile = view.profile
    return ChangeDetail(
        **msgspec.structs.asdict(change_out(view.change, base_url)),
        gates=tuple(gate_out(gate, base_url) for gate in view.gates),
        comments=tuple(_comment_out(comment) for comment in view.comments),
        transitions=view.transitions,
        approvals=tuple(_approval_out(approval) for approval in view.change.approvals),
        progress=approvals_out(profile) if profile is not None else UNSET,
        wanted=given(wanted(profile) if profile is not None else None),
        conflicts=conflicts_out(profile.conflicts) if profile is not None and view.change.is_open else (),
        digest=view.digest,
    )


def _covers_out(covers: Coverage | None) -> CoversOut | UnsetType:
    if covers is None:
        return UNSET
    return CoversOut(project=covers.project, environment=covers.environment, version=covers.version)


def _comment_out(comment: Comment) -> CommentOut:
    return CommentOut(author=comment.author, body=comment.body, at=comment.at)


def _approval_out(approval: Approval) -> ApprovalOut:
    return ApprovalOut(actor=approval.actor, decision=approval.decision, at=approval.at, comment=approval.comment)
