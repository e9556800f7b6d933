"""The plugin manager, as frameworks use it that install themselves: each step as they take it."""

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from msgspec.structs import replace

from mitregate.web.app import make_app
from tests.fakes.sink import answers
from tests.web.connecting import Host, open_host
from tests.web.stage import BASE_URL, Stage

ROOT = "/rest/plugins/1.0/"
INSTALL = {"content-type": "application/vnd.atl.plugins.remote.install+json"}


class Framework:
    """What atlassian-connect-express does when an app starts and ends, without the app."""

    def __init__(self, host: Host, who: str = "admin", password: str | None = None) -> None:
        self.host = host
        credentials = f"{who}:{host.stage.tokens.get(who, '') if password is None else password}"
        basic = base64.b64encode(credentials.encode()).decode()
        self.client = host.stage.client(authorization=f"Basic {basic}")

    async def is_development_mode(self) -> bool:
        """Look at the one setting that matters."""
        reply = await self.client.get(f"{ROOT}settings")
        assert reply.status_code == 200
        settings: list[dict[str, Any]] = reply.json()["settings"]
        return next(bool(each["value"]) for each in settings if each["key"] == "connectDeveloperListingsEnabled")

    async def token(self) -> str:
        """Get a token for installing."""
        reply = await self.client.get(ROOT)
        assert reply.status_code == 200, reply.text
        return reply.headers["upm-token"]

    async def post(self, token: str, url: str | None = None) -> httpx.Response:
        """Ask for the app to be installed."""
        body = {"pluginUri": url or self.host.app.descriptor_url}
        return await self.client.post(f"{ROOT}?token={quote(token)}", headers=INSTALL, json=body)

    async def register(self) -> dict[str, Any]:
        """Install the app, and ask until it is known what became of that."""
        reply = await self.post(await self.token())
        assert reply.status_code == 202, reply.text
        path = reply.json()["links"]["self"]
        for _ in range(10):
            reply = await self.client.get(path)
            if reply.status_code == 303:
                path = urlsplit(reply.headers["location"]).path
                continue
            assert reply.status_code == 200
            found: dict[str, Any] = reply.json()
            if "key" in found:
                return found
        raise AssertionError("It is never known what became of the installation.")


@pytest.fixture
async def host(stage: Stage) -> AsyncIterator[Host]:
    """A stage with a Connect app beside it."""
    async with open_host(stage) as host:
        yield host


async def test_a_framework_installs_itself(host: Host) -> None:
    """An app finds development mode on, installs itself, is listed, and removes itself at its end."""
    framework = Framework(host)
    assert await framework.is_development_mode()
    assert (await framework.client.get(ROOT)).json()["plugins"] == []
    plugin = await framework.register()
    assert (plugin["key"], plugin["enabled"], plugin["name"]) == ("com.example.deployer", True, "Deployer")
    assert plugin["links"]["self"] == f"{ROOT}com.example.deployer-key"
    assert (await framework.client.get(ROOT)).json()["plugins"] == [plugin]
    assert (await host.submit()).status_code == 202
    reply = await framework.client.delete(f"{ROOT}com.example.deployer-key")
    assert (reply.status_code, reply.content) == (204, b"")
    assert [event.path for event in host.app.events] == ["/installed", "/enabled", "/uninstalled"]
    assert (await framework.client.get(f"{ROOT}com.example.deployer-key")).status_code == 404
    assert ("app.installed", "admin") in await host.audited()


async def test_a_framework_installs_itself_again(host: Host) -> None:
    """An app whose descriptor has changed, or that lost its memory, installs itself once more."""
    framework = Framework(host)
    await framework.register()
    (had,) = host.app.secrets.values()
    host.app.changes = {"name": "Deployer 2"}
    assert (await framework.register())["name"] == "Deployer 2"
    assert (await host.submit(had)).status_code == 401
    assert (await host.submit()).status_code == 202


async def test_a_disabled_app_stays_so_when_it_installs_itself(host: Host) -> None:
    """An app that was disabled is enabled only by whoever says so, and the framework is shown that."""
    framework = Framework(host)
    await framework.register()
    path = f"{ROOT}com.example.deployer-key"
    assert (await framework.client.put(path, json={"enabled": False})).json()["enabled"] is False
    assert (await framework.register())["enabled"] is False
    assert (await host.submit()).status_code == 403
    assert (await framework.client.put(path, json={"enabled": True})).json()["enabled"] is True
    assert (await host.submit()).status_code == 202


async def test_what_fails_is_told_in_words(host: Host) -> None:
    """The framework prints what it is answered, so that is a text: what the app said, and what to do."""
    framework = Framework(host)
    host.app.tell(answers(500, b"no database"))
    reply = await framework.post(await framework.token())
    assert (reply.status_code, reply.headers["content-type"]) == (400, "text/plain; charset=utf-8")
    assert reply.text.startswith("Deployer answered with HTTP 500: no database. Deployer was not installed. See what")
    reply = await framework.post(await framework.token(), url=f"{host.app.base_url}/nothing")
    assert (reply.status_code, "instead of the app's descriptor" in reply.text) == (400, True)
    url = f"{ROOT}?token={quote(await framework.token())}"
    for body in (b"", b"[]", b'{"uri": "x"}', b"[" * 5000):
        reply = await framework.client.post(url, headers=INSTALL, content=body)
        assert (reply.status_code, '{"pluginUri":' in reply.text) == (400, True)


