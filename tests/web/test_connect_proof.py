"""What proves an app at the Deployments API, and all that does not."""

import base64
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import jwt
import pytest
from msgspec.structs import replace

from mitregate.core.people import Scope
from mitregate.web.app import make_app
from mitregate.web.badges import CHALLENGE
from tests.fakes.connect_app import ConnectApp, hash_of
from tests.fakes.sink import hangs_up
from tests.web.connecting import BULK, BY_PROPERTIES, ONE, SUBMISSION, Host, open_host, said
from tests.web.stage import Stage


@pytest.fixture
async def host(stage: Stage) -> AsyncIterator[Host]:
    """A stage where a Connect app is installed."""
    async with open_host(stage) as host:
        await host.installed()
        yield host


def token_of(host: Host, method: str = "GET", target: str = ONE, **claims: Any) -> str:
    """Sign a request as the app does; a claim that is None is left out."""
    now = int(host.app.now())
    known = {"iss": host.app.key, "iat": now, "exp": now + 180, "qsh": hash_of(method, target)} | claims
    (secret,) = host.app.secrets.values()
    return jwt.encode({name: value for name, value in known.items() if value is not None}, secret, "HS256")


# --- how a token is sent ---


async def test_a_token_is_taken_from_the_header_or_the_query(host: Host) -> None:
    """Either proves the app; in the query it is no property, whatever else is asked for."""
    client = host.stage.client()
    assert (await host.submit()).status_code == 202
    assert (await client.get(f"{ONE}?jwt={token_of(host)}")).status_code == 200
    assert (await client.get(ONE, headers={"authorization": f"jwt {token_of(host)}"})).status_code == 200
    target = f"{BY_PROPERTIES}?team=shop"
    assert (await client.delete(f"{target}&jwt={token_of(host, 'DELETE', target)}")).status_code == 202
    assert (await client.get(f"{ONE}?jwt={token_of(host)}")).status_code == 404


async def test_the_path_is_signed_as_it_is_or_decoded(host: Host) -> None:
    """A path with encoded parts proves the same, however the client that signs it has written it."""
    target = "/rest/deployments/0.1/pipelines/a%20b%2Fc/environments/prod/deployments/1"
    for signed in (target, target.replace("%20", " ").replace("%2F", "/")):
        headers = {"authorization": f"JWT {token_of(host, 'GET', signed)}"}
        assert (await host.stage.client().get(target, headers=headers)).status_code == 404


@pytest.mark.parametrize("signed", [ONE, f"/jira{ONE}"])
@pytest.mark.parametrize("sent", [ONE, f"/jira{ONE}"])
async def test_below_a_path_either_path_is_signed(host: Host, signed: str, sent: str) -> None:
    """Where this server has a context path, it may be hashed or not, and a proxy may have taken it off or not."""
    host.stage.office.ports = replace(host.stage.office.ports, base_url="http://gate.test/jira")
    host.stage.asgi = make_app(host.stage.office)
    headers = {"authorization": f"JWT {token_of(host, 'GET', signed)}"}
    assert (await host.stage.client().get(sent, headers=headers)).status_code == 404
    headers = {"authorization": f"JWT {token_of(host, 'GET', f'/other{ONE}')}"}
    assert (await host.stage.client().get(sent, headers=headers)).status_code == 401


async def test_a_signature_serves_at_all_addresses_of_the_api(host: Host) -> None:
    """What is not the Deployments API is refused to an app that is proved in the words of that API."""
    target = "/rest/builds/0.1/bulk"
    reply = await host.ask("POST", target, json={"builds": []})
    assert (reply.status_code, "may not provide builds" in said(reply)) == (403, True)
    assert (await host.ask("GET", f"/ex/jira/cloud{ONE}")).status_code == 404


async def test_head_is_signed_as_head(host: Host) -> None:
    """A token for HEAD is good for HEAD, which is answered as GET is, and for nothing else."""
    client = host.stage.client()
    headers = {"authorization": f"JWT {token_of(host, 'HEAD')}"}
    assert (await host.submit()).status_code == 202
    assert [(await client.request(m, ONE, headers=headers)).status_code for m in ("HEAD", "GET")] == [200, 401]


# --- what proves nothing ---


async def test_a_token_is_good_for_its_own_request_alone(host: Host) -> None:
    """A token that was seen is no good for another method, another path or another query."""
    headers = {"authorization": f"JWT {token_of(host)}"}
    client = host.stage.client()
    assert (await client.get(ONE, headers=headers)).status_code == 404
    for method, target in [("DELETE", ONE), ("GET", f"{ONE}/gating-status"), ("GET", f"{ONE}?a=b"), ("POST", BULK)]:
        reply = await client.request(method, target, headers=headers)
        assert (reply.status_code, "its `qsh` does not fit" in said(reply)) == (401, True)


def forged(host: Host, algorithm: str, secret: str | None = None) -> str:
    """Write the token of a good request with another algorithm, or signed with another secret."""
    claims = jwt.decode(token_of(host), options={"verify_signature": False})
    return jwt.encode(claims, secret or "x" * 64, algorithm)


