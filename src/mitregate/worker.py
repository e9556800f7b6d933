"""The worker: wakes gates when their time comes, runs jobs, and stops cleanly.

The loop sleeps until the next wake time or due job, or until a commit gives it something to do. A poll once a second is
only the safety net, for hints that were lost and for clocks that differ. Any number of workers share one database.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Literal, TypeVar

import structlog

from mitregate.core.errors import MitregateError, Unsettled
from mitregate.core.gates import Gate
from mitregate.core.jobs import LEASE, Job, Outcome, Result
from mitregate.flows import admit, deliver, settle
from mitregate.flows.act import Act, begin
from mitregate.outbound import CONNECTIONS_PER_HOST
from mitregate.ports import Claim, Ports, Store, Talker, Touched
from mitregate.wire.http import Conversation
from mitregate.wire.outcomes import unsent

T = TypeVar("T")

POLL = timedelta(seconds=1)
"""The longest sleep."""

LANE_LIMIT = 10
"""Deliveries to one receiver at once: a receiver that hangs never takes more places than these."""

HOST_LIMIT = CONNECTIONS_PER_HOST
"""Deliveries to one host at once, over all receivers there: what waits for a connection would only run out of time."""

CLAIM_LIMIT = 50
"""Jobs that are leased at once, at most."""

PATIENCE = 0.002
"""Seconds after which to look again for what is due but could not be taken; doubled each time, up to `POLL`."""

PURGE_EVERY = timedelta(minutes=10)
"""How often expired tokens are forgotten."""

GRACE = timedelta(seconds=12)
"""How long deliveries under way may take to end when the worker stops."""

log = structlog.get_logger()


class Places:
    """The places of deliveries under way: so many for a receiver, and so many for a host, whoever else is there.

    What has come and waits until it is its turn takes none, or two receivers that hang would take all.
    """

    def __init__(self) -> None:
        """Begin with none taken."""
        self._come: Counter[tuple[str, str]] = Counter()
        self._lanes: dict[str, asyncio.Semaphore] = {}
        self._hosts: dict[str, asyncio.Semaphore] = {}

    @property
    def taken(self) -> int:
        """How many places are taken."""
        return sum(min(count, HOST_LIMIT) for count in self._at_hosts().values())

    @property
    def busy(self) -> list[str]:
        """The lanes that are full, and those to a host that is."""
        at_hosts = self._at_hosts()
        return [
            lane for (lane, host), count in self._come.items() if count >= LANE_LIMIT or at_hosts[host] >= HOST_LIMIT
        ]

    def is_free(self, lane: str, host: str) -> bool:
        """Whether more may come in a lane to a host."""
        return self._come[lane, host] < LANE_LIMIT and self._at_hosts()[host] < HOST_LIMIT

    def come(self, lane: str, host: str) -> None:
        """Let a delivery come, which has no place yet."""
        self._come[lane, host] += 1

    def leave(self, lane: str, host: str) -> None:
        """Let a delivery that came leave."""
        self._come[lane, host] -= 1
        if self._come[lane, host] <= 0:
            del self._come[lane, host]
            self._lanes.pop(lane, None)
            if all(host != other for _, other in self._come):
                self._hosts.pop(host, None)

    @asynccontextmanager
    async def place(self, lane: str, host: str) -> AsyncIterator[None]:
        """Wait for a place, and keep it for as long as the block lasts."""
        at_receiver = self._lanes.setdefault(lane, asyncio.Semaphore(LANE_LIMIT))
        at_host = self._hosts.setdefault(host, asyncio.Semaphore(HOST_LIMIT))
        async with at_receiver, at_host:
            yield

    def _at_hosts(self) -> Counter[str]:
        found: Counter[str] = Counter()
        for (_, host), count in self._come.items():
            found[host] += min(count, LANE_LIMIT)
        return found


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
        self._places = Places()
        self._tasks: set[asyncio.Task[None]] = set()
        self._purged_at: datetime | None = None
        self._patience = PATIENCE
        self._is_held_up = False
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
        is_busy = woken >= settle.BATCH or claimed
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

    async def _claim(self) -> bool:
        """Begin deliveries that are due, as far as there are places for them; say whether there may be more."""
        free = min(CLAIM_LIMIT, self._concurrency - self._places.taken)
        busy = self._places.busy
        self._is_held_up = free <= 0 or bool(busy)
        if free <= 0:
            return False

        def claim(act: Act) -> list[tuple[Claim, str]]:
            claims = deliver.claim(act, free, busy, self._lease)
            return [(claimed, deliver.whither(act.uow, claimed.job)) for claimed in claims]

        claims = await self._act(claim)
        for claimed, host in claims:
            self._begin(claimed, host)
        return len(claims) >= free

    async def _purge(self) -> None:
        now = self._ports.now()
        if self._purged_at is None or now - self._purged_at > PURGE_EVERY:
            self._purged_at = now
            await self._act(admit.purge)

    # --- deliveries ---

    def _begin(self, claimed: Claim, host: str) -> None:
        lane = claimed.job.lane
        self._places.come(lane, host)
        task = asyncio.create_task(self._deliver_in_turn(claimed, host))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._done(done, lane, host))

    def _done(self, task: asyncio.Task[None], lane: str, host: str) -> None:
        self._tasks.discard(task)
        self._places.leave(lane, host)
        if self._is_held_up and self._places.is_free(lane, host):
            self._hint.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nothing is lost: the lease runs out and the job is tried again.
            log.warning("worker.delivery_failed", lane=lane, error=str(error))

    async def _deliver_in_turn(self, claimed: Claim, host: str) -> None:
        leased = asyncio.get_running_loop().time()
        async with self._places.place(claimed.job.lane, host):
            if asyncio.get_running_loop().time() - leased >= self._lease.total_seconds() / 2:
                return
            started_at = self._ports.now()
            ended = await self._try(claimed)
            duration = self._ports.now() - started_at
        # The receiver has done its part: while this is kept, it can be told the next.
        if isinstance(ended, Job):
            await self._store.transact(lambda uow: deliver.withdraw(uow, claimed, ended))
        else:
            await self._keep(claimed, ended, started_at, duration)

    async def _try(self, claimed: Claim) -> Outcome | Job:
        """Try a delivery; give the job instead if there is nothing to be told any more."""
        try:
            prepared = await self._prepare(claimed)
            return prepared if isinstance(prepared, Job) else await self._talker.converse(prepared)
        except MitregateError as error:
            return unsent(error)
        except Exception as error:
            # Without an end on record it would be tried again with every lease, and never be shown as dead.
            log.exception("worker.try_failed", job=claimed.job.id, lane=claimed.job.lane)
            detail = f"Something went wrong in Mitregate ({type(error).__name__}); see the log."
            return Outcome(result=Result.LATER, detail=detail, is_ours=True)

    async def _keep(self, claimed: Claim, outcome: Outcome, started_at: datetime, duration: timedelta) -> None:
        is_kept = await self._act(lambda act: deliver.finish(act, claimed, outcome, started_at, duration))
        log.info(
            "delivery",
            job=claimed.job.id,
            lane=claimed.job.lane,
            result=outcome.result.value,
            detail=outcome.detail,
            kept=is_kept,
        )

    async def _prepare(self, claimed: Claim) -> Conversation[Outcome] | Job:
        prepared = await self._store.read(lambda uow: deliver.prepare(begin(self._ports, uow), claimed))
        if not isinstance(prepared, Gate):
            return prepared
        await self._act(partial(settle.wake, gate=prepared))
        prepared = await self._store.read(lambda uow: deliver.prepare(begin(self._ports, uow), claimed))
        if isinstance(prepared, Gate):
            raise Unsettled("The gate must be decided anew before it is told that it is allowed.")
        return prepared

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
