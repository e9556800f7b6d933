"""Jenkins servers over the native API: what is pasted into Jenkins, and how a secret is replaced."""

from typing import Any

import pytest

from tests.fakes.jenkins_plugin import token_of
from tests.web.farm import PING, open_server, said
from tests.web.stage import Stage


async def test_a_server_is_added_with_what_is_pasted(stage: Stage) -> None:
    """A server is added with what is pasted into Jenkins, its secret shown this once, and what will not work."""
    reply = await stage.client("admin").post("/api/v1/apps/jenkins", json={"name": "build farm"})
    assert reply.status_code == 201
    made = reply.json()
    assert set(made) == {
        "id",
        "name",
        "scopes",
        "serverUuid",
        "siteName",
        "webhookUrl",
        "secret",
        "warnings",
        "createdAt",
    }
    assert made["siteName"] == "gate.test"
    assert made["webhookUrl"] == f"http://gate.test/jenkins/web-trigger?jenkins_server_uuid={made['serverUuid']}"
    assert len(made["warnings"]) == 2
    token = token_of(PING, made["secret"], stage.clock().timestamp())
    assert (await stage.client().post(made["webhookUrl"], content=token)).json() == {"success": True}


async def test_a_server_may_have_a_callback(stage: Stage) -> None:
    """A server that wants to be called back as well gets a signing secret."""
    body = {"name": "build farm", "callbackUrl": "https://ci.example.com/hook"}
    made = (await stage.client("admin").post("/api/v1/apps/jenkins", json=body)).json()
    assert (made["callbackUrl"], made["signingSecret"][:6]) == ("https://ci.example.com/hook", "whsec_")


async def test_a_secret_is_replaced(stage: Stage) -> None:
    """Another secret is shown once; the old one goes on until Jenkins has used it, or ends at once if that is asked."""
    server = await open_server(stage)
    path = f"/api/v1/apps/{server.made.app.id}/rotate"
    made = (await stage.client("admin").post(path, json={})).json()
    assert (await server.post(PING)).status_code == 200
    server.secret = made["secret"]
    assert (await server.post(PING)).status_code == 200
    server.secret = server.made.secret
    assert "signature" in said(await server.post(PING))
    again = (await stage.client("admin").post(path, json={"atOnce": True})).json()
    assert (again["webhookUrl"], again["secret"] != made["secret"]) == (made["webhookUrl"], True)
    server.secret = made["secret"]
    assert "signature" in said(await server.post(PING))


@pytest.mark.parametrize(("path", "body"), [("/apps/jenkins", {"name": "x"}), ("/apps/x/rotate", {})])
async def test_only_an_administrator_adds_and_rotates(stage: Stage, path: str, body: Any) -> None:
    """Nobody but an administrator adds a server or replaces a secret."""
    assert (await stage.client().post(f"/api/v1{path}", json=body)).status_code == 401
    for who in ("change_manager", "ci"):
        assert (await stage.client(who).post(f"/api/v1{path}", json=body)).status_code == 403


async def test_what_has_no_secret_to_replace_is_refused(stage: Stage) -> None:
    """Only a Jenkins server has a secret that can be replaced; other apps and what is not there are refused."""
    client = stage.client("admin")
    reply = await client.post(f"/api/v1/apps/{stage.apps['ci'].app_id}/rotate", json={})
    assert (reply.status_code, "is not a Jenkins server" in reply.json()["detail"]) == (400, True)
    assert (await client.post("/api/v1/apps/none/rotate", json={})).status_code == 404
    assert (await client.post("/api/v1/apps/jenkins", json={"name": "ci"})).status_code == 409
    assert (await client.post("/api/v1/apps/jenkins", json={"name": ""})).status_code == 400
