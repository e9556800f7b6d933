"""The store's noun for the calendars that the rules subscribe to."""

from datetime import datetime
from typing import Protocol

from mitregate.core.feeds import Condition, Feed, Reading, Readings


class Feeds(Protocol):
    """What is known of the calendars that the rules subscribe to."""

    def readings(self) -> Readings:
        """Read what each said last; whoever has read the rules before in this transaction decides by both."""

    def conditions(self) -> list[Condition]:
        """Read how each fares, by name."""

    def expect(self, feed: Feed, due_at: datetime) -> None:
        """Keep one of which nothing is known, in place of what was kept by its name."""

    def forget(self, name: str) -> None:
        """Forget one that is no longer subscribed to."""

    def claim(self, name: str, now: datetime, until: datetime) -> bool:
        """Put off one that is due, so that nobody else reads it meanwhile; say whether nobody else was faster."""

    def hasten(self, name: str, now: datetime) -> bool:
        """Let one be read as soon as somebody is at hand; say whether it is there."""

    def keep(self, condition: Condition, reading: Reading | None = None) -> bool:
        """Keep how one fares, and what it said if that is given; say whether it is still by that address and zone."""

    def next_due(self) -> datetime | None:
        """Say when the next one is due."""
