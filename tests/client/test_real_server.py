"""Both clients against a real Mitregate: the whole path of a deployment, and waits that outlive the server."""

import asyncio
import itertools
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from mitregate.client import (
    GATING,
    AsyncClient,
    Client,
    ConnectJWT,
    Deployment,
    Environment,
    EnvironmentType,
    Key,
    OAuth,
    Pause,
    Pipeline,
    Retries,
    Site,
    State,
    StillAwaiting,
    TooLarge,
    Unknown,
    Unproven,
    Unreachable,
    Unsettled,
)
from mitregate.stores.schema import migrate
from tests.acceptance.callers import App, Person, until
from tests.acceptance.connecting import SECRET, install
from tests.acceptance.house import House, Server, open_house
from tests.client.asking import CLIENTS, asking
from tests.client.scripted import KEY
from tests.fakes.connect_app import ConnectApp

PLAIN = str.maketrans("_[]", "-..")

NUMBERS = itertools.count(os.getpid() * 1000)
NOW = datetime(2026, 2, 3, 9, 41, 7, tzinfo=UTC)


class Gate:
    """A server, its first user, and an app."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.server: Server = house.serve()
        self.person: Person = house.first_user(self.server)
        self.app: App = house.app(self.person, "pipelines")
        self.site = Site.mitregate(self.server.url)
        self.proof = OAuth(client_id=self.app.made["clientId"], client_secret=self.app.made["clientSecret"])


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """One server for the tests of this file that leave it as it is."""
    yield from opened(tmp_path_factory.mktemp("gate"))


@pytest.fixture
def own_gate(tmp_path: Path) -> Iterator[Gate]:
    """A server that a test may kill."""
    yield from opened(tmp_path)


def opened(folder: Path, **settings: str) -> Iterator[Gate]:
    """Open a house with a server in it."""
    url = f"sqlite:///{folder}/gate.db"
    migrate(url)
    with open_house(folder, url, **settings) as house:
        yield Gate(house)


@pytest.fixture
def connect_app(gate: Gate, request: pytest.FixtureRequest) -> ConnectJWT:
    """A Connect app that is installed, of a test's own."""
    fake = ConnectApp(f"com.example.{request.node.name.translate(PLAIN)}")
    install(gate.house, gate.server, fake)
    return ConnectJWT(app_key=fake.key, shared_secret=SECRET)


