import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from mitregate import __version__
from mitregate.core.announcements import Receiver, Try
from mitregate.core.errors import Unreachable
from mitregate.core.gates import GatingStatus
from mitregate.core.jobs import DENSE, Outcome, Result
from mitregate.ports import Provider
from mitregate.providers.webhook import Webhook
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.signatures import verify, write_secret
from tests.providers.talking import ended

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
THIS = Try(id="job-7", earlier=0, at=NOW)
RECEIVER = Receiver(url="https://ci.example.com/hooks/mitregate?x=1", secret=write_secret(b"k" * 32))


def begun(receiver: Receiver = RECEIVER, now: datetime = NOW) -> tuple[Conversation[Outcome], Request]:
    """Begin to tell the sample; give the conversation and its request."""
    conversation = Webhook().announce(Try(id="job-7", earlier=0, at=now), Webhook().example(), receiver)
    return conversation, next(conversation)


def outcome(status: int, **headers: str) -> Outcome:
    """Tell the sample to a receiver that answers so; header names are written with underscores."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return ended(begun()[0], Reply(status=status, headers=fields))


def test_it_is_a_provider() -> None:
    """The webhook is known as such and tries densely at first."""
    provider: Provider = Webhook()
    assert (provider.name, provider.ladder) == ("webhook", DENSE)


def test_the_body_is_jira_s_own_callback() -> None:
    """The body holds exactly what Jira tells a gated app, the sequence number as a number."""
    _, request = begun()
    assert json.loads(request.body) == {
        "updatedTimestamp": "2026-01-01T09:30:00.000+00:00",
        "gatingStatus": "awaiting",
        "details": [{"type": "issue", "issueKey": "CHG-1", "issueLink": "https://gate.example.com/changes/1"}],
        "pipelineId": "checkout",
        "environmentId": "production-eu",
        "deploymentSequenceNumber": 100,
    }


@pytest.mark.parametrize("status", list(GatingStatus))
def test_every_status_is_told_by_its_word(status: GatingStatus) -> None:
    """Each gating status goes out as its own word, with no details as an empty list."""
    announcement = msgspec.structs.replace(Webhook().example(), status=status, details=())
    request = next(Webhook().announce(THIS, announcement, RECEIVER))
    told = json.loads(request.body)
    assert (told["gatingStatus"], told["details"]) == (str(status), [])


def test_the_request_is_a_signed_post() -> None:
    """The receiver's address gets JSON from Mitregate, signed with the receiver's secret over this very body."""
    _, request = begun()
    assert (request.method, request.url) == ("POST", RECEIVER.url)
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == f"Mitregate/{__version__}"
    tolerance = timedelta(0)
    assert verify(RECEIVER.secret, request.headers, request.body, now=NOW, tolerance=tolerance) == "job-7"


def test_a_repeated_message_keeps_its_id_and_gets_a_new_time() -> None:
    """Over all tries id and body stay the same; time and signature are those of the try."""
    (_, first), (_, second) = begun(), begun(now=NOW + timedelta(hours=6))
    assert first.body == second.body
    changed = {name for name in first.headers if first.headers[name] != second.headers[name]}
    assert changed == {"webhook-timestamp", "webhook-signature"}


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    """Any status of success ends the delivery."""
    assert outcome(status).result is Result.DONE


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 403, 404, 408, 409, 422, 429, 500, 502, 503, 504, 599])
def test_any_other_status_is_tried_again(status: int) -> None:
    """Redirects, refusals and faults are tried again, with the status and a sentence for people."""
    later = outcome(status)
    assert (later.result, later.status) == (Result.LATER, status)
    assert later.detail.startswith(f"HTTP {status}: The receiver ")


def test_a_receiver_that_is_gone_is_left_alone() -> None:
    """410 says that the receiver is gone for good, which ends the delivery at once."""
    assert outcome(410).result is Result.NEVER


def test_a_busy_receiver_is_given_the_pause_it_asks_for() -> None:
    """Retry-After is honoured on 429 and 503, up to an hour."""
    assert outcome(503, retry_after="90").retry_after == timedelta(seconds=90)
    assert outcome(429, retry_after="Mon, 04 May 2026 12:02:00 GMT").retry_after == timedelta(minutes=2)
    assert outcome(429, retry_after="86400").retry_after == timedelta(hours=1)
    assert outcome(503).retry_after is None
    assert outcome(500, retry_after="90").retry_after is None


def test_a_receiver_out_of_reach_is_tried_again() -> None:
    """No reply is tried again, for the reason that was given."""
    conversation, _ = begun()
    later = ended(conversation, Unreachable("ci.example.com:443 gave no reply: connection refused."))
    assert later == Outcome(result=Result.LATER, detail="ci.example.com:443 gave no reply: connection refused.")


def test_without_a_proper_secret_nothing_is_sent() -> None:
    """A receiver whose secret cannot sign is told nothing, and the delivery says what to set."""
    conversation = Webhook().announce(THIS, Webhook().example(), Receiver(url=RECEIVER.url, secret="hunter2"))
    later = ended(conversation, None)
    assert (later.result, later.is_ours) == (Result.LATER, True)
    assert "whsec_<base64" in later.detail
    assert "hunter2" not in later.detail
