"""Outcomes: what the reply to a verdict comes to and means for people, by a table for each kind of receiver."""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from mitregate.core.errors import MitregateError, Unreachable
from mitregate.core.jobs import Outcome, Result
from mitregate.wire.http import Conversation, Reply, Request
from mitregate.wire.retries import read_retry_after

T = TypeVar("T")

WORDS = {
    401: "The receiver does not accept who is telling it; compare the secrets of both sides.",
    403: "The receiver does not accept who is telling it; compare the secrets of both sides.",
    404: "The receiver knows no such address.",
    410: "The receiver is gone for good and does not want to be told any more.",
    429: "The receiver is told too much at once.",
    2: "The receiver took it.",
    3: "The receiver points to another address; redirects are not followed.",
    5: "The receiver is in trouble.",
}
"""What a reply means, whoever sent it: by its status, or by the first digit of that."""


class Reading(Struct, frozen=True, kw_only=True):
    """How the replies of one kind of receiver are read.

    `results` and `words` are by status, or by its first digit for those that are not named; `otherwise` is what all the
    rest comes to.
    """

    results: Mapping[int, Result]
    otherwise: Result
    words: Mapping[int, str]

    def result_of(self, status: int) -> Result:
        """Say what a reply with *status* comes to."""
        return _found(self.results, status) or self.otherwise


def tell(request: Request, reading: Reading, now: datetime) -> Conversation[Outcome]:
    """Make a conversation of one request, whose reply, or the lack of one, is read as *reading* says."""
    try:
        reply = yield request
    except Unreachable as error:
        return Outcome(result=Result.LATER, detail=error.message)
    return judge(reading, reply, now)


def judge(reading: Reading, reply: Reply, now: datetime) -> Outcome:
    """Say what a reply that came *now* comes to."""
    words = _found(reading.words, reply.status) or "The receiver did not take it."
    return Outcome(
        result=reading.result_of(reply.status),
        detail=f"HTTP {reply.status}: {words}",
        status=reply.status,
        retry_after=read_retry_after(reply, now),
    )


def unsent(error: MitregateError) -> Outcome:
    """Say that nothing was sent, because of what is wrong on our side and may be put right."""
    return Outcome(result=Result.LATER, detail=f"{error.message} {error.advice()}", is_ours=True)


def _found(table: Mapping[int, T], status: int) -> T | None:
    return table.get(status, table.get(status // 100))