def unsigned(host: Host) -> str:
    """Write a token that says that it is not signed."""
    claims = jwt.decode(token_of(host), options={"verify_signature": False})
    return jwt.encode(claims, "", "none")


def without_signature(host: Host) -> str:
    """Cut the signature off a good token."""
    return token_of(host).rpartition(".")[0] + "."


async def public_half(host: Host) -> str:
    """Fetch the public key of the host, which everybody can."""
    token = host.app.requests[1].headers["authorization"].removeprefix("JWT ")
    kid = jwt.get_unverified_header(token)["kid"]
    return (await host.stage.client().get(f"/connect/install-keys/{kid}")).text


ATTACKS: dict[str, tuple[Callable[[Host], str], str]] = {
    "another secret": (lambda host: forged(host, "HS256"), "The token's signature does not fit."),
    "another hash": (lambda host: forged(host, "HS512"), "The token is not signed with HS256."),
    "no algorithm": (unsigned, "The token is not signed with HS256."),
    "no signature": (without_signature, "The token's signature does not fit."),
    "expired": (lambda host: token_of(host, exp=int(host.app.now()) - 4), "The token has expired."),
    "without an end": (lambda host: token_of(host, exp=None), "The token does not say when it ends."),
    "of the future": (lambda host: token_of(host, iat=int(host.app.now()) + 3600), "The token is of the future."),
    "of a page": (lambda host: token_of(host, qsh="context-qsh"), "The token is one for pages in a browser"),
    "tied to nothing": (lambda host: token_of(host, qsh=None), "The token is not tied to a request"),
    "of nobody": (lambda host: token_of(host, iss=None), "The token names no issuer."),
    "of a stranger": (lambda host: token_of(host, iss="nobody"), "No Connect app with the key 'nobody' is installed"),
    "of our own": (lambda host: token_of(host, iss=host.client_key), "No Connect app with the key"),
    "no token": (lambda _: "x", "The token is not a JSON Web Token."),
    "a long one": (lambda host: token_of(host, more="x" * 9000), "The token is longer than 8192 characters."),
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_proves_nothing_is_refused(host: Host, attack: str) -> None:
    """Whatever does not prove the app gets 401, with the reason, and with how to do it right."""
    write, words = ATTACKS[attack]
    reply = await host.stage.client().get(ONE, headers={"authorization": f"JWT {write(host)}"})
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, CHALLENGE)
    assert said(reply).startswith(words)


async def test_our_public_key_is_no_secret(host: Host) -> None:
    """A token signed HS256 with our public key, which anybody can fetch, proves nothing."""
    pem = await public_half(host)
    claims = jwt.decode(token_of(host), options={"verify_signature": False})
    # By hand, for libraries refuse to do this.
    parts = [_encoded(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signature = jwt.get_algorithm_by_name("HS256").sign(".".join(parts).encode(), pem.encode())
    token = ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])
    reply = await host.stage.client().get(ONE, headers={"authorization": f"JWT {token}"})
    assert (reply.status_code, said(reply).startswith("The token's signature does not fit.")) == (401, True)


