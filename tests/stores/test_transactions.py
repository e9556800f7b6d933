import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from mitregate.core.errors import Malformed, Stale, StoreError, Unknown
from mitregate.ports import Store, UnitOfWork
from mitregate.stores import open_store
from mitregate.stores.commit import TRIES
from tests.stores.made import NOW, deployment, entry, gate, key, token

Flow = Callable[[UnitOfWork], Any]

#: As many as there are writers on any engine, so that all of them are held up.
WRITERS = 2


async def at_once(store: Store, *flows: Flow) -> list[Any]:
    """Run flows that all wait before any of them begins; give what they return or raise."""
    go = threading.Event()
    blocked = [asyncio.ensure_future(store.transact(lambda _: go.wait(10))) for _ in range(WRITERS)]
    await asyncio.sleep(0.02)
    waiting = asyncio.gather(*(store.transact(flow) for flow in flows), return_exceptions=True)
    await asyncio.sleep(0)
    go.set()
    assert all(await asyncio.gather(*blocked))
    return await waiting


def sets(name: str, error: BaseException | None = None) -> Flow:
    """A flow that keeps a fact, and fails afterwards if there is an error."""

    def flow(uow: UnitOfWork) -> str:
        uow.set_meta(name, name)
        if error is not None:
            raise error
        return name

    return flow


async def test_one_failure_among_many(store: Store) -> None:
    """Of flows that share a transaction those that fail get their error and leave nothing; the others lose nothing."""
    clean, dirty = Unknown(), ValueError()

    def fail_at_once(uow: UnitOfWork) -> None:
        assert uow.meta("nothing") is None
        raise clean

    flows = [sets(f"good {number}") for number in range(20)]
    flows[5:5] = [fail_at_once, sets("bad", dirty)]
    ends = await at_once(store, *flows)
    names = [f"good {number}" for number in range(20)]
    assert ends == [*names[:5], clean, dirty, *names[5:]]
    assert await store.read(lambda uow: [uow.meta(name) for name in names]) == names
    assert await store.read(lambda uow: uow.meta("bad")) is None


async def test_a_refused_statement_among_many(store: Store) -> None:
    """A statement that the database refuses fails its own flow, with `StoreError`, and no other."""

    def orphan(uow: UnitOfWork) -> None:
        uow.audit.record(entry())
        uow.people.add_token(token(app_id="nobody"))

    first, refused, last = await at_once(store, sets("first"), orphan, sets("last"))
    assert (first, type(refused), last) == ("first", StoreError, "last")
    assert await store.read(lambda uow: (uow.meta("first"), uow.meta("last"))) == ("first", "last")


async def test_a_flow_that_goes_on_after_an_error_is_stopped(store: Store) -> None:
    """A flow that swallows an error of the database does not get a half transaction committed on PostgreSQL's terms."""

    def stubborn(uow: UnitOfWork) -> None:
        uow.set_meta("half", "1")
        try:
            uow.people.add_token(token(app_id="nobody"))
            uow.meta("half")
        except Exception:  # noqa: BLE001 - the very thing that flows must not do
            return

    end, good = await at_once(store, stubborn, sets("good"))
    kept = await store.read(lambda uow: uow.meta("half"))
    assert (good, await store.read(lambda uow: uow.meta("good"))) == ("good", "good")
    # SQLite forgives a refused statement; what must not be is an answer that does not fit what was kept.
    assert (isinstance(end, StoreError), kept) in {(True, None), (False, "1")}


async def test_a_flow_sees_those_before_it(store: Store) -> None:
    """Flows that share a transaction see each other's work in order, as if each had its own."""
    await store.transact(lambda uow: uow.gates.add(gate()))

    def raise_revision(uow: UnitOfWork) -> int:
        found = uow.gates.of(key())
        assert found is not None
        uow.gates.keep(found)
        return found.revision

    assert sorted(await at_once(store, *[raise_revision] * 30)) == list(range(1, 31))


async def test_a_stale_flow_is_run_again(store: Store) -> None:
    """A flow that meets a revision which is gone is run again some times, and only then told; the others go on."""
    await store.transact(lambda uow: uow.gates.add(gate()))
    await store.transact(lambda uow: uow.gates.keep(gate()))
    runs: list[int] = []

    def outdated(uow: UnitOfWork) -> None:
        runs.append(len(runs))
        uow.gates.keep(gate())

    def outdated_once(uow: UnitOfWork) -> int:
        is_first = not runs
        runs.append(len(runs))
        uow.gates.keep(gate(revision=1 if is_first else 2))
        return 2

    good, again = await at_once(store, sets("good"), outdated_once)
    assert (good, again, len(runs)) == ("good", 2, 2)
    runs.clear()
    with pytest.raises(Stale):
        await store.transact(outdated)
    assert len(runs) == TRIES


async def test_reads_cannot_write(store: Store) -> None:
    """A flow that writes although it was run as a read is refused by the database."""
    with pytest.raises(StoreError):
        await store.read(lambda uow: uow.set_meta("a", "b"))
    assert await store.read(lambda uow: uow.meta("a")) is None


async def test_reads_wait_for_no_lock(store: Store) -> None:
    """A read goes on while somebody holds the same row under lock, and sees it as it was before."""
    await store.transact(lambda uow: uow.deployments.keep(deployment(), NOW))
    go, started = threading.Event(), threading.Event()

    def hold(uow: UnitOfWork) -> None:
        uow.deployments.get(key())
        uow.deployments.keep(deployment(update=2), NOW)
        started.set()
        assert go.wait(10)

    holding = asyncio.ensure_future(store.transact(hold))
    await asyncio.to_thread(started.wait, 10)
    try:
        assert await asyncio.wait_for(store.read(lambda uow: uow.deployments.get(key())), 5) == deployment()
    finally:
        go.set()
    await holding
    assert await store.read(lambda uow: uow.deployments.get(key())) == deployment(update=2)


async def test_a_failed_read_harms_nobody(store: Store) -> None:
    """What a read raises is raised to its caller, and the next read works."""
    with pytest.raises(Unknown):
        await store.read(fails)
    with pytest.raises(Malformed):
        await store.read(lambda uow: uow.gates.get("a\0b"))
    assert await store.read(lambda uow: uow.meta("none")) is None


def fails(uow: UnitOfWork) -> None:
    """A flow that reads and then fails."""
    uow.meta("none")
    raise Unknown


async def test_closing_ends_all_threads(database: str) -> None:
    """After `close` no thread of the store is left, and the store refuses what comes."""
    store = open_store(database)
    store.watch(lambda _: None)
    await store.transact(sets("fact"))
    await store.read(lambda uow: uow.meta("fact"))
    assert [thread for thread in threading.enumerate() if thread.name.startswith("mitregate")]
    await store.close()
    assert [thread for thread in threading.enumerate() if thread.name.startswith("mitregate")] == []
    for call in (store.transact, store.read):
        with pytest.raises(StoreError):
            await call(lambda uow: uow.meta("fact"))
    await store.close()
