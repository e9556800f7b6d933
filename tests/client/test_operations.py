"""What each operation sends, and what it makes of what comes back."""

from collections.abc import Callable
from typing import Any

import pytest

from mitregate.client import Site, StillAwaiting
from mitregate.client.caller import Caller
from mitregate.client.retries import ONCE, Dialogue
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
from mitregate.wire.http import Reply, Request
from tests.client.scripted import AT, BEARER, KEY, OURS, Script, gating, reply


def perform(ask: Callable[[Caller], Dialogue[Any]], *answers: Reply) -> tuple[list[Request], Any]:
    """Let an app with a token ask; give what was sent, and what came of it."""
    script = Script(*answers)
    outcome = script.play(ask(script.caller(BEARER, retries=ONCE)))
    return script.sent, outcome


def test_a_submission() -> None:
    """The body is sent as it is, and all four lists are read; a list that is missing is empty."""
    told = {
        "acceptedDeployments": [{"pipelineId": "p", "environmentId": "e", "deploymentSequenceNumber": 1}],
        "rejectedDeployments": [
            {
                "key": {"pipelineId": "p", "environmentId": "e", "deploymentSequenceNumber": 2},
                "errors": [{"message": "no", "errorTraceId": "t"}, {"message": "never."}],
            }
        ],
        "unknownAssociations": [{"associationType": "x", "values": ["a", {"b": "c"}]}],
    }
    (sent,), outcome = perform(lambda caller: caller.submit(b'{"deployments": []}', None, None), reply(202, told))
    assert (sent.method, sent.url) == ("POST", f"{OURS.base}/rest/deployments/0.1/bulk")
    assert (sent.headers["authorization"], sent.body) == ("Bearer mga_1", b'{"deployments": []}')
    assert sent.headers["content-type"] == "application/json"
    assert outcome.accepted_deployments[0].deployment_sequence_number == 1
    assert outcome.rejected_deployments[0].errors[0].message == "no"
    assert outcome.unknown_issue_keys == ()
    assert outcome.unknown_associations[0].values == ("a", {"b": "c"})
    with pytest.raises(Malformed, match=r"^p → e #2 was rejected: no; never\.$"):
        outcome.insist()


def test_an_accepted_submission() -> None:
    """Where nothing was rejected, who insists on that is given the outcome."""
    _, outcome = perform(lambda caller: caller.submit(b"{}", None, None), reply(202, {}))
    assert outcome.insist() is outcome


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
        "commands": None,
        "unheardOf": [1],
    }
    (sent,), found = perform(lambda caller: caller.read(KEY), reply(200, told))
    assert (sent.method, sent.url) == ("GET", f"{OURS.base}/rest/deployments/0.1{AT}")
    assert (found.state, found.url, found.pipeline, found.commands) == ("pending", None, None, None)


def test_gating_status() -> None:
    """The gating status is read with the changes that bear on it."""
    (sent,), state = perform(lambda caller: caller.gating_status(KEY), gating("awaiting"))
    assert sent.url == f"{OURS.base}/rest/deployments/0.1{AT}/gating-status"
    assert (state.gating_status, state.details[0].issue_key, state.key) == ("awaiting", "CHG-1", KEY)


@pytest.mark.parametrize(
    ("word", "is_awaiting", "is_allowed"),
    [
        ("awaiting", True, False),
        ("allowed", False, True),
        ("prevented", False, False),
        ("invalid", False, False),
        ("expired", False, False),
        ("ALLOWED", False, False),
    ],
)
def test_only_one_word_lets_a_deployment_go_on(word: str, is_awaiting: bool, is_allowed: bool) -> None:
    """Only `allowed` is allowed; a word that nobody knows is neither that nor worth waiting on."""
    _, state = perform(lambda caller: caller.gating_status(KEY), gating(word))
    assert (state.is_awaiting, state.is_allowed) == (is_awaiting, is_allowed)


