"""Rules that change while deployments wait, and what they stop and let go."""

import pytest
from msgspec.structs import replace

from mitregate.core.changes import ChangeType
from mitregate.core.control import Control, Demand, Matrix, Rule
from mitregate.core.deployments import EnvironmentType
from mitregate.core.errors import Malformed, Stale, Unknown
from mitregate.core.gates import GatingStatus
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, HolidaySet, Hours, Rulebook
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.flows import ask, review, rules, submit
from mitregate.ports import KeptRules
from tests.core.making import HOUR, MICROSECOND, NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, MANAGER, World, codes, record, told

AWAITING, ALLOWED, PREVENTED = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.PREVENTED
HELD = (AWAITING, ["frozen"])
OPEN = (ALLOWED, ["approved"])

FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(2)), reason="Annual accounts")
DAILY = FreezeRule(name="noon", when=Times(start=at(-1), length="2h", rule="FREQ=DAILY"))
NIGHT = Hours(name="night", when=Times(start=at(5), length="1h", rule="FREQ=DAILY"))


def put_in_force(world: World, book: Rulebook) -> KeptRules:
    """Put a rulebook in force."""
    kept, _ = world.do(ADMIN, rules.replace_all, book)
    return kept


# --- freezes and hours ---


def test_a_freeze_stops_what_was_allowed(waiting: Waiting) -> None:
    """A freeze that is added stops an allowed gate as soon as the worker wakes it, and that is announced."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    assert waiting.world.wake() == 1
    assert waiting.verdict == HELD
    (reason,) = waiting.world.gate(waiting.app).verdict.reasons
    assert reason.message == "The freeze 'year end' holds until 2024-05-06 14:00:00 UTC (Annual accounts)."
    assert "a change manager can override it" in reason.remedy
    assert [status for status, _ in told(waiting.world.jobs())] == ["awaiting", "allowed", "awaiting"]
    assert waiting.world.wake() == 0


def test_a_poll_before_the_worker_woke_is_not_allowed(waiting: Waiting) -> None:
    """From the commit of the freeze on the stored verdict counts as overdue: who asks has it decided anew first."""
    waiting.approve()
    assert not ask.is_overdue(waiting.world.gate(waiting.app), waiting.world.now)
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    gate = waiting.world.gate(waiting.app)
    assert gate.verdict.status is ALLOWED
    assert ask.is_overdue(gate, waiting.world.now)


def test_what_was_to_be_told_is_not_told_in_a_freeze(waiting: Waiting) -> None:
    """An `allowed` on its way when a freeze comes is not sent, though no worker woke; what holds is sent as it was."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    while claims := waiting.world.claim():
        for claimed in claims:
            waiting.world.deliver(claimed)
    assert [told.status for _, told, _ in waiting.world.postman.told] == [AWAITING, AWAITING]
    waiting.world.do(MANAGER, rules.remove_freeze, "year end")
    waiting.world.wake()
    waiting.world.do(MANAGER, rules.add_freeze, replace(FREEZE, reach=Reach(projects=("bank",))))
    (claimed,) = waiting.world.claim()
    waiting.world.deliver(claimed)
    assert waiting.world.postman.told[-1][1].status is ALLOWED


@pytest.mark.parametrize("is_removed", [True, False])
def test_what_was_frozen_goes_on(waiting: Waiting, is_removed: bool) -> None:
    """A gate opens by itself when the freeze ends, or at once when somebody removes it."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    waiting.world.wake()
    assert waiting.world.gate(waiting.app).verdict.opens_at == at(2) + MICROSECOND
    if is_removed:
        waiting.world.do(MANAGER, rules.remove_freeze, "year end")
    else:
        waiting.world.now = at(2)
        assert waiting.world.wake() == 0
        waiting.world.now += MICROSECOND
    assert waiting.world.wake() == 1
    assert waiting.verdict == OPEN


def test_a_freeze_to_come_shuts_the_gate_when_it_begins(waiting: Waiting) -> None:
    """An allowed gate learns of a freeze to come at once: it is good until then, and no longer."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, replace(FREEZE, when=Times(start=at(1), end=at(2))))
    waiting.world.wake()
    assert waiting.world.gate(waiting.app).verdict.good_until == at(1) - MICROSECOND
    waiting.world.now = at(1)
    waiting.world.wake()
    assert waiting.verdict == HELD


def test_what_is_submitted_in_a_freeze_is_held(world: World) -> None:
    """A deployment that comes while a freeze holds is told of it from the first answer on."""
    world.do(MANAGER, rules.add_freeze, FREEZE)
    app = world.app()
    world.submit(app, record(app))
    assert codes(world.gate(app)) == ["waiting_for_approval", "frozen"]


