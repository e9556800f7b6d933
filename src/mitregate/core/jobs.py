"""Jobs: durable intentions, and the ladders on which they are tried again (domain.md §7).

A job is written in the transaction that caused it and stays open until it is done, dead, or withdrawn. Ladders are
data: the pause before each further try. When a ladder ends, the job is dead, which is shown, and a person can retry it.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct


class Rung(Struct, frozen=True, kw_only=True):
    """The pause before one further try: somewhere from *shortest* to *longest*, so that not all come back at once."""

    shortest: timedelta
    longest: timedelta

    def pause(self, seed: str) -> timedelta:
        """Choose a pause: by *seed*, so that the choice is the same whoever makes it, and another for each seed."""
        part = int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4]) / 2**32
        return self.shortest + (self.longest - self.shortest) * part


class Ladder(Struct, frozen=True, kw_only=True):
    """When to try again what did not arrive.

    `rungs` are the pauses before each further try. A host from which nothing but failures came for `host_patience` is
    tried once for each job, without a further try, until it takes one again; None: that makes no difference.
    """

    rungs: tuple[Rung, ...]
    host_patience: timedelta | None = None


def exactly(*pauses: timedelta) -> tuple[Rung, ...]:
    """Make rungs of pauses that leave no choice."""
    return tuple(Rung(shortest=pause, longest=pause) for pause in pauses)


DENSE = Ladder(
    rungs=exactly(
        timedelta(seconds=1),
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(minutes=30),
        timedelta(hours=1),
        timedelta(hours=3),
        timedelta(hours=6),
        timedelta(hours=12),
    )
)
"""For our own integrations: dense at first, then patient for about a day."""

ATLASSIAN = Ladder(
    rungs=(Rung(shortest=timedelta(minutes=5), longest=timedelta(minutes=15)),) * 5,
    host_patience=timedelta(minutes=30),
)
"""Jira's own for webhooks, which hold for gating callbacks (domain.md §7;
https://developer.atlassian.com/cloud/jira/platform/webhooks/)."""

SILENCE = timedelta(hours=1)
"""As long as no pause between two tries of a job ever is: where nothing was heard for longer, nothing is known."""

LEASE = timedelta(seconds=60)
"""How long a worker may keep a job before another one may take it over."""


class JobState(StrEnum):
    """How a job stands; only an open one is worked on."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"
    WITHDRAWN = "withdrawn"


class Job(Struct, frozen=True, kw_only=True):
    """One delivery of a verdict to one receiver.

    `lane` is the receiver: jobs in one lane share its limits and never hold up another lane. `payload` is what is to be
    said, as JSON text. `rung` is the position on the ladder, `attempts` the number of tries so far.
    """

    id: str
    provider: str
    lane: str
    gate_id: str
    payload: str
    state: JobState = JobState.OPEN
    rung: int = 0
    attempts: int = 0
    due_at: datetime
    created_at: datetime
    finished_at: datetime | None = None
    note: str = ""


class Result(StrEnum):
    """How a try ended."""

    DONE = "done"
    LATER = "later"
    NEVER = "never"


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of one try.

    `status` is the HTTP status if there was a reply, `retry_after` the pause that the receiver asked for. A failure
    `is_ours` if it came about on our side, before the receiver was called: it says nothing of the receiver.
    """

    result: Result
    detail: str
    status: int | None = None
    retry_after: timedelta | None = None
    is_ours: bool = False


class Attempt(Struct, frozen=True, kw_only=True):
    """A try that was made, kept for people to see."""

    number: int
    started_at: datetime
    duration_ms: int
    outcome: Outcome


class Streak(Struct, frozen=True, kw_only=True):
    """Failures of a host without a success among them: when the first one came, and when the last."""

    since: datetime
    last: datetime


def lengthen(streak: Streak | None, ladder: Ladder, now: datetime) -> Streak:
    """Add to the *streak* of a host the failure that came *now*.

    It begins a new one if nothing was heard for longer than `SILENCE`: a host that failed yesterday, and today, has not
    failed all the time between. But a host that was given up stays so until it takes something.
    """
    if streak is None or (now - streak.last > SILENCE and not is_given_up(ladder, streak)):
        return Streak(since=now, last=now)
    return Streak(since=streak.since, last=max(streak.last, now))


def is_given_up(ladder: Ladder, streak: Streak | None) -> bool:
    """Tell whether a host has failed for so long that each job is tried once only."""
    return (
        ladder.host_patience is not None and streak is not None and streak.last - streak.since >= ladder.host_patience
    )


def next_due(
    ladder: Ladder, job: Job, outcome: Outcome, now: datetime, streak: Streak | None = None
) -> datetime | None:
    """Say when *job*, whose try ended with *outcome*, is due again.

    Args:
        ladder: the pauses before each further try.
        job: the job; its `rung` is the number of pauses already used.
        outcome: how the try ended; not DONE.
        now: the end of the try.
        streak: the failures of the host that was called, this one among them.

    Returns:
        The instant of the next try, or None if there is none: the job is dead.
    """
    if outcome.result is Result.NEVER or job.rung >= len(ladder.rungs) or is_given_up(ladder, streak):
        return None
    pause = ladder.rungs[job.rung].pause(f"{job.id}/{job.attempts}")
    return now + max(pause, outcome.retry_after or timedelta(0))
