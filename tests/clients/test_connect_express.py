"""A Connect app on atlassian-connect-express as it is on npm: installed, called back, rotated, uninstalled.

Every proof, in both directions, is the framework's own: what signs the installation, what signs the app's calls and the
callbacks, which request a signature is for.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from msgspec import Struct

from tests.acceptance.callers import IDS, Answer, Person, deployment, path_of, progressed
from tests.acceptance.house import House, Server
from tests.clients.ferry import DEPLOYMENTS, Ferry, running_ferry

WRITABLE = [ids for ids in IDS if ".." not in ids]
"""The ids that a URL can hold: what consists of dots alone is taken for a step in a path, however it is quoted."""


class Site(Struct, frozen=True, kw_only=True):
    """A server in its house, and its administrator."""

    house: House
    server: Server
    person: Person

    def run(self, *command: str) -> str:
        """Run a command of the administrator's, which must succeed; give what it says."""
        settings = {"MITREGATE_URL": self.server.url, "MITREGATE_TOKEN": self.person.token}
        ended = self.house.run(*command, **settings)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def install(self, ferry: Ferry) -> Answer:
        """Install an app by its descriptor."""
        return self.person.ask("POST", "/api/v1/apps/install", json={"descriptorUrl": ferry.descriptor_url})

    def app(self, ferry: Ferry) -> dict[str, Any] | None:
        """Look an app up in the list of apps."""
        return next(
            (app for app in self.person.get("/apps")["items"] if app.get("connect", {}).get("key") == ferry.key), None
        )


@pytest.fixture(scope="module")
def site(house: House) -> Site:
    """A server with its first user."""
    server = house.serve()
    return Site(house=house, server=server, person=house.first_user(server))


Start = Callable[..., Ferry]


@pytest.fixture
def start(node: list[str], site: Site, tmp_path: Path) -> Iterator[Start]:
    """What starts apps: `start(key=…)`."""
    with ExitStack() as stack:
        opened: Callable[..., AbstractContextManager[Ferry]] = partial(running_ferry, node, tmp_path, site.server)
        yield lambda **options: stack.enter_context(opened(**options))


@pytest.fixture
def ferry(request: pytest.FixtureRequest, site: Site, start: Start) -> Ferry:
    """An app that is installed; its key is made of the test's name."""
    app = start(key=request.node.originalname.replace("_", "-"))
    site.install(app).expect(200)
    return app


def test_it_installs_itself(site: Site, start: Start) -> None:
    """In development the app registers itself, believes the signed installation, and takes itself away at its end."""
    ferry = start(key="by-itself", host=site.person)
    assert ferry.program.call("register") == 1, ferry.program.said
    (installed,) = ferry.heard("installed")
    assert installed["body"]["baseUrl"] == site.server.url
    ferry.hears("enabled")
    app = site.app(ferry)
    assert app is not None
    assert (app["kind"], app["connect"]["state"]) == ("connect", "enabled")
    ferry.submit(deployment()).expect(202)
    ferry.program.stop()
    assert "Unregistered on host" in ferry.program.said
    assert site.app(ferry) is None


def test_in_production_it_lets_in_whom_it_was_told_of(site: Site, start: Start) -> None:
    """In production the framework lets nobody in but Atlassian, and says so, until a variable names this host."""
    shut = start(key="shut", NODE_ENV="production")
    refused = site.install(shut).expect(400)
    assert "does not match the registration whitelist (*.atlassian.net)." in refused.json["detail"]
    opened = start(key="opened", NODE_ENV="production", AC_HOST_WHITELIST="127.0.0.1")
    site.install(opened).expect(200)
    opened.submit(deployment()).expect(202)


def test_an_operator_installs_it(site: Site, start: Start) -> None:
    """On the command line it is installed, switched off and on, installed again under another key, and removed."""
    ferry = start(key="by-operator")
    assert "HTTP 204" in site.run("app", "install", ferry.descriptor_url)
    ferry.submit(deployment()).expect(202)
    site.run("app", "disable", ferry.key)
    ferry.hears("disabled")
    assert "is disabled" in ferry.submit(deployment()).expect(403).body[0]["message"]
    site.run("app", "enable", ferry.key)
    ferry.hears("enabled", times=2)
    former = ferry.installation
    site.run("app", "new-key")
    site.run("app", "install", ferry.descriptor_url)
    assert ferry.installation["sharedSecret"] != former["sharedSecret"]
    ferry.submit(deployment(2)).expect(202)
    site.run("app", "remove", ferry.key)
    ferry.hears("uninstalled")
    ferry.submit(deployment(3)).expect(401)


def test_it_is_called_back(site: Site, ferry: Ferry) -> None:
    """Each gating status arrives signed, on a route that the framework guards: awaiting, then allowed on approval."""
    wanted = deployment(pipeline="harbour/ferry")
    ferry.submit(wanted).expect(202)
    status = ferry.ask("get", gating_status_of(wanted)).expect(200).body
    assert status["gatingStatus"] == "awaiting"
    (first,) = ferry.hears("gating")
    assert first["body"] == status
    site.person.approve(status["details"][0]["issueKey"])
    _, second = ferry.hears("gating", times=2)
    assert second["clientKey"] == ferry.installation["clientKey"]
    assert second["body"] == ferry.ask("get", gating_status_of(wanted)).expect(200).body
    assert second["body"]["gatingStatus"] == "allowed"
    ferry.submit(progressed(wanted, "in_progress")).expect(202)
    assert site.person.change(status["details"][0]["issueKey"])["status"] == "Implementing"


