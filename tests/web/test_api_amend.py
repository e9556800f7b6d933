"""Apps and users changed in place, and client secrets replaced, over the native API."""

import pytest

from mitregate.flows import jenkins
from tests.web.stage import ROOT, Stage

READ = "read:deployment-info:jira"


async def test_an_app_is_changed_in_place(stage: Stage) -> None:
    """What is sent is changed and what is not stays; a first callback comes with a secret, null takes it away."""
    where = f"/api/v1/apps/{stage.apps['ci'].app_id}"
    client = stage.client("admin")
    changed = (await client.patch(where, json={"scopes": [READ]})).json()
    assert (changed["scopes"], "callbackUrl" in changed) == ([READ], False)
    changed = (await client.patch(where, json={"callbackUrl": "https://ci.example.com/hook"})).json()
    assert (changed["scopes"], changed["callbackUrl"]) == ([READ], "https://ci.example.com/hook")
    assert changed["signingSecret"].startswith("whsec_")
    changed = (await client.patch(where, json={"callbackUrl": "https://ci.example.com/other"})).json()
    assert (changed["callbackUrl"], "signingSecret" in changed) == ("https://ci.example.com/other", False)
    changed = (await client.patch(where, json={"callbackUrl": None})).json()
    assert "callbackUrl" not in changed
    assert (await client.get("/api/v1/apps")).json()["items"] == [changed]


async def test_a_client_secret_is_replaced_without_a_gap(stage: Stage) -> None:
    """Both secrets get access tokens; the app says until when, until the earlier ones are ended."""
    made = await stage.add_app("gitlab")
    where = f"/api/v1/apps/{made.app.id}"
    client = stage.client("admin")

    async def gets_in(secret: str) -> bool:
        pair = {"client_id": made.app.client_id, "client_secret": secret}
        reply = await stage.client().post("/oauth/token", json={"grant_type": "client_credentials", **pair})
        basic = await stage.client().get(
            "/rest/deployments/0.1/pipelines/p/environments/e/deployments/1/gating-status",
            auth=(made.app.client_id, secret),
        )
        assert (reply.status_code, basic.status_code) in {(200, 404), (401, 401)}
        return reply.status_code == 200

    renewed = (await client.post(f"{where}/secret", json={"oldUntil": "2026-03-01T14:00:00+01:00"})).json()
    assert renewed["earlierSecrets"] == [{"until": "2026-03-01T14:00:00+01:00"}]
    assert [await gets_in(secret) for secret in (made.client_secret, renewed["clientSecret"])] == [True, True]
    stage.clock.advance(hours=1, microseconds=1)
    assert [await gets_in(secret) for secret in (made.client_secret, renewed["clientSecret"])] == [False, True]
    third = (await client.post(f"{where}/secret", json={})).json()
    assert third["earlierSecrets"] == [{}]
    ended = (await client.delete(f"{where}/earlier-secrets")).json()
    assert "earlierSecrets" not in ended
    assert [await gets_in(one["clientSecret"]) for one in (renewed, third)] == [False, True]
    urgent = (await client.post(f"{where}/secret", json={"atOnce": True})).json()
    assert [await gets_in(one["clientSecret"]) for one in (third, urgent)] == [False, True]


@pytest.mark.parametrize("body", [{"oldUntil": "2026-03-01T13:00:00"}, {"oldUntil": "2026-03-01T11:00:00Z"}, {"a": 1}])
async def test_an_end_that_cannot_be_is_refused(stage: Stage, body: dict[str, object]) -> None:
    """An end without an offset, or that is over, and a field that is not known, are refused."""
    where = f"/api/v1/apps/{stage.apps['ci'].app_id}/secret"
    assert (await stage.client("admin").post(where, json=body)).status_code == 400


async def test_what_an_app_has_not_cannot_be_replaced(stage: Stage) -> None:
    """A Jenkins is told how it gets another secret."""
    made = await stage.office.transact(ROOT, jenkins.add_server, "jenkins")
    reply = await stage.client("admin").post(f"/api/v1/apps/{made.app.id}/secret", json={})
    assert (reply.status_code, reply.json()["advice"]) == (
        400,
        "`mitregate app rotate` gives a Jenkins another secret.",
    )


async def test_a_user_gets_another_role(stage: Stage) -> None:
    """A role changes at once for whoever has it, but nobody changes their own."""
    client = stage.client("admin")
    users = {user["name"]: user["id"] for user in (await client.get("/api/v1/users")).json()["items"]}
    changed = await client.patch(f"/api/v1/users/{users['viewer']}", json={"role": "auditor"})
    assert changed.json()["role"] == "auditor"
    assert (await stage.client("viewer").get("/api/v1/me")).json()["role"] == "auditor"
    assert (await client.patch(f"/api/v1/users/{users['admin']}", json={"role": "viewer"})).status_code == 403
    assert (await client.patch("/api/v1/users/none", json={"role": "viewer"})).status_code == 404


@pytest.mark.parametrize("who", ["change_manager", "operator", "ci"])
async def test_only_administrators_change_apps(stage: Stage, who: str) -> None:
    """Neither people without the permission nor apps change anything here."""
    client = stage.client(who)
    where = f"/api/v1/apps/{stage.apps['ci'].app_id}"
    replies = [
        await client.patch(where, json={"scopes": [READ]}),
        await client.post(f"{where}/secret", json={}),
        await client.delete(f"{where}/earlier-secrets"),
        await client.patch("/api/v1/users/u", json={"role": "admin"}),
    ]
    assert [reply.status_code for reply in replies] == [403] * 4
