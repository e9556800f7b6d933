"""Connect apps that are installed, enabled, disabled and removed over the native API."""

import asyncio
from collections.abc import AsyncIterator

import jwt
import pytest

from tests.fakes.sink import Behaviour, answers, hangs_up, redirects
from tests.web.connecting import ONE, Host, open_host, said
from tests.web.stage import BASE_URL, Stage


@pytest.fixture
async def host(stage: Stage) -> AsyncIterator[Host]:
    """A stage with a Connect app beside it."""
    async with open_host(stage) as host:
        yield host


async def test_an_app_is_installed(host: Host) -> None:
    """The app is handed a secret, signed with a key that it fetches, is told that it is enabled, and shown."""
    shown = await host.installed()
    assert [(event.path, event.body["eventType"]) for event in host.app.events] == [
        ("/installed", "installed"),
        ("/enabled", "enabled"),
    ]
    assert host.app.refused == []
    first = host.app.events[0]
    assert (first.body["baseUrl"], first.body["clientKey"], first.claims["iss"]) == (BASE_URL, *[host.client_key] * 2)
    assert "sharedSecret" not in host.app.events[1].body
    told = [(each["event"], each["reception"], each["status"]) for each in shown.pop("told")]
    assert told == [("installed", "taken", 204), ("enabled", "taken", 204)]
    assert shown == {
        "id": shown["id"],
        "name": "Deployer",
        "kind": "connect",
        "scopes": ["delete:deployment-info:jira", "read:deployment-info:jira", "write:deployment-info:jira"],
        "callbackUrl": f"{host.app.base_url}/gating",
        "connect": {
            "key": "com.example.deployer",
            "baseUrl": host.app.base_url,
            "descriptorUrl": host.app.descriptor_url,
            "modules": ["jiraDeploymentGating", "jiraDeploymentInfoProvider"],
            "state": "enabled",
            "isSecretUncertain": False,
        },
        "createdAt": "2026-03-01T12:00:00Z",
    }
    assert await host.listed() == [shown]
    assert await host.audited() == [
        ("install_key.added", "mitregate"),
        ("app.install_begun", "admin"),
        ("app.installed", "admin"),
    ]


async def test_the_secret_is_kept_to_those_who_share_it(host: Host) -> None:
    """No answer of the API, and no entry of the audit log, has the secret."""
    shown = await host.installed()
    (secret,) = host.app.secrets.values()
    entries = (await host.stage.client("auditor").get("/api/v1/audit")).text
    assert secret not in str(shown) + str(await host.listed()) + entries


async def test_only_an_administrator_installs(host: Host) -> None:
    """Nothing is even fetched for anybody else."""
    reply = await host.install("operator")
    assert reply.status_code == 403
    assert host.app.requests == []


@pytest.mark.parametrize(
    ("url", "status", "words"),
    [
        ("ftp://127.0.0.1/x", 400, "The address of the descriptor is not a complete http or https URL"),
        ("http://127.0.0.1:1/x", 503, "127.0.0.1:1 gave no reply"),
        ("{app}/nothing", 400, "answers with HTTP 401 instead of the app's descriptor."),
    ],
)
async def test_what_is_no_descriptor_is_not_installed(host: Host, url: str, status: int, words: str) -> None:
    """What cannot be fetched or read is refused in words, and nothing is kept of it."""
    body = {"descriptorUrl": url.format(app=host.app.base_url)}
    reply = await host.stage.client("admin").post("/api/v1/apps/install", json=body)
    assert (reply.status_code, words in reply.json()["detail"]) == (status, True)
    assert await host.listed() == []


async def test_an_app_that_has_the_key_of_another_kind_gets_a_name_of_its_own(host: Host) -> None:
    """An app whose name is taken is called by its key as well."""
    await host.stage.add_app("Deployer")
    assert (await host.installed())["name"] == "Deployer (com.example.deployer)"
    assert (await host.installed())["name"] == "Deployer (com.example.deployer)"


# --- when the app does not take it ---


async def test_a_new_app_that_refuses_is_forgotten(host: Host) -> None:
    """An app that answers `installed` with anything but 200 or 204 is not installed; its words are passed on."""
    host.app.tell(answers(403, b"This site is not on our list."))
    reply = await host.install()
    assert reply.status_code == 400
    assert reply.json()["detail"] == (
        "Deployer answered with HTTP 403: This site is not on our list. Deployer was not installed."
    )
    assert reply.json()["advice"].startswith("See what the app says")
    assert await host.listed() == []
    assert (await host.submit()).status_code == 401
    assert (await host.audited())[1:] == [("app.install_begun", "admin"), ("app.install_failed", "admin")]
    assert (await host.installed())["name"] == "Deployer"


