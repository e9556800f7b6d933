"""Group commit: flows that wait at the same time share a transaction.

Theory of operation. `run` puts a flow into a queue. Each session (a connection with a thread of its own) takes what has
queued up, runs the flows one after another in one transaction, commits once, and answers all of them with one call into
the event loop. No flow is answered before the commit it depends on. A flow that fails before it has written anything
spoils nothing for the others. Anything else (a flow fails after writing, the database complains, somebody else was
faster) rolls the transaction back, and each flow of the batch is run again in a transaction of its own: flows are pure
over what they read. A commit that fails without saying that nothing was kept is never repeated.

The same queue serves reads where the driver blocks: there the session begins and commits nothing.
"""

import asyncio
import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

from msgspec import Struct

from mitregate.core.errors import StoreError
from mitregate.ports import Touched, UnitOfWork
from mitregate.stores.unit import Unit

T = TypeVar("T")
Flow = Callable[[UnitOfWork], T]

BATCH = 64
"""Flows in one transaction, at most."""

TRIES = 5
"""How often a flow that others keep overtaking is run alone."""

PAUSE_S = 0.002
"""Seconds between two such tries; each further pause is a multiple."""


class Session(Protocol):
    """One connection, used by one thread at a time."""

    errors: type[Exception]
    """What all errors of the driver have in common."""

    interval: float | None
    """Seconds between two looks at what other processes did; None if the session does not look."""

    def begin(self, *, is_alone: bool) -> Unit:
        """Begin a transaction, connecting first if need be; a flow that is alone may wait longer for locks."""

    def commit(self, touched: Touched) -> None:
        """Commit, and leave a hint for other processes."""

    def rollback(self) -> None:
        """Roll back; never raises, and lets go of a connection that does not even do that."""

    def is_sound(self) -> bool:
        """Whether the transaction can still be committed."""

    def is_contention(self, error: Exception, *, is_alone: bool) -> bool:
        """Whether *error* came of another transaction, and nothing was kept of this one."""

    def is_undone(self) -> bool:
        """Whether it is certain, after a commit that failed, that nothing was kept."""

    def has_news(self) -> bool:
        """Whether other processes have committed anything since the last look."""

    def close(self) -> None:
        """Let go of the connection."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How a flow ended: what it returned, or what it raised.

    An error travels as a value: nobody has to fetch it if the caller is gone.
    """

    value: Any = None
    error: BaseException | None = None


class Waiting(Struct, frozen=True, kw_only=True, eq=False):
    """A flow in the queue, and where its outcome is waited for."""

    flow: Callable[[Unit], Any]
    future: "asyncio.Future[Outcome]"
    loop: asyncio.AbstractEventLoop


class Watchers:
    """Who is to be told of commits, in the event loop."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Touched], None]] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    def add(self, listener: Callable[[Touched], None]) -> None:
        """Tell *listener* from now on."""
        with contextlib.suppress(RuntimeError):  # outside of a loop; the first flow brings one
            self.loop = asyncio.get_running_loop()
        self._listeners.append(listener)

    def tell(self, touched: Touched) -> None:
        """Tell all, from inside the event loop; one that fails is the loop's to report."""
        if touched.work or touched.gates is None or touched.gates:
            for listener in self._listeners:
                asyncio.get_running_loop().call_soon(listener, touched)

    def tell_from_thread(self, touched: Touched) -> None:
        """Tell all, from another thread."""
        if self.loop is not None and self._listeners:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self.loop.call_soon_threadsafe(self.tell, touched)


class _Spoilt(Exception):
    """This batch cannot be committed; its flows must be run apart."""


