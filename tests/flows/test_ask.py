from collections.abc import Callable

import pytest
from msgspec.structs import replace

from mitregate.changes.embedded import Embedded
from mitregate.core.changes import Transition
from mitregate.core.errors import Forbidden, Unknown
from mitregate.core.gates import Stage
from mitregate.core.people import MAY, Permission, Principal, Role, Scope
from mitregate.core.queries import AuditQuery, ChangeQuery, GateQuery, JobQuery
from mitregate.flows import ask, settle, withdraw
from mitregate.flows.act import BY_ITSELF
from mitregate.ports import UnitOfWork
from tests.core.making import HOUR, MICROSECOND, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, World, person, record

VIEWER = person("vic", Role.VIEWER)


def ask_change(uow: UnitOfWork, key: str, who: Principal) -> ask.ChangeView:
    """Ask for a change that lives in our own database."""
    return ask.change(uow, key, who, Embedded())


def test_an_app_sees_its_own_gates(world: World) -> None:
    """Whatever an app asks for, the list it gets is of its own gates; a person sees all of them."""
    one, other = world.app("one"), world.app("other")
    for app in (one, other):
        world.submit(app, record(app))
    for query in (GateQuery(), GateQuery(app_id=other.app_id)):
        assert {gate.key.app_id for gate in world.read(ask.gates, query, one)} == {one.app_id}
    assert {gate.key.app_id for gate in world.read(ask.gates, GateQuery(), VIEWER)} == {one.app_id, other.app_id}
    assert {gate.key.app_id for gate in world.read(ask.gates, GateQuery(app_id=one.app_id), VIEWER)} == {one.app_id}


def test_a_foreign_gate_is_as_unknown_as_one_that_is_not_there(world: World) -> None:
    """An app cannot tell another app's gate from none: both answers are the same, but for the id it asked for."""
    one, other = world.app("one"), world.app("other")
    world.submit(one, record(one))
    (gate,) = world.gates()
    assert world.read(ask.gate, gate.id, one) == gate
    answers = []
    for gate_id in (gate.id, "nothing"):
        with pytest.raises(Unknown) as refusal:
            world.read(ask.gate, gate_id, other)
        answers.append((refusal.value.message.replace(gate_id, "…"), refusal.value.advice()))
    assert answers[0] == answers[1]


READING: dict[str, Callable[[Waiting, Principal], object]] = {
    "change": lambda waiting, who: waiting.world.read(ask_change, waiting.key, who),
    "changes": lambda waiting, who: waiting.world.read(ask.changes, ChangeQuery(), who),
    "deliveries": lambda waiting, who: waiting.world.read(ask.deliveries, JobQuery(), who),
    "delivery": lambda waiting, who: waiting.world.read(ask.delivery, waiting.world.jobs()[0].id, who),
    "gate": lambda waiting, who: waiting.world.read(ask.gate, waiting.world.gates()[0].id, who),
    "gates": lambda waiting, who: waiting.world.read(ask.gates, GateQuery(), who),
    "entries": lambda waiting, who: waiting.world.read(ask.entries, AuditQuery(), who),
}


@pytest.mark.parametrize("what", READING)
@pytest.mark.parametrize("role", list(Role))
def test_people_see_what_their_role_shows(waiting: Waiting, what: str, role: Role) -> None:
    """Everybody with a role sees gates, changes and deliveries; the audit log is for those who audit."""
    needed = Permission.AUDIT if what == "entries" else Permission.VIEW
    if needed in MAY[role]:
        assert READING[what](waiting, person("pat", role))
    else:
        with pytest.raises(Forbidden):
            READING[what](waiting, person("pat", role))


@pytest.mark.parametrize("what", READING)
def test_strangers_see_nothing(waiting: Waiting, what: str) -> None:
    """Whoever is nobody sees nothing, and an app without the scope to read neither."""
    for who in (Principal(name="nobody"), replace(waiting.app, scopes=frozenset({Scope.WRITE, Scope.DELETE}))):
        with pytest.raises(Forbidden):
            READING[what](waiting, who)