async def test_a_new_app_that_does_not_answer_is_forgotten(host: Host) -> None:
    """An app of which nobody knows whether it took its first secret holds nothing, and is installed again."""
    host.app.tell(hangs_up)
    reply = await host.install()
    assert reply.status_code == 503
    assert "Deployer was not installed." in reply.json()["detail"]
    assert reply.json()["advice"] == f"See that the app answers at {host.app.base_url}, then install it again."
    assert await host.listed() == []
    assert (await host.installed())["connect"]["state"] == "enabled"


async def test_an_app_that_refuses_to_be_installed_again_stays_as_it_was(host: Host) -> None:
    """The secret that the app had is good, the one that it refused is not, and its new descriptor does not hold."""
    before = await host.installed()
    (had,) = host.app.secrets.values()
    host.app.changes = {"name": "Renamed", "scopes": ["READ"]}
    host.app.tell(redirects("https://elsewhere.example.com"))
    reply = await host.install()
    assert (reply.status_code, "Renamed stays installed as it was." in reply.json()["detail"]) == (400, True)
    (refused,) = host.app.secrets.values()
    assert refused != had
    assert (await host.submit(had)).status_code == 202
    assert (await host.submit(refused)).status_code == 401
    assert await host.listed() == [{key: value for key, value in before.items() if key != "told"}]


@pytest.mark.parametrize("has_taken", [True, False])
async def test_whatever_the_app_has_made_of_it_proves_the_app(host: Host, *, has_taken: bool) -> None:
    """When nobody knows whether the app took its new secret, either is good; the one that it uses is kept."""
    await host.installed()
    (had,) = host.app.secrets.values()
    host.app.tell(answers(504))
    reply = await host.install()
    assert (reply.status_code, "both its old secret and the new one" in reply.json()["advice"]) == (503, True)
    (sent,) = host.app.secrets.values()
    assert (await host.listed())[0]["connect"]["isSecretUncertain"] is True
    used, other = (sent, had) if has_taken else (had, sent)
    assert (await host.ask("GET", ONE, used)).status_code == 404
    assert (await host.submit(used)).status_code == 202
    assert (await host.submit(used)).status_code == 202
    assert (await host.submit(other)).status_code == (401 if has_taken else 202)
    assert (await host.listed())[0]["connect"]["isSecretUncertain"] is False


async def test_many_unknown_ends_lose_nothing(host: Host) -> None:
    """Whichever of several secrets the app took, it is known by that."""
    await host.installed()
    sent: list[str] = []
    for _ in range(3):
        host.app.tell(hangs_up)
        assert (await host.install()).status_code == 503
        sent += host.app.secrets.values()
    host.app.tell(answers(500))
    assert (await host.install()).status_code == 400
    assert (await host.submit(sent[1])).status_code == 202
    assert [(await host.submit(secret)).status_code for secret in sent] == [401, 202, 202]


async def test_two_installations_at_once_are_one(host: Host) -> None:
    """Of two that install the same app at the same time one succeeds, and the other is told to wait."""
    await host.installed()
    replies = await asyncio.gather(host.install(), host.install())
    assert sorted(reply.status_code for reply in replies) == [200, 409]
    refused = next(reply.json() for reply in replies if reply.status_code == 409)
    assert refused["detail"] == "The app 'Deployer' is being installed just now."
    assert (await host.submit()).status_code == 202


# --- installed again ---


async def test_installing_again_renews_the_secret(host: Host) -> None:
    """The app gets another secret, and the one before proves nothing any more."""
    first = await host.installed()
    (had,) = host.app.secrets.values()
    second = await host.installed()
    (has,) = host.app.secrets.values()
    assert (first["id"], has == had) == (second["id"], False)
    assert (await host.submit(has)).status_code == 202
    assert (await host.submit(had)).status_code == 401
    assert ("app.reinstalled", "admin") in await host.audited()


async def test_installing_again_takes_over_what_has_changed(host: Host) -> None:
    """Name, scopes, modules and callback are from then on as the new descriptor says."""
    await host.installed()
    host.app.changes = {
        "name": "Deployer 2",
        "scopes": ["READ"],
        "modules": {"jiraDeploymentInfoProvider": host.app.descriptor["modules"]["jiraDeploymentInfoProvider"]},
    }
    shown = await host.installed()
    assert (shown["name"], shown["scopes"]) == ("Deployer 2", ["read:deployment-info:jira"])
    assert shown["connect"]["modules"] == ["jiraDeploymentInfoProvider"]
    assert "callbackUrl" not in shown
    reply = await host.submit()
    assert (reply.status_code, "lacks the scope" in said(reply)) == (403, True)


# --- enabled, disabled, removed ---


