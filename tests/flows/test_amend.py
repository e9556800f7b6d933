"""Apps and users that are changed in place, and client secrets that are replaced without a gap."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from msgspec.structs import replace

from mitregate.core.declared import PLUGIN_SCOPES
from mitregate.core.errors import Forbidden, Malformed, Unknown, Unproven
from mitregate.core.people import MAY, App, Permission, Principal, Role, Scope, fingerprint
from mitregate.flows import admit, amend, jenkins
from mitregate.flows.amend import Amendment
from mitregate.flows.prove import prove
from tests.core.making import HOUR, MICROSECOND, NOW
from tests.flows.world import ADMIN, CALLBACK, MANAGER, NOBODY, World, record, told

NEW = "https://ci.example.com/hooks/other"


def look(world: World, app_id: str | None) -> App:
    """Look at an app."""
    found = world.read(lambda uow: uow.apps.get(app_id or ""))
    assert found is not None
    return found


def gets_in(world: World, made: admit.NewApp, secret: str) -> bool:
    """Tell whether an app gets an access token for a secret."""
    try:
        world.do(NOBODY, admit.grant_access, made.app.client_id, secret)
    except Unproven:
        return False
    return True


# --- apps ---


def test_scopes_change_in_place(world: World) -> None:
    """Other scopes hold at once, for access tokens that are out already, too; all else stays as it was."""
    made = world.do(ADMIN, admit.add_app, "ci", frozenset(Scope), None)
    _, token = world.do(NOBODY, admit.grant_access, made.app.client_id, made.client_secret)
    changed = world.do(ADMIN, amend.change_app, made.app.id, Amendment(scopes=frozenset({Scope.READ})))
    assert changed.app == replace(made.app, scopes=frozenset({Scope.READ}))
    assert changed.signing_secret is None
    assert world.read(prove, token.secret, world.now).scopes == {Scope.READ}
    assert gets_in(world, made, made.client_secret)
    assert world.actions(made.app.id) == ["app.added", "app.changed"]


def test_a_new_address_is_told_how_gates_stand(world: World) -> None:
    """What is on its way goes to the new address, which is told how each gate stands; the signing secret stays."""
    app = world.app()
    world.submit(app, record(app))
    before = look(world, app.app_id)
    changed = world.do(ADMIN, amend.change_app, app.app_id or "", Amendment(callback_url=NEW))
    assert (changed.app.signing_secret, changed.signing_secret) == (before.signing_secret, None)
    while claims := world.claim():
        for claimed in claims:
            world.deliver(claimed)
    assert [(receiver.url, told.status.value) for _, told, receiver in world.postman.told] == [(NEW, "awaiting")] * 2


def test_a_first_callback_comes_with_a_secret(world: World) -> None:
    """An app that gets its first callback gets a signing secret, is told how its gates stand, and keeps both."""
    app = world.app(callback_url=None)
    world.submit(app, record(app))
    assert world.jobs() == []
    changed = world.do(ADMIN, amend.change_app, app.app_id or "", Amendment(callback_url=CALLBACK))
    assert changed.signing_secret is not None
    assert changed.signing_secret.startswith("whsec_")
    assert world.ports.unseal(changed.app.signing_secret or "") == changed.signing_secret
    assert told(world.jobs()) == [("awaiting", "open")]
    assert look(world, app.app_id) == changed.app


def test_a_callback_is_taken_away(world: World) -> None:
    """Without a callback nothing is told any more, not even what was on its way, and its secret is forgotten."""
    app = world.app()
    world.submit(app, record(app))
    changed = world.do(ADMIN, amend.change_app, app.app_id or "", Amendment(callback_url=None))
    assert (changed.app.callback_url, changed.app.signing_secret) == (None, None)
    (claimed,) = world.claim()
    world.deliver(claimed)
    assert told(world.jobs()) == [("awaiting", "withdrawn")]
    assert world.postman.told == []


def test_what_stays_the_same_is_no_change(world: World) -> None:
    """Nothing is written, told or recorded if all is as it was."""
    app = world.app()
    world.submit(app, record(app))
    same = Amendment(scopes=frozenset(Scope), callback_url=CALLBACK)
    for wanted in (same, Amendment()):
        world.do(ADMIN, amend.change_app, app.app_id or "", wanted)
    assert world.actions(app.app_id or "") == ["app.added"]
    assert len(world.jobs()) == 1


@pytest.mark.parametrize(
    "wanted", [Amendment(scopes=frozenset()), Amendment(callback_url="ftp://ci"), Amendment(callback_url="")]
)
def test_what_cannot_be_is_refused(world: World, wanted: Amendment) -> None:
    """No scope at all, and what is no address, are refused, and nothing is changed."""
    app = world.app()
    with pytest.raises(Malformed):
        world.do(ADMIN, amend.change_app, app.app_id or "", wanted)
    assert world.actions(app.app_id or "") == ["app.added"]


def test_a_jenkins_keeps_its_scopes(world: World) -> None:
    """A Jenkins server may get another callback, but no other scopes, and no client secret."""
    made = world.do(ADMIN, jenkins.add_server, "jenkins")
    with pytest.raises(Malformed, match="that its plugin needs"):
        world.do(ADMIN, amend.change_app, made.app.id, Amendment(scopes=frozenset(Scope)))
    world.do(ADMIN, amend.change_app, made.app.id, Amendment(scopes=PLUGIN_SCOPES, callback_url=CALLBACK))
    found = look(world, made.app.id)
    assert (found.callback_url, found.jenkins) == (CALLBACK, made.server)
    with pytest.raises(Malformed) as refusal:
        world.do(ADMIN, amend.renew_secret, made.app.id)
    assert refusal.value.advice() == "`mitregate app rotate` gives a Jenkins another secret."


# --- client secrets ---


def test_the_old_secret_is_good_until_it_is_ended(world: World) -> None:
    """Both secrets prove the app, however long that takes, until the earlier one is ended."""
    made = world.do(ADMIN, admit.add_app, "ci", frozenset(Scope), None)
    renewed = world.do(ADMIN, amend.renew_secret, made.app.id)
    assert renewed.app.secret_hash == fingerprint(renewed.client_secret)
    assert look(world, made.app.id) == renewed.app
    world.wait(1000 * HOUR)
    assert gets_in(world, made, made.client_secret)
    assert gets_in(world, made, renewed.client_secret)
    ended = world.do(ADMIN, amend.end_earlier_secrets, made.app.id)
    assert ended.earlier_secrets == ()
    assert not gets_in(world, made, made.client_secret)
    assert gets_in(world, made, renewed.client_secret)
    world.do(ADMIN, amend.end_earlier_secrets, made.app.id)
    assert world.actions(made.app.id) == ["app.added", "app.rotated", "app.secrets_ended"]


def test_the_old_secret_is_good_for_a_while(world: World) -> None:
    """An earlier secret is good up to the instant that was said, that one included, and no longer."""
    made = world.do(ADMIN, admit.add_app, "ci", frozenset(Scope), None)
    renewed = world.do(ADMIN, amend.renew_secret, made.app.id, NOW + HOUR)
    world.wait(HOUR)
    assert gets_in(world, made, made.client_secret)
    world.wait(MICROSECOND)
    assert not gets_in(world, made, made.client_secret)
    assert gets_in(world, made, renewed.client_secret)


def test_a_leak_ends_all_at_once(world: World) -> None:
    """In a hurry the earlier secrets are refused at once, and with them every access token of the app, of it alone."""
    made = world.do(ADMIN, admit.add_app, "ci", frozenset(Scope), None)
    other = world.do(ADMIN, admit.add_app, "other", frozenset(Scope), None)
    _, token = world.do(NOBODY, admit.grant_access, made.app.client_id, made.client_secret)
    _, others = world.do(NOBODY, admit.grant_access, other.app.client_id, other.client_secret)
    renewed = world.do(ADMIN, amend.renew_secret, made.app.id, is_urgent=True)
    assert not gets_in(world, made, made.client_secret)
    assert gets_in(world, made, renewed.client_secret)
    with pytest.raises(Unproven):
        world.read(prove, token.secret, world.now)
    assert world.read(prove, others.secret, world.now).name == "other"


def test_not_many_secrets_are_good_at_once(world: World) -> None:
    """Beside the newest three are good, the sooner of two ends holds, and what is over is forgotten."""
    made = world.do(ADMIN, admit.add_app, "ci", frozenset(Scope), None)
    ends = (NOW + HOUR, None, NOW + 2 * HOUR, None)
    renewed = [world.do(ADMIN, amend.renew_secret, made.app.id, until).client_secret for until in ends]
    secrets = [made.client_secret, *renewed]
    assert [gets_in(world, made, secret) for secret in secrets] == [False, True, True, True, True]
    kept = [one.until for one in look(world, made.app.id).earlier_secrets]
    assert kept == [None, NOW + 2 * HOUR, NOW + 2 * HOUR]
    world.wait(2 * HOUR + MICROSECOND)
    world.do(ADMIN, amend.renew_secret, made.app.id)
    assert len(look(world, made.app.id).earlier_secrets) == 2


@pytest.mark.parametrize(
    ("until", "is_urgent"),
    [(NOW, False), (NOW - HOUR, False), (NOW + HOUR, True), (datetime(2040, 1, 1), False)],  # noqa: DTZ001 - that is what is wrong
)
def test_an_end_must_be_to_come(world: World, until: datetime, is_urgent: bool) -> None:
    """An end that is over, has no offset, or goes with a hurry, is refused, and the secret stays."""
    made = world.do(ADMIN, admit.add_app, "ci", frozenset(Scope), None)
    with pytest.raises(Malformed):
        world.do(ADMIN, amend.renew_secret, made.app.id, until, is_urgent=is_urgent)
    assert look(world, made.app.id) == made.app


# --- users ---


def test_a_role_changes_at_once(world: World) -> None:
    """A user with another role has other permissions at once, by the tokens that are out already."""
    user = world.do(ADMIN, admit.add_user, "ann", Role.APPROVER)
    token = world.do(ADMIN, admit.add_token, user.id, "laptop", timedelta(days=1))
    for _ in range(2):
        assert world.do(ADMIN, amend.change_user, user.id, Role.AUDITOR).role is Role.AUDITOR
    assert world.read(prove, token.secret, world.now).permissions == MAY[Role.AUDITOR]
    assert world.actions(user.id) == ["user.added", "user.changed"]


def test_nobody_changes_their_own_role(world: World) -> None:
    """An administrator cannot step down by their own hand, nor seem to."""
    user = world.do(ADMIN, admit.add_user, "ann", Role.ADMIN)
    ann = Principal(name="ann", user_id=user.id, permissions=frozenset(Permission))
    assert world.do(ann, amend.change_user, user.id, Role.ADMIN) == user
    with pytest.raises(Forbidden, match="their own role"):
        world.do(ann, amend.change_user, user.id, Role.VIEWER)


ATTEMPTS: list[Callable[[World, Principal, str], object]] = [
    lambda world, who, app: world.do(who, amend.change_app, app, Amendment()),
    lambda world, who, app: world.do(who, amend.renew_secret, app),
    lambda world, who, app: world.do(who, amend.end_earlier_secrets, app),
    lambda world, who, app: world.do(who, amend.change_user, app, Role.ADMIN),
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=["change", "renew", "end", "user"])
def test_only_administrators_amend(world: World, attempt: Callable[[World, Principal, str], object]) -> None:
    """Nobody but an administrator changes apps and users, not even an app itself; what is not there is unknown."""
    app = world.app("ci")
    for who in (MANAGER, app, NOBODY):
        with pytest.raises(Forbidden):
            attempt(world, who, app.app_id or "")
    with pytest.raises(Unknown):
        attempt(world, ADMIN, "none")
