from datetime import timedelta

import pytest

from mitregate.core.jobs import (
    ATLASSIAN,
    DENSE,
    LEASE,
    SILENCE,
    Job,
    Ladder,
    Outcome,
    Result,
    Rung,
    Streak,
    exactly,
    is_given_up,
    lengthen,
    next_due,
)
from mitregate.wire.retries import LONGEST
from tests.core.making import NOW

LADDER = Ladder(rungs=exactly(timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30)))
DEAD = None


@pytest.mark.parametrize(
    ("result", "rung", "retry_after", "pause"),
    [
        (Result.LATER, 0, None, 1),
        (Result.LATER, 1, None, 5),
        (Result.LATER, 2, None, 30),
        (Result.LATER, 3, None, DEAD),
        (Result.LATER, 99, None, DEAD),
        (Result.LATER, 0, 0, 1),
        (Result.LATER, 0, -7, 1),
        (Result.LATER, 0, 120, 120),
        (Result.LATER, 2, 3, 30),
        (Result.LATER, 2, 31, 31),
        (Result.LATER, 3, 120, DEAD),
        (Result.NEVER, 0, None, DEAD),
        (Result.NEVER, 0, 120, DEAD),
    ],
)
def test_ladders_are_climbed(result: Result, rung: int, retry_after: int | None, pause: int | None) -> None:
    """Each failed try waits for its rung, longer if the receiver asks for it; past the last rung the job is dead."""
    asked = timedelta(seconds=retry_after) if retry_after is not None else None
    outcome = Outcome(result=result, detail="", retry_after=asked)
    expected = NOW + timedelta(seconds=pause) if pause is not None else None
    assert next_due(LADDER, job(rung), outcome, NOW) == expected


def job(rung: int = 0, job_id: str = "job") -> Job:
    """Make a job that has used so many pauses of its ladder."""
    return Job(
        id=job_id,
        provider="p",
        lane="l",
        gate_id="g",
        payload="{}",
        rung=rung,
        attempts=rung,
        due_at=NOW,
        created_at=NOW,
    )


def test_no_ladder_no_second_try() -> None:
    """Where the ladder is empty, one failed try is the last."""
    assert next_due(Ladder(rungs=()), job(), Outcome(result=Result.LATER, detail=""), NOW) is None


def test_atlassians_ladder() -> None:
    """The first try is followed by five more at most, each 5 to 15 minutes later, spread over that span."""
    assert ATLASSIAN.rungs == (Rung(shortest=timedelta(minutes=5), longest=timedelta(minutes=15)),) * 5
    later = Outcome(result=Result.LATER, detail="")
    pauses = []
    for number in range(200):
        due = next_due(ATLASSIAN, job(number % 5, f"job-{number}"), later, NOW)
        assert due is not None
        pauses.append((due - NOW) / timedelta(minutes=1))
    assert 5 <= min(pauses) < 6
    assert 14 < max(pauses) <= 15
    assert next_due(ATLASSIAN, job(5), later, NOW) is None


def test_a_pause_is_the_same_whoever_chooses_it() -> None:
    """The pause of one try of one job is always the same, and another than that of its next try."""
    later = Outcome(result=Result.LATER, detail="")
    assert next_due(ATLASSIAN, job(1), later, NOW) == next_due(ATLASSIAN, job(1), later, NOW)
    assert next_due(ATLASSIAN, job(1), later, NOW) != next_due(ATLASSIAN, job(2), later, NOW)


@pytest.mark.parametrize(
    ("failing_for", "expected"),
    [(timedelta(0), False), (timedelta(minutes=29, seconds=59), False), (timedelta(minutes=30), True)],
)
def test_a_failing_host_is_given_up(failing_for: timedelta, expected: bool) -> None:
    """A host that failed for half an hour and took nothing gets one try for each job, by Atlassian's ladder alone."""
    streak = Streak(since=NOW - failing_for, last=NOW)
    later = Outcome(result=Result.LATER, detail="")
    assert is_given_up(ATLASSIAN, streak) is expected
    assert (next_due(ATLASSIAN, job(), later, NOW, streak) is None) is expected
    assert next_due(DENSE, job(), later, NOW, streak) is not None


def test_a_host_of_which_nothing_is_known_is_not_given_up() -> None:
    """Without a failure there is nothing to give up."""
    assert not is_given_up(ATLASSIAN, None)


def failures(*minutes: float) -> Streak | None:
    """Let a host fail at each of these minutes after NOW."""
    streak: Streak | None = None
    for minute in minutes:
        streak = lengthen(streak, ATLASSIAN, NOW + timedelta(minutes=minute))
    return streak


def test_failures_make_a_streak() -> None:
    """A streak reaches from the first failure to the last, in whatever order two of them are told."""
    assert failures(0) == Streak(since=NOW, last=NOW)
    assert failures(0, 20, 10) == Streak(since=NOW, last=NOW + timedelta(minutes=20))


def test_a_failure_now_and_then_is_no_streak() -> None:
    """After a silence longer than any pause between two tries a failure counts from itself alone."""
    silence = SILENCE / timedelta(minutes=1)
    assert SILENCE >= LONGEST
    assert all(rung.longest <= SILENCE for rung in ATLASSIAN.rungs)
    assert failures(0, 20, 20 + silence) == Streak(since=NOW, last=NOW + timedelta(minutes=20 + silence))
    alone = NOW + timedelta(minutes=20.5 + silence)
    assert failures(0, 20, 20.5 + silence) == Streak(since=alone, last=alone)


def test_who_was_given_up_stays_so() -> None:
    """However long nothing was sent to a host that was given up, only a success makes it a host like any other."""
    assert failures(0, 30, 100_000) == Streak(since=NOW, last=NOW + timedelta(minutes=100_000))


def test_our_own_ladder_is_dense_first() -> None:
    """The ladder for our own integrations begins with 1 s, 5 s, 30 s, 2 min, 10 min, and grows for about a day."""
    pauses = [rung.pause("any") for rung in DENSE.rungs]
    assert [pause.total_seconds() for pause in pauses[:5]] == [1, 5, 30, 120, 600]
    assert pauses == sorted(pauses)
    assert timedelta(hours=20) < sum(pauses, timedelta()) < timedelta(hours=30)


def test_a_lease_ends() -> None:
    """A worker that dies keeps its jobs for a minute at most."""
    assert timedelta(seconds=10) < LEASE <= timedelta(minutes=1)
