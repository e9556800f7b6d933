"""Quotas: how many requests an app may make in a minute, and how it is told."""

from typing import Any

import httpx
import pytest

from mitregate.core.people import Scope
from mitregate.web.app import make_app
from tests.web.stage import Stage

STATUS = "/rest/deployments/0.1/pipelines/pipe/environments/prod/deployments/1/gating-status"
PLACES = [
    ("GET", STATUS, 200),
    ("GET", STATUS.removesuffix("/gating-status"), 200),
    ("POST", "/rest/deployments/0.1/bulk", 400),
    ("DELETE", "/rest/deployments/0.1/bulkByProperties", 400),
    ("DELETE", "/jira/deployments/0.1/cloud/cloud/pipelines/a/environments/b/deployments/1", 202),
    ("GET", "/ex/jira/cloud/rest/deployments/0.1/pipelines/a/environments/b/deployments/1", 404),
]


@pytest.fixture
async def limited(stage: Stage) -> Stage:
    """A stage on which each app may make five requests a minute; one deployment waits."""
    await stage.submit()
    stage.asgi = make_app(stage.office, rate_limit=5)
    stage.clock.advance(seconds=12.5)
    return stage


def told(reply: httpx.Response) -> dict[str, str]:
    """Give the headers that tell of quotas."""
    return {name: value for name, value in reply.headers.items() if "ratelimit" in name or name == "retry-after"}


@pytest.mark.parametrize(("method", "path", "status"), PLACES)
async def test_every_answer_says_what_is_left(limited: Stage, method: str, path: str, status: int) -> None:
    """Each answer to an app, good or bad, says its quota, what is left of it, and the minute when it is full again."""
    reply = await limited.client("ci").request(method, path)
    assert reply.status_code == status
    assert told(reply) == {
        "x-ratelimit-limit": "5",
        "x-ratelimit-remaining": "4",
        "x-ratelimit-reset": "2026-03-01T12:01Z",
    }


async def test_who_asks_too_often_is_told_when_to_come_back(limited: Stage) -> None:
    """The last fifth is announced; beyond it the answer is 429, with the seconds until the quota is full again."""
    client = limited.client("ci")
    replies = [await client.get(STATUS) for _ in range(7)]
    assert [reply.status_code for reply in replies] == [200] * 5 + [429] * 2
    assert [told(reply)["x-ratelimit-remaining"] for reply in replies] == ["4", "3", "2", "1", "0", "0", "0"]
    assert ["x-ratelimit-nearlimit" in told(reply) for reply in replies] == [False] * 4 + [True] * 3
    assert told(replies[-1]) == {
        "retry-after": "48",
        "ratelimit-reason": "jira-quota-based",
        "x-ratelimit-limit": "5",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "2026-03-01T12:01Z",
        "x-ratelimit-nearlimit": "true",
    }
    (error,) = replies[-1].json()
    assert "Wait for as many seconds as Retry-After says" in error["message"]


async def test_a_refused_submission_is_not_kept(limited: Stage) -> None:
    """What is answered 429 has no effect."""
    client = limited.client("ci")
    for _ in range(5):
        await client.get(STATUS)
    assert (await client.delete(STATUS.removesuffix("/gating-status"))).status_code == 429
    limited.clock.advance(minutes=1)
    assert (await client.get(STATUS)).status_code == 200


@pytest.mark.parametrize("seconds", [47.5, 600, -600])
async def test_a_quota_is_full_again_with_the_minute(limited: Stage, seconds: float) -> None:
    """With the next minute, and whenever the clock is set, the quota is full again."""
    client = limited.client("ci")
    for _ in range(6):
        await client.get(STATUS)
    limited.clock.advance(seconds=seconds)
    assert told(await client.get(STATUS))["x-ratelimit-remaining"] == "4"


async def test_apps_have_quotas_of_their_own(limited: Stage) -> None:
    """An app that has used up its quota leaves that of others alone, whatever its tokens and paths."""
    await limited.add_app("other")
    for _ in range(6):
        await limited.client("ci").get(STATUS)
    assert (await limited.client("ci").get("/ex/jira/cloud" + STATUS)).status_code == 429
    assert told(await limited.client("other").get(STATUS))["x-ratelimit-remaining"] == "4"


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic YTpi"}])
async def test_only_who_is_proved_is_counted(limited: Stage, headers: dict[str, str]) -> None:
    """Whoever proves nothing uses up nobody's quota, and learns nothing of any."""
    for _ in range(7):
        reply = await limited.client(None, **headers).get(STATUS)
        assert (reply.status_code, told(reply)) == (401, {})
    assert (await limited.client("ci").get(STATUS)).status_code == 200


async def test_an_app_without_the_scope_is_counted(limited: Stage) -> None:
    """Requests that an app may not make count as well."""
    await limited.add_app("writer", scopes=frozenset({Scope.WRITE}))
    statuses = [(await limited.client("writer").get(STATUS)).status_code for _ in range(6)]
    assert statuses == [403] * 5 + [429]


async def test_the_rest_of_the_server_has_no_quota(limited: Stage) -> None:
    """The native API, tokens and what Jira's clients ask of a site are answered however often they are asked for."""
    client = limited.client("ci")
    for path in ["/api/v1/gates", "/status", "/_edge/tenant_info"]:
        replies = [await client.get(path) for _ in range(7)]
        assert [(reply.status_code, told(reply)) for reply in replies] == [(200, {})] * 7


async def test_without_a_limit_nothing_is_counted(stage: Stage) -> None:
    """By default there is no quota, and no header speaks of one."""
    await stage.submit()
    reply = await stage.client("ci").get(STATUS)
    assert (reply.status_code, told(reply)) == (200, {})


@pytest.mark.parametrize("kind", ["json", "data"])
async def test_guessing_secrets_is_told_to_stop(stage: Stage, kind: str) -> None:
    """After ten wrong secrets an address is told to wait for a minute; the right one is let in all the same."""
    made = await stage.add_app("other")
    grant = {"grant_type": "client_credentials", "client_id": made.app.client_id, "client_secret": made.client_secret}

    async def ask(**changes: str) -> httpx.Response:
        body: dict[str, Any] = {kind: grant | changes}
        return await stage.client().post("/oauth/token", **body)

    replies = [await ask(client_secret="wrong") for _ in range(12)]
    assert [reply.status_code for reply in replies] == [401] * 10 + [429] * 2
    assert [replies[0].json()["error"], replies[-1].json()["error"]] == ["invalid_client", "temporarily_unavailable"]
    assert replies[-1].headers["retry-after"] == "60"
    assert (await ask()).status_code == 200
    stage.clock.advance(minutes=1)
    assert (await ask(client_secret="wrong")).status_code == 401
