"""Settings as code: put in force by the same acts as one by one, and what is left out stays."""

import pytest
from msgspec.structs import replace

from mitregate.core.declared import DeclaredApp, Document
from mitregate.core.deployments import State
from mitregate.core.errors import Malformed, Unproven
from mitregate.core.installations import Lifecycle
from mitregate.core.people import AppKind, Role, Scope, fingerprint
from mitregate.core.queries import AuditQuery
from mitregate.core.rulebook import Rulebook
from mitregate.core.services import Group
from mitregate.flows import admit, declare, jenkins, rules
from mitregate.flows.declare import Left, Removal
from tests.flows.declaring import ANN, CI, FREEZE, actions, apps, connect, export, plan, roles, says, steps
from tests.flows.world import ADMIN, ALL, CALLBACK, NOBODY, World, record, told

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
