"""Settings as code: put in force whole or not at all, by the same acts as one by one."""

from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.declared import Declared, DeclaredApp, DeclaredUser, Document
from mitregate.core.deployments import State
from mitregate.core.differences import Difference
from mitregate.core.errors import Forbidden, Malformed, Stale, Unproven
from mitregate.core.installations import Lifecycle
from mitregate.core.people import App, AppKind, Permission, Principal, Role, Scope, fingerprint
from mitregate.core.queries import AuditQuery
from mitregate.core.rulebook import FreezeRule, Rulebook
from mitregate.core.services import Group, Service
from mitregate.core.times import Times
from mitregate.flows import admit, amend, declare, jenkins, rules
from mitregate.flows.declare import Left, Plan, Removal
from tests.core.making import at
from tests.flows.world import ADMIN, ALL, CALLBACK, MANAGER, NOBODY, World, codes, record, told
from tests.stores.made import installation

FREEZE = FreezeRule(name="now", when=Times(start=at(-1)))
CI = DeclaredApp(name="ci")
ANN = DeclaredUser(name="ann", role=Role.APPROVER)


def says(**sections: Any) -> Declared:
    """Declare some sections."""
    return Declared(document=Document(**sections), sections=frozenset(sections))


def apps(world: World) -> dict[str, App]:
    """Look at all apps, by their names."""
    return {app.name: app for app in world.read(lambda uow: uow.apps.all())}


def roles(world: World) -> dict[str, str]:
    """Look at the role of each user."""
    return {user.name: user.role.value for user in world.read(lambda uow: uow.people.users())}


def plan(world: World, declared: Declared, who: Principal = ADMIN, **options: Any) -> Plan:
    """See what settings would change."""
    return world.do(who, declare.plan, declared, **options)


def export(world: World) -> Declared:
    """Declare all that there is."""
    there, sections = world.read(declare.present, ADMIN)
    return Declared(document=there.document, sections=sections)


def steps(found: tuple[Difference, ...]) -> list[tuple[str, str, str]]:
    """Say of each difference what happens to whom."""
    return [(one.step.value, one.section, one.name) for one in found]


def connect(world: World, **others: Any) -> App:
    """Let there be a Connect app."""
    app = App(
        id="ferry",
        name="ferry",
        client_id="none",
        scopes=frozenset(Scope),
        connect=replace(installation(), **others),
        created_at=world.now,
    )
    world.transact(lambda uow: uow.apps.add(app))
    return app


def actions(world: World) -> list[str]:
    """Read all that was done, oldest first."""
    return [entry.action.value for _, entry in world.read(lambda uow: uow.audit.page(AuditQuery(limit=ALL)))][::-1]


# --- what is put in force ---


def test_everything_is_put_in_force_at_once(world: World) -> None:
    """Rules, apps and users are made as declared, each with its entry in the audit log, and secrets are given once."""
    declared = says(
        freezes=(FREEZE,),
        apps=(
            replace(CI, scopes=(Scope.READ,), callback_url=CALLBACK),
            DeclaredApp(name="jenkins", kind=AppKind.JENKINS),
        ),
        users=(ANN,),
    )
    done = world.do(ADMIN, declare.put, declared)
    made = apps(world)
    assert (made["ci"].scopes, made["ci"].callback_url) == (frozenset({Scope.READ}), CALLBACK)
    assert (made["jenkins"].kind, made["jenkins"].scopes) == (AppKind.JENKINS, frozenset({Scope.READ, Scope.WRITE}))
    assert roles(world) == {"ann": "approver"}
    assert world.read(lambda uow: uow.rules.current().book) == Rulebook(freezes=(FREEZE,))
    assert steps(done.changed) == [
        ("add", "freezes", "now"),
        ("add", "apps", "ci"),
        ("add", "apps", "jenkins"),
        ("add", "users", "ann"),
    ]
    ci, server = done.secrets
    assert fingerprint(ci.client or "") == made["ci"].secret_hash
    assert world.ports.unseal(made["ci"].signing_secret or "") == ci.signing
    assert made["jenkins"].jenkins is not None
    assert world.ports.unseal(made["jenkins"].jenkins.secret) == server.jenkins
    assert actions(world) == ["rules.changed", "user.added", "app.added", "app.added"]
    log = str(world.read(lambda uow: uow.audit.page(AuditQuery(limit=ALL))))
    assert not any(secret in log for secret in (ci.client, ci.signing, server.jenkins) if secret)


