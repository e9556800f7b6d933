from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.catalogue import Choice, Template, approves, choose
from mitregate.core.errors import Malformed
from mitregate.core.reach import Reach, subject_of
from mitregate.core.risk import Risk
from tests.core.making import MICROSECOND, NOW, deployment

LOW, MEDIUM, HIGH, CRITICAL = Risk
SUBJECT = subject_of(deployment())
SHOP, BANK = Reach(projects=("shop",)), Reach(projects=("bank",))
PATCH = Template(name="patch", reach=SHOP)


class Register:
    """Remembers when changes were opened of a template, and since when it was asked."""

    def __init__(self, *opened: datetime) -> None:
        self.opened = opened
        self.asked: list[tuple[str, datetime]] = []

    def __call__(self, template: Template, since: datetime) -> int:
        self.asked.append((template.name, since))
        return sum(at >= since for at in self.opened)


NOTHING = Register()


@pytest.mark.parametrize(("highest", "risk"), list(product(Risk, Risk)))
def test_the_risk_may_be_as_high_as_the_template_says(highest: Risk, risk: Risk) -> None:
    """A change is approved beforehand up to the risk that its template names, that risk included."""
    template = replace(PATCH, highest_risk=highest)
    is_low_enough = [LOW, MEDIUM, HIGH, CRITICAL].index(risk) <= [LOW, MEDIUM, HIGH, CRITICAL].index(highest)
    assert approves(template, SUBJECT, risk) is is_low_enough
    choice = choose([template], SUBJECT, risk, NOW, NOTHING)
    if is_low_enough:
        assert choice == Choice(template=template)
    else:
        said = f"'patch': the risk is {risk.value}, and at most {highest.value} is approved beforehand"
        assert choice == Choice(passed=(said,))


def test_a_template_approves_nothing_elsewhere() -> None:
    """What a template does not reach it neither approves nor is passed over for."""
    assert not approves(replace(PATCH, reach=BANK), SUBJECT, LOW)
    assert choose([replace(PATCH, reach=BANK)], SUBJECT, LOW, NOW, NOTHING) == Choice()
    assert choose([], SUBJECT, LOW, NOW, NOTHING) == Choice()


def test_out_of_the_box_a_template_has_one_limit() -> None:
    """A template that says nothing else approves a medium risk, on any day, as often as it is asked for."""
    assert (PATCH.highest_risk, PATCH.each_day, PATCH.until, PATCH.zone) == (MEDIUM, None, None, "UTC")


@pytest.mark.parametrize(
    ("zone", "until", "now", "is_approved"),
    [
        ("UTC", date(2024, 5, 6), NOW, True),
        ("UTC", date(2024, 5, 7), NOW, True),
        ("UTC", date(2024, 5, 5), NOW, False),
        ("UTC", date(2024, 5, 6), datetime(2024, 5, 7, tzinfo=UTC) - MICROSECOND, True),
        ("UTC", date(2024, 5, 6), datetime(2024, 5, 7, tzinfo=UTC), False),
        # At NOW the 7th of May begins in Auckland.
        ("Pacific/Auckland", date(2024, 5, 6), NOW - MICROSECOND, True),
        ("Pacific/Auckland", date(2024, 5, 6), NOW, False),
        # In Honolulu it is still the 5th, until ten in the morning of UTC.
        ("Pacific/Honolulu", date(2024, 5, 5), datetime(2024, 5, 6, 10, tzinfo=UTC) - MICROSECOND, True),
        ("Pacific/Honolulu", date(2024, 5, 5), datetime(2024, 5, 6, 10, tzinfo=UTC), False),
    ],
)
def test_nothing_is_opened_after_the_last_day(zone: str, until: date, now: datetime, is_approved: bool) -> None:
    """A template is good until the end of its last day, by the calendar of its zone, and approves what is opened."""
    template = replace(PATCH, until=until, zone=zone)
    expected = Choice(template=template)
    if not is_approved:
        expected = Choice(passed=(f"'patch': it was approved until {until.isoformat()}",))
    assert choose([template], SUBJECT, LOW, now, NOTHING) == expected
    assert approves(template, SUBJECT, LOW)


@pytest.mark.parametrize(("opened", "is_chosen"), [(0, True), (1, True), (2, False), (3, False)])
def test_so_many_are_opened_a_day(opened: int, is_chosen: bool) -> None:
    """As many changes a day are opened of a template as it says; what comes after those is told why not."""
    template = replace(PATCH, each_day=2)
    choice = choose([template], SUBJECT, LOW, NOW, Register(*[NOW] * opened))
    assert choice == (Choice(template=template) if is_chosen else Choice(passed=("'patch': 2 of 2 were opened today",)))


