# ruff: noqa: DTZ001 - local times have no offset
from datetime import UTC, date, datetime

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Window
from mitregate.core.control import Demand, Matrix, Rule
from mitregate.core.deployments import EnvironmentType
from mitregate.core.differences import Difference, Step, differences
from mitregate.core.errors import Malformed
from mitregate.core.matching import TITLE, TITLE_LIMIT, check_title, title
from mitregate.core.reach import Reach, subject_of
from mitregate.core.rulebook import (
    FreezeRule,
    HolidaySet,
    Hours,
    Problem,
    Rulebook,
    calendar_for,
    problems,
    services_named,
    spans_of,
)
from mitregate.core.services import Group, Service
from mitregate.core.times import Times
from tests.core.making import HOUR, NOW, at, deployment

SUBJECT = subject_of(deployment())
OFTEN = Times(start=datetime(2024, 5, 6, 11), length="2h", rule="FREQ=DAILY")
NOON = FreezeRule(name="noon", when=OFTEN, reason="Lunch")

WHOLE = Rulebook(
    control=Matrix(environments=(Rule(type=EnvironmentType.PRODUCTION, control=Demand.ALWAYS),)),
    titles={"*": TITLE},
    services=(
        Service(id="checkout", tier=1, owner="shop", depends_on=("ledger",)),
        Service(id="ledger", tier=2, aliases=("books",)),
    ),
    groups=(Group(name="shop", members=("ann",)),),
    hours=(Hours(name="day", when=OFTEN),),
    holidays=(HolidaySet(name="feasts", days=(date(2024, 12, 25),)),),
    freezes=(NOON, FreezeRule(name="feasts", holidays=("feasts",))),
)


def test_a_whole_rulebook_has_no_problems() -> None:
    """Names that are there once, references that lead somewhere, and times that can be computed with are no problem."""
    assert problems(WHOLE) == []
    assert problems(Rulebook()) == []


@pytest.mark.parametrize(
    ("book", "path", "said"),
    [
        (replace(WHOLE, freezes=(NOON, replace(NOON, name=" NOON"))), ("freezes", 1), "'noon' is there twice."),
        (replace(WHOLE, hours=WHOLE.hours * 2), ("hours", 1), "'day' is there twice."),
        (replace(WHOLE, groups=WHOLE.groups * 2), ("groups", 1), "'shop' is there twice."),
        (
            replace(WHOLE, services=(*WHOLE.services, Service(id="books", tier=1))),
            ("services", 2),
            "'books' is there twice.",
        ),
        (replace(WHOLE, groups=()), ("services", 0, "owner"), "There is no group 'shop'."),
        (replace(WHOLE, services=WHOLE.services[:1]), ("services", 0, "depends_on"), "There is no service 'ledger'."),
        (replace(WHOLE, holidays=()), ("freezes", 1, "holidays"), "There is no set of days 'feasts'."),
        (
            replace(WHOLE, freezes=(FreezeRule(name="x"),)),
            ("freezes", 0, "when"),
            "'x' says nothing of when. Give a start,",
        ),
        (replace(WHOLE, hours=(Hours(name="x", when=Times()),)), ("hours", 0, "when"), "'x' says nothing of when."),
        (replace(WHOLE, titles={"GitLab": "Deploy"}), ("titles", "GitLab"), "lacks environment, project, version."),
    ],
)
def test_problems_are_named_with_their_place(book: Rulebook, path: tuple[str | int, ...], said: str) -> None:
    """What is wrong is said in words, with the fields that lead there."""
    found = problems(book)
    assert path in [one.path for one in found]
    assert any(one.path == path and said in one.message for one in found)


def test_all_problems_are_named_at_once() -> None:
    """Nobody has to mend one problem to hear of the next."""
    book = Rulebook(freezes=(FreezeRule(name="a"), FreezeRule(name="b", holidays=("c",))))
    assert [one.path for one in problems(book)] == [
        ("freezes", 1, "holidays"),
        ("freezes", 0, "when"),
        ("freezes", 1, "when"),
    ]
    assert isinstance(problems(book)[0], Problem)