def test_deleting() -> None:
    """One deployment is deleted by its key, several by their properties, which are quoted in the query."""
    (sent,), _ = perform(lambda caller: caller.delete(KEY), reply(202))
    assert (sent.method, sent.url) == ("DELETE", f"{OURS.base}/rest/deployments/0.1{AT}")
    (sent,), _ = perform(lambda caller: caller.delete_by_properties({"a b": "c&d/e"}), reply(202))
    assert sent.url == f"{OURS.base}/rest/deployments/0.1/bulkByProperties?a%20b=c%26d%2Fe"
    assert (sent.method, sent.body, "content-type" in sent.headers) == ("DELETE", b"", False)


def test_deleting_by_nothing() -> None:
    """Without a property nothing is sent: that would mean everything to somebody."""
    script = Script()
    with pytest.raises(Malformed):
        script.play(script.caller(BEARER).delete_by_properties({}))
    assert script.sent == []


def test_a_request_of_one_s_own() -> None:
    """A request to another API at the site is sent with the proof, and its reply given whatever it says."""
    request = Request(method="GET", url="/api/v1/gates?limit=2", headers={"accept": "text/html"})
    (sent,), found = perform(lambda caller: caller.send(request, ONCE), reply(404, b"no"))
    assert (sent.url, sent.headers) == (
        f"{OURS.base}/api/v1/gates?limit=2",
        {"accept": "text/html", "authorization": "Bearer mga_1"},
    )
    assert (found.status, found.body) == (404, b"no")


@pytest.mark.parametrize(
    "url", ["", "gates", "@evil.example.com/", ".evil.example.com/", "https://evil/", "/a b", "/ü"]
)
def test_a_proof_stays_at_its_site(url: str) -> None:
    """What is not a path below the site's address is not sent: the proof must not go elsewhere."""
    script = Script()
    with pytest.raises(Malformed, match="is not a path"):
        script.play(script.caller(BEARER).send(Request(method="GET", url=url), ONCE))
    assert script.sent == []


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (reply(400, [{"message": "one"}, {"message": "two", "errorTraceId": "t"}]), Malformed, "one two"),
        (reply(401, {"code": 401, "message": "Unauthorized"}), Unproven, "Unauthorized"),
        (reply(401, {"error": "invalid_client", "error_description": "No."}), Unproven, "No."),
        (reply(403, {"errorMessages": ["Not", "you"], "errors": {}}), Forbidden, "Not you"),
        (reply(403), Forbidden, "The server answered 403."),
        (reply(404, b"<html>"), Unknown, "The server answered 404."),
        (reply(409), Stale, "The server answered 409."),
        (reply(413, [{"message": "send fewer"}]), TooLarge, "send fewer"),
        (reply(429), Unsettled, "The server answered 429."),
        (reply(503, b"\xff\xfe"), Unsettled, "The server answered 503."),
        (reply(302, location="https://x"), Misconfigured, "The server sends us on to https://x."),
        (
            reply(409, {"type": "urn:mitregate:problem:IllegalTransition", "detail": "d", "advice": "a"}),
            IllegalTransition,
            "d",
        ),
        (reply(500, {"type": "urn:mitregate:problem:Misconfigured", "detail": "d"}), Misconfigured, "d"),
        (reply(503, {"type": "urn:mitregate:problem:unreachable", "title": "t"}), Unreachable, "t"),
        (reply(400, {"type": "about:blank", "title": "Bad Request"}), Malformed, "Bad Request"),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else getattr(value, "__name__", None),
)
@pytest.mark.parametrize(
    "ask",
    [
        lambda caller: caller.submit(b"{}", None, None),
        lambda caller: caller.delete(KEY),
        lambda caller: caller.read(KEY),
    ],
    ids=["submit", "delete", "read"],
)
def test_refusals(ask: Callable[[Caller], Dialogue[Any]], answer: Reply, kind: type[MitregateError], said: str) -> None:
    """Whatever shape an error has, it becomes one of ours: by its problem type if it names one, else by its status."""
    with pytest.raises(MitregateError) as caught:
        perform(ask, answer)
    assert (type(caught.value), caught.value.message) == (kind, said)
    # The header of the request is the client's own; whoever uses the client can only change what it was given.
    assert "Authorization" not in caught.value.advice()


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"acceptedDeployments": 1}', b"\xff"])
def test_something_else_answers(body: bytes) -> None:
    """A success that is not what the API says is the operator's matter: something else answers there."""
    with pytest.raises(Misconfigured, match=r"not what the Deployments API says \(200, \d+ bytes") as caught:
        perform(lambda caller: caller.submit(b"{}", None, None), reply(200, body))
    assert caught.value.advice() == "Check the address: something else may answer there."


