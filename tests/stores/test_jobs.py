import asyncio
import itertools
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.jobs import Attempt, Job, JobState, Outcome, Result
from mitregate.core.queries import JobQuery
from mitregate.ports import Claim, Store
from tests.stores.made import AGO, LATER, NOW, job, keep

MINUTE = timedelta(minutes=1)
MOMENT = timedelta(milliseconds=30)
TRIED = Attempt(
    number=1,
    started_at=NOW,
    duration_ms=12,
    outcome=Outcome(result=Result.LATER, detail="503", status=503, retry_after=timedelta(seconds=7)),
)


async def add(store: Store, *jobs: Job) -> None:
    """Keep jobs, each in a transaction of its own."""
    for each in jobs:
        await store.transact(keep(each))


async def claim(
    store: Store, lease: str = "me", duration: timedelta = MINUTE, limit: int = 9, busy: Sequence[str] = ()
) -> list[Claim]:
    """Lease what is due."""
    return await store.transact(lambda uow: uow.jobs.claim(lease, duration, limit, busy))


def names(claims: Sequence[Claim]) -> list[str]:
    """The ids of claimed jobs."""
    return [each.job.id for each in claims]


async def test_a_job_comes_back_as_it_was(store: Store) -> None:
    """A job is read as it was kept."""
    kept = job(payload='{"ü": "\\u0000"}', rung=3, attempts=4, note="why", finished_at=NOW, state=JobState.DEAD)
    await add(store, kept)
    assert await store.read(lambda uow: (uow.jobs.get("job"), uow.jobs.get("none"))) == (kept, None)


async def test_due_jobs_are_claimed(store: Store) -> None:
    """Jobs that are due are leased, the longest due first, as many as asked for; none twice, and none too early."""
    await add(store, job("b", gate_id="1"), job("a", gate_id="2", due_at=AGO - MINUTE), job("c", gate_id="3"))
    await add(store, job("later", gate_id="4", due_at=LATER), job("done", gate_id="5", state=JobState.DONE))
    first = await claim(store, limit=2)
    assert names(first) == ["a", "b"]
    assert [each.lease for each in first] == ["me", "me"]
    assert first[0].job == job("a", gate_id="2", due_at=AGO - MINUTE)
    assert abs(first[0].leased_until - datetime.now(UTC) - MINUTE) < timedelta(seconds=30)
    assert names(await claim(store, "other")) == ["c"]
    assert await claim(store, "third") == []


async def test_only_the_oldest_of_a_lane_is_due(store: Store) -> None:
    """Of the open jobs with one gate and one lane only the oldest is claimed; other gates and lanes do not wait."""
    await add(store, job("1"), job("2", due_at=AGO - MINUTE), job("3", lane="else"), job("4", gate_id="else"))
    claimed = await claim(store)
    assert sorted(names(claimed)) == ["1", "3", "4"]
    assert await claim(store) == []
    assert await settle(store, claimed[names(claimed).index("1")], state=JobState.DONE, finished_at=NOW)
    assert names(await claim(store)) == ["2"]


async def test_an_older_job_that_waits_holds_up_its_lane(store: Store) -> None:
    """A newer job is not due while an older one of its gate and lane waits on its ladder, and nothing claims to be."""
    await add(store, job("1", due_at=LATER), job("2"))
    assert await claim(store) == []
    assert await store.read(lambda uow: uow.jobs.next_due()) == LATER


async def test_busy_lanes_are_left_out(store: Store) -> None:
    """Jobs in busy lanes are not claimed."""
    await add(store, job("1", lane='a"b'), job("2", lane="c"), job("3", lane="d"))
    assert names(await claim(store, busy=['a"b', "d", "nobody"])) == ["2"]
    assert sorted(names(await claim(store))) == ["1", "3"]


