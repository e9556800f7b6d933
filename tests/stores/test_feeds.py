import asyncio
from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.feeds import Condition, Feed, Reading
from mitregate.core.times import Times
from mitregate.ports import Store, UnitOfWork
from tests.stores.made import AGO, LATER, NOW

FEED = Feed(name="company", url="https://calendar.example.com/a.ics", zone="Europe/Berlin")
KNOWN = Condition(
    name="company",
    url=FEED.url,
    zone=FEED.zone,
    due_at=LATER,
    read_at=NOW,
    failing_since=AGO,
    error="It was answered with status 500.",
    etag='"1"',
    modified="Mon, 01 Jan 2024 00:00:00 GMT",
)
READING = Reading(name="company", url=FEED.url, zone=FEED.zone, times=(Times(start=NOW, end=LATER, note="Audit"),))


async def expect(store: Store, feed: Feed = FEED) -> None:
    """Expect a calendar, due a minute ago."""
    await store.transact(lambda uow: uow.feeds.expect(feed, AGO))


async def test_a_calendar_is_expected_then_read(store: Store, other: Store) -> None:
    """One that is expected is due and says nothing; what is kept of it comes back as it was, for everybody."""
    await expect(store)
    due = Condition(name="company", url=FEED.url, zone=FEED.zone, due_at=AGO)
    assert await other.read(lambda uow: (uow.feeds.readings(), uow.feeds.conditions())) == ((), [due])
    assert await store.transact(lambda uow: uow.feeds.keep(KNOWN, READING))
    for one in (store, other):
        found = await one.read(lambda uow: (uow.feeds.readings(), uow.feeds.conditions(), uow.feeds.next_due()))
        assert found == ((READING,), [KNOWN], LATER)


async def test_what_was_said_stays_until_something_else_is(store: Store) -> None:
    """A calendar that fares otherwise still says what it said; an empty one says nothing, which is something."""
    await expect(store)
    await store.transact(lambda uow: uow.feeds.keep(KNOWN, READING))
    await store.transact(lambda uow: uow.feeds.keep(replace(KNOWN, error="")))
    assert await store.read(lambda uow: uow.feeds.readings()) == (READING,)
    nothing = replace(READING, times=())
    await store.transact(lambda uow: uow.feeds.keep(KNOWN, nothing))
    assert await store.read(lambda uow: uow.feeds.readings()) == (nothing,)


@pytest.mark.parametrize("other_than", [{"url": "https://else.example.com/"}, {"zone": ""}])
async def test_another_address_is_another_calendar(store: Store, other_than: dict[str, str]) -> None:
    """What comes from an address or for a zone that was replaced meanwhile is not kept; what was known is forgotten."""
    await expect(store)
    await store.transact(lambda uow: uow.feeds.keep(KNOWN, READING))
    await expect(store, replace(FEED, **other_than))
    assert not await store.transact(lambda uow: uow.feeds.keep(KNOWN, READING))
    assert await store.read(lambda uow: uow.feeds.readings()) == ()
    (condition,) = await store.read(lambda uow: uow.feeds.conditions())
    assert (condition.read_at, condition.failing_since, condition.error, condition.etag) == (None, None, "", "")


async def test_calendars_are_forgotten(store: Store) -> None:
    """One that nobody subscribes to any more says nothing, and is never due."""
    await expect(store)
    await store.transact(lambda uow: uow.feeds.keep(KNOWN, READING))
    await store.transact(lambda uow: uow.feeds.forget("company"))
    found = await store.read(lambda uow: (uow.feeds.readings(), uow.feeds.conditions(), uow.feeds.next_due()))
    assert found == ((), [], None)
    assert not await store.transact(lambda uow: uow.feeds.hasten("company", NOW))


async def test_one_alone_gets_what_is_due(store: Store, other: Store) -> None:
    """Of many who ask for a calendar that is due, one gets it; when that one is late it is due again."""
    await expect(store)

    def claim(uow: UnitOfWork) -> bool:
        return uow.feeds.claim("company", NOW, NOW + timedelta(minutes=2))

    found = await asyncio.gather(*((store, other)[number % 2].transact(claim) for number in range(10)))
    assert sorted(found) == [False] * 9 + [True]
    late = NOW + timedelta(minutes=2)
    assert await store.transact(lambda uow: uow.feeds.claim("company", late, LATER))


async def test_one_can_be_hastened(store: Store) -> None:
    """A calendar that was put off is due again at once if somebody asks for it."""
    await expect(store)
    await store.transact(lambda uow: uow.feeds.keep(KNOWN))
    assert not await store.transact(lambda uow: uow.feeds.claim("company", NOW, LATER))
    assert await store.transact(lambda uow: uow.feeds.hasten("company", NOW))
    assert await store.transact(lambda uow: uow.feeds.claim("company", NOW, LATER))


async def test_what_a_flow_kept_and_lost_is_not_remembered(store: Store) -> None:
    """A flow sees what it kept; if it fails, nobody does."""
    await expect(store)

    def fail(uow: UnitOfWork) -> None:
        uow.feeds.keep(KNOWN, READING)
        assert uow.feeds.readings() == (READING,)
        raise LookupError

    with pytest.raises(LookupError):
        await store.transact(fail)
    assert await store.transact(lambda uow: uow.feeds.readings()) == ()


async def test_what_was_read_is_one_value_for_as_long_as_it_is_the_same(store: Store) -> None:
    """Two transactions that read the same are given the same value, so that what follows from it is computed once."""
    await expect(store)
    await store.transact(lambda uow: uow.feeds.keep(KNOWN, READING))
    first = await store.transact(lambda uow: uow.feeds.readings())
    await store.transact(lambda uow: uow.feeds.keep(replace(KNOWN, error="")))
    assert await store.transact(lambda uow: uow.feeds.readings()) is first