async def test_a_token_of_the_list_is_needed(host: Host) -> None:
    """Nothing is installed without a token, with somebody else's, an old one, or what else is sealed here."""
    framework = Framework(host)
    token = await framework.token()
    client = host.stage.client("admin")
    other = (await client.post("/api/v1/users", json={"name": "eve", "role": "admin"})).json()["id"]
    made = await client.post("/api/v1/tokens", json={"label": "laptop", "userId": other})
    eves = await Framework(host, "eve", made.json()["token"]).token()
    ports = host.stage.ports
    for wrong in ("", "x", eves, ports.seal("a secret"), ports.seal("upm-token x"), ports.seal("upm-token x y")):
        reply = await framework.post(wrong)
        assert reply.status_code == 403
        assert reply.text.startswith("The parameter 'token' is not one that was given out here, or is too old.")
    host.stage.clock.now += timedelta(hours=1)
    assert (await framework.post(token)).status_code == 403
    assert host.app.requests == []


@pytest.mark.parametrize(
    ("who", "password", "status", "words"),
    [
        ("admin", "wrong", 401, "The token is not valid here."),
        ("admin", "", 401, "The token is not valid here."),
        ("ann", None, 401, "The token is not valid here."),
        ("operator", None, 403, "operator may not do this: it needs the permission 'administer'."),
    ],
)
async def test_only_an_administrator_gets_in(
    host: Host, who: str, password: str | None, status: int, words: str
) -> None:
    """Name and API token must belong together, and to somebody who administers."""
    for method, path in [("GET", ROOT), ("POST", ROOT), ("GET", f"{ROOT}settings"), ("DELETE", f"{ROOT}x-key")]:
        reply = await Framework(host, who, password).client.request(method, path)
        assert (reply.status_code, reply.text.startswith(words)) == (status, True)
        assert ("www-authenticate" in reply.headers) is (status == 401)


async def test_a_token_goes_with_its_owners_name(host: Host) -> None:
    """An administrator's token proves nothing under another name, and an app's proves nobody."""
    for who, token in [("operator", "admin"), ("ci", "ci"), ("", "admin")]:
        reply = await Framework(host, who, host.stage.tokens[token]).client.get(ROOT)
        assert (reply.status_code, reply.text.startswith(f"The token is not one of the user {who!r}.")) == (401, True)
    reply = await host.stage.client("admin").get(ROOT)
    assert (reply.status_code, reply.headers["www-authenticate"]) == (401, 'Basic realm="mitregate"')
    assert reply.text.startswith("No user name and API token were sent. Send, by Basic,")


async def test_who_guesses_is_slowed_down(host: Host) -> None:
    """Ten wrong tokens within a minute are enough; the right one is let in all the same."""
    statuses = [(await Framework(host, "admin", "wrong").client.get(ROOT)).status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    assert (await Framework(host).client.get(ROOT)).status_code == 200


@pytest.mark.parametrize("path", ["pending/nobody", "nobody-key", "nobody", "nobody-key/license", "nothing/at/all"])
async def test_other_paths_are_unknown(host: Host, path: str) -> None:
    """What is not there is said so in words."""
    reply = await Framework(host).client.get(ROOT + path)
    assert (reply.status_code, reply.headers["content-type"]) == (404, "text/plain; charset=utf-8")


async def test_the_methods_of_a_path_are_told(host: Host) -> None:
    """Another method gets 405 with those that there are, before anybody has to prove anything."""
    client = host.stage.client()
    for path, allowed in [
        (ROOT, "GET, HEAD, OPTIONS, POST"),
        (f"{ROOT}settings", "GET, HEAD, OPTIONS"),
        (f"{ROOT}x-key", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ]:
        reply = await client.patch(path)
        assert (reply.status_code, reply.headers["allow"]) == (405, allowed)


async def test_a_framework_finds_its_way_below_a_path(host: Host) -> None:
    """Where this server has a context path, all that a framework is told begins with it."""
    host.stage.office.ports = replace(host.stage.office.ports, base_url=f"{BASE_URL}/jira")
    host.stage.asgi = make_app(host.stage.office)
    framework = Framework(host)
    reply = await framework.post(await framework.token())
    assert reply.json()["links"]["self"] == f"/jira{ROOT}pending/com.example.deployer"
    reply = await framework.client.get(reply.json()["links"]["self"])
    assert reply.headers["location"] == f"{BASE_URL}/jira{ROOT}com.example.deployer-key"
    plugin = (await framework.client.get(urlsplit(reply.headers["location"]).path)).json()
    assert plugin["links"]["self"] == f"/jira{ROOT}com.example.deployer-key"


async def test_links_lead_back_here(host: Host) -> None:
    """Where to ask what became of an installation leads to the app, at the address of this server."""
    framework = Framework(host)
    await framework.register()
    reply = await framework.client.get(f"{ROOT}pending/com.example.deployer")
    assert (reply.status_code, reply.headers["location"]) == (303, f"{BASE_URL}{ROOT}com.example.deployer-key")