def test_the_calendar_holds_what_reaches() -> None:
    """Of the freezes and hours, those bear on a deployment that reach it; a freeze carries its reason."""
    elsewhere = Reach(projects=("bank",))
    book = replace(
        WHOLE,
        freezes=(*WHOLE.freezes, replace(NOON, name="bank", reach=elsewhere)),
        hours=(*WHOLE.hours, replace(WHOLE.hours[0], name="bank hours", reach=elsewhere)),
    )
    calendar = calendar_for(book, SUBJECT)
    assert [freeze.name for freeze in calendar.freezes] == ["noon", "feasts"]
    assert [freeze.reason for freeze, _ in calendar.freezes_now(NOW)] == ["Lunch"]
    assert [period.name for period in calendar.hours] == ["day"]


def test_emergencies_keep_no_hours_and_are_spared_by_most_freezes() -> None:
    """An emergency keeps no hours, and stops only at freezes that spare none."""
    strict = replace(NOON, name="strict", spares_emergencies=False)
    book = replace(WHOLE, freezes=(NOON, strict))
    calendar = calendar_for(book, SUBJECT, is_emergency=True)
    assert [freeze.name for freeze in calendar.freezes] == ["strict"]
    assert calendar.hours == ()


def test_holidays_are_days_of_a_freeze_in_its_zone() -> None:
    """A freeze that names a set of days holds on each of them, in the zone of the freeze."""
    (freeze,) = calendar_for(
        Rulebook(
            holidays=WHOLE.holidays,
            freezes=(FreezeRule(name="x", when=Times(zone="Asia/Tokyo"), holidays=("feasts",)),),
        ),
        SUBJECT,
    ).freezes
    assert freeze.at(datetime(2024, 12, 24, 15, tzinfo=UTC)) is not None
    assert freeze.at(datetime(2024, 12, 25, 15, tzinfo=UTC)) is None


def test_a_freeze_knows_when_it_holds_and_comes_again() -> None:
    """The span that holds and the one that begins next are found over all that a freeze says of when."""
    assert spans_of(WHOLE, NOON, NOW) == (Window(start=at(-1), end=at(1)), Window(start=at(23), end=at(25)))
    assert spans_of(WHOLE, WHOLE.freezes[1], at(24 * 365)) == (None, None)


def test_other_rules_make_another_calendar() -> None:
    """What was computed for one rulebook is not taken for another, nor is an equal one computed otherwise."""
    assert calendar_for(WHOLE, SUBJECT).freezes
    assert not calendar_for(replace(WHOLE, freezes=()), SUBJECT).freezes
    assert calendar_for(replace(WHOLE), SUBJECT) == calendar_for(WHOLE, SUBJECT)


def test_services_are_known_by_the_rulebook() -> None:
    """Ids of services are looked up in the rulebook."""
    found = services_named(WHOLE, ["books", "nowhere"])
    assert ([one.id for one in found.known], found.unknown) == (["ledger"], ("nowhere",))


# --- differences ---


def test_equal_rulebooks_do_not_differ() -> None:
    """A rulebook does not differ from its equal."""
    assert differences(WHOLE, replace(WHOLE)) == ()


def test_differences_name_what_is_added_changed_and_removed() -> None:
    """Each part that differs is named by its section and name, with what it was and will be."""
    later = replace(NOON, reason="Tea")
    after = replace(WHOLE, freezes=(later, FreezeRule(name="new", when=OFTEN)), titles={}, control=Matrix())
    found = {(one.step, one.section, one.name) for one in differences(WHOLE, after)}
    assert found == {
        (Step.REMOVE, "control", "environments"),
        (Step.REMOVE, "titles", "*"),
        (Step.CHANGE, "freezes", "noon"),
        (Step.REMOVE, "freezes", "feasts"),
        (Step.ADD, "freezes", "new"),
    }
    (changed,) = (one for one in differences(WHOLE, after) if one.step is Step.CHANGE)
    assert ("Lunch" in changed.before, "Tea" in changed.after) == (True, True)


