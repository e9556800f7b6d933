# ruff: noqa: DTZ001 - local times have no offset
"""Calendar files taken into the rules."""

from datetime import date, datetime

import pytest

from mitregate.core.differences import Step
from mitregate.core.errors import Forbidden, Malformed
from mitregate.core.feeds import TIMES_LIMIT, Feed
from mitregate.core.gates import GatingStatus
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, HolidaySet, Rulebook
from mitregate.core.times import Times
from mitregate.flows import calendars, rules
from mitregate.wire.icalendar import CalendarFile, read_calendar
from mitregate.wire.rulebook import read_rulebook
from mitregate.wire.rulebook_text import write_yaml
from tests.core.making import NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, MANAGER, World
from tests.wire.calendars import sample

NAME = FreezeRule(name="company", reason="Company calendar", reach=Reach(projects=("shop",)))
AUDIT = Times(start=at(-1), end=at(2), note="Audit")
AGAIN = Times(start=at(5), length="1h", rule="FREQ=DAILY;COUNT=3", note="Standup")
OVER = Times(start=at(-3), end=at(-2))
MAY_DAY = Times(
    start=datetime(2020, 5, 1), end=datetime(2020, 5, 1, 23, 59, 59, 999_999), rule="FREQ=YEARLY", zone="Asia/Tokyo"
)
EASTER = Times(start=datetime(2025, 4, 18), end=datetime(2025, 4, 21, 23, 59, 59, 999_999), zone="Asia/Tokyo")
LONG_AGO = Times(start=datetime(2020, 4, 10), end=datetime(2020, 4, 10, 23, 59, 59, 999_999))


def file_of(*times: Times) -> CalendarFile:
    """Make a calendar that says so."""
    return CalendarFile(title="", zone="Asia/Tokyo", times=times)


def book(world: World) -> Rulebook:
    """Read the rules."""
    return world.read(lambda uow: uow.rules.current()).book


def test_a_calendar_becomes_one_freeze(waiting: Waiting) -> None:
    """Its events that are not over become one freeze that holds at once, shown with what comes."""
    waiting.approve()
    found = waiting.world.do(MANAGER, calendars.import_freeze, file_of(AUDIT, OVER, AGAIN), NAME)
    assert (found.taken, found.left_out, found.revision) == (2, 1, 1)
    assert [(one.step, one.section, one.name) for one in found.changed] == [(Step.ADD, "freezes", "company")]
    assert [(span.start, freeze.reason) for span, freeze in found.coming] == [
        (at(-1), "Company calendar: Audit"),
        *((at(5 + 24 * day), "Company calendar: Standup") for day in range(3)),
    ]
    (freeze,) = book(waiting.world).freezes
    assert (freeze.when, freeze.also) == (Times(zone="Asia/Tokyo"), (AUDIT, AGAIN))
    waiting.world.wake()
    assert waiting.verdict == (GatingStatus.AWAITING, ["frozen"])


def test_the_same_file_changes_nothing(world: World) -> None:
    """Taken in again it changes nothing; another one takes its place, among the others."""
    world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FreezeRule(name="a", when=AUDIT), NAME_AS_IT_WAS)))
    world.do(MANAGER, rules.add_freeze, FreezeRule(name="z", when=AUDIT))
    first = world.do(MANAGER, calendars.import_freeze, file_of(AUDIT, AGAIN), NAME)
    again = world.do(MANAGER, calendars.import_freeze, file_of(AUDIT, AGAIN), NAME)
    assert (len(first.changed), again.changed, again.revision) == (1, (), first.revision)
    assert [freeze.name for freeze in book(world).freezes] == ["a", "company", "z"]


NAME_AS_IT_WAS = FreezeRule(name="company", when=AGAIN)


def test_one_event_needs_no_list(world: World) -> None:
    """A calendar with one event to come becomes a freeze as somebody would write it."""
    world.do(MANAGER, calendars.import_freeze, file_of(AUDIT, OVER), NAME)
    (freeze,) = book(world).freezes
    assert (freeze.when, freeze.also) == (AUDIT, ())


def test_what_was_taken_in_is_exported_and_applied_again(world: World) -> None:
    """An imported calendar is part of the settings as code: written as YAML it reads back as it was."""
    for name in ("google", "outlook", "apple"):
        file = read_calendar(sample(name), "Europe/Berlin")
        world.do(MANAGER, calendars.import_freeze, file, FreezeRule(name=name))
    found = book(world)
    assert len(found.freezes) == 3
    assert read_rulebook(write_yaml(found)) == found


def test_a_dry_run_does_nothing(world: World) -> None:
    """It says what would come of it."""
    found = world.do(MANAGER, calendars.import_freeze, file_of(AUDIT), NAME, is_dry=True)
    assert (found.revision, len(found.changed), len(found.coming)) == (0, 1, 1)
    days = world.do(MANAGER, calendars.import_holidays, file_of(MAY_DAY), "feasts", is_dry=True)
    assert (days.revision, len(days.changed)) == (0, 1)
    assert book(world) == Rulebook()


def test_whole_days_become_holidays(world: World) -> None:
    """Whole days are taken by the calendar of their zone, those that come again for five years; others are left out."""
    found = world.do(MANAGER, calendars.import_holidays, file_of(MAY_DAY, EASTER, AUDIT, LONG_AGO), "feasts")
    easter = [date(2025, 4, day) for day in (18, 19, 20, 21)]
    days = tuple(sorted([*easter, *(date(year, 5, 1) for year in range(2024, 2029))]))
    assert NOW.year == 2024
    assert (found.days, found.taken, found.left_out) == (days, 2, 2)
    assert book(world).holidays == (HolidaySet(name="feasts", days=days),)
    again = world.do(MANAGER, calendars.import_holidays, file_of(MAY_DAY, EASTER), "feasts")
    assert again.changed == ()


def test_what_freezes_nothing_is_refused(world: World) -> None:
    """A calendar without events to come, or whole days, is refused: nobody wants that."""
    with pytest.raises(Malformed, match="Of the 1 events in the calendar none is still to come") as refusal:
        world.do(MANAGER, calendars.import_freeze, file_of(OVER), NAME)
    assert refusal.value.advice()
    with pytest.raises(Malformed, match="none is a whole day") as refusal:
        world.do(MANAGER, calendars.import_holidays, file_of(AUDIT), "feasts")
    assert refusal.value.advice() == "Leave --holidays out to freeze what it says."


def test_what_cannot_be_is_refused(world: World) -> None:
    """Too many events, and the name of a feed, are refused, whether it is tried or done."""
    world.do(ADMIN, rules.replace_all, Rulebook(feeds=(Feed(name="company", url="https://a.example.com/"),)))
    for is_dry in (True, False):
        with pytest.raises(Malformed, match="at most 2000"):
            world.do(MANAGER, calendars.import_freeze, file_of(*[AUDIT] * (TIMES_LIMIT + 1)), NAME, is_dry=is_dry)
        with pytest.raises(Malformed, match="A freeze has the name 'company' already"):
            world.do(MANAGER, calendars.import_freeze, file_of(AUDIT), NAME, is_dry=is_dry)


def test_it_needs_the_permission_to_plan(world: World) -> None:
    """Who may not plan takes in nothing."""
    with pytest.raises(Forbidden, match="'plan'"):
        world.do(ANN, calendars.import_freeze, file_of(AUDIT), NAME)
    with pytest.raises(Forbidden, match="'plan'"):
        world.do(ANN, calendars.import_holidays, file_of(MAY_DAY), "feasts")
