"""Use cases that meet in two processes at once: only one of them may have its way."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from msgspec.structs import replace

from mitregate.core.changes import Status
from mitregate.core.errors import Unproven
from mitregate.core.gates import Stage
from mitregate.core.jobs import JobState
from mitregate.core.people import Permission, Principal, Scope
from mitregate.core.queries import ChangeQuery, GateQuery, JobQuery
from mitregate.flows import admit, withdraw
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports, Store, UnitOfWork
from mitregate.settings import Settings
from mitregate.wiring import make_ports
from tests.core.making import deployment

ROOT = Principal(name="root", permissions=frozenset(Permission))
PAUSE_S = 0.5


@pytest.fixture
def ports(database: str) -> Ports:
    """The real world, with a key of its own."""
    return make_ports(Settings(database=database, secret_key=Fernet.generate_key().decode()))


async def meet(
    store: Store, first: Callable[[UnitOfWork], object], other: Store, second: Callable[[UnitOfWork], object]
) -> list[Any]:
    """Run *second* in another store while *first* has done its work and not committed yet; say how both ended."""
    is_done = threading.Event()

    def held(uow: UnitOfWork) -> object:
        ended = first(uow)
        uow.meta("cloud_id")  # waits until all that was sent before has been carried out
        is_done.set()
        threading.Event().wait(PAUSE_S)
        return ended

    running = asyncio.create_task(store.transact(held))
    await asyncio.to_thread(is_done.wait)
    return list(await asyncio.gather(running, other.transact(second), return_exceptions=True))


async def test_a_set_up_token_is_good_for_once(store: Store, other: Store, ports: Ports) -> None:
    """Of two who show the set-up token at the same instant one becomes the administrator, and the other is refused."""
    token = (await store.transact(lambda uow: admit.settle_in(begin(ports, uow), offer_setup=True))).setup_token or ""

    def set_up(name: str) -> Callable[[UnitOfWork], object]:
        return lambda uow: admit.set_up(begin(ports, uow), token, name)

    _, refused = await meet(store, set_up("ann"), other, set_up("eve"))
    assert isinstance(refused, Unproven)
    assert [user.name for user in await store.read(lambda uow: uow.people.users())] == ["ann"]


async def test_what_is_submitted_while_its_app_is_removed_goes_along(store: Store, other: Store, ports: Ports) -> None:
    """A deployment that comes in while its app is removed leaves no gate behind that waits for ever."""
    made = await store.transact(
        lambda uow: admit.add_app(begin(ports, uow, ROOT), "ci", frozenset(Scope), "https://ci.example.com/hook")
    )
    asked = deployment()
    asked = replace(asked, key=replace(asked.key, app_id=made.app.id), asks_for_gating=True)
    ended = await meet(
        store,
        lambda uow: submit(begin(ports, uow, ROOT), [asked]),
        other,
        lambda uow: withdraw.remove_app(begin(ports, uow, ROOT), made.app.id),
    )
    assert ended == [None, None]
    (gate,) = await store.read(lambda uow: uow.gates.page(GateQuery()))
    (change,) = await store.read(lambda uow: uow.changes.page(ChangeQuery()))
    (job,) = await store.read(lambda uow: uow.jobs.page(JobQuery()))
    assert (gate.stage, change.status, job.state) == (Stage.WITHDRAWN, Status.CANCELED, JobState.WITHDRAWN)
