"""Calendars that the rules subscribe to: what they hold, before they were read and after."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.errors import Forbidden, Malformed, Unknown, Unreachable
from mitregate.core.feeds import RECURRING_LIMIT, TIMES_LIMIT, Condition, Feed
from mitregate.core.gates import GatingStatus
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.core.times import Times
from mitregate.flows import feeds, foresee, rules
from mitregate.flows.act import BY_ITSELF
from mitregate.flows.feeds import Errand
from mitregate.wire.calendar_feed import Sent
from mitregate.wire.icalendar import CalendarFile
from tests.core.making import NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, MANAGER, World

AWAITING, ALLOWED = GatingStatus.AWAITING, GatingStatus.ALLOWED
FEED = Feed(name="company", url="webcal://calendar.example.com/a.ics", every="1h")
BOOK = Rulebook(feeds=(FEED,))
AUDIT = Times(start=at(-1), end=at(2), note="Audit")
OVER = Times(start=at(-3), end=at(-2), note="Over")
HOLD = (AWAITING, ["frozen"])
OPEN = (ALLOWED, ["approved"])
UNREACHABLE = Unreachable("calendar.example.com gave no reply: it took longer than 10 s.", advice="Wait.")


def subscribe(world: World, book: Rulebook = BOOK) -> None:
    """Put a rulebook in force."""
    world.do(ADMIN, rules.replace_all, book)


def claim(world: World) -> list[Errand]:
    """Let the worker take the calendars that are due."""
    return world.do(BY_ITSELF, feeds.claim)


def say(world: World, *times: Times, etag: str = "") -> None:
    """Let the one calendar that is due say so."""
    (errand,) = claim(world)
    file = CalendarFile(title="", zone="UTC", times=times)
    world.do(BY_ITSELF, feeds.keep, errand, Sent(body=b"", etag=etag), file)


def condition(world: World) -> Condition:
    """See how the calendar fares."""
    (found,) = world.read(lambda uow: uow.feeds.conditions())
    return found


def test_everything_waits_until_the_calendar_was_read(waiting: Waiting) -> None:
    """From the moment of the subscription on it holds what was allowed, and lets it go when it was read."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    world.wake()
    assert waiting.verdict == HOLD
    (reason,) = world.gate(waiting.app).verdict.reasons
    assert reason.message == "The freeze 'company' holds (the calendar 'company' has not been read yet)."
    say(world)
    world.wake()
    assert waiting.verdict == OPEN
    assert world.actions("company") == ["feed.changed"]


def test_its_events_hold_and_open(waiting: Waiting) -> None:
    """What a calendar says holds those that wait, with its title and its end, and opens by itself."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    say(world, AUDIT, OVER)
    world.wake()
    (reason,) = world.gate(waiting.app).verdict.reasons
    assert reason.message == "The freeze 'company' holds until 2024-05-06 14:00:00 UTC (Audit)."
    world.wait(timedelta(hours=2, seconds=1))
    world.wake()
    assert waiting.verdict == OPEN


def test_an_event_that_is_new_stops_what_was_allowed(waiting: Waiting) -> None:
    """Each time a calendar says something else all gates are decided anew; if it says the same, none is."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    say(world)
    world.wake()
    world.wait(timedelta(hours=1))
    say(world)
    assert world.wake() == 0
    world.wait(timedelta(hours=1))
    say(world, replace(AUDIT, end=at(5)))
    assert world.wake() == 1
    assert waiting.verdict == HOLD
    assert world.actions("company") == ["feed.changed"] * 2


def test_a_calendar_is_read_when_it_is_due(world: World) -> None:
    """A calendar is due at once, is kept from others while it is read, and then after the interval of the rules."""
    assert claim(world) == []
    subscribe(world)
    (errand,) = claim(world)
    assert errand.feed == FEED
    assert claim(world) == []
    world.wait(feeds.LEASE)
    assert len(claim(world)) == 1
    world.do(BY_ITSELF, feeds.keep, errand, Sent(body=b""), CalendarFile(title="", zone="UTC", times=()))
    assert (condition(world).read_at, condition(world).due_at) == (world.now, world.now + timedelta(hours=1))


def test_it_is_asked_at_its_address_with_what_it_is_known_by(world: World) -> None:
    """The address stands for https, and after the first time only something else is asked for."""
    subscribe(world)
    say(world, etag='"1"')
    world.wait(timedelta(hours=1))
    (errand,) = claim(world)
    request = next(feeds.inquire(errand))
    assert (request.url, request.headers["if-none-match"]) == ("https://calendar.example.com/a.ics", '"1"')
    world.do(BY_ITSELF, feeds.keep, errand, Sent(body=None), None)
    assert (condition(world).etag, condition(world).read_at) == ('"1"', world.now)


