"""Jobs: durable intentions, and the ladders on which they are tried again (domain.md §7).

A job is written in the transaction that caused it and stays open until it is done, dead, or withdrawn. Ladders are
data:
the pause before each further try. When a ladder ends, the job is dead, which is shown, and a person can retry it.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

DENSE: tuple[timedelta, ...] = (
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
"""For our own integrations: dense at first, then patient for about a day."""

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

    `status` is the HTTP status if there was a reply, `retry_after` the pause that the receiver asked for.
    """

    result: Result
    detail: str
    status: int | None = None
    retry_after: timedelta | None = None


class Attempt(Struct, frozen=True, kw_only=True):
    """A try that was made, kept for people to see."""

    number: int
    started_at: datetime
    duration_ms: int
    outcome: Outcome


def next_due(ladder: tuple[timedelta, ...], rung: int, outcome: Outcome, now: datetime) -> datetime | None:
    """Say when a job that ended its try with *outcome* is due again.

    Args:
        ladder: the pauses before each further try.
        rung: the number of pauses already used.
        outcome: how the try ended; not DONE.
        now: the end of the try.

    Returns:
        The instant of the next try, or None if there is none: the job is dead.
    """
    if outcome.result is Result.NEVER or rung >= len(ladder):
        return None
    return now + max(ladder[rung], outcome.retry_after or timedelta(0))