@pytest.mark.parametrize("what", ["change", "changes", "deliveries", "delivery", "entries"])
def test_apps_see_no_more_than_gates(waiting: Waiting, what: str) -> None:
    """Changes, deliveries and the audit log are for people."""
    with pytest.raises(Forbidden):
        READING[what](waiting, waiting.app)


def test_a_change_is_shown_with_all_that_belongs_to_it(waiting: Waiting) -> None:
    """A change comes with its gates, its remarks, and the steps that are possible now; its key may be written small."""
    view = waiting.world.read(ask_change, waiting.key.lower(), VIEWER)
    assert (view.change, view.gates) == (waiting.change, tuple(waiting.world.gates()))
    assert set(view.transitions) == {
        Transition.APPROVE,
        Transition.DECLINE,
        Transition.CANCEL,
        Transition.EMERGENCY_OVERRIDE,
    }
    waiting.approve()
    view = waiting.world.read(ask_change, waiting.key, VIEWER)
    assert [comment.body for comment in view.comments] == ["Moved from Planning to Implementing."]
    assert set(view.transitions) == {Transition.COMPLETE, Transition.FAIL}


def test_a_delivery_is_shown_with_its_tries(waiting: Waiting) -> None:
    """A delivery comes with every try."""
    waiting.world.deliver(waiting.world.claim()[0], 503)
    view = waiting.world.read(ask.delivery, waiting.world.jobs()[0].id, VIEWER)
    assert [(attempt.number, attempt.outcome.status, attempt.duration_ms) for attempt in view.attempts] == [
        (1, 503, 12)
    ]


@pytest.mark.parametrize(
    ("flow", "key"),
    [(ask_change, "CHG-99"), (ask_change, "nonsense"), (ask.gate, "nothing"), (ask.delivery, "nothing")],
)
def test_what_is_not_there_is_unknown(world: World, flow: Callable[..., object], key: str) -> None:
    """Asking for what does not exist is answered in words, with advice."""
    with pytest.raises(Unknown, match=key) as refusal:
        world.read(flow, key, ADMIN)
    assert refusal.value.advice()


def test_an_overdue_verdict_is_known_as_such(waiting: Waiting) -> None:
    """A verdict whose wake time has come must be decided anew before it is shown; one that is consumed need not."""
    world = waiting.world
    waiting.plan(None, at(1))
    waiting.approve()
    gate = world.gate(waiting.app)
    assert not any(ask.is_overdue(gate, when) for when in (at(0), at(1)))
    assert all(ask.is_overdue(gate, when) for when in (at(1) + MICROSECOND, at(9)))
    assert not ask.is_overdue(replace(gate, stage=Stage.STARTED), at(9))


def test_one_gate_can_be_woken(waiting: Waiting) -> None:
    """Whoever asks for a gate that is overdue gets it decided anew, as the worker would have."""
    world = waiting.world
    waiting.plan(None, at(1))
    waiting.approve()
    gate = world.gate(waiting.app)
    world.wait(2 * HOUR)
    woken = world.do(BY_ITSELF, settle.wake, gate)
    assert (woken, woken.verdict.status, world.wake()) == (world.gate(waiting.app), "prevented", 0)


def test_what_cannot_be_woken(waiting: Waiting) -> None:
    """Waking a gate that is gone or was replaced changes nothing."""
    world = waiting.world
    gate = world.gate(waiting.app)
    world.do(waiting.app, withdraw.delete, record(waiting.app).key)
    world.submit(waiting.app, record(waiting.app))
    before = world.gates()
    assert world.do(BY_ITSELF, settle.wake, gate).stage is Stage.WITHDRAWN
    assert world.do(BY_ITSELF, settle.wake, replace(gate, id="nothing")).id == "nothing"
    assert world.gates() == before
