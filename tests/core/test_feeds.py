# ruff: noqa: DTZ001 - local times have no offset
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Freeze, Window, agenda
from mitregate.core.deployments import EnvironmentType
from mitregate.core.errors import Malformed
from mitregate.core.feeds import Feed, Reading, address, check_address, interval, still_to_come
from mitregate.core.reach import Reach, Subject
from mitregate.core.rulebook import FreezeRule, Rulebook, calendar_for, problems, spans_of
from mitregate.core.times import Times
from tests.core.making import HOUR, MICROSECOND, at

FEED = Feed(name="company", url="https://calendar.example.com/a.ics", reach=Reach(projects=("shop",)))
BOOK = Rulebook(feeds=(FEED,))
SHOP = Subject(project="shop", environments=("eu",), type=EnvironmentType.PRODUCTION)
READING = Reading(
    name="company",
    url=FEED.url,
    zone="",
    times=(
        Times(start=at(1), end=at(3), note="Stocktaking"),
        Times(start=at(2), end=at(5), note="Audit"),
        Times(start=datetime(2024, 5, 7, 8), length="1h", rule="FREQ=DAILY;COUNT=2", note="Standup"),
    ),
)


def reasons(calendar: Calendar, hour: float) -> list[str]:
    """Say why it is frozen then."""
    return [freeze.reason for freeze, _ in calendar.freezes_now(at(hour))]


def test_a_calendar_that_was_never_read_freezes_whom_it_reaches() -> None:
    """While nothing is known of a feed, everything that it reaches is frozen, at any time, and nothing else."""
    calendar = calendar_for(BOOK, SHOP)
    assert reasons(calendar, 0) == reasons(calendar, 10**6) == ["the calendar 'company' has not been read yet"]
    assert calendar_for(BOOK, replace(SHOP, project="bank")) == Calendar()
    assert calendar_for(BOOK, SHOP, is_emergency=True) == Calendar()


def test_what_a_calendar_says_is_frozen() -> None:
    """Each event freezes while it lasts, its title is the reason, and the one that ends last is named."""
    calendar = calendar_for(BOOK, SHOP, readings=(READING,))
    found = {hour: reasons(calendar, hour) for hour in (0, 1, 2.5, 4, 6, 20, 44, 68)}
    expected = {
        0: [],
        1: ["Stocktaking"],
        2.5: ["Audit"],
        4: ["Audit"],
        6: [],
        20: ["Standup"],
        44: ["Standup"],
        68: [],
    }
    assert found == expected
    assert spans_of(BOOK, FEED, at(0), readings=(READING,)) == (None, Window(start=at(1), end=at(3)))


def test_the_reason_of_the_rules_comes_first() -> None:
    """What the rules say of a feed stands before what the calendar, or nobody, says."""
    book = Rulebook(feeds=(replace(FEED, reason="Company calendar"),))
    assert reasons(calendar_for(book, SHOP, readings=(READING,)), 1) == ["Company calendar: Stocktaking"]
    unread = "Company calendar: the calendar 'company' has not been read yet"
    assert reasons(calendar_for(book, SHOP), 1) == [unread]


@pytest.mark.parametrize("other", [{"url": "https://else.example.com/a.ics"}, {"zone": "Europe/Berlin"}, {"name": "b"}])
def test_what_another_calendar_said_does_not_count(other: dict[str, str]) -> None:
    """A feed whose address or zone was changed is one of which nothing is known yet."""
    book = Rulebook(feeds=(replace(FEED, **other),))
    assert len(reasons(calendar_for(book, SHOP, readings=(READING,)), 0)) == 1


def test_an_empty_calendar_freezes_nothing() -> None:
    """A calendar that was read and has no events holds nobody."""
    assert reasons(calendar_for(BOOK, SHOP, readings=(replace(READING, times=()),)), 0) == []


def test_overridden_events_hold_no_more_and_later_ones_do() -> None:
    """An override lifts the events that had begun by then; one that overlaps them and begins later holds again."""
    (listed, *_) = calendar_for(BOOK, SHOP, readings=(READING,)).freezes
    lifted = replace(listed, overridden_at=at(1.5))
    assert lifted.at(at(1.5)) is None
    assert lifted.next_edge(at(1.5)) == at(2)
    assert lifted.at(at(2)) == Window(start=at(2), end=at(5))


hours = st.integers(0, 12)