def test_a_freeze_reaches_only_whom_it_names(waiting: Waiting) -> None:
    """A freeze for others leaves the gate open."""
    waiting.approve()
    waiting.world.do(MANAGER, rules.add_freeze, replace(FREEZE, reach=Reach(projects=("bank",))))
    waiting.world.wake()
    assert waiting.verdict == OPEN


@pytest.mark.parametrize(("spares", "expected"), [(True, OPEN), (False, HELD)])
def test_an_emergency_may_pass(waiting: Waiting, spares: bool, expected: tuple[GatingStatus, list[str]]) -> None:
    """An emergency passes the freezes that spare it, and no other; and it keeps no hours."""
    change = replace(waiting.change, type=ChangeType.EMERGENCY)
    waiting.world.transact(lambda uow: uow.changes.keep(change))
    waiting.world.do(MANAGER, review.approve, waiting.key)
    freeze = replace(FREEZE, spares_emergencies=spares)
    put_in_force(waiting.world, Rulebook(freezes=(freeze,), hours=(NIGHT,)))
    waiting.world.wake()
    assert waiting.verdict == expected


def test_holidays_freeze_whole_days(waiting: Waiting) -> None:
    """A freeze on a set of days holds on each of them."""
    waiting.approve()
    days = HolidaySet(name="feasts", days=(NOW.date(),))
    freeze = FreezeRule(name="feasts", holidays=("feasts",))
    put_in_force(waiting.world, Rulebook(holidays=(days,), freezes=(freeze,)))
    waiting.world.wake()
    assert waiting.verdict == HELD
    assert waiting.world.gate(waiting.app).verdict.opens_at == at(12)


def test_hours_hold_until_they_begin(waiting: Waiting) -> None:
    """Outside of the hours a gate waits, says when they begin, and opens then by itself."""
    waiting.approve()
    put_in_force(waiting.world, Rulebook(hours=(NIGHT,)))
    waiting.world.wake()
    assert waiting.verdict == (AWAITING, ["outside_hours"])
    assert waiting.world.gate(waiting.app).verdict.opens_at == at(5)
    waiting.world.now = at(5)
    waiting.world.wake()
    assert waiting.verdict == OPEN


def test_a_declined_change_stays_shut_in_a_freeze(waiting: Waiting) -> None:
    """A freeze makes nothing wait that is prevented."""
    waiting.world.do(MANAGER, rules.add_freeze, FREEZE)
    waiting.world.do(ANN, review.decline, waiting.key)
    assert waiting.verdict == (PREVENTED, ["change_declined"])


@pytest.mark.parametrize("name", ["year end", " YEAR END "])
def test_a_name_is_taken_once(world: World, name: str) -> None:
    """Two freezes of one name could not be told apart, so the second is refused."""
    world.do(MANAGER, rules.add_freeze, FREEZE)
    with pytest.raises(Malformed, match="'year end' is there twice"):
        world.do(MANAGER, rules.add_freeze, replace(FREEZE, name=name))


def test_freezes_are_listed_with_their_spans(world: World) -> None:
    """Of each freeze it is told whether it holds, until when, and when it comes again."""
    world.do(MANAGER, rules.add_freeze, FREEZE)
    world.do(MANAGER, rules.add_freeze, DAILY)
    found = world.read(rules.freezes, NOW, ANN)
    assert [(one.freeze.name, one.holds and one.holds.end, one.next and one.next.start) for one in found] == [
        ("year end", at(2), None),
        ("noon", at(1), at(23)),
    ]


def test_a_freeze_that_is_not_there_cannot_be_removed(world: World) -> None:
    """Who removes a freeze by a wrong name is told where the names are."""
    with pytest.raises(Unknown, match="no freeze 'x'") as refusal:
        world.do(MANAGER, rules.remove_freeze, "x")
    assert refusal.value.advice() == "`mitregate freeze list` shows the freezes."


# --- the matrix, titles and services ---


@pytest.mark.parametrize(
    ("demand", "asks", "expected"),
    [
        (Demand.NEVER, True, Control.NOT_REQUIRED),
        (Demand.NEVER, False, None),
        (Demand.WHEN_ASKED, False, None),
        (Demand.ALWAYS, True, Control.REQUIRED),
        (Demand.ALWAYS, False, Control.REQUIRED),
    ],
)
def test_the_matrix_says_what_is_gated(world: World, demand: Demand, asks: bool, expected: Control | None) -> None:
    """A submitted deployment opens the gate that the matrix demands for its project and environment."""
    projects = (Rule(name="shop", control=demand),)
    environments = (Rule(type=EnvironmentType.PRODUCTION, control=Demand.ALWAYS),)
    put_in_force(world, Rulebook(control=Matrix(projects=projects, environments=environments)))
    app = world.app()
    world.submit(app, replace(record(app), asks_for_gating=asks))
    assert [gate.control for gate in world.gates()] == ([expected] if expected else [])