def _encoded(part: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


async def test_one_app_does_not_prove_another(host: Host) -> None:
    """With the secret of one app no token of another is signed, and none sees what the other has."""
    async with ConnectApp("com.example.other", path="/other") as other:
        other.keys_at, other.now = host.app.keys_at, host.app.now
        other.changes = {"name": "Other"}
        body = {"descriptorUrl": other.descriptor_url}
        assert (await host.stage.client("admin").post("/api/v1/apps/install", json=body)).status_code == 200
        assert (await host.submit()).status_code == 202
        (secret,) = other.secrets.values()
        assert (await host.ask("GET", ONE, secret)).status_code == 401
        headers = other.authorization("GET", ONE)
        assert (await host.stage.client().get(ONE, headers=headers)).status_code == 404


async def test_what_cannot_be_hashed_is_refused(host: Host) -> None:
    """A query with more parameters than anybody needs is refused before it costs anything."""
    query = "&".join(f"a{number}=b" for number in range(200))
    reply = await host.ask("GET", f"{ONE}?{query}")
    assert (reply.status_code, "more than 100 parameters" in said(reply)) == (400, True)


async def test_a_signature_opens_nothing_for_people(host: Host) -> None:
    """The native API takes no token of Connect, in the header or the query, nor do the pages."""
    client = host.stage.client()
    for target in ("/api/v1/me", "/api/v1/gates"):
        headers = {"authorization": f"JWT {token_of(host, 'GET', target)}"}
        reply = await client.get(target, headers=headers)
        assert (reply.status_code, reply.json()["detail"]) == (
            401,
            "The authorization scheme 'JWT' is not accepted here.",
        )
        assert (await client.get(f"{target}?jwt={token_of(host, 'GET', target)}")).status_code == 401
    reply = await client.get("/", headers={"authorization": f"JWT {token_of(host, 'GET', '/')}"})
    assert (reply.status_code, reply.headers["location"].startswith("/login")) == (303, True)


# --- proved, but not admitted ---


async def test_an_app_without_the_module_is_not_admitted(host: Host) -> None:
    """An app that does not say that it submits deployments may not."""
    module = host.app.descriptor["modules"]["jiraDeploymentGating"]
    host.app.changes = {"modules": {"jiraDeploymentGating": module}}
    await host.installed()
    reply = await host.submit()
    assert reply.status_code == 403
    assert said(reply).startswith("The app 'Deployer' does not declare the module 'jiraDeploymentInfoProvider'.")


async def test_an_app_does_what_its_scopes_allow(host: Host) -> None:
    """READ does not write, and WRITE does not delete."""
    host.app.changes = {"scopes": ["WRITE"]}
    await host.installed()
    assert (await host.submit()).status_code == 202
    assert (await host.ask("GET", ONE)).status_code == 200
    reply = await host.ask("DELETE", ONE)
    assert (reply.status_code, "lacks the scope 'delete:deployment-info:jira'" in said(reply)) == (403, True)


async def test_an_app_that_calls_before_it_has_answered_is_told_to_wait(host: Host) -> None:
    """While its first installation is under way an app can do nothing yet."""
    async with ConnectApp("com.example.eager", path="/eager") as eager:
        eager.keys_at, eager.now = host.app.keys_at, host.app.now
        replies = []

        async def calls(writer: Any) -> bool:
            headers = eager.authorization("POST", BULK)
            replies.append(await host.stage.client().post(BULK, headers=headers, json=SUBMISSION))
            return await hangs_up(writer)

        eager.tell(calls)
        body = {"descriptorUrl": eager.descriptor_url}
        assert (await host.stage.client("admin").post("/api/v1/apps/install", json=body)).status_code == 503
    assert replies[0].status_code == 403
    assert said(replies[0]).startswith("The installation of the app 'Deployer (com.example.eager)' has not come to its")


# --- client credentials, and others ---


async def test_client_credentials_are_taken_as_basic(stage: Stage) -> None:
    """An OAuth app may send its client id and secret with each request, and is what it is with an access token."""
    made = await stage.add_app("curl", scopes=frozenset({Scope.READ, Scope.WRITE}))
    client = stage.client()
    auth = (made.app.client_id, made.client_secret)
    assert (await client.post(BULK, auth=auth, json=SUBMISSION)).status_code == 202
    assert (await client.get(ONE, auth=auth)).status_code == 200
    assert (await stage.client("curl").get(ONE)).status_code == 200
    reply = await client.delete(ONE, auth=auth)
    assert (reply.status_code, "lacks the scope" in said(reply)) == (403, True)
    assert (await client.get("/api/v1/me", auth=auth)).status_code == 401


async def test_wrong_client_credentials_are_refused_as_for_a_token(stage: Stage) -> None:
    """A wrong secret, another app's, none, and an unknown id are refused in the words of /oauth/token."""
    made = await stage.add_app("curl")
    other = await stage.add_app("other")
    client = stage.client()
    grant = {"grant_type": "client_credentials", "client_id": made.app.client_id, "client_secret": "wrong"}
    words = (await client.post("/oauth/token", json=grant)).json()["error_description"]
    for secret in ("wrong", other.client_secret, ""):
        reply = await client.get(ONE, auth=(made.app.client_id, secret))
        assert (reply.status_code, said(reply)) == (401, words)
    assert said(await client.get(ONE, auth=("nobody", made.client_secret))) == words


async def test_a_connect_app_has_no_client_credentials(host: Host) -> None:
    """Neither its key nor its shared secret proves an app by Basic, and no access token is to be had with them."""
    (secret,) = host.app.secrets.values()
    client = host.stage.client()
    for name in (host.app.key, (await host.listed())[0]["id"]):
        assert (await client.get(ONE, auth=(name, secret))).status_code == 401
        grant = {"grant_type": "client_credentials", "client_id": name, "client_secret": secret}
        assert (await client.post("/oauth/token", json=grant)).status_code == 401


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "No token was sent."),
        ("Digest x", "The authorization scheme 'Digest' is not accepted here."),
        ("JWT", "What follows 'JWT' in the Authorization header cannot be read."),
        ("Bearer ", "What follows 'Bearer' in the Authorization header cannot be read."),
        ("Basic !", "What follows 'Basic' in the Authorization header cannot be read."),
        ("Basic eA==", "What follows 'Basic' in the Authorization header cannot be read."),
        ("Basic /w==", "What follows 'Basic' in the Authorization header cannot be read."),
    ],
)
async def test_what_is_no_credentials_is_refused(stage: Stage, value: str | None, words: str) -> None:
    """It is said what was not understood, and what is."""
    headers = {"authorization": value} if value is not None else {}
    reply = await stage.client().get(ONE, headers=headers)
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, CHALLENGE)
    assert said(reply).startswith(f"{words} Send an access token of /oauth/token")