def test_what_is_in_force_changes_nothing(world: World) -> None:
    """What there is, declared as it is, with or without pruning, changes nothing and writes nothing."""
    world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FREEZE,), groups=(Group(name="shop"),)))
    world.do(ADMIN, admit.add_app, "ci", frozenset({Scope.WRITE}), CALLBACK)
    world.do(ADMIN, jenkins.add_server, "jenkins", CALLBACK)
    connect(world, is_enabled=False)
    world.do(ADMIN, admit.add_user, "ann", Role.AUDITOR)
    before, log = apps(world), actions(world)
    for prune in (False, True):
        declared = export(world)
        planned = plan(world, declared, prune=prune)
        assert (planned.changed, planned.left, planned.removals, planned.untouched) == ((), (), (), ())
        done = world.do(ADMIN, declare.put, declared, planned.version, prune=prune)
        assert (done.changed, done.secrets, done.to_tell, done.version) == ((), (), (), planned.version)
    assert (apps(world), actions(world)) == (before, log)


def test_the_order_of_apps_says_nothing(world: World) -> None:
    """Apps and users may stand in any order."""
    world.do(ADMIN, declare.put, says(apps=(CI, DeclaredApp(name="a")), users=(ANN, replace(ANN, name="bob"))))
    turned = says(apps=(DeclaredApp(name="a"), CI), users=(replace(ANN, name="bob"), ANN))
    assert plan(world, turned).changed == ()


def test_apps_are_changed_in_place(world: World) -> None:
    """Scopes and the callback change, and what is left out is as it is for a new app; deployments and secrets stay."""
    app = world.app("ci", callback_url=None)
    world.submit(app, record(app))
    done = world.do(ADMIN, declare.put, says(apps=(replace(CI, callback_url=CALLBACK),)))
    (secrets,) = done.secrets
    assert (secrets.client, secrets.jenkins) == (None, None)
    assert (secrets.signing or "").startswith("whsec_")
    assert told(world.jobs()) == [("awaiting", "open")]
    done = world.do(ADMIN, declare.put, says(apps=(replace(CI, scopes=(Scope.READ,)),)))
    assert done.secrets == ()
    (change,) = done.changed
    assert (change.step.value, change.before, change.after) == (
        "change",
        '{"name":"ci","callback_url":"https://ci.example.com/hooks/gate"}',
        '{"name":"ci","scopes":["read:deployment-info:jira"]}',
    )
    found = apps(world)["ci"]
    assert (found.id, found.scopes, found.callback_url) == (app.app_id, frozenset({Scope.READ}), None)
    assert world.gate(app).stage.value == "held"
    assert world.actions(app.app_id or "") == ["app.added", "app.changed", "app.changed"]


def test_roles_change_in_place(world: World) -> None:
    """A user who is there gets the role that is declared."""
    user = world.do(ADMIN, admit.add_user, "ann", Role.ADMIN)
    world.do(ADMIN, declare.put, says(users=(ANN,)))
    assert roles(world) == {"ann": "approver"}
    assert world.actions(user.id) == ["user.added", "user.changed"]


def test_connect_apps_are_switched(world: World) -> None:
    """A Connect app that is installed is enabled and disabled, to be told afterwards, and is else as its descriptor."""
    app = connect(world)
    ferry = DeclaredApp(name="ferry", kind=AppKind.CONNECT)
    for enabled, event in ((False, Lifecycle.DISABLED), (True, Lifecycle.ENABLED)):
        done = world.do(ADMIN, declare.put, says(apps=(replace(ferry, descriptor_url="", enabled=enabled),)))
        assert [(told, one.name) for told, one in done.to_tell] == [(event, "ferry")]
    assert apps(world)["ferry"] == app
    assert world.actions("ferry") == ["app.disabled", "app.enabled"]


