"""Group commit over a session that remembers, apart from any database."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mitregate.core.errors import Stale, StoreError, Unknown
from mitregate.ports import Touched, UnitOfWork
from mitregate.stores.commit import TRIES, GroupCommit, Watchers

Flow = Callable[[UnitOfWork], Any]


class DriverError(Exception):
    """What the driver raises; says whether another transaction was in the way."""

    def __init__(self, *, is_contention: bool = False) -> None:
        super().__init__("the driver says no")
        self.is_contention = is_contention


class Memory:
    """A unit of work that keeps a list, and the session it lives in; `fail` maps a step to what it raises next."""

    errors: type[Exception] = DriverError
    interval: float | None = None

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.commits: list[list[str]] = []
        self.fail: dict[str, BaseException] = {}
        self.is_closed = False
        self.is_refused = False
        self.touched = Touched()
        self._new: list[str] = []

    # --- the session ---

    def begin(self, *, is_alone: bool) -> Any:
        self._step("begin")
        self._new = []
        return self

    def commit(self, touched: Touched) -> None:
        self._step("commit")
        self.kept += self._new
        self.commits.append(self._new)

    def rollback(self) -> None:
        self._new = []

    def is_sound(self) -> bool:
        return True

    def is_contention(self, error: Exception, *, is_alone: bool) -> bool:
        return isinstance(error, DriverError) and error.is_contention

    def is_undone(self) -> bool:
        return self.is_refused

    def has_news(self) -> bool:
        return False

    def close(self) -> None:
        self.is_closed = True

    # --- the unit of work ---

    def renew(self, flows: int = 1) -> None:
        pass

    def open(self) -> None:
        self.has_written = self.was_overtaken = False

    def write(self, word: str) -> None:
        self._step("write")
        self._new.append(word)
        self.has_written = True

    def _step(self, name: str) -> None:
        if name in self.fail:
            raise self.fail.pop(name)


@pytest.fixture
def memory() -> Memory:
    """The session under a group commit."""
    return Memory()


@pytest.fixture
async def group(memory: Memory) -> AsyncIterator[GroupCommit]:
    """A group commit with one session."""
    opened = GroupCommit("memory", [memory], Watchers())
    yield opened
    await opened.close()
    assert memory.is_closed


async def together(group: GroupCommit, *flows: Flow) -> list[Any]:
    """Run flows that all wait when the session comes to them, as one batch; give what they return or raise."""
    started, go = threading.Event(), threading.Event()

    def block(_: UnitOfWork) -> None:
        started.set()
        assert go.wait(10)

    async def queue() -> Awaitable[list[Any]]:
        blocked = asyncio.ensure_future(group.run(block))
        await asyncio.to_thread(started.wait, 10)
        waiting = asyncio.gather(*(group.run(flow) for flow in flows), return_exceptions=True)
        await asyncio.sleep(0)  # all of them are in the queue after this
        go.set()
        await blocked
        return waiting

    return await (await queue())


def writes(word: str) -> Flow:
    """A flow that writes a word and returns it."""

    def flow(uow: Any) -> str:
        uow.write(word)
        return word

    return flow


def fails(error: BaseException, word: str | None = None) -> Flow:
    """A flow that raises, after writing a word if there is one."""

    def flow(uow: Any) -> None:
        if word is not None:
            uow.write(word)
        raise error

    return flow


async def test_waiting_flows_share_a_commit(group: GroupCommit, memory: Memory) -> None:
    """Flows that wait at the same time are run in their order, committed once, and answered one by one."""
    assert await together(group, writes("a"), writes("b"), writes("c")) == ["a", "b", "c"]
    assert memory.commits == [[], ["a", "b", "c"]]


async def test_a_clean_failure_spoils_nothing(group: GroupCommit, memory: Memory) -> None:
    """A flow that fails before it writes gets its error; the others stay in their common transaction."""
    error = Unknown()
    assert await together(group, writes("a"), fails(error), writes("c")) == ["a", error, "c"]
    assert memory.commits == [[], ["a", "c"]]


@pytest.mark.parametrize("error", [Unknown(), ZeroDivisionError(), StopIteration(), BaseException()], ids=repr)
async def test_a_dirty_failure_leaves_nothing(group: GroupCommit, memory: Memory, error: BaseException) -> None:
    """A flow that fails after it has written leaves nothing behind, and the others are run again apart."""
    first, failed, last = await together(group, writes("a"), fails(error, "b"), writes("c"))
    assert (first, last, memory.commits) == ("a", "c", [[], ["a"], ["c"]])
    # A coroutine cannot raise StopIteration; Python makes a RuntimeError of it.
    assert failed is error or (isinstance(error, StopIteration) and isinstance(failed, RuntimeError))


async def test_the_driver_spoils_a_batch(group: GroupCommit, memory: Memory) -> None:
    """An error of the driver inside a batch costs no flow anything if it does not come again."""
    memory.fail["write"] = DriverError()
    assert await together(group, writes("a"), writes("b")) == ["a", "b"]
    assert memory.commits == [[], ["a"], ["b"]]


async def test_the_driver_speaks_through_store_errors(group: GroupCommit, memory: Memory) -> None:
    """An error of the driver surfaces as a `StoreError`, and the next flow works."""
    memory.fail["write"] = DriverError()
    with pytest.raises(StoreError, match="the driver says no"):
        await group.run(writes("a"))
    assert await group.run(writes("b")) == "b"
    assert memory.kept == ["b"]


async def test_a_commit_in_doubt_is_not_repeated(group: GroupCommit, memory: Memory) -> None:
    """When a commit fails and nobody knows whether it was kept, all its flows are told so and none is run again."""

    async def commit_fails() -> list[Any]:
        runs: list[str] = []

        def flow(uow: Any) -> None:
            memory.fail["commit"] = DriverError()
            runs.append("run")

        return [*await together(group, flow, writes("b")), runs]

    first, second, runs = await commit_fails()
    assert (type(first), type(second), runs, memory.kept) == (StoreError, StoreError, ["run"], [])


async def test_a_commit_that_was_refused_is_taken_apart(group: GroupCommit, memory: Memory) -> None:
    """When a commit was refused for certain, the flows are run again apart: only one of them need be to blame."""
    tries: list[str] = []

    def flow(uow: Any) -> None:
        if not tries:
            memory.fail["commit"] = DriverError()
            memory.is_refused = True
        tries.append("try")

    assert await together(group, flow, writes("b")) == [None, "b"]
    assert (tries, memory.kept) == (["try", "try"], ["b"])


async def test_contention_is_borne_a_few_times(group: GroupCommit, memory: Memory) -> None:
    """A flow that others overtake is run again, a bounded number of times, and then told how it stands."""
    runs: list[int] = []

    def stale(uow: Any) -> None:
        runs.append(len(runs))
        uow.was_overtaken = True
        raise Stale

    def jammed(uow: Any) -> None:
        runs.append(len(runs))
        raise DriverError(is_contention=True)

    with pytest.raises(Stale):
        await group.run(stale)
    with pytest.raises(StoreError):
        await group.run(jammed)
    assert len(runs) == 2 * TRIES


async def test_a_flow_may_call_something_stale(group: GroupCommit) -> None:
    """`Stale` that a flow raises of its own accord is the flow's answer: it is not run again."""
    runs: list[int] = []

    def flow(uow: Any) -> None:
        runs.append(len(runs))
        raise Stale

    with pytest.raises(Stale):
        await group.run(flow)
    assert runs == [0]


