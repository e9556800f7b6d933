import json
from functools import partial
from typing import Any

import jwt
import pytest

from mitregate import __version__
from mitregate.core.errors import Unreachable
from mitregate.core.installations import Descriptor, Lifecycle, Module
from mitregate.wire.connect_hash import query_hash
from mitregate.wire.connect_jwt import public_key_of, sign, sign_install, verify
from mitregate.wire.connect_lifecycle import Host, LifecycleReply, Reception, announce
from mitregate.wire.connect_urls import Target, target
from mitregate.wire.http import Reply, Request
from tests.fakes.keys import key_of_tests
from tests.wire.connect_tokens import NOON, SECRET

APP = Descriptor(
    key="com.example.shop",
    name="Shop Deployer",
    base_url="https://app.example/connect",
    scopes=frozenset(),
    modules=frozenset(Module),
    lifecycle={
        Lifecycle.INSTALLED: "/installed",
        Lifecycle.ENABLED: "enabled?as=app",
        Lifecycle.UNINSTALLED: "/gone",
    },
)
HOST = Host(
    client_key="client-1",
    base_url="https://gate.example/mitregate",
    public_key=public_key_of(key_of_tests()),
    installation_id="0f3c",
)
OUR_KEY = partial(sign_install, key_of_tests(), "k-1", issuer="client-1", audience=APP.base_url, now=NOON)
OUR_SECRET = partial(sign, SECRET, issuer="client-1", now=NOON)


def asked(event: Lifecycle, shared_secret: str | None = None) -> tuple[Request, Any]:
    """Give the request with which an app is told an event, and what it says."""
    signer = OUR_SECRET if event in {Lifecycle.ENABLED, Lifecycle.DISABLED} else OUR_KEY
    request = next(announce(event, APP, HOST, sign=signer, shared_secret=shared_secret))
    return request, json.loads(request.body)


def answered(reply: Reply | Unreachable) -> LifecycleReply:
    """Tell an app that it is installed, and give it this reply to make."""
    conversation = announce(Lifecycle.INSTALLED, APP, HOST, sign=OUR_KEY, shared_secret=SECRET)
    next(conversation)
    with pytest.raises(StopIteration) as end:
        conversation.throw(reply) if isinstance(reply, Unreachable) else conversation.send(reply)
    answer = end.value.value
    assert isinstance(answer, LifecycleReply)
    return answer


def test_an_app_is_told_what_the_documentation_has() -> None:
    """All fields that apps keep of an installation are there, and each is ours."""
    request, payload = asked(Lifecycle.INSTALLED, SECRET)
    assert (request.method, request.url) == ("POST", "https://app.example/connect/installed")
    assert request.headers["content-type"] == "application/json"
    key = payload.pop("publicKey")
    assert f"-----BEGIN PUBLIC KEY-----\n{key[:64]}\n" in HOST.public_key
    assert payload == {
        "key": "com.example.shop",
        "clientKey": "client-1",
        "sharedSecret": SECRET,
        "serverVersion": __version__,
        "pluginsVersion": __version__,
        "baseUrl": "https://gate.example/mitregate",
        "displayUrl": "https://gate.example/mitregate",
        "displayUrlServicedeskHelpCenter": "https://gate.example/mitregate",
        "productType": "jira",
        "description": "Mitregate at https://gate.example/mitregate",
        "eventType": "installed",
        "installationId": "ari:cloud:ecosystem::installation/0f3c",
    }


@pytest.mark.parametrize("event", [Lifecycle.ENABLED, Lifecycle.UNINSTALLED])
def test_only_an_installation_hands_over_the_secret(event: Lifecycle) -> None:
    """All other events name themselves, and leave the secret out even if it is at hand."""
    _, payload = asked(event, SECRET)
    assert payload["eventType"] == event
    assert "sharedSecret" not in payload


