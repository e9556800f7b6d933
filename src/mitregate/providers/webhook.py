"""Provider "webhook": any address that wants to be told each gating status, signed as Standard Webhooks.

The body is the one with which Jira calls a gated app back, so a receiver written for Jira understands it as it is. The
message id is the job's, the same over all tries, by which the receiver can tell a repeated message.

Sources: https://developer.atlassian.com/cloud/jira/service-desk/deployment-gating/ (the body),
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md (the signature, 410, 429).
"""

from mitregate import __version__
from mitregate.core.announcements import Announcement, Receiver, Try, sample
from mitregate.core.errors import Misconfigured
from mitregate.core.jobs import DENSE, Ladder, Outcome, Result
from mitregate.wire.http import Conversation, Request
from mitregate.wire.jira_deployments import write_gating_status
from mitregate.wire.outcomes import WORDS, Reading, tell, unsent
from mitregate.wire.signatures import sign

USER_AGENT = f"Mitregate/{__version__}"

READING = Reading(results={2: Result.DONE, 410: Result.NEVER}, otherwise=Result.LATER, words=WORDS)
"""What a reply comes to: whoever is not gone for good may yet take it."""


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
            return unsent(error)
        return (yield from tell(request, READING, this.at))

    def example(self) -> Announcement:
        """Give a sample of what is told, for a receiver to be tried with."""
        return sample()


def _write(this: Try, announcement: Announcement, receiver: Receiver) -> Request:
    body = write_gating_status(announcement.key, announcement.status, announcement.since, announcement.details)
    headers = {"content-type": "application/json", "user-agent": USER_AGENT}
    return Request(
        method="POST", url=receiver.url, headers=headers | sign(receiver.secret, this.id, this.at, body), body=body
    )
