import hashlib
import hmac
import json
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from mitregate.core.announcements import Receiver, Try
from mitregate.core.errors import Unreachable
from mitregate.core.gates import GatingStatus
from mitregate.core.jobs import ATLASSIAN, Outcome, Result
from mitregate.ports import Provider
from mitregate.providers.connect import Connect
from mitregate.wire.http import Conversation, Reply, Request
from tests.providers.talking import ended

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
SECRET = "ABC/shared+secret=" * 3
RECEIVER = Receiver(
    url="https://ci.example.com/connect/gating?region=eu",
    secret=SECRET,
    base_url="https://ci.example.com/connect",
    issuer="mitregate-1",
)


def begun(
    receiver: Receiver = RECEIVER, *, earlier: int = 0, now: datetime = NOW
) -> tuple[Conversation[Outcome], Request]:
    """Begin to tell the sample; give the conversation and its request."""
    conversation = Connect().announce(Try(id="job-7", earlier=earlier, at=now), Connect().example(), receiver)
    return conversation, next(conversation)


def outcome(status: int, **headers: str) -> Outcome:
    """Tell the sample to an app that answers so; header names are written with underscores."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return ended(begun()[0], Reply(status=status, headers=fields))


def opened(request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read header and claims of a request's token, by hand, after proving its signature by hand."""
    scheme, token = request.headers["authorization"].split(" ")
    assert scheme == "JWT"
    header, claims, signature = token.split(".")
    expected = hmac.new(SECRET.encode(), f"{header}.{claims}".encode(), hashlib.sha256).digest()
    assert hmac.compare_digest(unfolded(signature), expected)
    return json.loads(unfolded(header)), json.loads(unfolded(claims))


def unfolded(text: str) -> bytes:
    """Read base64 as tokens have it."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def hashed(text: str) -> str:
    """Give the SHA-256 of a text in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def test_it_is_a_provider() -> None:
    """Connect is known as such, and tries again as Jira does."""
    provider: Provider = Connect()
    assert (provider.name, provider.ladder) == ("connect", ATLASSIAN)


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
    announcement = replace(Connect().example(), status=status, details=())
    told = json.loads(next(Connect().announce(Try(id="job-7", earlier=0, at=NOW), announcement, RECEIVER)).body)
    assert (told["gatingStatus"], told["details"]) == (str(status), [])


def test_the_first_try_looks_like_jira_s() -> None:
    """The request has the headers of Jira's webhooks to the letter, none that speaks of retries, and none of ours."""
    _, request = begun()
    assert (request.method, request.url) == ("POST", RECEIVER.url)
    assert {name: value for name, value in request.headers.items() if name != "authorization"} == {
        "content-type": "application/json",
        "user-agent": "Atlassian Webhook HTTP Client",
        "x-atlassian-webhook-identifier": "job-7",
        "x-atlassian-webhook-flow": "Primary",
    }


def test_a_further_try_counts_itself() -> None:
    """Over all tries identifier and body stay the same; a further try says the how manieth it is, in a fresh token."""
    (_, first), (_, third) = begun(), begun(earlier=2, now=NOW + timedelta(minutes=20))
    assert third.headers["x-atlassian-webhook-retry"] == "2"
    assert first.body == third.body
    same = {name for name in first.headers if first.headers[name] == third.headers[name]}
    assert same == set(first.headers) - {"authorization"}
    assert opened(third)[1]["iat"] - opened(first)[1]["iat"] == 20 * 60


def test_the_token_proves_who_calls() -> None:
    """The token is signed HS256 with the shared secret; it says who calls, when, for three minutes, and no audience."""
    header, claims = opened(begun()[1])
    assert header == {"alg": "HS256", "typ": "JWT"}
    seconds = int(NOW.timestamp())
    assert claims == {
        "iss": "mitregate-1",
        "iat": seconds,
        "exp": seconds + 180,
        "qsh": hashed("POST&/gating&region=eu"),
    }


