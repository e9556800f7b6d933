"""The Python client of the Deployments API: what it sends, and what it makes of what comes back."""

import json
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from mitregate import client
from mitregate.client import Key
from mitregate.core.errors import (
    Forbidden,
    IllegalTransition,
    Malformed,
    Misconfigured,
    MitregateError,
    Stale,
    TooLarge,
    Unknown,
    Unproven,
    Unreachable,
    Unsettled,
)
from mitregate.wire.http import Conversation, Reply, Request

T = TypeVar("T")

OURS = client.ours("https://gate.example.com/")
KEY = Key(pipeline_id="a/b c+d%", environment_id="ümläut", deployment_sequence_number=-7)
AT = "/pipelines/a%2Fb%20c%2Bd%25/environments/%C3%BCml%C3%A4ut/deployments/-7"


def converse(conversation: Conversation[T], *replies: Reply) -> tuple[list[Request], T]:
    """Perform a conversation against prepared replies; give what was sent, and what came of it."""
    sent = [next(conversation)]
    for reply in replies:
        try:
            sent.append(conversation.send(reply))
        except StopIteration as end:
            return sent, end.value
    raise AssertionError(sent)


def replies(status: int, body: object = None, **headers: str) -> Reply:
    """Make a reply; a body that is not bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return Reply(status=status, headers=headers, body=raw)


def test_addresses() -> None:
    """Ours and Jira Cloud's addresses are where their documentation says."""
    assert OURS.deployments == "https://gate.example.com/rest/deployments/0.1"
    assert OURS.tokens == "https://gate.example.com/oauth/token"
    cloud = client.jira_cloud("11/22")
    assert cloud.deployments == "https://api.atlassian.com/jira/deployments/0.1/cloud/11%2F22"
    assert cloud.tokens == "https://api.atlassian.com/oauth/token"


def test_a_token() -> None:
    """Client credentials are exchanged for an access token, with the audience that Atlassian wants."""
    reply = replies(200, {"access_token": "mga_1", "token_type": "Bearer", "expires_in": 3600, "scope": "a b"})
    (sent,), access = converse(client.token(OURS, "id", "secret"), reply)
    assert (sent.method, sent.url) == ("POST", OURS.tokens)
    assert json.loads(sent.body) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "secret",
        "audience": "api.atlassian.com",
    }
    assert (access.access_token, access.expires_in) == ("mga_1", 3600)


def test_a_submission() -> None:
    """The body is sent as it is, and all four lists are read; a list that is missing is empty."""
    told = {
        "acceptedDeployments": [{"pipelineId": "p", "environmentId": "e", "deploymentSequenceNumber": 1}],
        "rejectedDeployments": [
            {
                "key": {"pipelineId": "p", "environmentId": "e", "deploymentSequenceNumber": 2},
                "errors": [{"message": "no", "errorTraceId": "t"}],
            }
        ],
        "unknownAssociations": [{"associationType": "x", "values": ["a", {"b": "c"}]}],
    }
    (sent,), outcome = converse(client.submit(OURS, "mga_1", b'{"deployments": []}'), replies(202, told))
    assert (sent.method, sent.url) == ("POST", f"{OURS.deployments}/bulk")
    assert (sent.headers["authorization"], sent.body) == ("Bearer mga_1", b'{"deployments": []}')
    assert outcome.accepted_deployments[0].deployment_sequence_number == 1
    assert outcome.rejected_deployments[0].errors[0].message == "no"
    assert outcome.unknown_issue_keys == ()
    assert outcome.unknown_associations[0].values == ("a", {"b": "c"})


def test_reading() -> None:
    """Ids are quoted whole, so that slashes, spaces, plus and percent signs arrive as they are."""
    told = {
        "deploymentSequenceNumber": -7,
        "updateSequenceNumber": 1,
        "displayName": "d",
        "url": None,
        "description": "two\nlines",
        "lastUpdated": "2026-02-03T09:41:07Z",
        "state": "pending",
        "pipeline": None,
        "environment": {"id": "e", "displayName": "E", "type": "production"},
        "unheardOf": [1],
    }
    (sent,), record = converse(client.read(OURS, "mga_1", KEY), replies(200, told))
    assert (sent.method, sent.url) == ("GET", OURS.deployments + AT)
    assert (record.state, record.url, record.pipeline) == ("pending", None, None)


