"""A database that version 0003 worked on: afterwards nothing waits that need not, and nothing opens that may not.

What is in it was made by the flows of that version: eight deployments of the app `ci`, in every stage, numbered 1 to 8
as their changes are, and two of an app that was removed.
"""

import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg
import pytest
from alembic import command
from cryptography.fernet import Fernet
from msgspec.structs import replace

from mitregate.core.changes import Change, Status
from mitregate.core.deployments import Deployment, DeploymentKey, State
from mitregate.core.gates import Gate, GatingStatus, Stage
from mitregate.core.matching import How
from mitregate.core.people import Permission, Principal
from mitregate.core.queries import ChangeQuery
from mitregate.flows import review, settle
from mitregate.flows.act import BY_ITSELF, Act, begin
from mitregate.flows.submit import submit
from mitregate.ports import Store
from mitregate.settings import Settings
from mitregate.stores import open_store, schema, sqlite
from mitregate.stores.location import is_postgres, sqlite_path
from mitregate.wiring import make_ports
from tests.core.making import HOUR, NOW, at, deployment

P = ParamSpec("P")
T = TypeVar("T")

KEPT = Path(__file__).with_name("at_0003.sql")
COUNTED = ("gates", "change_comments", "audit", "jobs")
APP = "id00000004"
CI = Principal(name="ci", app_id=APP)
ROOT = Principal(name="root", permissions=frozenset(Permission))
AWAITING, ALLOWED, PREVENTED = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.PREVENTED


def fill(url: str) -> None:
    """Put in what version 0003 kept."""
    statements = KEPT.read_text(encoding="utf-8").removesuffix(";\n").split(";\n")
    if is_postgres(url):
        with psycopg.connect(url) as connection:
            for statement in statements:
                connection.execute(statement.encode())
            for table, column in (("changes", "number"), *((one, "seq") for one in COUNTED)):
                counted = f"pg_get_serial_sequence('{table}', '{column}'), (SELECT max({column}) FROM {table})"
                connection.execute(f"SELECT setval({counted})".encode())
    else:
        file = sqlite.connect(sqlite_path(url))
        for statement in statements:
            file.execute(statement)
        file.close()


