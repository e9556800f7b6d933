"""Use cases that meet in two processes at once: only one of them may have its way."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from cryptography.fernet import Fernet
from msgspec.structs import replace

from mitregate.core.announcements import Announcement
from mitregate.core.changes import Status
from mitregate.core.errors import Stale, Unproven
from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.installations import Descriptor
from mitregate.core.jobs import JobState
from mitregate.core.people import Permission, Principal, Scope
from mitregate.core.queries import ChangeQuery, GateQuery, JobQuery
from mitregate.flows import admit, install, install_keys, lifecycle, review, withdraw
from mitregate.flows.act import begin
from mitregate.flows.submit import submit
from mitregate.ports import Ports, Store, UnitOfWork
from mitregate.settings import Settings
from mitregate.wire.connect_lifecycle import LifecycleReply, Reception
from mitregate.wiring import make_ports
from tests.core.making import deployment
from tests.stores import made as making

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
        try:
            ended = first(uow)
            uow.meta("cloud_id")  # waits until all that was sent before has been carried out
        finally:
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
    assert not any(isinstance(end, BaseException) for end in ended)
    (gate,) = await store.read(lambda uow: uow.gates.page(GateQuery()))
    (change,) = await store.read(lambda uow: uow.changes.page(ChangeQuery()))
    (job,) = await store.read(lambda uow: uow.jobs.page(JobQuery()))
    assert (gate.stage, change.status, job.state) == (Stage.WITHDRAWN, Status.CANCELED, JobState.WITHDRAWN)


async def test_one_key_is_made_first(store: Store, other: Store, ports: Ports) -> None:
    """Of two that make the first key that signs installations, both sign with the same one."""
    pairs = [install_keys.make_pair(ports) for _ in range(2)]

    def add(pair: install_keys.KeyPair) -> Callable[[UnitOfWork], object]:
        return lambda uow: install_keys.add_first(begin(ports, uow), pair)

    first, second = await meet(store, add(pairs[0]), other, add(pairs[1]))
    assert first == second == await store.read(install_keys.newest)
    assert first.public_key == pairs[0].public_key


def offering(ports: Ports, descriptor: Descriptor) -> Callable[[UnitOfWork], install.Offer]:
    """Get ready to install the app that *descriptor* describes."""
    return lambda uow: install.offer(begin(ports, uow, ROOT), descriptor, "https://ci.example.com/descriptor.json")


@pytest.mark.parametrize("is_known", [False, True])
async def test_an_app_is_installed_by_one(store: Store, other: Store, ports: Ports, *, is_known: bool) -> None:
    """Of two that install the same app at the same instant one goes on, and its secret is the only one offered."""
    descriptor = making.installation().descriptor
    if is_known:
        before = await store.transact(offering(ports, descriptor))
        await store.transact(lambda uow: install.take(begin(ports, uow, ROOT), before))
    offered, refused = await meet(store, offering(ports, descriptor), other, offering(ports, descriptor))
    assert isinstance(refused, Stale)
    assert refused.message == "The app 'CI' is being installed just now."
    taken = await other.transact(lambda uow: install.take(begin(ports, uow, ROOT), offered))
    assert taken.connect is not None
    assert (taken.connect.shared_secret, taken.connect.offered_secrets) == (offered.sealed, ())


async def test_what_is_disabled_while_it_is_installed_stays_so(store: Store, other: Store, ports: Ports) -> None:
    """An app that is disabled just when its new secret is kept has both: the secret, and no way in."""
    descriptor = making.installation().descriptor
    first = await store.transact(offering(ports, descriptor))
    app = await store.transact(lambda uow: install.take(begin(ports, uow, ROOT), first))
    second = await store.transact(offering(ports, descriptor))
    _, disabled = await meet(
        store,
        lambda uow: install.take(begin(ports, uow, ROOT), second),
        other,
        lambda uow: lifecycle.disable(begin(ports, uow, ROOT), app.id),
    )
    assert (disabled.connect.is_enabled, disabled.connect.shared_secret) == (False, second.sealed)


async def test_what_is_removed_while_it_is_installed_is_gone(store: Store, other: Store, ports: Ports) -> None:
    """An app that is removed just when it fails to be installed again does not come back."""
    descriptor = making.installation().descriptor
    first = await store.transact(offering(ports, descriptor))
    app = await store.transact(lambda uow: install.take(begin(ports, uow, ROOT), first))
    second = await store.transact(offering(ports, descriptor))
    reply = LifecycleReply(reception=Reception.REFUSED, words="No.")
    _, is_there = await meet(
        store,
        lambda uow: withdraw.remove_app(begin(ports, uow, ROOT), app.id),
        other,
        lambda uow: install.fail(begin(ports, uow, ROOT), second, reply),
    )
    assert is_there is False
    assert await other.read(lambda uow: uow.apps.get(app.id)) is None


async def test_what_is_decided_while_its_app_is_enabled_is_told(store: Store, other: Store, ports: Ports) -> None:
    """A status is told that is reached just when its app is enabled, even if the app was disabled a moment before.

    In one transaction many flows share, what an early one has read of the app must not stand for a later one.
    """
    descriptor = making.installation().descriptor
    offered = await store.transact(offering(ports, descriptor))
    app = await store.transact(lambda uow: install.take(begin(ports, uow, ROOT), offered))
    asked = deployment()
    asked = replace(asked, key=replace(asked.key, app_id=app.id), asks_for_gating=True)
    await store.transact(lambda uow: submit(begin(ports, uow, ROOT), [asked]))
    await store.transact(lambda uow: lifecycle.disable(begin(ports, uow, ROOT), app.id))
    (waiting,) = await store.read(lambda uow: uow.gates.page(GateQuery()))
    has_read, is_enabled = threading.Event(), threading.Event()

    def approve(uow: UnitOfWork) -> object:
        uow.apps.get(app.id)
        has_read.set()
        is_enabled.wait(PAUSE_S)  # on SQLite in vain, for there is one writer
        return review.approve(begin(ports, uow, ROOT), waiting.change_key or "")

    approving = asyncio.create_task(store.transact(approve))
    await asyncio.to_thread(has_read.wait)
    await other.transact(lambda uow: lifecycle.enable(begin(ports, uow, ROOT), app.id))
    is_enabled.set()
    await approving
    newest = (await store.read(lambda uow: uow.jobs.page(JobQuery())))[0]
    told = msgspec.json.decode(newest.payload, type=Announcement)
    assert (newest.state, told.status) == (JobState.OPEN, GatingStatus.ALLOWED)
