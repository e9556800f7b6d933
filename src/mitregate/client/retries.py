"""Trying again: the policy as data, and the steps of which a dialogue with a server is made.

A *dialogue* is a conversation (`wire.http`) in which there are pauses as well. Whoever performs it answers a `Request`
with a `Reply`, or throws `Unreachable` in where none came; and goes on with `next` when the time of a `Pause` is over.
"""

from collections.abc import Callable, Generator
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from mitregate.client.replies import error_of
from mitregate.core.errors import MitregateError, Unreachable, Unsettled
from mitregate.wire.http import Reply, Request

T = TypeVar("T")


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a dialogue wants to know of the world.

    `now` is the time. `elapsed` counts seconds and never goes back. `chance` gives a number from 0 up to 1.
    """

    now: Callable[[], datetime]
    elapsed: Callable[[], float]
    chance: Callable[[], float]


class Pause(Struct, frozen=True, kw_only=True):
    """Nothing is to be sent for so many seconds; `because` something went wrong, or else because that is the rhythm."""

    seconds: float
    because: MitregateError | None = None


Dialogue = Generator[Request | Pause, Reply, T]
"""An exchange with pauses that ends in a value of type T."""


class Retries(Struct, frozen=True, kw_only=True):
    """When a request is made again that got no reply, or one that only asks for time.

    `pauses` are the seconds before each further try; when they are used up, the last reply stands. Of each pause
    `spread`, a share from 0 to 1, is left to chance, so that many clients do not come back at once. `statuses` are the
    replies that ask for time. A server that asks, by `Retry-After`, for more than `longest` seconds is not waited for.
    """

    pauses: tuple[float, ...] = (0.5, 1.0, 2.0, 4.0)
    spread: float = 0.5
    longest: float = 60.0
    statuses: frozenset[int] = frozenset({429, 502, 503, 504})


USUAL = Retries()
"""Try again for four to seven seconds, about as long as a server takes to be started again."""

ONCE = Retries(pauses=())
"""Never try again."""


def spread(seconds: float, share: float, around: Surroundings) -> float:
    """Leave *share* of a pause to chance."""
    return seconds * (1 - share * around.chance())


def persist(prepare: Callable[[], Request], retries: Retries, around: Surroundings) -> Dialogue[Reply]:
    """Make a request, and again as *retries* says; what it tells twice must be the same as told once.

    Args:
        prepare: makes the request, anew for each try: what proves it may be good for a short time only.
        retries: when to try again.
        around: the world.

    Returns:
        The first reply that asks for no time, or the last one.

    Raises:
        Unreachable: the last try got no reply.
    """
    for pause in retries.pauses:
        trouble: MitregateError
        try:
            reply = yield prepare()
        except Unreachable as error:
            trouble = error
        else:
            if reply.status not in retries.statuses:
                return reply
            trouble = error_of(reply)
            if asked_for(trouble) > retries.longest:
                return reply
        yield Pause(seconds=max(asked_for(trouble), spread(pause, retries.spread, around)), because=trouble)
    return (yield prepare())


def asked_for(trouble: MitregateError | None) -> float:
    """Say for how many seconds the server asked to be left alone, if it did."""
    return (trouble.retry_after or 0.0) if isinstance(trouble, Unsettled) else 0.0
