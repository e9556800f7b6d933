"""Provider "connect": tells a Connect app each gating status of its deployments, just as Jira calls it back.

A POST to the address that the app's descriptor gives, with a token signed HS256 with the secret that the app was given
when it was installed. Headers, retries, and what counts as a final answer are those of Jira's webhooks, whose machinery
sends its gating callbacks. The identifier is the job's id, the same over all tries. X-Atlassian-Webhook-Trace is not
sent: Jira gives back in it only what an app attached to a request of its own.

Sources: https://developer.atlassian.com/cloud/jira/service-desk/deployment-gating/ (the body),
https://developer.atlassian.com/cloud/jira/platform/webhooks/ (headers, retries, concurrency),
https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/ (the token).
"""

from urllib.parse import urlsplit

from mitregate.core.announcements import Announcement, Receiver, Try, sample
from mitregate.core.errors import Misconfigured
from mitregate.core.jobs import ATLASSIAN, Ladder, Outcome, Result
from mitregate.wire.connect_hash import query_hash
from mitregate.wire.connect_jwt import sign
from mitregate.wire.http import Conversation, Request
from mitregate.wire.jira_deployments import write_gating_status
from mitregate.wire.outcomes import WORDS, Reading, tell, unsent

USER_AGENT = "Atlassian Webhook HTTP Client"
"""Jira's, to the letter: there are receivers, and firewalls before them, that compare the whole of it."""

INSTALL_AGAIN = "`mitregate app install` with the address of its descriptor"

READING = Reading(
    results={2: Result.DONE, 5: Result.LATER, **dict.fromkeys((408, 409, 425, 429), Result.LATER)},
    otherwise=Result.NEVER,
    words=WORDS
    | {
        400: "The app could not make sense of it; its log may say why.",
        401: "The app does not believe that we are telling it: the secrets of both sides differ, or their clocks do. "
        f"{INSTALL_AGAIN} agrees on a new secret.",
        403: "The app knows who is telling it and does not want to hear it; its log may say why.",
        404: "The app knows no such address. If the callback in its descriptor has changed, "
        f"{INSTALL_AGAIN} takes that over.",
        3: "The app points to another address; redirects are not followed. Once its descriptor names the right one, "
        f"{INSTALL_AGAIN} takes that over.",
    },
)
"""What a reply comes to: of the refusals Jira tries again after these four, and takes all others for final."""


class Connect:
    """Tells a Connect app each gating status with a POST that proves who calls."""

    name = "connect"
    ladder: Ladder = ATLASSIAN

    def announce(self, this: Try, announcement: Announcement, receiver: Receiver) -> Conversation[Outcome]:
        """Tell the app a verdict.

        Args:
            this: the try; its id is the webhook's identifier, and how many went before it is told as well.
            announcement: what to tell.
            receiver: the app's callback, its base URL, the shared secret, and what we are called there.

        Returns:
            A conversation of one request: done if the app took it, later if it is to be tried again, else never.
        """
        try:
            request = _write(this, announcement, receiver)
        except Misconfigured as error:
            return unsent(error)
        return (yield from tell(request, READING, this.at))

    def example(self) -> Announcement:
        """Give a sample of what is told, for an app to be tried with."""
        return sample()


def _write(this: Try, announcement: Announcement, receiver: Receiver) -> Request:
    if not receiver.secret:
        message = "There is no secret that the app and Mitregate share, so nothing can be signed."
        raise Misconfigured(message, advice=f"{INSTALL_AGAIN} agrees on one.")
    address, base_path = urlsplit(receiver.url), urlsplit(receiver.base_url).path
    qsh = query_hash("POST", address.path, address.query, base_path)
    headers = {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "authorization": f"JWT {sign(receiver.secret, issuer=receiver.issuer, now=this.at, query_hash=qsh)}",
        "x-atlassian-webhook-identifier": this.id,
        "x-atlassian-webhook-flow": "Primary",
    }
    if this.earlier:
        headers["x-atlassian-webhook-retry"] = str(this.earlier)
    body = write_gating_status(announcement.key, announcement.status, announcement.since, announcement.details)
    return Request(method="POST", url=receiver.url, headers=headers, body=body)
