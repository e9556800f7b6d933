"""Connect apps of a house: installed, calling with tokens they sign themselves, and told at addresses of their own."""

import asyncio
import contextlib
import json as jsons
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from typing_extensions import override

from mitregate.core.installations import Descriptor, Installation, Module
from mitregate.core.people import App as KeptApp
from mitregate.core.people import Scope
from mitregate.stores import open_store
from mitregate.stores.sealing import Seal
from mitregate.stores.sqlite import DRIVER
from tests.acceptance.callers import Answer, App, Person, until
from tests.acceptance.house import House, Server
from tests.acceptance.receipts import key_of
from tests.fakes.connect_app import ConnectApp, Event

CLIENT_KEY = "our-client-key"
SECRET = "a-secret-that-both-sides-share-and-nobody-else"
"""What the app is believed by, and believes."""


class Installed(App):
    """A Connect app that is installed, as it calls."""

    def __init__(self, url: str, app_id: str, fake: ConnectApp) -> None:
        super().__init__(url, {"id": app_id, "cloudId": ""})
        self.fake = fake

    @override
    def call(self, method: str, path: str, json: object = None) -> Answer:
        """Call an operation of the Deployments API, signed for this very request."""
        target = self.family + path
        return self.ask(method, target, json=json, headers=self.fake.authorization(method, target, secret=SECRET))

    def told(self, wanted: Mapping[str, Any]) -> list[Event]:
        """What the app was told of a deployment and believed, in order."""
        return [event for event in self.fake.told if key_of_event(event) == key_of(wanted)]

    def words(self, wanted: Mapping[str, Any]) -> list[str]:
        """The gating statuses that the app was told of a deployment, each message once."""
        messages = {event.headers["x-atlassian-webhook-identifier"]: event for event in self.told(wanted)}
        return [event.body["gatingStatus"] for event in messages.values()]


def key_of_event(event: Event) -> tuple[str, str, int]:
    """Name the deployment of a callback."""
    return event.body["pipelineId"], event.body["environmentId"], event.body["deploymentSequenceNumber"]


def install(house: House, server: Server, fake: ConnectApp) -> Installed:
    """Keep a Connect app, with a secret that it knows."""
    fake.secrets[CLIENT_KEY] = SECRET
    descriptor = Descriptor(
        key=fake.key,
        name=fake.key,
        base_url=fake.base_url,
        scopes=frozenset(Scope),
        modules=frozenset(Module),
        callback="/gating",
    )
    connect = Installation(
        descriptor=descriptor,
        descriptor_url=fake.descriptor_url,
        client_key=CLIENT_KEY,
        shared_secret=Seal(house.environment["MITREGATE_SECRET_KEY"]).close(SECRET),
    )
    now = datetime.now(UTC)
    app = KeptApp(
        id=fake.key, name=fake.key, client_id=fake.key, scopes=frozenset(Scope), connect=connect, created_at=now
    )

    async def keep() -> None:
        store = open_store(house.database)
        await store.transact(lambda uow: uow.apps.add(app))
        await store.close()

    asyncio.run(keep())
    return house.adopt(Installed(server.url, fake.key, fake))


def delivery(house: House, delivery_id: str) -> dict[str, Any]:
    """Look at a delivery as the command line shows it to programs."""
    shown = house.run("delivery", "show", delivery_id, "--json")
    assert shown.returncode == 0, shown.stderr
    found: dict[str, Any] = jsons.loads(shown.stdout)
    return found


def pass_time(house: House, span: timedelta) -> None:
    """Let time pass for deliveries: all that was noted of them, and of hosts, on SQLite is put back by *span*.

    The clock of a process cannot be set, but what lies behind it can: to a server it makes no difference.
    """
    with (
        contextlib.closing(DRIVER.connect(house.database.removeprefix("sqlite:///"), timeout=10)) as connection,
        connection,
    ):
        for table, columns in (("jobs", ("due_at",)), ("hosts", ("failing_since", "failed_at"))):
            for column in columns:
                earlier = f"strftime('%Y-%m-%dT%H:%M:%f000Z', {column}, '-{span.total_seconds()} seconds')"
                connection.execute(f"UPDATE {table} SET {column} = {earlier}")


def tried(person: Person, count: int) -> dict[str, Any]:
    """Wait until the one delivery that is open has been tried so often, in vain; give it."""

    def look() -> list[dict[str, Any]]:
        return [found for found in person.get("/deliveries", state="open")["items"] if found["attempts"] == count]

    (found,) = until(look, within=10)
    return found


def dead(person: Person, count: int = 1) -> dict[str, Any]:
    """Wait until there are so many dead deliveries; give the newest."""

    def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = person.get("/deliveries", state="dead")["items"]
        return found if len(found) >= count else []

    return until(look, within=10)[0]