@given(st.lists(st.tuples(hours, hours.map(lambda hour: hour / 2))), st.integers(-3, 60))
def test_an_agenda_says_what_looking_at_each_event_says(events: list[tuple[int, float]], now: int) -> None:
    """However events overlap, an agenda holds when one of them does, and changes when one begins or is over."""
    spans = [Window(start=at(start), end=at(start + length)) for start, length in events]
    listed = Freeze(name="a", agenda=agenda((at(start), at(start + length), "") for start, length in events))
    singly = Calendar(freezes=tuple(Freeze(name="a", window=span) for span in spans))
    instant = at(now / 2)
    held = [span for _, span in singly.freezes_now(instant)]
    found = listed.at(instant)
    assert (found is not None) == bool(held)
    assert found is None or found.end == max(span.end for span in held if span.end is not None)
    assert listed.next_edge(instant) == singly.next_edge(instant)


def test_notes_of_events_at_the_same_time_are_all_told() -> None:
    """Events that begin and end together are told together, each title once."""
    listed = agenda([(at(0), at(1), "b"), (at(0), at(1), "a"), (at(0), at(1), "b"), (at(0), at(2), "c")])
    assert listed.note(Window(start=at(0), end=at(1))) == "a, b"
    assert listed.note(Window(start=at(0), end=at(3))) == ""


def test_freezes_can_have_many_times() -> None:
    """A freeze with further times holds in all of them; one that has these alone needs no other."""
    rule = FreezeRule(name="imported", also=READING.times, reason="Imported")
    assert problems(Rulebook(freezes=(rule,))) == []
    calendar = calendar_for(Rulebook(freezes=(rule,)), SHOP)
    assert [reasons(calendar, hour) for hour in (0, 1, 20)] == [[], ["Imported: Stocktaking"], ["Imported: Standup"]]
    both = replace(rule, when=Times(start=at(-2), end=at(-1), note="Before"))
    assert reasons(calendar_for(Rulebook(freezes=(both,)), SHOP), -1.5) == ["Imported: Before"]
    open_ended = replace(rule, also=(Times(start=at(9)), Times(days=(at(0).date(),))))
    assert [len(reasons(calendar_for(Rulebook(freezes=(open_ended,)), SHOP), hour)) for hour in (1, 8.9, 30)] == [
        1,
        1,
        1,
    ]


def test_what_is_over_is_left_out() -> None:
    """Of many times those are kept of which something is still to come, or goes on."""
    assert still_to_come(READING.times, at(5)) == READING.times[1:]
    assert still_to_come(READING.times, at(5) + MICROSECOND) == READING.times[2:]
    assert still_to_come(READING.times, at(45) + MICROSECOND) == ()


@pytest.mark.parametrize(("every", "length"), [("5m", HOUR / 12), ("6h", 6 * HOUR), ("7d", timedelta(days=7))])
def test_how_often_a_calendar_is_read_can_be_said(every: str, length: timedelta) -> None:
    """From every five minutes to once a week."""
    assert interval(replace(FEED, every=every)) == length


@pytest.mark.parametrize("every", ["4m", "8d", "often", "0m", ""])
def test_other_intervals_are_refused(every: str) -> None:
    """What is too often, too seldom or no length is refused, and said where it stands."""
    with pytest.raises(Malformed) as refusal:
        interval(replace(FEED, every=every))
    assert refusal.value.advice()
    (problem,) = problems(Rulebook(feeds=(replace(FEED, every=every),)))
    assert problem.path == ("feeds", 0, "every")


def test_webcal_stands_for_https() -> None:
    """The address that Apple's calendars give is asked over https."""
    assert (
        address(replace(FEED, url="webcal://p1.icloud.com/published/2/abc")) == "https://p1.icloud.com/published/2/abc"
    )
    assert address(FEED) == FEED.url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "calendar",
        "file:///etc/passwd",
        "https://",
        "ftp://a/b",
        "https://ann:pw@a/b",
        "https://a/b c",
        "http://a:99999/",
    ],
)
def test_addresses_that_cannot_be_asked_are_refused(url: str) -> None:
    """Only http, https and webcal are taken, without a user in them."""
    with pytest.raises(Malformed, match="webcal URL without a user"):
        check_address(replace(FEED, url=url))
    (problem,) = problems(Rulebook(feeds=(replace(FEED, url=url),)))
    assert problem.path == ("feeds", 0, "url")


def test_feeds_have_names_of_their_own() -> None:
    """No two feeds, and no freeze and feed, have the same name: an override goes by it."""
    freeze = FreezeRule(name="company", when=Times(start=at(0)))
    (clash,) = problems(Rulebook(freezes=(freeze,), feeds=(FEED,)))
    assert (clash.path, clash.message) == (("feeds", 0, "name"), "A freeze has the name 'company' already.")
    (twice,) = problems(Rulebook(feeds=(FEED, FEED)))
    assert twice.message == "'company' is there twice."
    (nowhere,) = problems(Rulebook(feeds=(replace(FEED, zone="Mars"),)))
    assert nowhere.path == ("feeds", 0, "zone")