@pytest.mark.parametrize(
    ("headers", "seconds", "advice"),
    [
        ({"retry_after": "7"}, 7.0, "Try again in 7 s."),
        ({"retry_after": "0"}, 0.0, Unsettled.hint),
        ({"retry_after": "soon"}, None, Unsettled.hint),
        ({}, None, Unsettled.hint),
        (
            {"retry_after": "Tue, 03 Feb 2026 09:00:30 GMT", "date": "Tue, 03 Feb 2026 09:00:00 GMT"},
            30.0,
            "Try again in 30 s.",
        ),
        ({"retry_after": "Tue, 03 Feb 2026 09:00:30 GMT"}, 0.0, Unsettled.hint),
        ({"retry_after": "Tue, 03 Feb 2026 09:00:30 GMT", "date": "now"}, 0.0, Unsettled.hint),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_asks_for_time(status: int, headers: dict[str, str], seconds: float | None, advice: str) -> None:
    """What a server asks for is told with the error; a date is counted from the server's own clock."""
    with pytest.raises(Unsettled) as caught:
        perform(lambda caller: caller.read(KEY), reply(status, **headers))
    assert (caught.value.retry_after, caught.value.advice()) == (seconds, advice)


def test_errors_that_need_nothing() -> None:
    """Every class of error can be made without words of its own; the client's own is one that time mends."""
    assert StillAwaiting().message == "The time to wait is over, and the deployment is not decided."
    assert isinstance(StillAwaiting(), Unsettled)
    assert StillAwaiting().state is None


@pytest.mark.parametrize(
    ("site", "base", "at"),
    [
        (Site.mitregate("https://gate.example.com/"), "https://gate.example.com", "/rest/deployments/0.1"),
        (Site.mitregate("http://[::1]:8470/gate//"), "http://[::1]:8470/gate", "/rest/deployments/0.1"),
        (Site.jira("https://acme.atlassian.net"), "https://acme.atlassian.net", "/rest/deployments/0.1"),
        (Site.jira_cloud("11/22"), "https://api.atlassian.com", "/jira/deployments/0.1/cloud/11%2F22"),
    ],
    ids=["ours", "below a path", "jira", "cloud"],
)
def test_addresses(site: Site, base: str, at: str) -> None:
    """Ours and Jira's addresses are where their documentation says."""
    script = Script(gating())
    script.play(script.caller(BEARER, site=site).gating_status(KEY))
    assert script.sent[0].url == f"{base}{at}{AT}/gating-status"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gate.example.com",
        "//gate.example.com",
        "ftp://gate.example.com",
        "https://",
        "https://[::1",
        "https://gate.example.com:0",
        "https://gate.example.com:99999",
        "https://gate.example.com?x=1",
        "https://gate.example.com#x",
        "https://joe:secret@gate.example.com",
        "https://gate.example.com/ x",
        "https://gäte.example.com",
    ],
)
@pytest.mark.parametrize("make", [Site.mitregate, Site.jira])
def test_what_is_no_address(make: Callable[[str], Site], url: str) -> None:
    """An address that is not complete is refused before anything is sent."""
    with pytest.raises(Misconfigured, match="is not a complete http or https URL"):
        make(url)


def test_an_empty_cloud_id() -> None:
    """Without a cloud id there is no address; where to look it up is told."""
    with pytest.raises(Misconfigured) as caught:
        Site.jira_cloud("")
    assert "_edge/tenant_info" in caught.value.advice()