def test_gating_status() -> None:
    """The gating status is read with the changes that bear on it."""
    told = {
        "updatedTimestamp": "2020-08-16T16:08:13.814+00:00",
        "gatingStatus": "awaiting",
        "details": [{"type": "issue", "issueKey": "CHG-1", "issueLink": "https://gate.example.com/changes/CHG-1"}],
        "pipelineId": "p",
        "environmentId": "e",
        "deploymentSequenceNumber": 1,
    }
    (sent,), state = converse(client.gating_status(OURS, "mga_1", KEY), replies(200, told))
    assert sent.url == f"{OURS.deployments}{AT}/gating-status"
    assert (state.gating_status, state.details[0].issue_key) == ("awaiting", "CHG-1")


def test_deleting() -> None:
    """One deployment is deleted by its key, several by their properties, which are quoted in the query."""
    (sent,), _ = converse(client.delete(OURS, "mga_1", KEY), replies(202))
    assert (sent.method, sent.url) == ("DELETE", OURS.deployments + AT)
    (sent,), _ = converse(client.delete_by_properties(OURS, "mga_1", {"a b": "c&d/e"}), replies(202))
    assert (sent.method, sent.url) == ("DELETE", f"{OURS.deployments}/bulkByProperties?a%20b=c%26d%2Fe")


@pytest.mark.parametrize(
    ("reply", "kind", "said"),
    [
        (replies(400, [{"message": "one"}, {"message": "two", "errorTraceId": "t"}]), Malformed, "one two"),
        (replies(401, {"code": 401, "message": "Unauthorized"}), Unproven, "Unauthorized"),
        (replies(401, {"error": "invalid_client", "error_description": "No."}), Unproven, "No."),
        (replies(403, {"errorMessages": ["Not", "you"], "errors": {}}), Forbidden, "Not you"),
        (replies(403), Forbidden, "The server answered 403."),
        (replies(404, b"<html>"), Unknown, "The server answered 404."),
        (replies(409), Stale, "The server answered 409."),
        (replies(413, [{"message": "send fewer"}]), TooLarge, "send fewer"),
        (replies(429), Unsettled, "The server answered 429."),
        (replies(503, b"\xff\xfe"), Unsettled, "The server answered 503."),
        (replies(302, location="https://x"), Misconfigured, "The server sends us on to https://x."),
        (
            replies(409, {"type": "urn:mitregate:problem:IllegalTransition", "detail": "d", "advice": "a"}),
            IllegalTransition,
            "d",
        ),
        (replies(500, {"type": "urn:mitregate:problem:Misconfigured", "detail": "d"}), Misconfigured, "d"),
        (replies(503, {"type": "urn:mitregate:problem:unreachable", "title": "t"}), Unreachable, "t"),
        (replies(400, {"type": "about:blank", "title": "Bad Request"}), Malformed, "Bad Request"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else getattr(value, "__name__", None),
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda: client.token(OURS, "i", "s"),
        lambda: client.submit(OURS, "t", b"{}"),
        lambda: client.delete(OURS, "t", KEY),
    ],
    ids=["token", "submit", "delete"],
)
def test_refusals(ask: Callable[[], Conversation[Any]], reply: Reply, kind: type[MitregateError], said: str) -> None:
    """Whatever shape an error has, it becomes one of ours: by its problem type if it names one, else by its status."""
    with pytest.raises(MitregateError) as caught:
        converse(ask(), reply)
    assert (type(caught.value), caught.value.message) == (kind, said)
    assert caught.value.advice()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"acceptedDeployments": 1}', b"\xff"])
def test_something_else_answers(body: bytes) -> None:
    """A success that is not what the API says is the operator's matter: something else answers there."""
    with pytest.raises(Misconfigured):
        converse(client.submit(OURS, "t", b"{}"), replies(200, body))
