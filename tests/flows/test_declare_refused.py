"""Settings as code: whole or not at all, by whom, and as they were planned."""

import pytest
from msgspec.structs import replace

from mitregate.core.declared import DeclaredApp, DeclaredUser
from mitregate.core.errors import Forbidden, Malformed, Stale
from mitregate.core.people import AppKind, Permission, Principal, Role
from mitregate.core.rulebook import Rulebook
from mitregate.core.services import Service
from mitregate.flows import admit, amend, declare, rules
from tests.flows.declaring import ANN, CI, FREEZE, actions, apps, connect, plan, roles, says
from tests.flows.world import ADMIN, MANAGER, NOBODY, World, codes, record

# --- all or nothing ---


def test_all_or_nothing(world: World) -> None:
    """If one part cannot be, no part is done: neither rules nor apps nor users, and nothing is on record."""
    world.app("ci")
    log = actions(world)
    impossible = (
        says(freezes=(FREEZE,), users=(ANN,), apps=(replace(CI, callback_url="ftp://ci"),)),
        says(freezes=(FREEZE, FREEZE), users=(ANN,)),
        says(freezes=(FREEZE,), apps=(replace(CI, kind=AppKind.JENKINS),)),
        says(services=(Service(id="a", tier=1, owner="nobody"),), users=(ANN,)),
    )
    for declared in impossible:
        for flow in (declare.plan, declare.put):
            with pytest.raises(Malformed):
                world.do(ADMIN, flow, declared)
    assert world.read(lambda uow: uow.rules.current().revision) == 0
    assert (roles(world), actions(world)) == ({}, log)


def test_a_name_that_is_taken_undoes_the_rest(world: World) -> None:
    """What fails after half of it was done undoes that half: a name is taken by an app that is being installed."""
    connect(world, shared_secret=None)
    declared = says(freezes=(FREEZE,), users=(ANN,), apps=(DeclaredApp(name="a"), DeclaredApp(name="ferry")))
    with pytest.raises(Stale, match="an app named 'ferry' already"):
        world.do(ADMIN, declare.put, declared)
    assert world.read(lambda uow: uow.rules.current().revision) == 0
    assert (roles(world), list(apps(world)), actions(world)) == ({}, ["ferry"], [])


def test_what_was_planned_is_what_is_done(world: World) -> None:
    """If the rules, an app or a user changes after the plan, nothing is done, nor planned for that version."""
    app = world.app("ci")
    user = world.do(ADMIN, admit.add_user, "ann", Role.APPROVER)
    between = (
        lambda: world.do(MANAGER, rules.add_freeze, FREEZE),
        lambda: world.do(ADMIN, amend.change_app, app.app_id or "", amend.Amendment(callback_url=None)),
        lambda: world.do(ADMIN, amend.change_user, user.id, Role.VIEWER),
        lambda: world.app("new"),
        lambda: world.do(ADMIN, admit.add_user, "bob", Role.VIEWER),
    )
    for change in between:
        seen = plan(world, says(apps=())).version
        change()
        for flow in (declare.plan, declare.put):
            with pytest.raises(Stale) as refusal:
                world.do(ADMIN, flow, says(apps=()), seen, prune=True)
            assert refusal.value.advice() == "Look at the plan as it is now: apply it again."
    assert list(apps(world)) == ["ci", "new"]


def test_a_secret_is_no_other_version(world: World) -> None:
    """What settings do not say, such as a client secret, may change after the plan."""
    app = world.app("ci")
    seen = plan(world, says(apps=())).version
    world.do(ADMIN, amend.renew_secret, app.app_id or "")
    assert plan(world, says(apps=()), seen=seen).version == seen


# --- who may ---


def test_administrators_do_not_undo_themselves(world: World) -> None:
    """Whoever applies settings is neither removed nor demoted by them, nor is that planned; left out they stay."""
    user = world.do(ADMIN, admit.add_user, "root", Role.ADMIN)
    root = Principal(name="root", user_id=user.id, permissions=frozenset(Permission))
    for declared in (says(users=()), says(users=(DeclaredUser(name="root", role=Role.VIEWER),))):
        for flow in (declare.plan, declare.put):
            with pytest.raises(Forbidden) as refusal:
                world.do(root, flow, declared, prune=True)
            assert refusal.value.advice() == "Leave yourself in the file as you are, or ask another administrator."
    world.do(root, declare.put, says(users=()))
    world.do(root, declare.put, says(users=(ANN,)))
    assert roles(world) == {"ann": "approver", "root": "admin"}
    world.do(root, declare.put, says(users=(DeclaredUser(name="root", role=Role.ADMIN),)), prune=True)
    assert roles(world) == {"root": "admin"}


def test_only_administrators_declare(world: World) -> None:
    """Nobody else puts settings in force or plans that; whoever may view sees the rules alone, and an app nothing."""
    app = world.app("ci")
    for who in (MANAGER, app, NOBODY):
        for flow in (declare.plan, declare.put):
            with pytest.raises(Forbidden):
                world.do(who, flow, says(groups=()))
    assert world.read(declare.present, MANAGER)[1] == frozenset(Rulebook.__struct_fields__)
    with pytest.raises(Forbidden):
        world.read(declare.present, app)


# --- what waits ---


def test_the_plan_counts_what_would_be_held(world: World) -> None:
    """The plan says how many that wait would be held; what is put in force holds them at once."""
    app = world.app("ci")
    world.submit(app, record(app))
    planned = plan(world, says(freezes=(FREEZE,)))
    assert (planned.waiting, planned.held, planned.freed) == (1, 1, 0)
    world.do(ADMIN, declare.put, says(freezes=(FREEZE,)))
    world.wake()
    assert "frozen" in codes(world.gate(app))
    assert plan(world, says(freezes=())).freed == 1