def test_its_signature_fits_any_ids(ferry: Ferry) -> None:
    """Whatever ids consist of, the request that the framework has signed is the one that arrives."""
    for times, ids in enumerate(WRITABLE, start=1):
        wanted = deployment(pipeline=ids[0], environment=ids[1])
        ferry.submit(wanted).expect(202)
        status = ferry.ask("get", gating_status_of(wanted)).expect(200).body
        assert (status["pipelineId"], status["environmentId"]) == ids
        assert ferry.hears("gating", times)[-1]["body"] == status
        assert ferry.ask("get", DEPLOYMENTS + path_of(wanted)).expect(200).body["pipeline"]["id"] == ids[0]
        ferry.ask("del", DEPLOYMENTS + path_of(wanted)).expect(202)
        ferry.ask("get", DEPLOYMENTS + path_of(wanted)).expect(404)


def test_its_signature_fits_any_query(ferry: Ferry) -> None:
    """Properties of any letters arrive as they were signed, and delete what was submitted with them."""
    properties = {"account id": "a&b=c + d", "Größe": "~'()*!", "z": ""}
    wanted = deployment()
    ferry.submit(wanted, properties=properties).expect(202)
    ferry.ask("del", f"{DEPLOYMENTS}/bulkByProperties?{urlencode(properties, quote_via=quote)}").expect(202)
    ferry.ask("get", DEPLOYMENTS + path_of(wanted)).expect(404)


def test_a_new_secret_ends_the_old_one(site: Site, ferry: Ferry) -> None:
    """Installed again the app gets another secret, and signs with that; the former one proves nothing any more."""
    wanted = deployment()
    ferry.submit(wanted).expect(202)
    former = ferry.installation
    site.install(ferry).expect(200)
    latter = ferry.installation
    assert latter["clientKey"] == former["clientKey"]
    assert latter["sharedSecret"] != former["sharedSecret"]
    ferry.ask("get", gating_status_of(wanted)).expect(200)
    ferry.program.call("restore", installation=former)
    refused = ferry.ask("get", gating_status_of(wanted)).expect(401)
    assert refused.body[0]["message"].startswith("The token's signature does not fit.")
    ferry.program.call("restore", installation=latter)
    ferry.ask("get", gating_status_of(wanted)).expect(200)


def test_it_is_uninstalled(site: Site, ferry: Ferry) -> None:
    """An app that is removed is told so, signed with our own key; its data is gone, and its secret proves nothing."""
    wanted = deployment()
    ferry.submit(wanted).expect(202)
    app = site.app(ferry)
    assert app is not None
    site.person.ask("DELETE", f"/api/v1/apps/{app['id']}").expect(200)
    (told,) = ferry.hears("uninstalled")
    assert told["body"]["eventType"] == "uninstalled"
    refused = ferry.ask("get", gating_status_of(wanted)).expect(401)
    assert ferry.key in refused.body[0]["message"]
    assert site.app(ferry) is None
    site.install(ferry).expect(200)
    ferry.ask("get", gating_status_of(wanted)).expect(404)


def test_two_apps_are_apart(site: Site, ferry: Ferry, start: Start) -> None:
    """Of two apps with a deployment of the same ids each is told and shown its own."""
    other = start(key="other-app")
    site.install(other).expect(200)
    wanted = deployment(pipeline="shared")
    for app, name in ((ferry, "one"), (other, "two")):
        app.submit({**wanted, "displayName": name}).expect(202)
    keys = []
    for app, name in ((ferry, "one"), (other, "two")):
        assert app.ask("get", DEPLOYMENTS + path_of(wanted)).expect(200).body["displayName"] == name
        (told,) = app.hears("gating")
        keys.append(told["body"]["details"][0]["issueKey"])
    site.person.approve(keys[0])
    ferry.hears("gating", times=2)
    assert other.ask("get", gating_status_of(wanted)).expect(200).body["gatingStatus"] == "awaiting"
    assert len(other.heard("gating")) == 1


def test_an_app_that_believes_somebody_else(site: Site, start: Start) -> None:
    """An app that does not find our key refuses to be installed; that is told, and nothing of it is kept."""
    ferry = start(key="believes-others", keys_at=f"{site.server.url}/static")
    refused = site.install(ferry).expect(400).json
    assert refused["detail"].endswith("Ferry Deploys was not installed.")
    assert refused["advice"]
    assert site.app(ferry) is None
    assert ferry.program.call("installations") == []


def gating_status_of(wanted: Mapping[str, Any]) -> str:
    """Write the path where the gating status of a deployment is."""
    return f"{DEPLOYMENTS}{path_of(wanted)}/gating-status"
