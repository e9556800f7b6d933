"""The worker: wakes gates when their time comes, runs jobs, and stops cleanly.

The loop sleeps until the next wake time or due job, or until a commit gives it something to do. A poll once a second is
only the safety net, for hints that were lost and for clocks that differ. Any number of workers share one database.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

import structlog

from mitregate.core.errors import MitregateError
from mitregate.core.jobs import LEASE, Job, Outcome, Result
from mitregate.flows import admit, deliver, settle
from mitregate.flows.act import Act, begin
from mitregate.ports import Claim, Ports, Store, Talker, Touched
from mitregate.wire.outcomes import unsent

T = TypeVar("T")

POLL = timedelta(seconds=1)
"""The longest sleep."""

LANE_LIMIT = 10
"""Deliveries to one receiver at once: a receiver that hangs never takes more places than these."""

CLAIM_LIMIT = 50
"""Jobs that are leased at once, at most."""

PATIENCE = 0.002
"""Seconds after which to look again for what is due but could not be taken; doubled each time, up to `POLL`."""

PURGE_EVERY = timedelta(minutes=10)
"""How often expired tokens are forgotten."""

GRACE = timedelta(seconds=12)
"""How long deliveries under way may take to end when the worker stops."""

log = structlog.get_logger()


class Worker:
    """One worker; `run` it until its stop event is set."""

    def __init__(
        self, *, store: Store, ports: Ports, talker: Talker, concurrency: int, lease: timedelta = LEASE
    ) -> None:
        """Know the store and the world.

        Args:
            store: the database.
            ports: the world.
            talker: what performs deliveries.
            concurrency: how many deliveries may be under way at once.
            lease: how long a job is kept from other workers; a delivery that is begun in its first half must end in it.
        """
        self._store = store
        self._ports = ports
        self._talker = talker
        self._concurrency = concurrency
        self._lease = lease
        self._hint = asyncio.Event()
        self._in_lane: Counter[str] = Counter()
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._purged_at: datetime | None = None
        self._patience = PATIENCE
        store.watch(self._notice)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until *stop* is set, then let deliveries under way end."""
        stopping = asyncio.ensure_future(stop.wait())
        try:
            while not stop.is_set():
                self._hint.clear()
                try:
                    is_busy = await self._step()
                except Exception as error:  # whatever happens, gates must go on being woken
                    log.warning("worker.step_failed", error=str(error), exc_info=not isinstance(error, MitregateError))
                    is_busy = False
                    await asyncio.wait([stopping], timeout=POLL.total_seconds())
                if not is_busy:
                    await self._rest(stopping)
        finally:
            stopping.cancel()
            await self._end()

    # --- one step ---

    async def _step(self) -> bool:
        """Do what is due; say whether there may be more."""
        try:
            woken = await self._wake()
        finally:  # a record that cannot be read, for one, keeps gates from being woken: what is decided is told still
            claimed = await self._claim()
        await self._purge()
        is_busy = woken >= settle.BATCH or claimed > 0
        if is_busy:
            self._patience = PATIENCE
        return is_busy

    async def _wake(self) -> int:
        try:
            return await self._act(settle.wake_due)
        except MitregateError:
            raise
        except Exception:  # one gate that cannot be decided must not hold up the others
            log.exception("worker.wake_failed")
            return await self._wake_singly()

    async def _wake_singly(self) -> int:
        now = self._ports.now()
        due = await self._store.read(lambda uow: uow.gates.due(now, settle.BATCH))
        for gate in due:
            try:
                await self._act(partial(settle.wake, gate=gate))
            except Exception:
                log.exception("worker.gate_failed", gate=gate.id)
        return 0

    async def _claim(self) -> int:
        # What waits for a place in its own lane takes no place from other lanes, or two that hang would take all.
        under_way = sum(min(count, LANE_LIMIT) for count in self._in_lane.values())
        free = min(CLAIM_LIMIT, self._concurrency - under_way)
        if free <= 0:
            return 0
        busy = [lane for lane, count in self._in_lane.items() if count >= LANE_LIMIT]
        claims = await self._act(lambda act: deliver.claim(act, free, busy, self._lease))
        for claimed in claims:
            self._begin(claimed)
        return len(claims)

    async def _purge(self) -> None:
        now = self._ports.now()
        if self._purged_at is None or now - self._purged_at > PURGE_EVERY:
            self._purged_at = now
            await self._act(admit.purge)

    # --- deliveries ---

    def _begin(self, claimed: Claim) -> None:
        lane = claimed.job.lane
        self._in_lane[lane] += 1
        task = asyncio.create_task(self._deliver_in_lane(claimed))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, lane))

    def _done(self, task: asyncio.Task[None], lane: str) -> None:
        self._tasks.discard(task)
        self._in_lane[lane] -= 1
        if self._in_lane[lane] <= 0:
            del self._in_lane[lane]
            self._lanes.pop(lane, None)
        self._hint.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nothing is lost: the lease runs out and the job is tried again.
            log.warning("worker.delivery_failed", lane=lane, error=str(error))

    async def _deliver_in_lane(self, claimed: Claim) -> None:
        leased = asyncio.get_running_loop().time()
        async with self._lanes.setdefault(claimed.job.lane, asyncio.Semaphore(LANE_LIMIT)):
            if asyncio.get_running_loop().time() - leased < self._lease.total_seconds() / 2:
                await self._deliver(claimed)

    async def _deliver(self, claimed: Claim) -> None:
        started_at = self._ports.now()
        try:
            prepared = await self._store.read(lambda uow: deliver.prepare(begin(self._ports, uow), claimed))
            if isinstance(prepared, Job):
                await self._store.transact(lambda uow: deliver.withdraw(uow, claimed, prepared))
                return
            outcome = await self._talker.converse(prepared)
        except MitregateError as error:
            outcome = unsent(error)
        except Exception as error:
            # Without an end on record it would be tried again with every lease, and never be shown as dead.
            log.exception("worker.try_failed", job=claimed.job.id, lane=claimed.job.lane)
            detail = f"Something went wrong in Mitregate ({type(error).__name__}); see the log."
            outcome = Outcome(result=Result.LATER, detail=detail, is_ours=True)
        duration = self._ports.now() - started_at
        is_kept = await self._act(lambda act: deliver.finish(act, claimed, outcome, started_at, duration))
        log.info(
            "delivery",
            job=claimed.job.id,
            lane=claimed.job.lane,
            result=outcome.result.value,
            detail=outcome.detail,
            kept=is_kept,
        )

    # --- rest ---

    def _notice(self, touched: Touched) -> None:
        if touched.work:
            self._hint.set()

    async def _rest(self, stopping: "asyncio.Future[Literal[True]]") -> None:
        pause = await self._pause()
        if pause <= 0:
            # Something is due and still not ours to take: its lane is full, or the database's clock is behind ours.
            pause = self._patience
            self._patience = min(self._patience * 2, POLL.total_seconds())
        hinted = asyncio.ensure_future(self._hint.wait())
        await asyncio.wait([stopping, hinted], timeout=pause, return_when=asyncio.FIRST_COMPLETED)
        hinted.cancel()

    async def _pause(self) -> float:
        """Say how many seconds to sleep at most."""
        now = self._ports.now()
        wake, due = await self._store.read(lambda uow: (uow.gates.next_wake(), uow.jobs.next_due()))
        moments = [moment for moment in (wake, due) if moment is not None]
        return min([POLL.total_seconds(), *((moment - now).total_seconds() for moment in moments)])

    async def _end(self) -> None:
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=GRACE.total_seconds())
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _act(self, flow: Callable[[Act], T]) -> T:
        return await self._store.transact(lambda uow: flow(begin(self._ports, uow)))