async def test_a_disabled_app_is_kept_out(host: Host) -> None:
    """A disabled app is told so and refused in words, keeps what it submitted, and stays disabled when installed."""
    app = await host.installed()
    admin = host.stage.client("admin")
    assert (await host.submit()).status_code == 202
    reply = await admin.post(f"/api/v1/apps/{app['id']}/disable")
    assert (reply.status_code, reply.json()["connect"]["state"]) == (200, "disabled")
    assert [told["event"] for told in reply.json()["told"]] == ["disabled"]
    assert host.app.events[-1].path == "/disabled"
    refused = await host.submit()
    assert refused.status_code == 403
    assert said(refused) == ("The app 'Deployer' is disabled. An administrator enables it with `mitregate app enable`.")
    again = await host.installed()
    assert ([told["event"] for told in again["told"]], again["connect"]["state"]) == (["installed"], "disabled")
    reply = await admin.post(f"/api/v1/apps/{app['id']}/enable")
    assert (reply.status_code, host.app.events[-1].path) == (200, "/enabled")
    assert (await host.ask("GET", f"{ONE}/gating-status")).json()["gatingStatus"] == "awaiting"
    assert [action for action, _ in await host.audited()][-4:] == [
        "app.disabled",
        "app.install_begun",
        "app.reinstalled",
        "app.enabled",
    ]


async def test_what_an_app_says_to_being_disabled_changes_nothing(host: Host) -> None:
    """An app that does not want to hear of it is disabled all the same, and its answer is shown."""
    app = await host.installed()
    host.app.tell(answers(500, b"<oops>"))
    reply = await host.stage.client("admin").post(f"/api/v1/apps/{app['id']}/disable")
    assert reply.json()["connect"]["state"] == "disabled"
    (told,) = reply.json()["told"]
    assert (told["reception"], told["words"]) == ("refused", "Deployer answered with HTTP 500: <oops>.")


@pytest.mark.parametrize("answer", [answers(204), answers(500), hangs_up], ids=["taken", "refused", "unknown"])
async def test_a_removed_app_is_told_so(host: Host, answer: Behaviour) -> None:
    """An app is removed with all it submitted, whatever it says to that."""
    app = await host.installed()
    assert (await host.submit()).status_code == 202
    host.app.tell(answer)
    reply = await host.stage.client("admin").delete(f"/api/v1/apps/{app['id']}")
    assert (reply.status_code, [told["event"] for told in reply.json()["told"]]) == (200, ["uninstalled"])
    assert (host.app.events[-1].path, host.app.refused) == ("/uninstalled", [])
    assert await host.listed() == []
    gates = (await host.stage.client("viewer").get("/api/v1/gates")).json()["items"]
    assert [gate["stage"] for gate in gates] == ["withdrawn"]


async def test_only_connect_apps_are_switched(stage: Stage) -> None:
    """An app with client credentials is neither enabled nor disabled; one that is not there is unknown."""
    admin = stage.client("admin")
    reply = await admin.post(f"/api/v1/apps/{stage.apps['ci'].app_id}/disable")
    assert (reply.status_code, reply.json()["detail"]) == (400, "The app 'ci' is no Connect app.")
    assert reply.json()["advice"] == "Only Connect apps are enabled and disabled; another app can be removed."
    assert (await admin.post("/api/v1/apps/nobody/enable")).status_code == 404
    assert (await stage.client("viewer").post("/api/v1/apps/nobody/enable")).status_code == 403


# --- keys ---


async def test_keys_are_fetched_by_their_names(host: Host) -> None:
    """The public half of the key that signed is served at both addresses to everybody, and may be kept for a day."""
    await host.installed()
    token = host.app.requests[1].headers["authorization"].removeprefix("JWT ")
    kid = jwt.get_unverified_header(token)["kid"]
    client = host.stage.client()
    for folder in ("/connect/install-keys/", "/-/jira_connect/public_keys/"):
        reply = await client.get(folder + kid)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert reply.headers["cache-control"] == "public, max-age=86400"
        assert reply.text.startswith("-----BEGIN PUBLIC KEY-----\n")
        assert "PRIVATE" not in reply.text
        missing = await client.get(f"{folder}nobody")
        assert (missing.status_code, missing.text.startswith("There is no key of that name here.")) == (404, True)
    assert (await client.post(f"/connect/install-keys/{kid}")).status_code == 405


async def test_a_new_key_signs_and_the_old_one_is_served(host: Host) -> None:
    """After a new key is made installations are signed with it; the earlier one can still be fetched."""
    await host.installed()
    reply = await host.stage.client("admin").post("/api/v1/install-keys")
    assert reply.status_code == 201
    await host.installed()
    tokens = [taken.headers["authorization"][4:] for taken in host.app.requests if taken.target.endswith("/installed")]
    old, new = (jwt.get_unverified_header(token)["kid"] for token in tokens)
    assert (old != new, new) == (True, reply.json()["id"])
    assert reply.json()["link"] == f"{BASE_URL}/connect/install-keys/{new}"
    for kid in (old, new):
        assert (await host.stage.client().get(f"/connect/install-keys/{kid}")).status_code == 200
    assert (await host.stage.client("operator").post("/api/v1/install-keys")).status_code == 403