async def test_an_expired_lease_is_taken_over(store: Store) -> None:
    """When a lease has run out, another worker gets the job, and the first one can no longer settle it."""
    await add(store, job())
    (lost,) = await claim(store, "crashed", MOMENT)
    assert await claim(store, "second") == []
    await asyncio.sleep(2 * MOMENT.total_seconds())
    (taken,) = await claim(store, "second")
    assert not await settle(store, lost, TRIED, state=JobState.DEAD)
    assert await store.read(lambda uow: uow.jobs.get("job")) == job()
    assert await store.read(lambda uow: uow.jobs.attempts("job")) == []
    assert await settle(store, taken, state=JobState.DONE, finished_at=NOW)


async def test_a_lease_of_the_same_name_is_another_lease(store: Store) -> None:
    """Who claims a job again under the same name cannot settle it by the first claim."""
    await add(store, job())
    (lost,) = await claim(store, "me", MOMENT)
    await asyncio.sleep(2 * MOMENT.total_seconds())
    (taken,) = await claim(store, "me")
    assert not await settle(store, lost, state=JobState.DEAD)
    assert await settle(store, taken, state=JobState.DONE)


async def test_settling_ends_the_lease(store: Store) -> None:
    """A settled job is as it was settled, its try is kept, and its lease can be used once only."""
    await add(store, job())
    (held,) = await claim(store)
    assert await settle(store, held, TRIED, rung=1, attempts=1, note="503", due_at=LATER)
    assert await store.read(lambda uow: uow.jobs.get("job")) == job(rung=1, attempts=1, note="503", due_at=LATER)
    assert await store.read(lambda uow: uow.jobs.attempts("job")) == [TRIED]
    assert await store.read(lambda uow: uow.jobs.next_due()) == LATER
    assert not await settle(store, held, state=JobState.DONE)


async def test_tries_are_listed_in_order(store: Store) -> None:
    """The tries of a job are given oldest first."""
    await add(store, job())
    tries = [replace(TRIED, number=number) for number in (1, 2)]
    for each in tries:
        (held,) = await claim(store)
        assert await settle(store, held, each)
    assert await store.read(lambda uow: uow.jobs.attempts("job")) == tries


async def test_hastened_jobs_start_again(store: Store) -> None:
    """Hastening puts the open jobs of a gate in a lane back to the foot of the ladder, and no others."""
    waiting = {"rung": 3, "due_at": LATER}
    await add(store, job("1", **waiting), job("2", lane="else", **waiting), job("3", gate_id="else", **waiting))
    await add(store, job("4", state=JobState.DEAD, **waiting))
    await store.transact(lambda uow: uow.jobs.hasten("gate", "lane", AGO))
    found = await store.read(lambda uow: [uow.jobs.get(name) for name in "1234"])
    assert [(each.rung, each.due_at) for each in found if each] == [(0, AGO)] + [(3, LATER)] * 3


async def test_what_is_due_at_once_does_not_wait_for_another_clock(store: Store) -> None:
    """A clock that is ahead of the database's, or was, delays no job that is due at once, hastened, or reopened."""
    ahead = {"due_at": LATER, "created_at": LATER}
    await add(store, job("1", **ahead), job("2", gate_id="2", due_at=LATER), job("3", gate_id="3", due_at=LATER))
    await add(store, job("4", gate_id="4", state=JobState.DEAD, **ahead), job("5", gate_id="5", due_at=LATER))
    await store.transact(lambda uow: uow.jobs.hasten("2", "lane", LATER))
    await store.transact(lambda uow: uow.jobs.reopen("4", LATER))
    claims = await store.transact(lambda uow: uow.jobs.claim("me", MINUTE, 10, []))
    assert {claimed.job.id for claimed in claims} == {"1", "2", "4"}


