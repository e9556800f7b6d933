"""Throttle: whoever guesses tokens at the doors for people must guess slowly.

An address (for IPv6 its /64 network) that sent `LIMIT` wrong tokens within `SPAN` is refused until the oldest of them
is that old. Tokens are 256 bits of chance, so this keeps the log and the database quiet rather than the tokens safe;
each process counts for itself, and behind a proxy all callers share the address of the proxy.
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
    """Too many wrong tokens came from this address."""

    hint = "Wait a minute, then try again with the right token."


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
            TooManyGuesses: there were too many already.
        """
        name = _network(address)
        wrong = self._wrong.get(name, deque())
        while wrong and wrong[0] <= self._now() - SPAN:
            wrong.popleft()
        if len(wrong) >= LIMIT:
            raise TooManyGuesses
        try:
            yield
        except Unproven:
            wrong.append(self._now())
            self._wrong[name] = wrong
            self._wrong.move_to_end(name)
            if len(self._wrong) > ADDRESSES:
                self._wrong.popitem(last=False)
            raise


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
