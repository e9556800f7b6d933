"""Announcements: what a receiver is told of a verdict (domain.md §7)."""

from datetime import UTC, datetime

from msgspec import Struct

from mitregate.core.deployments import DeploymentKey
from mitregate.core.gates import GatingStatus, Reason, ReasonCode


class Detail(Struct, frozen=True, kw_only=True):
    """A change that bears on a verdict, as the Jira wire shows it."""

    key: str
    link: str


class Announcement(Struct, frozen=True, kw_only=True):
    """What a receiver is told: a gating status, when it was reached, and why.

    `good_until` is the last instant at which an `allowed` may still be sent.
    """

    key: DeploymentKey
    status: GatingStatus
    since: datetime
    reasons: tuple[Reason, ...]
    details: tuple[Detail, ...]
    good_until: datetime | None = None


class Receiver(Struct, frozen=True, kw_only=True):
    """Where a provider delivers to: address and secret in the clear, for the length of one conversation.

    `base_url` and `issuer` are for receivers that are Connect apps: what `url` is below, and what we are called there.
    """

    url: str
    secret: str
    base_url: str = ""
    issuer: str = ""


class Try(Struct, frozen=True, kw_only=True):
    """One try at telling a message: `id` is the same over all tries, `earlier` how many went before this one."""

    id: str
    earlier: int
    at: datetime


def sample() -> Announcement:
    """Give an announcement of a deployment that does not exist, for a receiver to be tried with."""
    return Announcement(
        key=DeploymentKey(
            app_id="example", pipeline_id="checkout", environment_id="production-eu", sequence_number=100
        ),
        status=GatingStatus.AWAITING,
        since=datetime(2026, 1, 1, 9, 30, tzinfo=UTC),
        reasons=(
            Reason(
                code=ReasonCode.WAITING_FOR_APPROVAL,
                message="The change request CHG-1 waits for approval; its status is 'Planning'.",
                remedy="An approver must approve CHG-1.",
            ),
        ),
        details=(Detail(key="CHG-1", link="https://gate.example.com/changes/1"),),
    )