async def test_withdrawn_jobs_are_not_done(store: Store) -> None:
    """Withdrawing ends the open jobs of a gate, also one that is under way, whose worker can no longer settle it."""
    await add(store, job("1"), job("2", lane="else"), job("3", gate_id="else"), job("4", state=JobState.DONE))
    held = (await claim(store, limit=1))[0]
    await store.transact(lambda uow: uow.jobs.withdraw("gate", NOW, "It is gone."))
    assert not await settle(store, held, state=JobState.DONE)
    found = await store.read(lambda uow: [uow.jobs.get(name) for name in "1234"])
    gone = {"state": JobState.WITHDRAWN, "finished_at": NOW, "note": "It is gone."}
    assert found == [
        job("1", **gone),
        job("2", lane="else", **gone),
        job("3", gate_id="else"),
        job("4", state=JobState.DONE),
    ]


@pytest.mark.parametrize("state", JobState)
async def test_only_what_has_failed_is_reopened(store: Store, state: JobState) -> None:
    """A dead or withdrawn job is opened again at the foot of its ladder; an open or done one is left alone."""
    kept = job(state=state, rung=9, attempts=9, finished_at=AGO, due_at=LATER)
    await add(store, kept)
    may_reopen = state in {JobState.DEAD, JobState.WITHDRAWN}
    assert await store.transact(lambda uow: uow.jobs.reopen("job", AGO)) is may_reopen
    reopened = replace(kept, state=JobState.OPEN, rung=0, finished_at=None, due_at=AGO)
    assert await store.read(lambda uow: uow.jobs.get("job")) == (reopened if may_reopen else kept)
    assert await store.transact(lambda uow: uow.jobs.reopen("nobody", AGO)) is False


async def test_the_next_job_is_known(store: Store) -> None:
    """The next instant at which a job is due counts leases in: a leased job is due when its lease ends."""
    assert await store.read(lambda uow: uow.jobs.next_due()) is None
    await add(store, job("1"), job("done", gate_id="2", state=JobState.DONE, due_at=AGO - MINUTE))
    assert await store.read(lambda uow: uow.jobs.next_due()) == AGO
    (held,) = await claim(store)
    assert await store.read(lambda uow: uow.jobs.next_due()) == held.leased_until
    soon = NOW + timedelta(seconds=5)
    await add(store, job("2", gate_id="3", due_at=soon))
    assert await store.read(lambda uow: uow.jobs.next_due()) == soon


async def test_pages_of_jobs(store: Store) -> None:
    """Jobs are listed newest first, of one state, one gate or all, after the one named."""
    await add(store, job("a"), job("b", state=JobState.DEAD), job("c", gate_id="else"), job("d", state=JobState.DEAD))
    pages = {
        JobQuery(): "dcba",
        JobQuery(limit=1): "d",
        JobQuery(before="c"): "ba",
        JobQuery(state=JobState.DEAD): "db",
        JobQuery(state=JobState.DEAD, before="d"): "b",
        JobQuery(gate_id="else"): "c",
        JobQuery(gate_id="gate", state=JobState.OPEN): "a",
        JobQuery(before="nobody"): "",
    }
    for query, expected in pages.items():
        found = await store.read(lambda uow, query=query: uow.jobs.page(query))  # type: ignore[misc]
        assert "".join(each.id for each in found) == expected, query


async def test_two_workers_never_hold_one_job(store: Store, other: Store) -> None:
    """Workers in two processes that claim at the same time share the jobs out: each is held once."""
    await store.transact(keep(*(job(f"{number}", gate_id=f"{number}") for number in range(60))))

    async def work(where: Store, lease: str) -> list[str]:
        taken = []
        while claimed := await claim(where, lease, limit=3):
            taken += names(claimed)
        return taken

    shares = await asyncio.gather(*(work(where, f"{turn}") for turn, where in enumerate((store, other) * 3)))
    assert sorted(itertools.chain.from_iterable(shares)) == sorted(str(number) for number in range(60))


async def settle(store: Store, held: Claim, attempt: Attempt | None = None, **now: object) -> bool:
    """Settle a claimed job with some of it changed."""
    kept = replace(held.job, **now)
    return await store.transact(lambda uow: uow.jobs.settle(held, kept, attempt))
