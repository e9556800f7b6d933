"""The life of a Connect app at real processes: installed, let in, called back, installed again, removed; and killed."""

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from typing_extensions import override

from tests.acceptance.callers import Answer, App, NoAnswer, Person, basic, deployment, path_of, until
from tests.acceptance.house import House, Server
from tests.fakes.connect_app import ConnectApp
from tests.fakes.sink import answers, hangs, running

UPM = "/rest/plugins/1.0/"


class Connected(App):
    """A Connect app as it calls: with the secret that it was handed last, or with another one."""

    def __init__(self, url: str, app_id: str, fake: ConnectApp) -> None:
        super().__init__(url, {"id": app_id, "cloudId": ""})
        self.fake = fake
        self.secret: str | None = None

    @override
    def call(self, method: str, path: str, json: object = None) -> Answer:
        """Call an operation of the Deployments API, signed for this very request."""
        target = self.family + path
        return self.ask(method, target, json=json, headers=self.fake.authorization(method, target, secret=self.secret))

    def words(self, wanted: Mapping[str, Any]) -> list[str]:
        """The gating statuses that the app was told of a deployment and believed, each message once."""
        number = wanted["deploymentSequenceNumber"]
        told = [event for event in self.fake.told if event.body["deploymentSequenceNumber"] == number]
        messages = {event.headers["x-atlassian-webhook-identifier"]: event for event in told}
        return [event.body["gatingStatus"] for event in messages.values()]


@pytest.fixture
def fake() -> Iterator[ConnectApp]:
    """A Connect app that nobody has installed yet."""
    with running(ConnectApp()) as fake:
        yield fake


def open_to(server: Server, fake: ConnectApp) -> Server:
    """Let an app look for keys at a server."""
    fake.keys_at = f"{server.url}/connect/install-keys"
    return server


def ask_to_install(person: Person, fake: ConnectApp) -> Answer:
    """Ask for an app to be installed."""
    return person.ask("POST", "/api/v1/apps/install", json={"descriptorUrl": fake.descriptor_url})


def ask_in_vain(person: Person, fake: ConnectApp) -> None:
    """Ask for an app to be installed by a server that dies."""
    with pytest.raises(NoAnswer), contextlib.closing(person):
        ask_to_install(person, fake)


def install(house: House, person: Person, fake: ConnectApp) -> Connected:
    """Install an app."""
    shown = ask_to_install(person, fake).expect(200).json
    return house.adopt(Connected(person.url, shown["id"], fake))


def test_a_connect_app_lives_and_ends(house: House, fake: ConnectApp) -> None:
    """Installed by its descriptor it submits, is told each status, gets another secret, and goes with all it has."""
    server = open_to(house.serve(), fake)
    person = house.first_user(server)
    app = install(house, person, fake)
    first = deployment(1)
    app.submit(first)
    until(lambda: app.words(first) == ["awaiting"])
    person.approve(app.gating(first)["details"][0]["issueKey"])
    until(lambda: app.words(first) == ["awaiting", "allowed"])

    (app.secret,) = fake.secrets.values()
    assert ask_to_install(person, fake).expect(200).json["id"] == app.id
    app.call("POST", "/bulk", {"deployments": [deployment(2)]}).expect(401)
    app.secret = None
    app.submit(deployment(2))
    until(lambda: app.words(deployment(2)) == ["awaiting"])
    assert app.status(first) == "allowed"

    (app.secret,) = fake.secrets.values()
    removed = person.ask("DELETE", f"/api/v1/apps/{app.id}").expect(200).json
    assert [told["words"] for told in removed["told"]] == ["Deployer answered with HTTP 204."]
    app.call("GET", path_of(first)).expect(401)
    assert {gate["stage"] for gate in person.get("/gates")["items"]} == {"withdrawn"}
    lives = [event.path for event in fake.events if event.path != "/gating"]
    assert lives == ["/installed", "/enabled", "/installed", "/enabled", "/uninstalled"]
    assert fake.refused == []
    install(house, person, fake).call("GET", path_of(first)).expect(404)


def test_an_app_that_refuses_is_not_installed(sqlite_house: House, fake: ConnectApp) -> None:
    """What the app says is shown on the command line, and nothing of it is left; the next try is a fresh one."""
    server = open_to(sqlite_house.serve(), fake)
    person = sqlite_house.first_user(server)
    fake.tell(answers(402, b"Pay first."))
    ended = sqlite_house.run("app", "install", fake.descriptor_url)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("error: Deployer answered with HTTP 402: Pay first. Deployer was not installed.\n")
    assert person.get("/apps")["items"] == []
    ended = sqlite_house.run("app", "install", fake.descriptor_url)
    assert ended.stdout.startswith("The app 'Deployer' was installed.\n"), ended.stderr


def test_a_server_that_is_killed_while_it_installs_loses_no_secret(house: House, fake: ConnectApp) -> None:
    """An app that took its new secret from a server that died is known by it, and called back with it."""
    server = open_to(house.serve(), fake)
    person = house.first_user(server)
    app = install(house, person, fake)
    (had,) = fake.secrets.values()
    fake.tell(hangs)
    asking = threading.Thread(target=ask_in_vain, args=(person.like(), fake))
    asking.start()
    until(lambda: list(fake.secrets.values()) != [had])
    server.kill()
    asking.join()
    house.again(server)
    app.submit(deployment())
    until(lambda: app.words(deployment()) == ["awaiting"], within=10)
    assert fake.refused == []
    app.secret = had
    app.call("GET", path_of(deployment())).expect(401)


def test_any_process_takes_any_step_of_an_app_that_installs_itself(postgres_house: House, fake: ConnectApp) -> None:
    """What one process began another one ends: the list, the installation, what became of it, and the removal."""
    servers = [open_to(postgres_house.serve(name=name), fake) for name in ("one", "two")]
    person = postgres_house.first_user(servers[-1])
    one, two = (postgres_house.adopt(Person(server.url, person.token)) for server in servers)
    headers = {"authorization": basic("Ada", person.token)}
    listed = one.ask("GET", UPM, headers=headers).expect(200)
    target = f"{UPM}?token={quote(listed.headers['upm-token'])}"
    task = two.ask("POST", target, json={"pluginUri": fake.descriptor_url}, headers=headers).expect(202).json
    found = one.ask("GET", task["links"]["self"], headers=headers).expect(303)
    path = urlsplit(found.headers["location"]).path
    assert two.ask("GET", path, headers=headers).expect(200).json["enabled"] is True
    for server in servers:
        app = postgres_house.adopt(Connected(server.url, fake.key, fake))
        app.submit(deployment(servers.index(server)))
    one.ask("DELETE", path, headers=headers).expect(204)
    two.ask("GET", path, headers=headers).expect(404)
    assert [event.path for event in fake.events if event.path != "/gating"][-1] == "/uninstalled"
    assert fake.refused == []