class GroupCommit:
    """A queue of flows, and the sessions that work on it, each in a thread of its own.

    While one session works, another is woken when *few* flows wait: for one alone it pays only if locks may hold up.
    """

    def __init__(self, name: str, sessions: Sequence[Session], watchers: Watchers, *, few: int = 1) -> None:
        self._few = few
        self._watchers = watchers
        self._queue: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._idle = 0
        self._is_closed = False
        self._ends: list[Callable[[], object]] = []
        self._threads = [
            threading.Thread(target=self._serve, args=(session,), name=f"mitregate-{name}-{number}", daemon=True)
            for number, session in enumerate(sessions)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, flow: Flow[T]) -> T:
        """Queue *flow* and wait for its end.

        Raises:
            StoreError: the database did not do its part, or the store is closed.
        """
        loop = asyncio.get_running_loop()
        self._watchers.loop = loop
        waiting = Waiting(flow=flow, future=loop.create_future(), loop=loop)
        with self._changed:
            if self._is_closed:
                raise StoreError("The store is closed.")
            is_first = not self._queue and self._idle == len(self._threads)
            self._queue.append(waiting)
            if is_first or len(self._queue) % self._few == 0:
                self._changed.notify()
        outcome = await waiting.future
        if outcome.error is not None:
            raise outcome.error
        value: T = outcome.value
        return value

    async def close(self) -> None:
        """Finish the transactions at hand, refuse what still waits, and end all threads."""
        loop = asyncio.get_running_loop()
        with self._changed:
            if self._is_closed:
                return
            self._is_closed = True
            ends = [loop.create_future() for _ in self._threads]
            self._ends = [functools.partial(loop.call_soon_threadsafe, end.set_result, None) for end in ends]
            left = list(self._queue)
            self._queue.clear()
            self._changed.notify_all()
        for waiting in left:
            _answer([(waiting, Outcome(error=StoreError("The store is closed.")))], Touched(), self._watchers)
        # The threads may be about to answer into this loop, so it must go on turning until they are.
        await asyncio.gather(*ends)
        for thread in self._threads:
            thread.join()

    # --- in the sessions' threads ---

    def _serve(self, session: Session) -> None:
        try:
            look_at = time.monotonic()
            while (batch := self._take(session.interval)) is not None:
                if batch:
                    self._work(session, batch)
                if session.interval is not None and time.monotonic() >= look_at:
                    look_at = time.monotonic() + session.interval
                    self._look(session)
        finally:
            session.close()
            with self._changed:
                self._ends.pop()()

    def _take(self, patience: float | None) -> list[Waiting] | None:
        """Take this session's share of the queue; nothing after *patience* seconds, None when the store is closed."""
        with self._changed:
            self._idle += 1
            if not self._queue and not self._is_closed:
                self._changed.wait(patience)
            if self._is_closed:
                return None
            share = max(-(-len(self._queue) // self._idle), self._few)
            self._idle -= 1
            return [self._queue.popleft() for _ in range(min(share, BATCH, len(self._queue)))]

    def _work(self, session: Session, batch: list[Waiting]) -> None:
        batch = [waiting for waiting in batch if not waiting.future.cancelled()]
        try:
            for answers, touched in _outcomes(session, batch):
                _answer(answers, touched, self._watchers)
                batch = batch[len(answers) :]
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may wait for ever
            session.rollback()
            failure = Outcome(error=_surfaced(error))
            _answer([(waiting, failure) for waiting in batch], Touched(), self._watchers)

    def _look(self, session: Session) -> None:
        with contextlib.suppress(session.errors):  # only a hint; the next transaction will meet the same trouble
            if session.has_news():
                self._watchers.tell_from_thread(Touched(gates=None, work=True))


Answers = list[tuple[Waiting, Outcome]]


def _outcomes(session: Session, batch: list[Waiting]) -> Iterator[tuple[Answers, Touched]]:
    """Run all flows, together or else apart; yield what can be answered as soon as it is on disk."""
    if len(batch) > 1:
        try:
            together = _together(session, batch)
        except _Spoilt:
            session.rollback()
        else:
            yield together
            return
    for waiting in batch:
        outcome, touched = _alone(session, waiting.flow)
        yield [(waiting, outcome)], touched


def _together(session: Session, batch: list[Waiting]) -> tuple[Answers, Touched]:
    gates: set[str] = set()
    work = False
    answers: Answers = []
    unit = session.begin(is_alone=False)
    unit.renew(len(batch))
    for waiting in batch:
        answers.append((waiting, _among_others(session, unit, waiting.flow)))
        touched = unit.touched
        gates |= touched.gates or set()
        work |= touched.work
    touched = Touched(gates=frozenset(gates), work=work)
    try:
        session.commit(touched)
    except session.errors as error:
        if session.is_undone():
            raise _Spoilt from error
        raise
    return answers, touched


def _among_others(session: Session, unit: Unit, flow: Callable[[Unit], Any]) -> Outcome:
    """Run one flow; `_Spoilt` if it leaves the transaction in a state that the others must not share."""
    unit.open()
    try:
        outcome = Outcome(value=flow(unit))
    except BaseException as error:
        if unit.has_written or unit.was_overtaken or isinstance(error, session.errors):
            raise _Spoilt from error
        outcome = Outcome(error=error)
    if not session.is_sound():
        raise _Spoilt
    return outcome


def _alone(session: Session, flow: Callable[[Unit], Any]) -> tuple[Outcome, Touched]:
    """Run one flow in a transaction of its own, again if somebody else was in the way."""
    failure: BaseException = StoreError()
    for attempt in range(1, TRIES + 1):
        unit = session.begin(is_alone=True)
        unit.renew()
        unit.open()
        try:
            value = flow(unit)
            if not session.is_sound():
                raise StoreError("The database refused a statement, and the flow went on regardless.")  # noqa: TRY301
            session.commit(unit.touched)
        except BaseException as error:  # noqa: BLE001 - it is handed to the caller
            session.rollback()
            failure = error
            is_in_the_way = isinstance(error, session.errors) and session.is_contention(error, is_alone=True)
            if not (is_in_the_way or unit.was_overtaken):
                break
            time.sleep(PAUSE_S * attempt)
        else:
            return Outcome(value=value), unit.touched
    return Outcome(error=_surfaced(failure) if isinstance(failure, session.errors) else failure), Touched()


def _surfaced(error: BaseException) -> StoreError:
    """Make an error of the driver, or of this file, one that callers know."""
    failure = StoreError(f"The database did not answer as it should: {error}")
    failure.__cause__ = error
    return failure


def _answer(answers: Answers, touched: Touched, watchers: Watchers) -> None:
    """Tell the flows' callers how they ended, with one call into each event loop: as a rule there is one."""
    parts: dict[asyncio.AbstractEventLoop, Answers] = {}
    for answer in answers:
        parts.setdefault(answer[0].loop, []).append(answer)
    for loop, part in parts.items():
        listeners = watchers if loop is watchers.loop else None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits in it any more
            loop.call_soon_threadsafe(_finish, part, touched, listeners)


def _finish(answers: Answers, touched: Touched, watchers: Watchers | None) -> None:
    for waiting, outcome in answers:
        if not waiting.future.done():
            waiting.future.set_result(outcome)
    if watchers is not None:
        watchers.tell(touched)
