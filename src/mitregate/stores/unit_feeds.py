"""The calendars that the rules subscribe to, in the database."""

from datetime import datetime

from mitregate.core.feeds import Condition, Feed, Reading, Readings
from mitregate.stores.ledger import Table
from mitregate.stores.rows import body, condition_of, instant, instant_if, moment_if, plain, readings_of


class FeedTable(Table):
    """What is known of the calendars that the rules subscribe to."""

    def readings(self) -> Readings:
        """Read what each said last; whoever has read the rules before in this transaction decides by both."""
        if self._ledger.readings is None:
            rows = tuple(tuple(row) for row in self._q.readings(self._connection))
            self._ledger.readings = readings_of(rows)
        return self._ledger.readings

    def conditions(self) -> list[Condition]:
        """Read how each fares, by name."""
        return [condition_of(row) for row in self._q.conditions(self._connection)]

    def expect(self, feed: Feed, due_at: datetime) -> None:
        """Keep one of which nothing is known, in place of what was kept by its name."""
        values = plain(name=feed.name, url=feed.url, zone=feed.zone, due_at=instant(due_at))
        self._ledger.readings = None
        self._write(self._q.await_feed, values)

    def forget(self, name: str) -> None:
        """Forget one that is no longer subscribed to."""
        self._ledger.readings = None
        self._write(self._q.forget_feed, plain(name=name))

    def claim(self, name: str, now: datetime, until: datetime) -> bool:
        """Put off one that is due, so that nobody else reads it meanwhile; say whether nobody else was faster."""
        return self._change(self._q.claim_feed, plain(name=name, now=instant(now), until=instant(until)))

    def hasten(self, name: str, now: datetime) -> bool:
        """Let one be read as soon as somebody is at hand; say whether it is there."""
        return self._change(self._q.hasten_feed, plain(name=name, now=instant(now)))

    def keep(self, condition: Condition, reading: Reading | None = None) -> bool:
        """Keep how one fares, and what it said if that is given; say whether it is still by that address and zone."""
        same = plain(name=condition.name, url=condition.url, zone=condition.zone)
        values = plain(
            due_at=instant(condition.due_at),
            read_at=instant_if(condition.read_at),
            failing_since=instant_if(condition.failing_since),
            error=condition.error,
            etag=condition.etag,
            modified=condition.modified,
        )
        is_there = self._change(self._q.keep_condition, {**same, **values})
        if is_there and reading is not None:
            self._ledger.readings = None
            self._change(self._q.keep_reading, {**same, **plain(times=body(reading.times))})
        return is_there

    def next_due(self) -> datetime | None:
        """Say when the next one is due."""
        return moment_if(self._q.next_feed(self._connection))
