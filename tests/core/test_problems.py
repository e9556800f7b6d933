"""What is wrong in a rulebook about changes, waiting and feeds, and what its computing keeps apart."""

# ruff: noqa: DTZ001 - local times have no offset
from datetime import date, datetime

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Window
from mitregate.core.catalogue import Template
from mitregate.core.changes import Status, StatusClass
from mitregate.core.control import Demand, Matrix, Rule, UnknownServices
from mitregate.core.deployments import EnvironmentType
from mitregate.core.feeds import Feed
from mitregate.core.reach import Reach, subject_of
from mitregate.core.rulebook import (
    FreezeRule,
    HolidaySet,
    Problem,
    Rulebook,
    calendar_for,
    freezes_of,
    problems,
    services_by_id,
    services_named,
    spans_of,
    spell_path,
)
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Workflow
from tests.core.making import NOW, at, deployment

SUBJECT = subject_of(deployment())
SHOP = Reach(projects=("shop",))
PATCH = Template(name="patch", reach=SHOP)
FEED = Feed(name="company", url="https://calendar.example.com/a.ics")
STATUSES = ", ".join(status.value for status in Status)
REACHES_ALL = "It reaches every deployment; say in reach which ones are approved beforehand."


@pytest.mark.parametrize(
    ("book", "path", "message"),
    [
        (
            Rulebook(workflow=Workflow(statuses={"Planning": StatusClass.STOP, "planning": StatusClass.STOP})),
            ("workflow", "statuses", "planning"),
            f"There is no status 'planning', but {STATUSES}.",
        ),
        (
            Rulebook(workflow=Workflow(statuses={"Planning": StatusClass.WAIT, "Closed": StatusClass.WAIT})),
            ("workflow", "statuses", "Closed"),
            "A change in status 'Closed' is over; no deployment may rely on it any more.",
        ),
        (
            Rulebook(workflow=Workflow(allow_status=Status.DECLINED)),
            ("workflow", "allow_status"),
            "A change in status 'Declined' is over; no deployment may rely on it any more.",
        ),
        (Rulebook(standard=(PATCH, replace(PATCH, name=" PATCH "))), ("standard", 1), "'patch' is there twice."),
        (
            Rulebook(standard=(PATCH, replace(PATCH, name="b"), replace(PATCH, name="patch"))),
            ("standard", 2),
            "'patch' is there twice.",
        ),
        (Rulebook(standard=(PATCH, Template(name="all", reach=Reach()))), ("standard", 1, "reach"), REACHES_ALL),
        (
            Rulebook(standard=(replace(PATCH, zone="Mars"),)),
            ("standard", 0, "zone"),
            "There is no time zone 'Mars'. Write an IANA name such as Europe/Berlin.",
        ),
        (
            Rulebook(waiting=(Waiting(name="a"), Waiting(name="b", remind_before=("1h",)))),
            ("waiting", 1),
            "There is no end to remind of. Give expires_after, or leave the reminders out.",
        ),
        (Rulebook(waiting=(Waiting(name="a"),) * 2), ("waiting", 1), "'a' is there twice."),
        (Rulebook(feeds=(FEED, FEED)), ("feeds", 1), "'company' is there twice."),
        (
            Rulebook(feeds=(FEED,), freezes=(FreezeRule(name="company", when=Times(start=NOW)),)),
            ("feeds", 0, "name"),
            "A freeze has the name 'company' already.",
        ),
    ],
)
def test_problems_are_named_with_their_place(book: Rulebook, path: tuple[str | int, ...], message: str) -> None:
    """Each thing that is wrong is said once, in words, with the fields that lead there, and nothing else is."""
    assert problems(book) == [Problem(path=path, message=message)]


def test_a_rulebook_may_say_all_of_it() -> None:
    """What can be carried out is no problem."""
    book = Rulebook(
        workflow=Workflow(statuses={status.value: StatusClass.STOP for status in Status}),
        standard=(PATCH, replace(PATCH, name="other", zone="Asia/Tokyo")),
        waiting=(Waiting(name="a", expires_after="7d", remind_before=("1d",)), Waiting(name="b", supersede=True)),
        feeds=(FEED,),
    )
    assert problems(book) == []