def test_another_order_is_a_difference() -> None:
    """Of rules in a list the first that fits counts, so their order is told as well."""
    after = replace(WHOLE, services=WHOLE.services[::-1])
    assert differences(WHOLE, after) == (
        Difference(
            step=Step.CHANGE, section="services", name="order", before="checkout, ledger", after="ledger, checkout"
        ),
    )


def test_differences_lead_back() -> None:
    """What one way is added is removed the other way, and changes change places."""
    after = replace(WHOLE, freezes=(replace(NOON, reason="Tea"),), groups=())
    there, back = differences(WHOLE, after), differences(after, WHOLE)
    opposite = {Step.ADD: Step.REMOVE, Step.REMOVE: Step.ADD, Step.CHANGE: Step.CHANGE}
    assert {(opposite[one.step], one.name, one.after, one.before) for one in there} == {
        (one.step, one.name, one.before, one.after) for one in back
    }


# --- titles ---


@pytest.mark.parametrize(
    ("templates", "expected"),
    [
        ({}, 'Jenkins: Deploy "Shop" version 1.0 to "Production"'),
        ({"jenkins": "{project}-{version}@{environment}"}, "Shop-1.0@Production"),
        ({"*": "{product} {project} {version} {environment}"}, "Jenkins Shop 1.0 Production"),
        ({"*": "no", "JENKINS": "{project}  {version}\n{environment}"}, "Shop 1.0 Production"),
        ({"GitLab": "no"}, 'Jenkins: Deploy "Shop" version 1.0 to "Production"'),
    ],
)
def test_titles_go_by_the_product(templates: dict[str, str], expected: str) -> None:
    """The title of a change is made by the template of its product in any case, else of all, else as Octopus'."""
    assert title(deployment(), templates) == expected


def test_long_titles_are_cut() -> None:
    """A title has no more characters than Jira takes."""
    assert len(title(deployment(label="1" * 300), {"*": "{project}{version}{environment}"})) == TITLE_LIMIT


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{project} {version}", "lacks environment"),
        ("{project} {version} {environment} {user}", "fields that are not known"),
        ("{project.key} {version} {environment}", "fields that are not known"),
        ("{project!r} {version} {environment}", "fields that are not known"),
        ("{project:>9999999} {version} {environment}", "fields that are not known"),
        ("{} {project} {version} {environment}", "fields that are not known"),
        ("{project} {version} {environment", "cannot be filled in"),
        ("} {project} {version} {environment}", "cannot be filled in"),
    ],
)
def test_bad_titles_are_refused(template: str, said: str) -> None:
    """A template that cannot be filled in, reaches into values, or tells changes not apart is refused with advice."""
    with pytest.raises(Malformed, match=said) as refusal:
        check_title(template)
    assert "Write {project}, {version} and {environment} in it" in refusal.value.advice()


def test_braces_can_be_written() -> None:
    """Doubled braces stand for themselves."""
    template = "{{x}} {project} {version} {environment}"
    check_title(template)
    assert title(deployment(), {"*": template}) == "{x} Shop 1.0 Production"


def test_an_overridden_freeze_holds_when_it_comes_again() -> None:
    """A span that had begun when the freeze was overridden holds no more; the next one does, from its first instant."""
    (freeze,) = calendar_for(Rulebook(freezes=(NOON,)), SUBJECT).freezes
    overridden = replace(freeze, overridden_at=NOW)
    assert (freeze.at(NOW) is not None, overridden.at(NOW), overridden.at(at(1))) == (True, None, None)
    assert overridden.next_start(NOW) == at(23)
    assert overridden.at(at(23)) == Window(start=at(23), end=at(23) + 2 * HOUR)
