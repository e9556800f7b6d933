"""Rulebooks: one with everything in it, and arbitrary ones."""

from datetime import UTC, date, datetime, time, timedelta, timezone

from hypothesis import strategies as st

from mitregate.core.control import Demand, Matrix, Rule
from mitregate.core.deployments import EnvironmentType
from mitregate.core.matching import TITLE
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, HolidaySet, Hours, Rulebook
from mitregate.core.services import Group, Service
from mitregate.core.times import Times

WHOLE_TEXT = """\
control:
  projects:
    - {name: team/*, control: always}
    - name: no
      control: never
  environments:
    - type: production
      control: always
titles:
  GitLab: '{product}: Deploy "{project}" version {version} to "{environment}"'
services:
  - {id: checkout, tier: 1, owner: shop, depends_on: [ledger]}
  - id: ledger
    name: Ledger
    tier: 2
    aliases: [books]
    approvers: [shop, ann]
groups:
  - name: shop
    members: [ann, bob]
hours:
  - name: office
    when: {start: 2026-01-05 09:00, length: 8h, rule: 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH', zone: Europe/Berlin}
    reach: {types: [production, staging]}
holidays:
  - name: feasts
    days: [2026-12-25, 2026-12-26]
freezes:
  - name: year end
    when:
      start: 2026-12-20
      end: 2026-12-31
      zone: Europe/Berlin
    reach:
      projects: [shop, "bank*"]
      services: [checkout]
    reason: Annual accounts
    spares_emergencies: false
  - name: feasts
    when: {zone: Europe/Berlin}
    holidays: [feasts]
"""

WHOLE = Rulebook(
    control=Matrix(
        projects=(Rule(name="team/*", control=Demand.ALWAYS), Rule(name="no", control=Demand.NEVER)),
        environments=(Rule(type=EnvironmentType.PRODUCTION, control=Demand.ALWAYS),),
    ),
    titles={"GitLab": TITLE},
    services=(
        Service(id="checkout", tier=1, owner="shop", depends_on=("ledger",)),
        Service(id="ledger", name="Ledger", tier=2, aliases=("books",), approvers=("shop", "ann")),
    ),
    groups=(Group(name="shop", members=("ann", "bob")),),
    hours=(
        Hours(
            name="office",
            when=Times(
                start=datetime(2026, 1, 5, 9),  # noqa: DTZ001 - a local time
                length="8h",
                rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH",
                zone="Europe/Berlin",
            ),
            reach=Reach(types=(EnvironmentType.PRODUCTION, EnvironmentType.STAGING)),
        ),
    ),
    holidays=(HolidaySet(name="feasts", days=(date(2026, 12, 25), date(2026, 12, 26))),),
    freezes=(
        FreezeRule(
            name="year end",
            when=Times(
                start=datetime(2026, 12, 20),  # noqa: DTZ001 - a local time
                end=datetime(2026, 12, 31, 23, 59, 59, 999_999),  # noqa: DTZ001 - likewise
                zone="Europe/Berlin",
            ),
            reach=Reach(projects=("shop", "bank*"), services=("checkout",)),
            reason="Annual accounts",
            spares_emergencies=False,
        ),
        FreezeRule(name="feasts", when=Times(zone="Europe/Berlin"), holidays=("feasts",)),
    ),
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
texts |= st.sampled_from(
    [
        "no",
        "true",
        "~",
        "null",
        "1e3",
        "0x10",
        "12:30",
        "2026-12-24",
        "- a",
        "a: b",
        "#",
        "&x",
        "",
        " ",
        "[",
        "\n",
        "\t",
    ]
)
names = texts.filter(bool)
lists = st.lists(texts, max_size=3).map(tuple)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=3))])
midnights = st.dates().map(lambda day: datetime.combine(day, time()))
moments = st.datetimes() | st.datetimes(timezones=zones) | midnights
days = st.lists(st.dates(), max_size=3).map(tuple)
times = st.builds(
    Times, start=st.none() | moments, end=st.none() | moments, length=texts, rule=texts, zone=texts, days=days
)
reaches = st.builds(
    Reach,
    projects=lists,
    environments=lists,
    types=st.lists(st.sampled_from(EnvironmentType), max_size=2).map(tuple),
    services=lists,
)
rules = st.lists(
    st.builds(Rule, name=texts, type=st.none() | st.sampled_from(EnvironmentType), control=st.sampled_from(Demand)),
    max_size=2,
).map(tuple)
books = st.builds(
    Rulebook,
    control=st.builds(Matrix, projects=rules, runbooks=rules, environments=rules),
    titles=st.dictionaries(texts, texts, max_size=2),
    services=st.lists(
        st.builds(
            Service,
            id=names,
            name=texts,
            tier=st.integers(1, 4),
            aliases=lists,
            owner=texts,
            approvers=lists,
            depends_on=lists,
        ),
        max_size=2,
    ).map(tuple),
    groups=st.lists(st.builds(Group, name=names, members=lists), max_size=2).map(tuple),
    hours=st.lists(st.builds(Hours, name=names, when=times, reach=reaches), max_size=2).map(tuple),
    holidays=st.lists(st.builds(HolidaySet, name=names, days=days), max_size=2).map(tuple),
    freezes=st.lists(
        st.builds(
            FreezeRule,
            name=names,
            when=times,
            holidays=lists,
            reach=reaches,
            reason=texts,
            spares_emergencies=st.booleans(),
        ),
        max_size=2,
    ).map(tuple),
)
"""Rulebooks of every form, whether what they say makes sense or not."""