def test_one_that_fails_holds_what_it_held(waiting: Waiting) -> None:
    """A calendar that cannot be read any more says what it said last; since when it fails, and why, is told."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    say(world, AUDIT)
    since = world.now + timedelta(hours=1)
    for turn in range(2):
        world.wait(timedelta(hours=1) if turn == 0 else feeds.RETRY)
        (errand,) = claim(world)
        world.do(BY_ITSELF, feeds.fail, errand, UNREACHABLE)
        assert condition(world).failing_since == since
        assert condition(world).due_at == world.now + feeds.RETRY
    assert condition(world).error == "calendar.example.com gave no reply: it took longer than 10 s. Wait."
    world.wake()
    assert waiting.verdict == HOLD
    assert world.actions("company") == ["feed.changed", "feed.failed"]
    (view,) = world.read(rules.freezes, world.now, ANN)
    assert (view.condition, view.reason) == (condition(world), "Audit")
    world.wait(feeds.RETRY)
    say(world, AUDIT)
    assert (condition(world).failing_since, condition(world).error) == (None, "")


def test_one_that_never_was_read_is_tried_soon(waiting: Waiting) -> None:
    """While nothing is known it is tried every minute, and goes on holding everything."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    (errand,) = claim(world)
    world.do(BY_ITSELF, feeds.fail, errand, UNREACHABLE)
    assert condition(world).due_at == world.now + feeds.RETRY_UNREAD
    world.wake()
    assert waiting.verdict == HOLD


def test_too_many_events_are_refused(world: World) -> None:
    """What is over does not count; of the others there are only so many, and fewer that come again."""
    subscribe(world)
    again = Times(start=at(0), length="1h", rule="FREQ=DAILY")
    single = [replace(AUDIT, end=at(2 + number / 60)) for number in range(TIMES_LIMIT + 1)]
    for times in ([*single], [replace(again, start=at(number / 60)) for number in range(RECURRING_LIMIT + 1)]):
        world.wait(feeds.LEASE)
        with pytest.raises(Malformed, match="at most 2000 and 100 are kept to"):
            say(world, *times)
    world.wait(feeds.LEASE)
    say(world, *[OVER] * (TIMES_LIMIT + 1), AUDIT)
    (reading,) = world.read(lambda uow: uow.feeds.readings())
    assert reading.times == (AUDIT,)


def test_a_calendar_that_was_replaced_meanwhile_does_not_count(waiting: Waiting) -> None:
    """What was asked for at the former address is thrown away, and the new one holds until it was read."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    (errand,) = claim(world)
    subscribe(world, Rulebook(feeds=(replace(FEED, url="https://else.example.com/a.ics"),)))
    world.do(BY_ITSELF, feeds.keep, errand, Sent(body=b""), CalendarFile(title="", zone="UTC", times=()))
    world.do(BY_ITSELF, feeds.fail, errand, UNREACHABLE)
    world.wake()
    assert waiting.verdict == HOLD
    assert condition(world).error == ""


def test_one_that_is_as_before_is_read_in_full_if_that_is_not_known(waiting: Waiting) -> None:
    """A calendar that was left and subscribed to again while it was asked for is not taken as read, but read soon."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    say(world, etag='"1"')
    world.wait(timedelta(hours=1))
    (errand,) = claim(world)
    subscribe(world, Rulebook())
    subscribe(world)
    world.do(BY_ITSELF, feeds.keep, errand, Sent(body=None, etag='"1"'), None)
    found = condition(world)
    assert (found.read_at, found.due_at, found.etag) == (None, world.now + feeds.RETRY_UNREAD, "")
    assert "It is asked again in full." in found.error
    world.wait(feeds.RETRY_UNREAD)
    say(world)
    world.wake()
    assert waiting.verdict == OPEN
    assert condition(world).error == ""


def test_other_changes_of_the_rules_forget_nothing(world: World) -> None:
    """What is known of a calendar stays when the rules change elsewhere, and goes with the subscription."""
    subscribe(world)
    say(world, AUDIT)
    subscribe(world, Rulebook(feeds=(replace(FEED, reason="Company", every="2h"),)))
    assert len(world.read(lambda uow: uow.feeds.readings())) == 1
    subscribe(world, Rulebook())
    assert world.read(lambda uow: (uow.feeds.readings(), uow.feeds.conditions())) == ((), [])


def test_an_override_lets_one_pass(waiting: Waiting) -> None:
    """A change manager can override an event, and a calendar that cannot be read, for one deployment."""
    world = waiting.world
    waiting.approve()
    subscribe(world)
    world.wake()
    gate = world.do(MANAGER, rules.override, world.gate(waiting.app).id, "It is the fix")
    assert gate.verdict.status is ALLOWED
    assert gate.override is not None
    assert gate.override.freezes == ("company",)


def test_what_a_subscription_would_hold_is_foreseen(waiting: Waiting) -> None:
    """The plan says that a new subscription holds what it reaches, until it was read."""
    found = foresee_of(waiting.world, BOOK)
    assert (found.waiting, found.held) == (1, 1)
    subscribe(waiting.world)
    say(waiting.world)
    found = foresee_of(waiting.world, replace(BOOK, freezes=(FreezeRule(name="x", when=Times(start=NOW)),)))
    assert (found.held, found.freed) == (1, 0)


def foresee_of(world: World, book: Rulebook) -> foresee.Foresight:
    """Ask what other rules would do."""
    return world.do(ADMIN, foresee.foresee, book)


def test_reading_can_be_hastened(world: World) -> None:
    """Who plans can have a calendar read at once; others cannot, and one that is not there is not found."""
    subscribe(world)
    say(world)
    assert claim(world) == []
    world.do(MANAGER, feeds.hasten, "company")
    assert len(claim(world)) == 1
    with pytest.raises(Unknown, match="There is no feed 'other'") as refusal:
        world.do(MANAGER, feeds.hasten, "other")
    assert refusal.value.advice() == "`mitregate feed list` shows the feeds."
    with pytest.raises(Forbidden):
        world.do(ANN, feeds.hasten, "company")