def test_a_connect_app_must_be_installed(world: World) -> None:
    """One whose installation has not come to its end is none: it is refused, is not left, and is not removed."""
    connect(world, shared_secret=None, offered_secrets=("sealed",))
    with pytest.raises(Malformed, match=r"apps\[0\]: The Connect app 'ferry' is not installed"):
        world.do(ADMIN, declare.put, says(apps=(DeclaredApp(name="ferry", kind=AppKind.CONNECT),)))
    done = world.do(ADMIN, declare.put, says(apps=()), prune=True)
    assert (done.changed, done.left, list(apps(world))) == ((), (), ["ferry"])


# --- what is left out ---


def test_sections_that_are_left_out_stay(world: World) -> None:
    """What is not declared stays as it is, even if all that is not in its section is removed."""
    world.do(ADMIN, rules.replace_all, Rulebook(freezes=(FREEZE,), groups=(Group(name="shop"),)))
    world.app("ci")
    world.do(ADMIN, admit.add_user, "ann", Role.APPROVER)
    done = world.do(ADMIN, declare.put, says(groups=()), prune=True)
    assert steps(done.changed) == [("remove", "groups", "shop")]
    assert set(done.untouched) == set(Document.__struct_fields__) - {"groups"}
    assert world.read(lambda uow: uow.rules.current().book) == Rulebook(freezes=(FREEZE,))
    assert (list(apps(world)), roles(world)) == (["ci"], {"ann": "approver"})


def test_nobody_is_removed_unasked(world: World) -> None:
    """Apps and users that are not in their section are named, and stay."""
    world.app("ci")
    world.do(ADMIN, admit.add_user, "ann", Role.APPROVER)
    left = (Left(section="apps", name="ci"), Left(section="users", name="ann"))
    planned = plan(world, says(apps=(), users=()))
    done = world.do(ADMIN, declare.put, says(apps=(), users=()))
    assert (planned.changed, planned.left, planned.removals) == ((), left, ())
    assert (done.changed, done.left) == ((), left)
    assert (list(apps(world)), roles(world)) == (["ci"], {"ann": "approver"})


def test_who_is_removed_is_told_with_what_goes(world: World) -> None:
    """With pruning they go, as when they are removed one by one; the plan counts what goes with them."""
    app, other = world.app("ci"), world.app("other")
    for number in (1, 2, 3):
        world.submit(app, record(app, number=number))
    world.submit(app, record(app, 2, State.IN_PROGRESS))
    world.submit(other, record(other))
    user = world.do(ADMIN, admit.add_user, "ann", Role.APPROVER)
    token = world.do(ADMIN, admit.add_token, user.id, "laptop")
    declared = says(apps=(DeclaredApp(name="other", callback_url=CALLBACK),), users=())
    planned = plan(world, declared, prune=True)
    assert (planned.left, planned.removals) == ((), (Removal(app="ci", deployments=3, waiting=2),))
    assert steps(planned.changed) == [("remove", "apps", "ci"), ("remove", "users", "ann")]
    assert list(apps(world)) == ["ci", "other"]
    done = world.do(ADMIN, declare.put, declared, planned.version, prune=True)
    assert (done.changed, done.left, done.to_tell) == (planned.changed, (), ())
    assert (list(apps(world)), roles(world)) == (["other"], {})
    assert [gate.stage.value for gate in world.gates()] == ["withdrawn"] * 3 + ["held"]
    with pytest.raises(Unproven):
        world.do(NOBODY, admit.sign_in, token.secret)
    assert world.actions(app.app_id or "")[-1] == "app.removed"
    assert world.actions(user.id)[-1] == "user.removed"


def test_a_removed_connect_app_is_to_be_told(world: World) -> None:
    """A Connect app that goes is to be told that it was uninstalled."""
    connect(world)
    done = world.do(ADMIN, declare.put, says(apps=()), prune=True)
    assert [(event, app.name) for event, app in done.to_tell] == [(Lifecycle.UNINSTALLED, "ferry")]
    assert apps(world) == {}


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