def test_changes_are_titled_by_the_rulebook(world: World) -> None:
    """A change has the title that the rulebook gives for its product, also when its deployment is described anew."""
    put_in_force(world, Rulebook(titles={"Jenkins": "{project} {version} to {environment}"}))
    app = world.app()
    world.submit(app, record(app))
    key = world.gate(app).change_key
    assert world.change(key).title == "Shop 1.0 to Production"
    world.submit(app, record(app, 2, label="1.1"))
    assert world.change(key).title == "Shop 1.1 to Production"


def test_unknown_services_are_reported(world: World) -> None:
    """Ids of services that the rulebook does not know are given back; one that knows none says nothing of them."""
    app = world.app()
    named = replace(record(app), associations=replace(record(app).associations, services=("checkout", "ghost", "")))
    assert world.do(app, submit.submit, [named]).unknown_services == ()
    put_in_force(world, Rulebook(services=(Service(id="checkout", tier=1),)))
    taken = world.do(app, submit.submit, [replace(named, update_sequence_number=2)])
    assert taken.unknown_services == ("ghost",)


# --- keeping ---


def test_every_revision_is_kept(world: World) -> None:
    """Rules are kept with who wrote them and when; earlier revisions stay, with what each of them changed."""
    assert world.read(rules.revision, None, ANN).revision == 0
    put_in_force(world, Rulebook(freezes=(FREEZE,)))
    world.wait(HOUR)
    world.do(MANAGER, rules.add_freeze, DAILY)
    kept = world.read(rules.revision, None, ANN)
    assert (kept.revision, kept.actor, kept.at) == (2, "mia", at(1))
    assert world.read(rules.revision, 1, ANN).book == Rulebook(freezes=(FREEZE,))
    assert world.read(rules.revision, 0, ANN).book == Rulebook()
    for number in (3, -1):
        with pytest.raises(Unknown, match=f"no revision {number}"):
            world.read(rules.revision, number, ANN)
    assert world.actions("2") == ["rules.changed"]


def test_the_history_says_what_each_revision_changed(world: World) -> None:
    """Revisions are listed newest first, page by page, each with what it changed in the one before."""
    for freeze in (FREEZE, DAILY):
        world.do(MANAGER, rules.add_freeze, freeze)
    found = world.read(rules.history, 50, None, ANN)
    assert [(one.kept.revision, [each.name for each in one.changed]) for one in found] == [
        (2, ["noon"]),
        (1, ["year end"]),
    ]
    (newest,) = world.read(rules.history, 1, None, ANN)
    assert [each.name for each in newest.changed] == ["noon"]
    (oldest,) = world.read(rules.history, 1, 2, ANN)
    assert [each.name for each in oldest.changed] == ["year end"]
    assert world.read(rules.history, 1, 1, ANN) == []


def test_what_changes_nothing_is_not_written(waiting: Waiting) -> None:
    """Rules that say the same again make no revision, and wake nobody."""
    put_in_force(waiting.world, Rulebook(freezes=(FREEZE,)))
    waiting.world.wake()
    kept, changed = waiting.world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FREEZE,)))
    assert (kept.revision, changed, waiting.world.wake()) == (1, (), 0)


def test_who_has_not_seen_the_newest_rules_is_refused(world: World) -> None:
    """Rules made from an earlier revision do not replace a newer one unseen."""
    put_in_force(world, Rulebook(freezes=(FREEZE,)))
    with pytest.raises(Stale, match="not at revision 0, but at 1 by root"):
        world.do(ADMIN, rules.replace_all, Rulebook(), 0)
    assert world.do(ADMIN, rules.replace_all, Rulebook(), 1)[0].revision == 2


def test_impossible_rules_are_refused_whole(world: World) -> None:
    """Rules with problems are refused with all of them named, and nothing is changed."""
    book = Rulebook(freezes=(FreezeRule(name="a"), FreezeRule(name="b", holidays=("c",))))
    with pytest.raises(Malformed) as refusal:
        world.do(ADMIN, rules.replace_all, book)
    assert refusal.value.message.splitlines()[0] == "freezes[1].holidays: There is no set of days 'c'."
    assert len(refusal.value.message.splitlines()) == 3
    assert world.read(rules.revision, None, ANN).revision == 0


def test_not_more_problems_are_told_than_one_can_read(world: World) -> None:
    """Of many problems the first are told, and how many more there are."""
    many = Rulebook(freezes=tuple(FreezeRule(name=str(number)) for number in range(30)))
    with pytest.raises(Malformed, match="And 10 more"):
        world.do(ADMIN, rules.replace_all, many)
