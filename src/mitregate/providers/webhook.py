"""Provider "webhook": any address that wants to be told each gating status, signed as Standard Webhooks.

The body is the one with which Jira calls a gated app back, so a receiver written for Jira understands it as it is. The
message id is the job's, the same over all tries, by which the receiver can tell a repeated message.

Sources: https://developer.atlassian.com/cloud/jira/service-desk/deployment-gating/ (the body),
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (the signature, 410, 429).
"""

from datetime import UTC, datetime

from mitregate import __version__
from mitregate.core.announcements import Announcement, Detail, Receiver, Try
from mitregate.core.deployments import DeploymentKey
from mitregate.core.errors import Misconfigured, Unreachable
from mitregate.core.gates import GatingStatus, Reason, ReasonCode
from mitregate.core.jobs import DENSE, Ladder, Outcome, Result
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.jira_deployments import write_gating_status
from mitregate.wire.retries import read_retry_after
from mitregate.wire.signatures import sign

USER_AGENT = f"Mitregate/{__version__}"

WORDS = {
    401: "The receiver does not accept who is telling it; compare the secrets of both sides.",
    403: "The receiver does not accept who is telling it; compare the secrets of both sides.",
    404: "The receiver knows no such address.",
    410: "The receiver is gone for good and does not want to be told any more.",
    429: "The receiver is told too much at once.",
}
"""What a status means, for people."""

WORDS_BY_CLASS = {
    2: "The receiver took it.",
    3: "The receiver points to another address; redirects are not followed.",
    5: "The receiver is in trouble.",
}
"""What the other statuses mean, by their first digit."""


class Webhook:
    """Tells any receiver each gating status with a signed POST."""

    name = "webhook"
    ladder: Ladder = DENSE

    def announce(self, this: Try, announcement: Announcement, receiver: Receiver) -> Conversation[Outcome]:
        """Tell the receiver a verdict.

        Args:
            this: the try; its id is the message's.
            announcement: what to tell.
            receiver: where, and the secret or secrets to sign with.

        Returns:
            A conversation of one request: done if the receiver took it, never if it is gone for good, else later.
        """
        try:
            request = _write(this, announcement, receiver)
        except Misconfigured as error:
            return Outcome(result=Result.LATER, detail=f"{error.message} {error.advice()}")
        try:
            reply = yield request
        except Unreachable as error:
            return Outcome(result=Result.LATER, detail=error.message)
        return _judge(reply, this.at)

    def example(self) -> Announcement:
        """Give a sample of what is told, for a receiver to be tried with."""
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


def _write(this: Try, announcement: Announcement, receiver: Receiver) -> Request:
    body = write_gating_status(announcement.key, announcement.status, announcement.since, announcement.details)
    headers = {"content-type": "application/json", "user-agent": USER_AGENT}
    return Request(
        method="POST", url=receiver.url, headers=headers | sign(receiver.secret, this.id, this.at, body), body=body
    )


def _judge(reply: Reply, now: datetime) -> Outcome:
    result = Result.DONE if 200 <= reply.status < 300 else Result.NEVER if reply.status == 410 else Result.LATER
    words = WORDS.get(reply.status) or WORDS_BY_CLASS.get(reply.status // 100, "The receiver did not take it.")
    pause = read_retry_after(reply, now)
    return Outcome(result=result, detail=f"HTTP {reply.status}: {words}", status=reply.status, retry_after=pause)