@pytest.fixture(params=["sqlite", "postgres"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database at version 0003, with something of everything in it."""
    url: str
    url = f"sqlite:///{tmp_path}/m.db" if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    at_0003(url)
    fill(url)
    return url


def at_0003(url: str) -> None:
    """Make an empty database at version 0003."""
    with schema._transaction(url, is_new_allowed=True) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0003")


def back_to_0003(url: str) -> None:
    """Take the newer migrations back."""
    with schema._transaction(url) as connection:
        config = schema._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "0003")


class Product:
    """The product at work on a database, with a clock in our hands."""

    def __init__(self, url: str, store: Store) -> None:
        """Begin at the time at which version 0003 ended."""
        self.store = store
        self.now = NOW
        made = make_ports(Settings(database=url, secret_key=Fernet.generate_key().decode()))
        self.ports = replace(made, now=lambda: self.now)

    async def do(self, who: Principal, flow: Callable[Concatenate[Act, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a use case."""
        return await self.store.transact(lambda uow: flow(begin(self.ports, uow, who), *args, **kwargs))

    async def gate(self, number: int) -> Gate:
        """Look at the gate of a deployment of `ci`."""
        found = await self.store.read(lambda uow: uow.gates.of(numbered(number).key))
        assert found is not None
        return found

    async def gates(self) -> list[tuple[Stage, GatingStatus]]:
        """Look at all gates of `ci`, by number."""
        found = [await self.gate(number) for number in range(1, 9)]
        return [(gate.stage, gate.verdict.status) for gate in found]

    async def changes(self) -> list[Change]:
        """Look at all changes, oldest first."""
        return (await self.store.read(lambda uow: uow.changes.page(ChangeQuery(limit=100))))[::-1]

    async def wake(self) -> None:
        """Let every gate be decided anew."""
        await self.store.transact(lambda uow: uow.gates.wake_all(self.now))
        await self.do(BY_ITSELF, settle.wake_due)


@contextlib.asynccontextmanager
async def at_work(url: str) -> AsyncIterator[Product]:
    """Let the product work on a database."""
    store = open_store(url)
    try:
        yield Product(url, store)
    finally:
        await store.close()


def numbered(number: int, update: int = 1, state: State = State.PENDING, **others: Any) -> Deployment:
    """Make a record of deployment *number* of `ci`."""
    made = deployment(update, state=state, **others)
    key = DeploymentKey(app_id=APP, pipeline_id="shop", environment_id="prod-1", sequence_number=number)
    return replace(made, key=key, asks_for_gating=state is State.PENDING)


BEFORE = [
    (Stage.HELD, AWAITING),
    (Stage.HELD, AWAITING),
    (Stage.HELD, AWAITING),
    (Stage.HELD, ALLOWED),
    (Stage.STARTED, ALLOWED),
    (Stage.FINISHED, ALLOWED),
    (Stage.HELD, PREVENTED),
    (Stage.HELD, AWAITING),
]
"""What the gates of `ci` say, by number."""


async def test_what_was_decided_holds(kept: str) -> None:
    """Decided on anew, every gate says what it said: what was approved is so still, and what was not is not."""
    schema.migrate(kept)
    async with at_work(kept) as product:
        assert await product.gates() == BEFORE
        await product.wake()
        assert await product.gates() == BEFORE
        assert [reason.code.value for reason in (await product.gate(8)).verdict.reasons] == ["approvals_incomplete"]


async def test_what_was_approved_opens_in_its_window(kept: str) -> None:
    """What was approved before for a window to come opens when it begins, with nobody asked again, and ends with it."""
    schema.migrate(kept)
    async with at_work(kept) as product:
        for moment, status in ((at(2), ALLOWED), (at(4) + timedelta(microseconds=1), PREVENTED)):
            product.now = moment
            await product.do(BY_ITSELF, settle.wake_due)
            assert (await product.gate(3)).verdict.status is status


async def test_what_waits_is_approved(kept: str) -> None:
    """A change that waited is approved, and opens its gate alone; what started goes on to its end."""
    schema.migrate(kept)
    async with at_work(kept) as product:
        await product.do(ROOT, review.approve, "CHG-1")
        await product.do(CI, submit, [numbered(5, 3, State.SUCCESSFUL, label="4.0")])
        assert [status for _, status in (await product.gates())[:2]] == [ALLOWED, AWAITING]
        assert (await product.changes())[4].status is Status.RESOLVED


async def test_a_title_finds_the_newest(kept: str) -> None:
    """Of two open changes with one title the newest is found by it, and by nobody of an app that was removed."""
    schema.migrate(kept)
    async with at_work(kept) as product:
        await product.do(CI, submit, [numbered(20, label="1.0"), numbered(21, label="8.0")])
        found = [((await product.gate(number)).change_key, (await product.gate(number)).found) for number in (20, 21)]
        assert found == [("CHG-2", How.TITLED), ("CHG-11", How.CREATED)]


async def test_whose_a_change_is(kept: str) -> None:
    """A change belongs to the app whose deployment it was opened for, even to one that was removed."""
    schema.migrate(kept)
    async with at_work(kept) as product:
        changes = await product.changes()
        assert [change.app_id for change in changes] == [APP] * 8 + ["id00000008"] * 2
        assert [change.number for change in changes if change.is_twin] == [1]
        assert [change.services for change in changes if change.is_open] == [("b:checkout",)] * 6


async def test_there_and_back_again(kept: str) -> None:
    """Taken back and made again, nothing has opened, and what is asked for again is found by its title."""
    schema.migrate(kept)
    async with at_work(kept) as product:
        await product.do(ROOT, review.approve, "CHG-2")
        await product.do(CI, submit, [numbered(20, label="1.0")])
    back_to_0003(kept)
    schema.migrate(kept)
    async with at_work(kept) as product:
        product.now = NOW + HOUR
        await product.wake()
        assert await product.gates() == [BEFORE[0], (Stage.HELD, ALLOWED), *BEFORE[2:]]
        await product.do(CI, submit, [numbered(21, label="1.0"), numbered(22, label="2.0")])
        assert [(await product.gate(number)).change_key for number in (20, 21, 22)] == ["CHG-2", "CHG-2", "CHG-3"]
