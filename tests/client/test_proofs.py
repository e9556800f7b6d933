"""How an app proves itself: tokens that are got, kept and renewed, and requests that are signed."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mitregate.client import ONCE, Bearer, ConnectJWT, Proof, Site
from mitregate.client.caller import Caller
from mitregate.client.retries import Dialogue
from mitregate.core.errors import Misconfigured, Unproven, Unreachable, Unsettled
from mitregate.wire.http import Request
from tests.client.scripted import APP, AT, KEY, NOBODY, OURS, Script, access, authorizations, gating, reply

SECRET = "a secret that is long enough to sign with it"
CONNECT = ConnectJWT(app_key="com.example.app", shared_secret=SECRET)


def test_a_token() -> None:
    """Client credentials are exchanged for an access token, with the audience that Atlassian wants."""
    script = Script(access(), gating())
    script.play(script.caller().gating_status(KEY))
    sent = script.sent[0]
    assert (sent.method, sent.url) == ("POST", "https://gate.example.com/oauth/token")
    assert json.loads(sent.body) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "secret",
        "audience": "api.atlassian.com",
    }
    assert authorizations(script.sent) == ["", "Bearer mga_1"]


def test_a_token_of_jira_cloud() -> None:
    """Jira Cloud's tokens come from Atlassian, whichever site they are for."""
    script = Script(access(), gating())
    script.play(script.caller(site=Site.jira_cloud("1-2")).gating_status(KEY))
    assert script.sent[0].url == "https://api.atlassian.com/oauth/token"


@pytest.mark.parametrize(
    ("life", "good_at", "bad_at"),
    [(3600, 3539, 3541), (100, 49, 51), (10, 4.9, 5.1), (None, 1e9, None), (0, None, 0)],
    ids=["an hour", "short", "shorter", "not said", "none"],
)
def test_a_token_is_kept_until_shortly_before_its_end(
    life: int | None, good_at: float | None, bad_at: float | None
) -> None:
    """A token is used again while it is good, and renewed before it could end on its way."""
    script = Script(access("one", life), gating(), gating(), access("two", life), gating())
    caller = script.caller()
    script.play(caller.gating_status(KEY))
    if good_at is not None:
        script.seconds = good_at
        script.play(caller.gating_status(KEY))
        assert authorizations(script.sent[-2:]) == ["Bearer one", "Bearer one"]
    else:
        script.answers.pop(0)
    if bad_at is not None:
        script.seconds = bad_at
        script.play(caller.gating_status(KEY))
        assert authorizations(script.sent[-2:]) == ["", "Bearer two"]


def test_a_refused_token_is_replaced_once() -> None:
    """A token that was revoked is replaced, and the request made again; a second refusal stands."""
    script = Script(access("one"), reply(401), access("two"), gating("allowed"))
    caller = script.caller()
    assert script.play(caller.gating_status(KEY)).is_allowed
    assert authorizations(script.sent) == ["", "Bearer one", "", "Bearer two"]
    script.answers += [reply(401), access("three"), reply(401, {"message": "no"})]
    with pytest.raises(Unproven, match=r"^no$"):
        script.play(caller.gating_status(KEY))
    assert authorizations(script.sent[-3:]) == ["Bearer two", "", "Bearer three"]


def test_a_token_that_somebody_else_replaced() -> None:
    """A dialogue whose token is refused uses the one that another dialogue has got in the meantime."""
    script = Script()
    caller = script.caller()
    first, second = caller.gating_status(KEY), caller.gating_status(KEY)
    assert isinstance(next(first), Request)
    first.send(access("one"))
    used = next(second)
    assert isinstance(used, Request)
    assert used.headers["authorization"] == "Bearer one"
    first.send(reply(401))
    again = first.send(access("two"))
    assert isinstance(again, Request)
    assert again.headers["authorization"] == "Bearer two"
    spared = second.send(reply(401))
    assert isinstance(spared, Request)
    assert spared.headers["authorization"] == "Bearer two"


def test_wrong_credentials() -> None:
    """Credentials that are refused are told of in the words of the server, and not tried again."""
    script = Script(reply(401, {"error": "invalid_client", "error_description": "No such client."}))
    with pytest.raises(Unproven, match=r"^No such client\.$"):
        script.play(script.caller().read(KEY))
    assert len(script.sent) == 1


def test_no_tokens_there() -> None:
    """An address at which no tokens are given is a wrong address, not a deployment that is unknown."""
    script = Script(reply(404))
    with pytest.raises(Misconfigured, match=r"No tokens are given at https://gate\.example\.com/oauth/token\."):
        script.play(script.caller().wait(KEY, 10.0, 1.0))


@pytest.mark.parametrize("body", [{}, {"access_token": 1}, []])
def test_a_token_that_is_none(body: object) -> None:
    """A success without a token is the answer of something else."""
    script = Script(reply(200, body))
    with pytest.raises(Misconfigured):
        script.play(script.caller().read(KEY))