@pytest.fixture(params=CLIENTS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[Client | AsyncClient]:
    """Either client."""
    found: type[Client | AsyncClient] = request.param
    return found


def deployment(number: int | None = None, *, pipeline: str = "a/b c+d%", is_gated: bool = True) -> Deployment:
    """Make a deployment of its own, which asks to be gated."""
    return Deployment(
        deployment_sequence_number=next(NUMBERS) if number is None else number,
        update_sequence_number=1,
        display_name="Shop 1.4.2",
        url="https://ci.example.com/42",
        label="1.4.2",
        last_updated=NOW,
        state=State.PENDING,
        pipeline=Pipeline(id=pipeline, display_name="acme/shop", url="https://ci.example.com"),
        environment=Environment(id="ümläut", display_name="Europe", type=EnvironmentType.PRODUCTION),
        commands=(GATING,) if is_gated else None,
    )


async def test_the_whole_path(gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """Submitted, held, approved while somebody waits, deployed, read again, and deleted."""
    async with asking(kind, gate.site, gate.proof) as ask:
        submitted = deployment()
        (key,) = (await ask("submit", submitted, product="tests")).insist().accepted_deployments
        state = await ask("gating_status", key)
        assert (state.key, state.is_awaiting) == (key, True)
        waiting = asyncio.create_task(ask("wait", key, timeout=60, poll_every=0.1))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(gate.person.approve, state.details[0].issue_key)
        assert (await waiting).is_allowed
        for report in (State.IN_PROGRESS, State.SUCCESSFUL):
            submitted = submitted.updated(report, at=NOW)
            (await ask("submit", submitted)).insist()
        assert (await ask("read", key)).state == State.SUCCESSFUL
        await ask("delete", key)
        await ask("delete", key)
        with pytest.raises(Unknown):
            await ask("read", key)


async def test_a_declined_deployment(gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """Who waits is told when it may not go on."""
    async with asking(kind, gate.site, gate.proof) as ask:
        (key,) = (await ask("submit", deployment())).accepted_deployments
        state = await ask("gating_status", key)
        await asyncio.to_thread(gate.person.decline, state.details[0].issue_key)
        ended = await ask("wait", key, timeout=60, poll_every=0.1)
        assert (ended.gating_status, ended.is_allowed) == ("prevented", False)


async def test_the_time_is_over(gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """Who waits in vain is told so, with the change that must be approved."""
    async with asking(kind, gate.site, gate.proof) as ask:
        (key,) = (await ask("submit", deployment())).accepted_deployments
        with pytest.raises(StillAwaiting) as caught:
            await ask("wait", key, timeout=0.3, poll_every=0.1)
    assert caught.value.state is not None
    assert caught.value.state.details[0].issue_key.startswith("CHG-")


async def test_several_at_once(gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """Several are submitted with a property, one of them is rejected, and by the property the others are deleted."""
    async with asking(kind, gate.site, gate.proof) as ask:
        right = [deployment(is_gated=False) for _ in range(3)]
        bad = replace(deployment(), display_name="x" * 300)
        outcome = await ask("submit", [*right, bad], properties={"team": kind.__name__})
        assert len(outcome.accepted_deployments) == 3
        assert "displayName" in outcome.rejected_deployments[0].errors[0].message
        await ask("delete_by_properties", {"team": kind.__name__})
        for key in outcome.accepted_deployments:
            with pytest.raises(Unknown):
                await ask("read", key)


async def test_what_is_refused(gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """Refusals come as errors that can be told apart, in the server's words."""
    nowhere = Key(pipeline_id="p", environment_id="e", deployment_sequence_number=0)
    async with asking(kind, gate.site, gate.proof) as ask:
        with pytest.raises(Unknown):
            await ask("wait", nowhere, timeout=5)
        with pytest.raises(TooLarge):
            await ask("submit", {"deployments": [{}] * 101})
        with pytest.raises(Exception, match="JSON"):
            await ask("submit", b"{")
    wrong = OAuth(client_id=gate.proof.client_id, client_secret="no")
    async with asking(kind, gate.site, wrong) as ask:
        with pytest.raises(Unproven):
            await ask("read", nowhere)


async def test_a_connect_app(gate: Gate, connect_app: ConnectJWT, kind: type[Client | AsyncClient]) -> None:
    """A Connect app signs whatever it asks, with ids and properties of every kind, and is believed."""
    async with asking(kind, gate.site, connect_app) as ask:
        outcome = await ask("submit", deployment(is_gated=False), properties={"a b": "c&d/e+ü*~"})
        (key,) = outcome.insist().accepted_deployments
        assert (await ask("read", key)).label == "1.4.2"
        await ask("delete_by_properties", {"a b": "c&d/e+ü*~"})
        with pytest.raises(Unknown):
            await ask("read", key)


async def test_a_connect_app_with_another_secret(
    gate: Gate, connect_app: ConnectJWT, kind: type[Client | AsyncClient]
) -> None:
    """A Connect app whose secret was replaced is told so in the server's words."""
    old = ConnectJWT(app_key=connect_app.app_key, shared_secret="a secret of some earlier installation")
    async with asking(kind, gate.site, old) as ask:
        with pytest.raises(Unproven, match="signature does not fit"):
            await ask("read", KEY)


async def test_a_quota_is_told(tmp_path: Path, kind: type[Client | AsyncClient]) -> None:
    """An app that asks too often is told for how long to be silent."""
    for gate in opened(tmp_path, MITREGATE_RATE_LIMIT="3"):
        async with asking(kind, gate.site, gate.proof, retries=Retries(longest=0.0)) as ask:
            (key,) = (await ask("submit", deployment())).accepted_deployments
            with pytest.raises(Unsettled) as caught:
                await asyncio.gather(*(ask("gating_status", key) for _ in range(7)))
        assert caught.value.retry_after is not None
        assert 0 < caught.value.retry_after <= 60
        assert caught.value.advice() == f"Try again in {caught.value.retry_after:g} s."


async def test_a_wait_survives_kill_9(own_gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """The server is killed while somebody waits and started again; the decision reaches who waits."""
    pauses: list[Pause] = []
    async with asking(kind, own_gate.site, own_gate.proof, on_pause=pauses.append) as ask:
        (key,) = (await ask("submit", deployment())).accepted_deployments
        waiting = asyncio.create_task(ask("wait", key, timeout=60, poll_every=0.2))
        await asyncio.sleep(0.5)
        await asyncio.to_thread(own_gate.server.kill)
        await asyncio.to_thread(until, lambda: any(isinstance(pause.because, Unreachable) for pause in pauses))
        await asyncio.to_thread(own_gate.house.again, own_gate.server)
        assert not waiting.done()
        await asyncio.to_thread(own_gate.person.approve, "CHG-1")
        assert (await waiting).is_allowed


async def test_a_submission_survives_a_restart(own_gate: Gate, kind: type[Client | AsyncClient]) -> None:
    """What is submitted while the server is away for a moment arrives once it is back."""
    await asyncio.to_thread(own_gate.server.kill)
    begun = own_gate.house.begin_to_serve(port=int(own_gate.server.url.rpartition(":")[2]))
    patient = Retries(pauses=(0.2,) * 100)
    async with asking(kind, own_gate.site, own_gate.proof, retries=patient) as ask:
        assert (await ask("submit", deployment(7))).insist().accepted_deployments[0].deployment_sequence_number == 7
    assert begun.is_running
