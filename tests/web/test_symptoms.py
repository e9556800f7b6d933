"""What the pages about clients say goes wrong does go wrong, in these very words, at the real doors."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from mitregate.core.installations import Descriptor, Lifecycle, Module
from mitregate.core.people import Scope
from mitregate.flows import install, jenkins, lifecycle
from mitregate.wire.connect_hash import query_hash
from tests.fakes.connect_app import ConnectApp
from tests.fakes.jenkins_plugin import deployment_event, gating_query, token_of
from tests.fakes.sink import answers, redirects
from tests.web.connecting import open_host
from tests.web.stage import ROOT, Stage
from tests.wire.jira_bodies import body, deployment

CLIENTS = Path(__file__).parents[2] / "docs/howto/clients"
SITE = "/rest/deployments/0.1"
GATE = "/pipelines/p/environments/e/deployments/1/gating-status"
KEY = "ferry-deploys"

Provoke = Callable[[Stage], Awaitable[httpx.Response]]


# --- the Deployments API ---


def submitting(**changes: Any) -> Provoke:
    """Submit a deployment with some fields changed."""

    async def provoke(stage: Stage) -> httpx.Response:
        return await stage.client("ci").post(f"{SITE}/bulk", content=body(deployment(**changes)))

    return provoke


def calling(method: str, path: str, authorization: str | None = None, content: bytes = b"") -> Provoke:
    """Call a path, with an Authorization header of its own, or an empty one for none."""

    async def provoke(stage: Stage) -> httpx.Response:
        client = stage.client("ci") if authorization is None else stage.client()
        headers = {"authorization": authorization} if authorization else {}
        return await client.request(method, path, content=content, headers=headers)

    return provoke


async def come_late(stage: Stage) -> httpx.Response:
    """Call with a token of two hours ago."""
    stage.clock.advance(hours=2)
    return await stage.client("ci").get(SITE + GATE)


# --- the web-trigger of Jenkins ---


def triggering(request: dict[str, Any], *, secret: str = "", query: str = "", late_s: int = 0) -> Provoke:
    """Send a request as the plugin does; what is given replaces what it would send by itself."""

    async def provoke(stage: Stage) -> httpx.Response:
        made = await stage.office.transact(ROOT, jenkins.add_server, "jenkins")
        assert made.app.jenkins is not None
        where = query or f"?jenkins_server_uuid={made.app.jenkins.server_uuid}"
        now = stage.clock.now.timestamp() - late_s
        token = token_of(request, secret or made.secret, now)
        if request["requestType"] == "gatingStatus" and request["deploymentId"] == "2":
            told = deployment_event("lighthouse", 2, "pending", now)
            await stage.client().post(f"/jenkins/web-trigger{where}", content=token_of(told, made.secret, now))
        return await stage.client().post(f"/jenkins/web-trigger{where}", content=token)

    return provoke


PING = {"requestType": "ping"}
TOO_LATE = deployment_event("lighthouse", 1, "in_progress", 1769860800, is_gated=True)


# --- Connect ---


def signing(
    *,
    secret: str = "",
    issuer: str = KEY,
    is_enabled: bool = True,
    is_provider: bool = True,
    path: str = f"{SITE}/bulk",
    **claims: Any,
) -> Provoke:
    """Submit as a Connect app does that is installed; what is given spoils it."""

    async def provoke(stage: Stage) -> httpx.Response:
        modules = frozenset(Module) if is_provider else frozenset({Module.DEPLOYMENT_GATING})
        descriptor = Descriptor(
            key=KEY,
            name="Ferry",
            base_url="https://ferry.example.com",
            scopes=frozenset(Scope),
            modules=modules,
            lifecycle={Lifecycle.INSTALLED: "/installed"},
        )
        offered = await stage.office.transact(ROOT, install.offer, descriptor, "https://ferry.example.com/d.json")
        app = await stage.office.transact(ROOT, install.take, offered)
        if not is_enabled:
            await stage.office.transact(ROOT, lifecycle.disable, app.id)
        now = int(stage.clock.now.timestamp())
        bulk = query_hash("POST", f"{SITE}/bulk", "")
        payload = {"iss": issuer, "iat": now, "exp": now + 180, "qsh": bulk, **claims}
        token = jwt.encode(payload, secret or offered.secret, algorithm="HS256")
        return await stage.client(authorization=f"JWT {token}").post(path, content=body(deployment()))

    return provoke


def installing(spoil: Callable[[ConnectApp], None]) -> Provoke:
    """Install a Connect app that something is wrong with."""

    async def provoke(stage: Stage) -> httpx.Response:
        async with open_host(stage) as host:
            spoil(host.app)
            return await host.install()

    return provoke


def answering(status: int, words: bytes) -> Callable[[ConnectApp], None]:
    """Let an app answer so when it is installed."""
    return lambda app: app.tell_path(f"{app.path}/installed", answers(status, words))


def describing(**changes: Any) -> Callable[[ConnectApp], None]:
    """Let an app describe itself in another way."""
    return lambda app: app.changes.update(changes)


def move(app: ConnectApp) -> None:
    """Let the descriptor be somewhere else."""
    app.tell_path(f"{app.path}/atlassian-connect.json", redirects("https://ferry.example.com/"))


# --- the words ---

SYMPTOMS: list[tuple[str, int, str, Provoke]] = [
    ("index", 401, "No token was sent.", calling("GET", SITE + GATE, "")),
    ("index", 401, "The client id or the client secret is wrong.", calling("GET", SITE + GATE, "Basic eDp5")),
    ("index", 401, "The token expired at …", come_late),
    ("index", 404, "There is no site with the cloud id …", calling("GET", "/ex/jira/x" + SITE + GATE)),
    ("index", 404, "No deployment data found", calling("GET", SITE + GATE)),
    ("index", 400, "'deployments' is required.", calling("POST", f"{SITE}/bulk", content=b"{}")),
    ("jenkins-1", 404, "There is no site with the cloud id", calling("GET", "/jira/deployments/0.1/cloud/x" + GATE)),
    (
        "jenkins-2",
        400,
        "The webhook URL does not say which Jenkins server it belongs to",
        triggering(PING, query="?x=1"),
    ),
    (
        "jenkins-2",
        400,
        "No Jenkins server with the id '…' is known here; perhaps it was removed.",
        triggering(PING, query="?jenkins_server_uuid=gone"),
    ),
    ("jenkins-2", 400, "The token's signature does not fit.", triggering(PING, secret="x" * 40)),
    ("jenkins-2", 400, "The token has expired.", triggering(PING, late_s=600)),
    ("jenkins-2", 400, "The token is of the future.", triggering(PING, late_s=-600)),
    (
        "jenkins-2",
        404,
        "Build … of this job (pipeline id '…') was not sent to Mitregate for the environment id '…'",
        triggering(gating_query("lighthouse", 1)),
    ),
    (
        "jenkins-2",
        404,
        "Build … of this job (pipeline id '…') was sent without asking for gating",
        triggering(gating_query("lighthouse", 2)),
    ),
    (
        "jenkins-2",
        202,
        "the command 'initiate_deployment_gating' is only valid with state 'pending', not '…'",
        triggering(TOO_LATE),
    ),
    ("gitlab", 202, "'label' is longer than 255 characters (…)", submitting(label="x" * 256)),
    ("circleci", 400, "'deployments' is required.", calling("POST", f"{SITE}/bulk", content=b'{"builds": []}')),
    ("highwaythree", 202, "'issueKeys' has ' ROPE-2', which is no issue key", submitting(issueKeys=["A-1", " ROPE-2"])),
    ("highwaythree", 202, "'state' must be one of …", submitting(state="done")),
    (
        "highwaythree",
        202,
        "'environment.type' must be one of …",
        submitting(environment={"id": "e", "displayName": "e", "type": "prod"}),
    ),
    ("highwaythree", 202, "'lastUpdated' must be a date and time", submitting(lastUpdated="")),
    (
        "jira-js",
        400,
        "At least one property must be given in the query",
        calling("DELETE", f"{SITE}/bulkByProperties?_updateSequenceNumber=5"),
    ),
    ("connect-apps", 400, "… answered with HTTP 401", installing(answering(401, b"no such key"))),
    ("connect-apps", 400, "… was not installed.", installing(answering(401, b"no such key"))),
    ("connect-apps", 400, "… answered with HTTP 400", installing(answering(400, b"not today"))),
    ("connect-apps", 400, "… cannot be installed; in its descriptor …", installing(describing(baseUrl="ferry"))),
    ("connect-apps", 400, "… has nothing to do with deployments", installing(describing(modules={}))),
    ("connect-apps", 400, "… points to another address", installing(move)),
    ("connect-apps", 401, "No Connect app with the key '…' is installed here.", signing(issuer="another")),
    ("connect-apps", 401, "The token's signature does not fit.", signing(secret="x" * 40)),
    (
        "connect-apps",
        401,
        "The token is for another request: its `qsh` does not fit this one.",
        signing(path=f"{SITE}/bulk?x=1"),
    ),
    ("connect-apps", 401, "The token is one for pages in a browser", signing(qsh="context-qsh")),
    ("connect-apps", 401, "The token has expired.", signing(exp=1)),
    ("connect-apps", 403, "The app '…' is disabled.", signing(is_enabled=False)),
    (
        "connect-apps",
        403,
        "The app '…' does not declare the module 'jiraDeploymentInfoProvider'.",
        signing(is_provider=False),
    ),
    ("connect-apps", 403, "This app may not provide builds.", calling("POST", "/rest/builds/0.1/bulk")),
]


@pytest.mark.parametrize(
    ("page", "status", "words", "provoke"), SYMPTOMS, ids=[f"{page}-{n}" for n, (page, *_) in enumerate(SYMPTOMS)]
)
async def test_a_symptom_is_named_in_its_own_words(
    stage: Stage, page: str, status: int, words: str, provoke: Provoke
) -> None:
    """A message that a client's page names is what the door answers, with the status that was to be expected."""
    assert f"`{words}`" in (CLIENTS / f"{page}.md").read_text(encoding="utf-8")
    reply = await provoke(stage)
    assert reply.status_code == status, reply.text
    assert re.search(".*".join(re.escape(part) for part in words.split("…")), reply.text), reply.text