@pytest.mark.parametrize(
    ("zone", "now", "midnight"),
    [
        ("UTC", NOW + timedelta(minutes=34, seconds=56, microseconds=7), datetime(2024, 5, 6, tzinfo=UTC)),
        ("Europe/Berlin", NOW, datetime(2024, 5, 5, 22, tzinfo=UTC)),
        ("Pacific/Auckland", NOW, NOW),
        ("Pacific/Auckland", NOW - MICROSECOND, datetime(2024, 5, 5, 12, tzinfo=UTC)),
        # Days of 23 and of 25 hours.
        ("Europe/Berlin", datetime(2024, 3, 31, 20, tzinfo=UTC), datetime(2024, 3, 30, 23, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2024, 10, 27, 20, tzinfo=UTC), datetime(2024, 10, 26, 22, tzinfo=UTC)),
        # In Havana a day in March begins at one o'clock, and one in November at midnight, which comes again after one.
        ("America/Havana", datetime(2026, 3, 8, 12, tzinfo=UTC), datetime(2026, 3, 8, 5, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 11, 1, 4, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
        ("America/Havana", datetime(2026, 11, 1, 12, tzinfo=UTC), datetime(2026, 11, 1, 4, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_in_its_zone(zone: str, now: datetime, midnight: datetime) -> None:
    """What was opened today is what was opened since the day began in the zone of the template, and nothing before."""
    template = replace(PATCH, each_day=1, zone=zone)
    register = Register(midnight - MICROSECOND)
    assert choose([template], SUBJECT, LOW, now, register).template == template
    assert [(name, since.astimezone(UTC)) for name, since in register.asked] == [("patch", midnight)]
    assert choose([template], SUBJECT, LOW, now, Register(midnight)).template is None


def test_the_first_within_its_limits_is_chosen() -> None:
    """Of the templates that reach a deployment the first within its limits is chosen; why not those before is told."""
    templates = [
        replace(PATCH, name="elsewhere", reach=BANK),
        replace(PATCH, name="harmless", highest_risk=LOW),
        replace(PATCH, name="last year", until=date(2023, 12, 31)),
        replace(PATCH, name="now and then", each_day=1),
        replace(PATCH, name="this one"),
        replace(PATCH, name="nobody gets here", highest_risk=LOW),
    ]
    assert choose(templates, SUBJECT, MEDIUM, NOW, Register(NOW)) == Choice(
        template=templates[4],
        passed=(
            "'harmless': the risk is medium, and at most low is approved beforehand",
            "'last year': it was approved until 2023-12-31",
            "'now and then': 1 of 1 were opened today",
        ),
    )


def test_a_zone_that_is_not_there_is_said() -> None:
    """A template whose zone nobody knows, which no accepted rulebook has, is not taken to be within its limits."""
    with pytest.raises(Malformed, match="no time zone 'Mars'"):
        choose([replace(PATCH, zone="Mars")], SUBJECT, LOW, NOW, NOTHING)


templates = st.builds(
    Template,
    name=st.sampled_from("abc"),
    reach=st.sampled_from([SHOP, BANK]),
    highest_risk=st.sampled_from(Risk),
    each_day=st.none() | st.integers(1, 3),
    until=st.none() | st.dates(date(2024, 5, 4), date(2024, 5, 8)),
    zone=st.sampled_from(["UTC", "Pacific/Auckland", "America/Havana"]),
)


@given(st.lists(templates, max_size=4), st.sampled_from(Risk), st.lists(st.integers(-30, 0), max_size=4))
def test_what_is_chosen_is_approved(catalogue: list[Template], risk: Risk, hours: list[int]) -> None:
    """What is chosen approves the change; a higher risk, or one more that was opened, never lets more be chosen."""
    opened = [NOW + timedelta(hours=number) for number in hours]
    for template in catalogue:
        chosen = choose([template], SUBJECT, risk, NOW, Register(*opened)).template
        assert chosen is None or approves(chosen, SUBJECT, risk)
        if choose([template], SUBJECT, CRITICAL, NOW, Register(*opened, NOW)).template is not None:
            assert chosen == template
    choice = choose(catalogue, SUBJECT, risk, NOW, Register(*opened))
    alone = [one for one in catalogue if choose([one], SUBJECT, risk, NOW, Register(*opened)).template is not None]
    assert choice.template == next(iter(alone), None)
