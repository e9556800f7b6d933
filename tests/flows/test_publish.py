"""What the calendar says that people subscribe to."""

from datetime import UTC, datetime, timedelta

import pytest
from icalendar import Calendar as ICalendar
from msgspec.structs import replace

from mitregate.core.calendar import Calendar
from mitregate.core.changes import Transition
from mitregate.core.errors import Forbidden, Unproven
from mitregate.core.feeds import Feed
from mitregate.core.people import Permission, Role, TokenKind
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, Rulebook, freezes_of
from mitregate.core.times import Times
from mitregate.flows import admit, publish, rules
from mitregate.flows.act import begin
from mitregate.flows.prove import prove, prove_link
from mitregate.flows.publish import Content
from mitregate.wire.icalendar_text import Entry, write_calendar
from tests.core.making import NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, NOBODY, World

TODAY = datetime(2024, 5, 6, tzinfo=UTC)
YEAR_END = FreezeRule(name="year end", when=Times(start=at(1), end=at(5)), reason="Annual accounts")


def entries(world: World, *services: str, content: Content = Content.ALL) -> list[Entry]:
    """Read the calendar."""
    return world.read(lambda uow: publish.calendar(begin(world.ports, uow, ANN), content=content, services=services))


def put(world: World, book: Rulebook) -> None:
    """Put rules in force."""
    world.do(ADMIN, rules.replace_all, book)


def test_planned_changes_are_in_it(waiting: Waiting) -> None:
    """An open change with a window is in the calendar, with its status and link; it is certain once it is approved."""
    world = waiting.world
    assert entries(world) == []
    key = waiting.key
    waiting.plan(at(1), at(2))
    (planned,) = entries(world)
    assert (planned.start, planned.end, planned.is_certain, planned.category) == (at(1), at(2), False, "Change")
    assert planned.title == f"{key} {world.change(key).title}"
    assert planned.url == f"https://gate.example.com/changes/{key}"
    assert planned.description.startswith("Status: Peer review / change manager approval\nType: normal\nRisk: ")
    waiting.approve()
    (approved,) = entries(world)
    assert (approved.uid, approved.is_certain) == (planned.uid, True)
    assert entries(world, content=Content.FREEZES) == []
    waiting.move(Transition.CANCEL)
    assert entries(world) == []


def test_half_planned_changes_are_in_it(waiting: Waiting) -> None:
    """A change with a start alone is a mark there; one with an end alone lasts until then."""
    world = waiting.world
    waiting.plan(at(1), None)
    assert [(one.start, one.end) for one in entries(world)] == [(at(1), None)]
    waiting.plan(None, at(2))
    assert [(one.start, one.end) for one in entries(world)] == [(waiting.change.created_at, at(2))]
    waiting.plan(None, at(-9))
    assert [(one.start, one.end) for one in entries(world)] == [(at(-9), at(-9))]


def test_freezes_are_in_it(world: World) -> None:
    """Each span of a freeze is an event, with its reason; one that nobody ended yet lasts as far as is shown."""
    weekly = FreezeRule(
        name="weekends",
        when=Times(start=datetime(2024, 5, 3, 18), length="2d12h", rule="FREQ=WEEKLY", zone="Europe/Berlin"),  # noqa: DTZ001
    )
    put(world, Rulebook(freezes=(YEAR_END, weekly, FreezeRule(name="incident", when=Times(start=at(-1))))))
    found = entries(world)
    (year_end,) = (one for one in found if "year end" in one.title)
    assert (year_end.title, year_end.start, year_end.end) == ("Frozen: year end (Annual accounts)", at(1), at(5))
    assert (year_end.category, year_end.changed_at, year_end.is_certain) == ("Freeze", NOW, True)
    (incident,) = (one for one in found if "incident" in one.title)
    assert (incident.end, incident.description) == (TODAY + publish.AHEAD, "It lasts until somebody ends it.")
    weekends = [one for one in found if "weekends" in one.title]
    assert len(weekends) == 53
    # By the clock in Berlin it is always 18 o'clock on a Friday, and 6 on a Monday: also when clocks are changed.
    hours = {(one.start.hour, one.end.hour) for one in weekends if one.end}
    assert hours == {(16, 4), (17, 5), (16, 5), (17, 4)}
    assert len({one.uid for one in found}) == len(found)


def test_it_stays_the_same_for_a_day(world: World) -> None:
    """Events are known by the same ids for as long as they are the same; who asks again is told the same that day."""
    put(world, Rulebook(freezes=(YEAR_END, FreezeRule(name="incident", when=Times(end=at(9))))))
    first = entries(world)
    world.wait(timedelta(hours=5))
    assert entries(world) == first
    world.wait(timedelta(days=1))
    assert [one.uid for one in entries(world)] == [one.uid for one in first]
    put(world, Rulebook(freezes=(replace(YEAR_END, reason="Stocktaking"),)))
    (later,) = entries(world)
    assert (later.uid, later.changed_at) == (next(one for one in first if "year" in one.title).uid, world.now)


def test_calendars_that_are_read_are_in_it(world: World) -> None:
    """What is known of a feed is in the calendar; of one that was not read yet, that it freezes everything."""
    put(world, Rulebook(feeds=(Feed(name="company", url="https://a.example.com/"),)))
    (unread,) = entries(world)
    assert unread.title == "Frozen: company (the calendar 'company' has not been read yet)"
    assert (unread.start, unread.end) == (TODAY - publish.BEHIND, TODAY + publish.AHEAD)


