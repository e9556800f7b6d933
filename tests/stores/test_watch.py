import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Unknown
from mitregate.core.gates import PENDING
from mitregate.core.jobs import JobState
from mitregate.ports import Store, Touched, UnitOfWork
from tests.stores.made import LATER, NOW, gate, job, keep

#: The hint that anything may have happened elsewhere: it may come at any time, and does when the watch begins.
ANYTHING = Touched(gates=None, work=True)
WAKING = replace(PENDING, wake_at=LATER)


class Ear:
    """Remembers what a store has told."""

    def __init__(self, store: Store) -> None:
        self.heard: list[Touched] = []
        store.watch(self.heard.append)

    async def hears(self, wanted: Callable[[Touched], bool]) -> bool:
        """Wait until something was told that is as *wanted*."""
        for _ in range(300):
            if any(map(wanted, self.heard)):
                return True
            await asyncio.sleep(0.01)
        return False

    async def silence(self) -> None:
        """Wait until what comes at first, such as the hint that anything may have happened before, is over."""
        await asyncio.sleep(0.3)
        self.heard.clear()


def settle(uow: UnitOfWork, state: JobState = JobState.DONE) -> None:
    """Claim the oldest job, and end it or put it off."""
    (claim,) = uow.jobs.claim("me", timedelta(minutes=1), 1, ())
    assert uow.jobs.settle(claim, replace(claim.job, state=state), None)


def settle_the_first_of_two(uow: UnitOfWork) -> None:
    """End a job which another one waits for."""
    uow.jobs.add(job("next"))
    settle(uow)


def put_off(uow: UnitOfWork) -> None:
    """Try a job in vain."""
    settle(uow, JobState.OPEN)


async def test_who_ends_the_last_job_tells_of_no_work(store: Store) -> None:
    """A commit with the end of a job that no other one has waited for gives nobody anything to do; one before does."""
    await store.transact(keep(gate(), job(), job("next")))
    ear = Ear(store)
    await ear.silence()
    await store.transact(settle)
    await asyncio.sleep(0)
    assert [touched.work for touched in ear.heard] == [True]
    await store.transact(settle)
    await asyncio.sleep(0)
    assert [touched.work for touched in ear.heard] == [True]


@pytest.mark.parametrize(
    ("flow", "told"),
    [
        (lambda uow: uow.gates.add(gate("new", 2)), Touched(gates=frozenset({"new"}))),
        (lambda uow: uow.gates.keep(gate()), Touched(gates=frozenset({"gate"}))),
        (lambda uow: uow.gates.keep(gate(verdict=WAKING)), Touched(gates=frozenset({"gate"}), work=True)),
        (lambda uow: uow.jobs.add(job("new")), Touched(work=True)),
        (lambda uow: uow.jobs.hasten("gate", "lane", NOW), Touched(work=True)),
        (lambda uow: uow.jobs.reopen("dead", NOW), Touched(work=True)),
        (settle_the_first_of_two, Touched(work=True)),
        (put_off, Touched(work=True)),
    ],
    ids=["add", "keep", "wake", "job", "hasten", "reopen", "settle", "put off"],
)
async def test_commits_tell_what_they_touched(
    store: Store, flow: Callable[[UnitOfWork], object], told: Touched
) -> None:
    """After a commit those who watch are told which gates it touched, and whether there is work; once, in the loop."""
    await store.transact(keep(gate(), job()))
    await store.transact(keep(job("dead", gate_id="else", state=JobState.DEAD)))
    ear = Ear(store)
    await store.transact(flow)
    await asyncio.sleep(0)
    assert [touched for touched in ear.heard if touched != ANYTHING] == [told]


async def test_own_commits_are_told_once(store: Store) -> None:
    """What the store itself has committed does not come back to it as news from elsewhere."""
    ear = Ear(store)
    await ear.silence()
    await store.transact(keep(gate(), job()))
    await asyncio.sleep(0.3)
    assert ear.heard == [Touched(gates=frozenset({"gate"}), work=True)]


async def test_nothing_is_told_of_nothing(store: Store) -> None:
    """A commit that touched no gate and no job, a flow that failed, and a read are not worth telling."""
    ear = Ear(store)
    await store.transact(lambda uow: uow.set_meta("a", "b"))
    await store.read(lambda uow: uow.gates.get("gate"))
    with pytest.raises(Unknown):
        await store.transact(fails)
    await asyncio.sleep(0)
    assert [touched for touched in ear.heard if touched != ANYTHING] == []


def fails(uow: UnitOfWork) -> None:
    """Add a gate, and fail."""
    uow.gates.add(gate())
    raise Unknown


async def test_one_commit_is_told_once(store: Store) -> None:
    """Flows that share a transaction are told of together."""
    ear = Ear(store)
    await asyncio.gather(*(store.transact(keep(gate(f"{number}", number))) for number in range(50)))
    await asyncio.sleep(0)
    told = [touched.gates or frozenset() for touched in ear.heard]
    assert sorted(name for names in told for name in names) == sorted(f"{number}" for number in range(50))
    assert len(told) < 25


async def test_commits_elsewhere_are_heard(store: Store, other: Store) -> None:
    """A commit by another process is told, too: by name where the engine can, else as a hint that all may be new."""
    ear = Ear(store)
    await ear.silence()
    await other.transact(keep(gate(), job()))
    assert await ear.hears(lambda touched: touched.work and (touched.gates is None or "gate" in touched.gates))


async def test_a_deaf_listener_harms_nobody(store: Store) -> None:
    """A listener that fails keeps neither the flow nor the next listener from being answered."""
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))

    def deaf(_: Touched) -> None:
        raise ZeroDivisionError

    store.watch(deaf)
    ear = Ear(store)
    await store.transact(lambda uow: uow.gates.add(gate()))
    assert await ear.hears(lambda touched: touched.gates == frozenset({"gate"}))
    assert {type(error) for error in reported} == {ZeroDivisionError}
