import asyncio
import contextlib
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from mitregate.core.deployments import is_newer
from mitregate.core.queries import GateQuery
from mitregate.ports import Store, UnitOfWork
from mitregate.stores import open_store
from tests.stores.made import NOW, deployment, gate, keep, key

ROOT = Path(__file__).parents[2]


def raise_revision(uow: UnitOfWork) -> int:
    """Keep a gate anew, as read under lock."""
    found = uow.gates.of(key())
    assert found is not None
    uow.gates.keep(found)
    return found.revision


def raise_unlocked(uow: UnitOfWork) -> int:
    """Keep a gate anew, as read without a lock."""
    found = uow.gates.get("gate")
    assert found is not None
    uow.gates.keep(found)
    return found.revision


async def test_two_stores_lose_no_revision(store: Store, other: Store) -> None:
    """Of many flows in two stores that keep the same gate anew, each makes a revision of its own."""
    await store.transact(keep(gate()))
    seen = await asyncio.gather(*(each.transact(raise_revision) for each in (store, other) * 100))
    assert sorted(seen) == list(range(1, 201))


async def test_unlocked_readers_lose_no_revision(store: Store, other: Store) -> None:
    """Flows that read a gate without a lock are run again when somebody else was faster, and lose nothing either."""
    await store.transact(keep(gate()))

    async def work(where: Store) -> list[int]:
        return [await where.transact(raise_unlocked) for _ in range(20)]

    seen = await asyncio.gather(work(store), work(other))
    assert sorted(itertools.chain.from_iterable(seen)) == list(range(1, 41))


async def test_a_new_deployment_is_opened_once(store: Store, other: Store) -> None:
    """Many first updates of one deployment at once, in two stores, end as the newest of them with one gate."""

    def submit(update: int) -> Callable[[UnitOfWork], None]:
        def flow(uow: UnitOfWork) -> None:
            stored = uow.deployments.get(key())
            if is_newer(deployment(update=update), stored):
                uow.deployments.keep(deployment(update=update), NOW)
                if uow.gates.of(key()) is None:
                    uow.gates.add(gate(f"gate of {update}"))

        return flow

    flows = [submit(update) for update in (3, 9, 1, 8, 2, 10, 4, 7, 5, 6)]
    await asyncio.gather(*(each.transact(flow) for flow in flows for each in (store, other)))
    assert await store.read(lambda uow: uow.deployments.get(key())) == deployment(update=10)
    assert len(await store.read(lambda uow: uow.gates.page(GateQuery()))) == 1


async def test_locks_in_any_order_end_well(store: Store, other: Store) -> None:
    """Two flows that want the same two gates in opposite order both come to their end."""
    await store.transact(keep(gate("1", 1), gate("2", 2)))
    both_hold = threading.Barrier(2)

    def cross(first: int, second: int) -> Callable[[UnitOfWork], None]:
        def flow(uow: UnitOfWork) -> None:
            for number in (first, second):
                found = uow.gates.of(key(number))
                assert found is not None
                uow.gates.keep(found)
                # On SQLite, and when run again, they come one after the other.
                with contextlib.suppress(threading.BrokenBarrierError):
                    both_hold.wait(0.1)

        return flow

    await asyncio.gather(store.transact(cross(1, 2)), other.transact(cross(2, 1)))
    revisions = await store.read(
        lambda uow: [found.revision for number in (1, 2) if (found := uow.gates.of(key(number)))]
    )
    assert revisions == [3, 3]


WORK = """
import asyncio, sys
from mitregate.stores import open_store
from tests.stores.test_contention import raise_revision

async def main():
    store = open_store(sys.argv[1])
    while True:
        for seen in await asyncio.gather(*(store.transact(raise_revision) for _ in range(5))):
            print(seen, flush=True)

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing(database: str, store: Store) -> None:
    """What another process was told is kept is still there after it was killed, and nobody has to wait for it."""
    await store.transact(keep(gate()))
    path = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    command = [sys.executable, "-c", WORK, database]
    seen: list[int] = []
    with subprocess.Popen(  # noqa: ASYNC220 - what it says is read in a thread
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": path}
    ) as process:
        assert process.stdout is not None
        while len(seen) < 40:
            seen.append(int(await asyncio.to_thread(process.stdout.readline)))
            if len(seen) % 10 == 0:
                seen.append(await store.transact(raise_revision))
        process.send_signal(signal.SIGKILL)
        seen += [int(line) for line in process.stdout.read().splitlines()]
    reached = await store.transact(raise_revision)
    assert len(set(seen)) == len(seen)
    # The last batch may have been committed without anybody being told.
    assert max(seen) < reached <= len(seen) + 5 + 1


async def test_a_second_store_sees_what_was_kept(database: str, store: Store) -> None:
    """What one store has kept is read by another one right away."""
    second = open_store(database)
    for number in range(20):
        await store.transact(lambda uow, number=number: uow.set_meta("count", str(number)))  # type: ignore[misc]
        assert await second.read(lambda uow: uow.meta("count")) == str(number)
    await second.close()