def test_getting_a_token_is_tried_again() -> None:
    """The exchange for a token is as patient as everything else."""
    script = Script(NOBODY, reply(503), access(), gating())
    script.play(script.caller().gating_status(KEY))
    assert script.lengths == [0.5, 1.0]
    for trouble, kind in ((NOBODY, Unreachable), (reply(429), Unsettled)):
        script = Script(trouble)
        with pytest.raises(kind):
            script.play(script.caller(retries=ONCE).read(KEY))


def test_a_fixed_token() -> None:
    """A token that is there already is sent as it is, and not replaced when it is refused."""
    script = Script(reply(401))
    with pytest.raises(Unproven):
        script.play(script.caller(Bearer(token="mgt_x")).read(KEY))
    assert authorizations(script.sent) == ["Bearer mgt_x"]


def test_nothing_to_prove() -> None:
    """Who proves nothing sends no authorization."""
    script = Script(reply(200))
    script.play(script.caller(None).send(Request(method="GET", url="/status"), ONCE))
    assert authorizations(script.sent) == [""]


@pytest.mark.parametrize(
    ("proof", "site"),
    [(APP, Site.jira("https://acme.atlassian.net")), (CONNECT, Site.jira_cloud("1-2"))],
    ids=["OAuth at a site", "JWT at the gateway"],
)
def test_a_proof_that_is_not_taken_there(proof: Proof, site: Site) -> None:
    """A kind of proof that the site does not take is refused at once, and the right one named."""
    with pytest.raises(Misconfigured) as caught:
        Script().caller(proof, site=site)
    assert "Site.jira" in caught.value.advice()


@pytest.mark.parametrize("proof", [APP, CONNECT, Bearer(token="mgt_x")], ids=lambda proof: type(proof).__name__)
def test_secrets_are_not_shown(proof: Proof) -> None:
    """What is printed of a proof, in a log or a traceback, has no secret in it."""
    assert not any(secret in repr(proof) + str(proof) for secret in ("secret'", SECRET, "mgt_x"))
    assert "…" in repr(proof)


# --- signed requests ---


def signed(request: Request) -> dict[str, Any]:
    """Prove a signed request by means that are independent of ours; give its claims."""
    kind, _, token = request.headers["authorization"].partition(" ")
    assert kind == "JWT"
    head, body, signature = token.split(".")
    expected = hmac.new(SECRET.encode(), f"{head}.{body}".encode(), hashlib.sha256).digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected
    assert json.loads(base64.urlsafe_b64decode(head + "==")) == {"alg": "HS256", "typ": "JWT"}
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "==="))
    return claims


OPERATIONS: list[tuple[Callable[[Caller], Dialogue[Any]], str]] = [
    (lambda caller: caller.submit(b"{}", None, None), "POST&/rest/deployments/0.1/bulk&"),
    (
        lambda caller: caller.delete_by_properties({"createdBy": "user 4*6", "accountId": "a,b"}),
        "DELETE&/rest/deployments/0.1/bulkByProperties&accountId=a%2Cb&createdBy=user%204%2A6",
    ),
    (
        lambda caller: caller.gating_status(KEY),
        f"GET&/rest/deployments/0.1{AT}/gating-status&",
    ),
]


@pytest.mark.parametrize(("ask", "canonical"), OPERATIONS, ids=["submit", "by properties", "gating status"])
@pytest.mark.parametrize("base", ["https://acme.atlassian.net", "https://jira.example.com/jira"])
def test_a_signed_request(ask: Callable[[Caller], Dialogue[Any]], canonical: str, base: str) -> None:
    """Each request is signed for itself, relative to the site's address, by the app's key, for three minutes."""
    script = Script(reply(404))
    with pytest.raises(Exception, match="404"):
        script.play(ask(script.caller(CONNECT, site=Site.jira(base))))
    (sent,) = script.sent
    now = int(script.began.timestamp())
    assert signed(sent) == {
        "iss": "com.example.app",
        "iat": now,
        "exp": now + 180,
        "qsh": hashlib.sha256(canonical.encode()).hexdigest(),
    }


def test_each_try_is_signed_anew() -> None:
    """A signature does not grow old while a request is tried again."""
    script = Script(reply(429, retry_after="60"), gating())
    script.play(script.caller(CONNECT).gating_status(KEY))
    first, second = (signed(request) for request in script.sent)
    assert second["iat"] - first["iat"] == 60
    assert script.began + timedelta(seconds=60) == script.around.now()


def test_our_own_site_takes_signatures() -> None:
    """At a Mitregate an app may sign as it may at Jira."""
    script = Script(gating())
    script.play(script.caller(CONNECT, site=OURS).gating_status(KEY))
    assert signed(script.sent[0])["iss"] == "com.example.app"