@pytest.mark.parametrize("step", ["begin", "commit"])
async def test_nothing_makes_callers_wait_for_ever(group: GroupCommit, memory: Memory, step: str) -> None:
    """Whatever goes wrong in the session's thread, the callers are answered and the thread goes on."""
    memory.fail[step] = DriverError()
    assert [type(end) for end in await asyncio.gather(group.run(writes("a")), return_exceptions=True)] == [StoreError]
    memory.fail[step] = RuntimeError("a bug")
    ends: Any = await asyncio.gather(group.run(writes("b")), return_exceptions=True)
    assert isinstance(ends[0], StoreError | RuntimeError)
    assert await group.run(writes("c")) == "c"


async def test_a_closed_store_refuses(memory: Memory) -> None:
    """Closing finishes the transaction at hand, refuses the flows that still wait, and those that come later."""
    group = GroupCommit("memory", [memory], Watchers())
    started, go = threading.Event(), threading.Event()

    def block(uow: Any) -> str:
        started.set()
        assert go.wait(10)
        uow.write("begun")
        return "done"

    begun = asyncio.ensure_future(group.run(block))
    await asyncio.to_thread(started.wait, 10)
    waiting = asyncio.ensure_future(group.run(writes("waiting")))
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(group.close())
    await asyncio.sleep(0)
    go.set()
    await closing
    assert await begun == "done"
    for late in (waiting, group.run(writes("late"))):
        with pytest.raises(StoreError):
            await late
    assert (memory.kept, memory.is_closed) == (["begun"], True)
    await group.close()


async def test_a_caller_that_is_gone_harms_nobody(group: GroupCommit, memory: Memory) -> None:
    """A flow whose caller gave up while it waited is not begun; one under way is finished."""
    started, go = threading.Event(), threading.Event()

    def block(uow: Any) -> None:
        started.set()
        assert go.wait(10)
        uow.write("under way")

    calls = [asyncio.ensure_future(group.run(block))]
    await asyncio.to_thread(started.wait, 10)
    calls.append(asyncio.ensure_future(group.run(writes("waiting"))))
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.sleep(0)
    go.set()
    assert await group.run(writes("next")) == "next"
    assert memory.kept == ["under way", "next"]


def test_a_loop_that_ended_harms_nobody(memory: Memory) -> None:
    """A flow may outlive the event loop it was asked from; the store goes on in the next one."""
    started, go = threading.Event(), threading.Event()
    watchers = Watchers()

    def block(uow: Any) -> None:
        started.set()
        assert go.wait(10)
        uow.write("orphan")

    async def leave() -> GroupCommit:
        group = GroupCommit("memory", [memory], watchers)
        call = asyncio.ensure_future(group.run(block))
        await asyncio.to_thread(started.wait, 10)
        call.cancel()
        return group

    async def come(group: GroupCommit) -> None:
        go.set()
        assert await group.run(writes("next")) == "next"
        await group.close()

    asyncio.run(come(asyncio.run(leave())))
    assert memory.kept == ["orphan", "next"]