def test_a_place_is_spelled() -> None:
    """A place in a rulebook is written as people write it."""
    assert spell_path(("freezes", 0, "when")) == "freezes[0].when"
    assert spell_path(("workflow", "statuses", "planning")) == "workflow.statuses.planning"
    assert spell_path(()) == ""


def test_the_span_that_ends_last_holds_and_the_one_that_begins_first_comes() -> None:
    """Over all that a freeze says of when, the span that ends last holds, and the one that begins first comes next."""
    days = (date(2024, 5, 6), date(2024, 5, 9))
    tea = Times(start=datetime(2024, 5, 6, 11), length="2h", rule="FREQ=DAILY;COUNT=2")
    freeze = FreezeRule(name="f", when=replace(tea, days=days), also=(Times(start=at(-1)), Times(start=at(60))))
    book = Rulebook(freezes=(freeze,))
    assert spans_of(book, freeze, NOW) == (Window(start=at(-1)), Window(start=at(23), end=at(25)))
    bounded = replace(freeze, also=())
    day = Window(start=at(-12), end=spans_of(Rulebook(freezes=(bounded,)), bounded, at(-5))[0].end)  # type: ignore[union-attr]
    assert spans_of(Rulebook(freezes=(bounded,)), bounded, NOW) == (day, Window(start=at(23), end=at(25)))
    later = spans_of(Rulebook(freezes=(bounded,)), bounded, at(26))
    assert later[0] is None
    assert later[1] is not None
    assert later[1].start == datetime.fromisoformat("2024-05-09T00:00:00Z")


def test_the_first_of_several_times_to_come_comes_next() -> None:
    """Of times of which some come again and some do not, the one that begins first comes next, however it is said."""
    again = Times(start=at(80).replace(tzinfo=None), length="2h", rule="FREQ=DAILY;COUNT=2")
    freeze = FreezeRule(name="f", when=again, also=(Times(start=at(60)), Times(start=at(60), length="1h")))
    book = Rulebook(freezes=(freeze,))
    holding, coming = spans_of(book, freeze, NOW)
    assert holding is None
    assert coming is not None
    assert coming.start == at(60)


def test_further_times_and_days_are_frozen_under_one_name() -> None:
    """Days of a set hold beside further times, where a freeze says nothing else of when, and all bear its name."""
    freeze = FreezeRule(name="f", also=(Times(start=at(1), end=at(2)),), holidays=("feasts",))
    book = Rulebook(holidays=(HolidaySet(name="feasts", days=(date(2024, 5, 8),)),), freezes=(freeze,))
    calendar = calendar_for(book, SUBJECT)
    assert [bool(calendar.freezes_now(at(hour))) for hour in (0, 1, 2, 3, 36, 60)] == [
        False,
        True,
        True,
        False,
        True,
        False,
    ]
    assert {one.name for one in freezes_of(book, freeze)} == {"f"}
    assert len(freezes_of(replace(book, holidays=()), freeze)) == 1


def test_services_are_known_beside_feeds() -> None:
    """Looking a service up does not need any calendar to have been read."""
    book = Rulebook(services=(Service(id="shop", tier=1, aliases=("store",)),), feeds=(FEED,))
    assert [one.id for one in services_named(book, ["store"]).known] == ["shop"]
    assert set(services_by_id(book)) == {"shop", "store"}


# --- what control says ---


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (Rule(name="shop", control=Demand.ALWAYS), "shop: always"),
        (Rule(control=Demand.WHEN_ASKED), "*: when asked"),
        (Rule(name="eu-*", type=EnvironmentType.PRODUCTION, control=Demand.NEVER), "eu-* (production): never"),
    ],
)
def test_a_rule_is_said_in_words(rule: Rule, said: str) -> None:
    """A rule of control is read as whom it is for, and what it demands."""
    assert rule.said == said


def test_out_of_the_box_unknown_services_are_reported() -> None:
    """What names a service that is not known is told so, as Jira does, and refused only where the rules say so."""
    assert Matrix().unknown_services is UnknownServices.REPORT
    assert [one.value for one in UnknownServices] == ["report", "refuse"]
