"""Apps, users and tokens over the native API."""

from typing import Any

import pytest

from tests.web.stage import BASE_URL, Stage


async def test_an_app_is_added_listed_and_removed(stage: Stage) -> None:
    """A new app's secrets are shown once; the list has none of them; a removed app gets in no more."""
    client = stage.client("admin")
    reply = await client.post("/api/v1/apps", json={"name": "gitlab", "callbackUrl": "https://ci.example.com/hook"})
    assert reply.status_code == 201
    made = reply.json()
    assert made["scopes"] == [
        "delete:deployment-info:jira",
        "read:deployment-info:jira",
        "write:deployment-info:jira",
    ]
    assert made["signingSecret"].startswith("whsec_")
    assert set(made) == {
        "id",
        "name",
        "kind",
        "clientId",
        "clientSecret",
        "signingSecret",
        "cloudId",
        "scopes",
        "callbackUrl",
        "createdAt",
    }
    listed = (await client.get("/api/v1/apps")).json()["items"]
    assert [app["name"] for app in listed] == ["ci", "gitlab"]
    assert made["clientSecret"] not in str(listed)
    assert made["signingSecret"] not in str(listed)
    assert "callbackUrl" not in listed[0]
    grant = {"grant_type": "client_credentials", "client_id": made["clientId"], "client_secret": made["clientSecret"]}
    assert (await client.post("/oauth/token", json=grant)).status_code == 200
    reply = await client.delete(f"/api/v1/apps/{made['id']}")
    assert (reply.status_code, reply.content) == (204, b"")
    assert (await client.post("/oauth/token", json=grant)).status_code == 401


async def test_an_app_without_a_callback_has_no_signing_secret(stage: Stage) -> None:
    """An app with one scope and no callback is shown without what it does not have."""
    body = {"name": "reader", "scopes": ["read:deployment-info:jira"]}
    made = (await stage.client("admin").post("/api/v1/apps", json=body)).json()
    assert made["scopes"] == ["read:deployment-info:jira"]
    assert "signingSecret" not in made
    assert "callbackUrl" not in made


async def test_a_user_is_added_listed_and_removed(stage: Stage) -> None:
    """A user gets in with a token made by the administrator, and no more once removed."""
    client = stage.client("admin")
    reply = await client.post("/api/v1/users", json={"name": "Ann", "role": "approver"})
    assert reply.status_code == 201
    user = reply.json()
    assert set(user) == {"id", "name", "role", "createdAt"}
    assert user in (await client.get("/api/v1/users")).json()["items"]
    reply = await client.post("/api/v1/tokens", json={"label": "laptop", "userId": user["id"], "days": 1})
    assert reply.status_code == 201
    stage.tokens["ann"] = reply.json()["token"]
    assert reply.json()["expiresAt"] == "2026-03-02T12:00:00Z"
    assert (await stage.client("ann").get("/api/v1/me")).json()["name"] == "Ann"
    assert (await client.delete(f"/api/v1/users/{user['id']}")).status_code == 204
    assert (await stage.client("ann").get("/api/v1/me")).status_code == 401


async def test_a_token_of_ones_own_is_made_and_revoked(stage: Stage) -> None:
    """Everybody makes, lists and revokes tokens of their own; a revoked one is good for nothing."""
    client = stage.client("viewer")
    made = (await client.post("/api/v1/tokens", json={"label": "laptop"})).json()
    assert "expiresAt" not in made
    assert made["token"].startswith("mgt_")
    listed = (await client.get("/api/v1/tokens")).json()["items"]
    assert [(token["label"], token["kind"]) for token in listed] == [("laptop", "api"), ("test", "api")]
    assert made["token"] not in str(listed)
    stage.tokens["laptop"] = made["token"]
    assert (await stage.client("laptop").get("/api/v1/me")).status_code == 200
    assert (await client.delete(f"/api/v1/tokens/{made['id']}")).status_code == 204
    assert (await stage.client("laptop").get("/api/v1/me")).status_code == 401