@pytest.mark.parametrize(
    ("base_url", "url", "canonical"),
    [
        ("https://ci.example.com", "https://ci.example.com/callback", "POST&/callback&"),
        ("https://ci.example.com/connect", "https://ci.example.com/connect/callback", "POST&/callback&"),
        ("https://ci.example.com/connect", "https://ci.example.com/connect/connect/a", "POST&/connect/a&"),
        ("https://ci.example.com/a/b", "https://ci.example.com/a/b/c/?z=1&a=2&a=1", "POST&/c&a=1,2&z=1"),
        ("https://ci.example.com/a", "https://ci.example.com/a/x%20y?q=a%20b+c", "POST&/x%20y&q=a%20b%20c"),
    ],
)
def test_the_token_is_tied_to_the_path_below_the_base_url(base_url: str, url: str, canonical: str) -> None:
    """The claim `qsh` covers method, path relative to the app's base URL, and query."""
    _, request = begun(msgspec.structs.replace(RECEIVER, url=url, base_url=base_url))
    assert request.url == url
    assert opened(request)[1]["qsh"] == hashed(canonical)


def test_the_token_fits_a_published_vector() -> None:
    """The hash of a callback without path and query of its own is the one that anybody computes for it."""
    receiver = replace(RECEIVER, url="https://ci.example.com/callback", base_url="https://ci.example.com")
    expected = "68eb4171c15669ca90cbbb154a5c0ee54f31b20995473773d0bf3f464198a883"
    assert opened(begun(receiver)[1])[1]["qsh"] == expected


# --- what replies come to ---

DONE = range(200, 300)
LATER = {408, 409, 425, 429, *range(500, 600)}


def test_replies_come_to_what_jira_makes_of_them() -> None:
    """Success ends a delivery; 408, 409, 425, 429 and faults are tried again; everything else is final."""
    for status in range(100, 600):
        expected = Result.DONE if status in DONE else Result.LATER if status in LATER else Result.NEVER
        found = outcome(status)
        assert (found.status, found.result, found.is_ours) == (status, expected, False)
        assert found.detail.startswith(f"HTTP {status}: The ")
        assert found.detail.endswith(".")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (204, "The receiver took it."),
        (302, "redirects are not followed"),
        (400, "could not make sense of it; its log may say why."),
        (401, "the secrets of both sides differ, or their clocks do. `mitregate app install`"),
        (403, "does not want to hear it"),
        (404, "knows no such address. If the callback in its descriptor has changed, `mitregate app install`"),
        (410, "gone for good"),
        (429, "told too much at once"),
        (503, "in trouble"),
    ],
)
def test_a_reply_is_put_into_words(status: int, words: str) -> None:
    """Whoever looks at a delivery reads what the status means, and what to do where something can be done."""
    assert words in outcome(status).detail


def test_a_busy_app_is_given_the_pause_it_asks_for() -> None:
    """Retry-After is honoured on 429 and 503, up to an hour."""
    assert outcome(503, retry_after="1200").retry_after == timedelta(minutes=20)
    assert outcome(429, retry_after="86400").retry_after == timedelta(hours=1)
    assert outcome(408, retry_after="1200").retry_after is None


def test_an_app_out_of_reach_is_tried_again() -> None:
    """No reply is tried again, for the reason that was given, and counts against the app's host."""
    later = ended(begun()[0], Unreachable("ci.example.com:443 gave no reply: it took longer than 10 s."))
    expected = "ci.example.com:443 gave no reply: it took longer than 10 s."
    assert later == Outcome(result=Result.LATER, detail=expected)


def test_without_a_secret_nothing_is_sent() -> None:
    """An app with which no secret is shared is told nothing yet; the delivery says what to do, and blames no host."""
    this = Try(id="job-7", earlier=0, at=NOW)
    conversation = Connect().announce(this, Connect().example(), replace(RECEIVER, secret=""))
    later = ended(conversation, None)
    assert (later.result, later.is_ours) == (Result.LATER, True)
    assert later.detail.endswith("`mitregate app install` with the address of its descriptor agrees on one.")