def test_overlapping_events_have_ids_of_their_own(world: World) -> None:
    """Events of one freeze that begin together are told apart."""
    also = (Times(start=at(1), end=at(2)), Times(start=at(1), end=at(3)))
    put(world, Rulebook(freezes=(FreezeRule(name="a", also=also),)))
    assert len({one.uid for one in entries(world)}) == 2


def test_one_service_can_be_looked_at(waiting: Waiting) -> None:
    """For a service there are its freezes and changes, and the freezes that reach everybody."""
    ledger = FreezeRule(name="ledger", when=Times(start=at(1), end=at(2)), reach=Reach(services=("ledger",)))
    put(waiting.world, Rulebook(freezes=(YEAR_END, ledger)))
    waiting.plan(at(1), at(2))
    assert [one.title for one in entries(waiting.world, "checkout")] == ["Frozen: year end (Annual accounts)"]
    assert len(entries(waiting.world, "ledger")) == 2
    assert len(entries(waiting.world)) == 3
    assert len(entries(waiting.world, content=Content.CHANGES)) == 1


def test_there_is_a_limit_for_each_freeze(world: World) -> None:
    """A freeze that comes more often than is shown does not crowd out the others."""
    also = tuple(Times(start=at(number), end=at(number + 0.5)) for number in range(publish.SPANS_LIMIT + 5))
    put(world, Rulebook(freezes=(FreezeRule(name="a", also=also), YEAR_END)))
    assert len(entries(world)) == publish.SPANS_LIMIT + 1


def test_it_needs_the_permission_to_view(world: World) -> None:
    """Who may not view has no calendar."""
    with pytest.raises(Forbidden, match="'view'"):
        world.read(lambda uow: publish.calendar(begin(world.ports, uow, NOBODY)))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])
def test_what_is_written_is_frozen_at_the_same_minutes(world: World, zone: str) -> None:
    """What another program reads in the calendar is what is frozen here, through all changes of the clocks."""
    start = datetime(2024, 5, 4, 22, 30)  # noqa: DTZ001 - a local time
    when = Times(start=start, length="8h", rule="FREQ=DAILY;INTERVAL=3", zone=zone, never=(start + timedelta(days=9),))
    also = (Times(start=datetime(2024, 10, 27, 1, 45), end=datetime(2024, 10, 27, 2, 15), zone=zone),)  # noqa: DTZ001
    freeze = FreezeRule(name="nights", when=when, also=also)
    put(world, Rulebook(freezes=(freeze,)))
    events = ICalendar.from_ical(write_calendar("x", entries(world))).events
    told = sorted((event.start, event.end) for event in events)
    frozen = Calendar(freezes=freezes_of(world.read(lambda uow: uow.rules.current()).book, freeze_of(world)))
    for number in range(0, 366 * 24 * 60, 45):
        minute = TODAY + timedelta(minutes=number)
        is_told = any(begin <= minute <= end for begin, end in told)
        assert bool(frozen.freezes_now(minute)) == is_told, minute


def freeze_of(world: World) -> FreezeRule:
    """Read the only freeze."""
    (freeze,) = world.read(lambda uow: uow.rules.current()).book.freezes
    return freeze


# --- links ---


def test_a_link_is_good_for_the_calendar_alone(world: World) -> None:
    """The token of a link lets its holder view as its maker, proves nothing elsewhere, and is revoked as others are."""
    user = world.do(ADMIN, admit.add_user, "mia", Role.CHANGE_MANAGER)
    made = world.do(ADMIN, admit.add_link, user.id, "", timedelta(days=1))
    assert (made.token.kind, made.token.label, made.secret[:4]) == (TokenKind.FEED, "calendar", "mgf_")
    reader = world.read(prove_link, made.secret, world.now, "10.0.0.1")
    assert (reader.name, reader.permissions, reader.origin) == ("mia", frozenset({Permission.VIEW}), "10.0.0.1")
    with pytest.raises(Unproven, match="not valid here"):
        world.read(prove, made.secret, world.now)
    with pytest.raises(Unproven, match="not valid here"):
        world.do(ADMIN, admit.sign_in, made.secret)
    with pytest.raises(Unproven, match="expired"):
        world.read(prove_link, made.secret, world.now + timedelta(days=1))
    world.do(ADMIN, admit.remove_token, made.token.id)
    with pytest.raises(Unproven, match="not valid here"):
        world.read(prove_link, made.secret, world.now)


def test_other_tokens_are_no_links(world: World) -> None:
    """A token that is good for more must not stand in addresses, so it is not taken from there."""
    user = world.do(ADMIN, admit.add_user, "mia", Role.CHANGE_MANAGER)
    made = world.do(ADMIN, admit.add_token, user.id, "cli")
    with pytest.raises(Unproven, match="not the token of a calendar's link") as refusal:
        world.read(prove_link, made.secret, world.now)
    assert "send other tokens in Authorization" in refusal.value.advice()
    with pytest.raises(Forbidden):
        world.do(ANN, admit.add_link, user.id, "")