async def test_a_token_ends_with_its_time(stage: Stage) -> None:
    """An API token with an end is refused from that instant on, with the reason."""
    stage.tokens["short"] = (
        await stage.client("viewer").post("/api/v1/tokens", json={"label": "short", "days": 1})
    ).json()["token"]
    stage.clock.advance(days=1)
    reply = await stage.client("short").get("/api/v1/me")
    assert (reply.status_code, "expired" in reply.json()["detail"]) == (401, True)


async def test_everybody_can_ask_who_they_are(stage: Stage) -> None:
    """A user is told role and permissions, an app its scopes."""
    user = (await stage.client("approver").get("/api/v1/me")).json()
    assert user == {
        "name": "approver",
        "kind": "user",
        "role": "approver",
        "permissions": ["decide", "view"],
        "scopes": [],
    }
    app = (await stage.client("ci").get("/api/v1/me")).json()
    assert (app["kind"], app["permissions"], len(app["scopes"])) == ("app", [], 3)
    assert "role" not in app


async def test_the_server_says_what_it_is(bare: Stage) -> None:
    """Everybody may ask for the server's version, cloud id, address, database and clock."""
    assert (await bare.client().get("/api/v1/about")).json() == {
        "version": "1.2.3",
        "cloudId": "cloud",
        "baseUrl": BASE_URL,
        "database": "sqlite",
        "time": "2026-03-01T12:00:00Z",
    }


ADMINISTRATION = [
    ("GET", "/apps", None),
    ("POST", "/apps", {"name": "x"}),
    ("DELETE", "/apps/x", None),
    ("GET", "/users", None),
    ("POST", "/users", {"name": "x", "role": "viewer"}),
    ("DELETE", "/users/x", None),
    ("GET", "/tokens?userId=somebody", None),
    ("POST", "/tokens", {"label": "x", "userId": "somebody"}),
    ("DELETE", "/tokens/x", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ADMINISTRATION)
async def test_only_an_administrator_administers(stage: Stage, method: str, path: str, body: Any) -> None:
    """Nobody but an administrator touches apps, users, or tokens of others: nobody 401, all others 403."""
    assert (await stage.client().request(method, f"/api/v1{path}", json=body)).status_code == 401
    for who in ("change_manager", "ci"):
        assert (await stage.client(who).request(method, f"/api/v1{path}", json=body)).status_code == 403


@pytest.mark.parametrize("path", ["/apps/x", "/users/x", "/tokens/x"])
async def test_what_is_not_there_cannot_be_removed(stage: Stage, path: str) -> None:
    """Removing what is not there is answered with 404."""
    assert (await stage.client("admin").delete(f"/api/v1{path}")).status_code == 404


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/apps", {"name": ""}, 400, "name"),
        ("/apps", {"name": "x", "scopes": []}, 400, "scope"),
        ("/apps", {"name": "x", "scopes": ["all"]}, 400, "'scopes"),
        ("/apps", {"name": "x", "callbackUrl": "ftp://x"}, 400, "callback"),
        ("/apps", {"name": "x", "secret": "x"}, 400, "'secret'"),
        ("/apps", {"name": "ci"}, 409, "'ci'"),
        ("/users", {"name": "x", "role": "king"}, 400, "'role'"),
        ("/users", {"name": "x"}, 400, "'role'"),
        ("/users", {"name": "admin", "role": "viewer"}, 409, "'admin'"),
        ("/tokens", {"label": "x", "days": 0}, 400, "'days'"),
        ("/tokens", {"label": "x", "userId": "nobody"}, 404, "'nobody'"),
    ],
)
async def test_what_cannot_be_added_is_explained(stage: Stage, path: str, body: Any, status: int, said: str) -> None:
    """What is malformed or there already is refused, saying what is wrong."""
    reply = await stage.client("admin").post(f"/api/v1{path}", json=body)
    assert reply.status_code == status
    assert said in reply.json()["detail"]


async def test_nobody_removes_themselves(stage: Stage) -> None:
    """An administrator cannot remove the user who asks."""
    client = stage.client("admin")
    users = (await client.get("/api/v1/users")).json()["items"]
    own = next(user["id"] for user in users if user["name"] == "admin")
    assert (await client.delete(f"/api/v1/users/{own}")).status_code == 403
