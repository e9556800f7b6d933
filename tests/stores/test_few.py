import asyncio
import threading

from mitregate.ports import UnitOfWork
from mitregate.stores.commit import GroupCommit, Watchers
from tests.stores.test_commit import Memory, writes


async def test_a_few_wait_for_the_session_at_work() -> None:
    """While one session works, a few flows wait for it; when more do, another session helps, and all are answered."""
    sessions = [Memory(), Memory()]
    group = GroupCommit("memory", sessions, Watchers(), few=4)
    started, go = threading.Event(), threading.Event()

    def block(_: UnitOfWork) -> None:
        started.set()
        assert go.wait(10)

    await group.run(writes("idle"))
    blocked = asyncio.ensure_future(group.run(block))
    await asyncio.to_thread(started.wait, 10)
    waiting = [asyncio.ensure_future(group.run(writes(word))) for word in "abc"]
    done, _ = await asyncio.wait(waiting, timeout=0.1)
    assert not done
    assert await group.run(writes("d")) == "d"
    assert [await flow for flow in waiting] == ["a", "b", "c"]
    go.set()
    await blocked
    assert sorted(word for session in sessions for word in session.kept) == ["a", "b", "c", "d", "idle"]
    await group.close()
