"""Throttle: whoever guesses tokens at the doors for people, or secrets of apps, is soon told to stop.

An address (for IPv6 its /64 network) that sent `LIMIT` wrong tokens within `SPAN` is told to wait until the oldest of
them is that old. The right token is let in all the same: behind a proxy all callers share one address, and an outsider
who guesses must not lock everybody out. Nothing is lost by that, for tokens are 256 bits of chance and no number of
guesses finds one. Each process counts for itself.
"""

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from mitregate.core.errors import Refused, Unproven

LIMIT = 10
"""Wrong tokens from one address that are borne."""

SPAN = timedelta(minutes=1)
"""How long each of them counts."""

ADDRESSES = 10_000
"""Addresses that are remembered; the one that was quiet the longest is forgotten first."""


class TooManyGuesses(Refused):
    """Too many wrong tokens or secrets came from this address."""

    hint = "Use the right one, or wait a minute."


class Throttle:
    """Counts wrong tokens by address."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        """Begin with no wrong tokens; *now* is the clock."""
        self._now = now
        self._wrong: OrderedDict[str, deque[datetime]] = OrderedDict()

    @contextmanager
    def of(self, address: str) -> Iterator[None]:
        """Count it against *address* if what is done here ends with `Unproven`.

        Raises:
            TooManyGuesses: it did, and there were too many already.
        """
        try:
            yield
        except Unproven:
            if self._is_over(_network(address)):
                raise TooManyGuesses from None
            raise

    def _is_over(self, name: str) -> bool:
        """Count a wrong token, unless there were too many already; say whether there were."""
        wrong = self._wrong.setdefault(name, deque())
        while wrong and wrong[0] <= self._now() - SPAN:
            wrong.popleft()
        self._wrong.move_to_end(name)
        if len(self._wrong) > ADDRESSES:
            self._wrong.popitem(last=False)
        if len(wrong) >= LIMIT:
            return True
        wrong.append(self._now())
        return False


Guesses = NamedDependency[SkipValidation[Throttle]]
"""The throttle, put into a route."""


def _network(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address
    if known.version == 4:
        return address
    return str(ipaddress.ip_network((known, 64), strict=False))