@pytest.mark.parametrize(("event", "path"), [(Lifecycle.INSTALLED, "/installed"), (Lifecycle.UNINSTALLED, "/gone")])
def test_what_makes_and_ends_a_secret_is_signed_with_our_key(event: Lifecycle, path: str) -> None:
    """For this very request, relative to the app's base URL, and meant for the app alone."""
    request, _ = asked(event, SECRET)
    token = request.headers["authorization"].removeprefix("JWT ")
    claims = jwt.decode(
        token,
        HOST.public_key,
        algorithms=["RS256"],
        audience="https://app.example/connect",
        issuer="client-1",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["qsh"] == query_hash("POST", path, "")


def test_all_else_is_signed_with_the_shared_secret() -> None:
    """For this very request, its query included."""
    request, _ = asked(Lifecycle.ENABLED)
    assert request.url == "https://app.example/connect/enabled?as=app"
    token = request.headers["authorization"].removeprefix("JWT ")
    assert verify(token, [SECRET], now=NOON, hashes=[query_hash("POST", "/enabled", "as=app")]).issuer == "client-1"


def test_an_app_is_not_told_what_it_does_not_ask_for() -> None:
    """Then nothing is sent, and nothing is amiss."""
    with pytest.raises(StopIteration) as end:
        next(announce(Lifecycle.DISABLED, APP, HOST, sign=OUR_SECRET))
    assert end.value.value == LifecycleReply(reception=Reception.TAKEN, words="Shop Deployer does not ask to be told.")


@pytest.mark.parametrize("status", [200, 204])
def test_an_event_is_taken(status: int) -> None:
    """With 200 or 204, whatever the app says besides."""
    assert answered(Reply(status=status, body=b"<html>")) == LifecycleReply(
        reception=Reception.TAKEN, words=f"Shop Deployer answered with HTTP {status}.", status=status
    )


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(401, b"Who are you?\n", "HTTP 401: Who are you?", id="words"),
        pytest.param(401, b"No client key.", "HTTP 401: No client key.", id="sentence"),
        pytest.param(500, b"", "HTTP 500 and no words.", id="no words"),
        pytest.param(201, b" \r\n", "HTTP 201 and no words.", id="201"),
        pytest.param(302, b"Moved", "HTTP 302; redirects are not followed.", id="302"),
        pytest.param(422, b"\x1b[31mred\x07\xff\xe2\x80\xaetxt", "HTTP 422: [31mred \ufffd txt.", id="control"),
        pytest.param(400, b"x" * 301, f"HTTP 400: {'x' * 300}…", id="long"),
        pytest.param(400, f'{{"got": "{SECRET}"}}'.encode(), 'HTTP 400: {"got": "…"}.', id="secret"),
    ],
)
def test_an_event_is_refused_in_words(status: int, body: bytes, words: str) -> None:
    """The status and the beginning of what the app said, fit to be printed, and without the secret."""
    assert answered(Reply(status=status, body=body)) == LifecycleReply(
        reception=Reception.REFUSED, words=f"Shop Deployer answered with {words}", status=status
    )


def test_nobody_knows_what_became_of_an_event_without_reply() -> None:
    """The app may have taken it, and the secret with it, before the line broke, at ours or at a gateway's end."""
    assert answered(Unreachable("app.example gave no reply: it took longer than 10 s.")) == LifecycleReply(
        reception=Reception.UNKNOWN, words="app.example gave no reply: it took longer than 10 s."
    )
    for status in (502, 504):
        assert answered(Reply(status=status, body=b"Gateway")) == LifecycleReply(
            reception=Reception.UNKNOWN, words=f"Shop Deployer answered with HTTP {status}: Gateway.", status=status
        )


@pytest.mark.parametrize(
    ("relative", "expected"),
    [
        pytest.param("/hook", Target(url="https://a.example/x/hook", path="/hook", query=""), id="path"),
        pytest.param("hook", Target(url="https://a.example/x/hook", path="/hook", query=""), id="no slash"),
        pytest.param("/", Target(url="https://a.example/x/", path="/", query=""), id="slash"),
        pytest.param("?a=1", Target(url="https://a.example/x/?a=1", path="/", query="a=1"), id="query alone"),
        pytest.param(
            "/hook?a=1&b=c?d",
            Target(url="https://a.example/x/hook?a=1&b=c?d", path="/hook", query="a=1&b=c?d"),
            id="query",
        ),
        pytest.param("/hook#top", Target(url="https://a.example/x/hook", path="/hook", query=""), id="fragment"),
        pytest.param(
            "/ö k/it's/%2F{x}?n=a b",
            Target(
                url="https://a.example/x/%C3%B6%20k/it%27s/%2F%7Bx%7D?n=a%20b",
                path="/%C3%B6%20k/it%27s/%2F%7Bx%7D",
                query="n=a%20b",
            ),
            id="not for a URL",
        ),
        pytest.param(
            "https://evil.example/",
            Target(url="https://a.example/x/https://evil.example/", path="/https://evil.example/", query=""),
            id="absolute",
        ),
    ],
)
def test_an_address_is_joined_to_its_base_url(relative: str, expected: Target) -> None:
    """It always lies below the base URL, and what is hashed is what goes over the wire."""
    assert target("https://a.example/x", relative) == expected
