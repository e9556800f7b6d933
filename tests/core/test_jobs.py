from datetime import timedelta

import pytest

from mitregate.core.jobs import DENSE, LEASE, Outcome, Result, next_due
from tests.core.making import NOW

LADDER = (timedelta(seconds=1), timedelta(seconds=5), timedelta(seconds=30))
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
    assert next_due(LADDER, rung, outcome, NOW) == expected


def test_no_ladder_no_second_try() -> None:
    """Where the ladder is empty, one failed try is the last."""
    assert next_due((), 0, Outcome(result=Result.LATER, detail=""), NOW) is None


def test_our_own_ladder_is_dense_first() -> None:
    """The ladder for our own integrations begins with 1 s, 5 s, 30 s, 2 min, 10 min, and grows for about a day."""
    assert [pause.total_seconds() for pause in DENSE[:5]] == [1, 5, 30, 120, 600]
    assert list(DENSE) == sorted(DENSE)
    assert timedelta(hours=20) < sum(DENSE, timedelta()) < timedelta(hours=30)


def test_a_lease_ends() -> None:
    """A worker that dies keeps its jobs for a minute at most."""
    assert timedelta(seconds=10) < LEASE <= timedelta(minutes=1)
