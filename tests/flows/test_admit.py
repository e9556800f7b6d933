from collections.abc import Callable
from datetime import timedelta

import pytest

from mitregate.core.errors import Forbidden, Malformed, Stale, Unknown, Unproven
from mitregate.core.people import MAY, Permission, Principal, Role, Scope, TokenKind, User, fingerprint
from mitregate.flows import admit
from mitregate.flows.prove import prove as prove_token
from tests.core.making import HOUR, MICROSECOND, NOW
from tests.flows.world import ADMIN, MANAGER, NOBODY, World

SCOPES = frozenset({Scope.READ, Scope.WRITE})


def prove(world: World, secret: str) -> Principal:
    """Say who holds a token now."""
    return world.read(prove_token, secret, world.now, "10.0.0.9")


def add_user(world: World, name: str = "ann", role: Role = Role.APPROVER) -> tuple[User, Principal, str]:
    """Add a user with an API token; give the user, its principal and the token's secret."""
    user = world.do(ADMIN, admit.add_user, name, role)
    made = world.do(ADMIN, admit.add_token, user.id, "laptop")
    return user, prove(world, made.secret), made.secret


# --- set-up ---


def offer(world: World) -> str:
    """Start a server, and read the set-up token that it prints."""
    secret = world.do(ADMIN, admit.settle_in, offer_setup=True).setup_token
    assert secret is not None
    return secret


def test_an_installation_is_set_up_once(world: World) -> None:
    """The set-up token makes one administrator with a token, and is no good a second time."""
    secret = offer(world)
    user, made = world.do(NOBODY, admit.set_up, secret, "  Ann  Lee ")
    assert (user.name, user.role) == ("Ann Lee", Role.ADMIN)
    assert prove(world, made.secret).permissions == frozenset(Permission)
    for again in (secret, made.secret):
        with pytest.raises(Unproven):
            world.do(NOBODY, admit.set_up, again, "Eve")
    assert world.do(ADMIN, admit.settle_in, offer_setup=True).setup_token is None


def test_a_setup_token_opens_nothing_else(world: World) -> None:
    """A set-up token proves nobody's identity."""
    secret = offer(world)
    with pytest.raises(Unproven):
        prove(world, secret)
    with pytest.raises(Unproven):
        world.do(NOBODY, admit.sign_in, secret)


def test_only_the_last_setup_token_counts(world: World) -> None:
    """A server that starts again prints another token, and the earlier one is no good any more."""
    first, second = offer(world), offer(world)
    with pytest.raises(Unproven):
        world.do(NOBODY, admit.set_up, first, "Eve")
    world.do(NOBODY, admit.set_up, second, "Ann")


def test_a_setup_that_fails_can_be_repeated(world: World) -> None:
    """A name that is refused does not use the set-up token up."""
    secret = offer(world)
    with pytest.raises(Malformed):
        world.do(NOBODY, admit.set_up, secret, " ")
    world.do(NOBODY, admit.set_up, secret, "Ann")


def test_an_offer_lapses_with_the_first_user(world: World) -> None:
    """A set-up token is worthless as soon as there is a user, however that one came."""
    secret = offer(world)
    add_user(world)
    with pytest.raises(Unproven):
        world.do(NOBODY, admit.set_up, secret, "Eve")


def test_an_installation_keeps_its_id(world: World) -> None:
    """The cloud id stays the same from start to start."""
    ids = {world.do(ADMIN, admit.settle_in, offer_setup=offered).cloud_id for offered in (False, True, False)}
    assert len(ids) == 1


# --- apps ---


def test_an_app_proves_itself(world: World) -> None:
    """An app exchanges its credentials for a token that is good for an hour, with its own scopes and no permissions."""
    made = world.do(ADMIN, admit.add_app, "ci", SCOPES, None)
    app, token = world.do(NOBODY, admit.grant_access, made.app.client_id, made.client_secret)
    assert app == made.app
    assert prove(world, token.secret) == Principal(name="ci", origin="10.0.0.9", app_id=app.id, scopes=SCOPES)
    world.wait(HOUR - MICROSECOND)
    prove(world, token.secret)
    world.wait(MICROSECOND)
    with pytest.raises(Unproven, match="expired"):
        prove(world, token.secret)


def test_wrong_credentials_are_refused(world: World) -> None:
    """A wrong client id, a wrong secret, and the pair of two apps are refused with the same words."""
    one = world.do(ADMIN, admit.add_app, "one", SCOPES, None)
    two = world.do(ADMIN, admit.add_app, "two", SCOPES, None)
    messages = set()
    for client_id, secret in [
        (one.app.client_id, two.client_secret),
        (one.app.client_id, ""),
        (one.app.client_id, one.app.secret_hash),
        ("nobody", one.client_secret),
        ("", ""),
    ]:
        with pytest.raises(Unproven) as refusal:
            world.do(NOBODY, admit.grant_access, client_id, secret)
        messages.add((refusal.value.message, refusal.value.advice()))
    assert len(messages) == 1


def test_secrets_are_not_kept(world: World) -> None:
    """Of a client secret and a token the hash is kept, and a signing secret only sealed."""
    made = world.do(ADMIN, admit.add_app, "ci", SCOPES, "https://ci.example.com/hook")
    assert made.app.secret_hash == fingerprint(made.client_secret)
    assert made.signing_secret is not None
    assert made.signing_secret.startswith("whsec_")
    assert made.signing_secret not in (made.app.signing_secret or "")
    assert world.ports.unseal(made.app.signing_secret or "") == made.signing_secret
    assert made.cloud_id == world.read(lambda uow: uow.meta("cloud_id"))


NO_ADDRESSES = [
    *[
        "",
        "ci.example.com",
        "ftp://ci.example.com/",
        "https://",
        "https:///hook",
        "http://?a",
        "http://#a",
        "HTTPS//ci",
    ],
    *["https://user:pw@ci.example.com/", "https://u@ci/", " https://ci/", "https://ci/a b", "https://ci/\n"],
]


@pytest.mark.parametrize(
    ("name", "scopes", "url", "error"),
    [
        ("", SCOPES, None, Malformed),
        ("x" * 101, SCOPES, None, Malformed),
        ("bell\a", SCOPES, None, Malformed),
        ("jenkins", SCOPES, None, Stale),
        (" jenkins ", SCOPES, None, Stale),
        ("ci", frozenset[Scope](), None, Malformed),
        *[("ci", SCOPES, url, Malformed) for url in NO_ADDRESSES],
    ],
)
def test_apps_are_checked(
    world: World, name: str, scopes: frozenset[Scope], url: str | None, error: type[Exception]
) -> None:
    """An app needs a name of its own, a scope, and if it has a callback a plain web address; else nothing is kept."""
    world.app("jenkins")
    with pytest.raises(error):
        world.do(ADMIN, admit.add_app, name, scopes, url)
    assert [app.name for app in world.read(lambda uow: uow.apps.all())] == ["jenkins"]


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "https://[2001:db8::1]:8443/a/@b?c=d@e", "https://ci.example.com"]
)
def test_callbacks_may_be_any_web_address(world: World, url: str) -> None:
    """Ports, IPv6, and an at sign behind the host are fine."""
    assert world.do(ADMIN, admit.add_app, "ci", SCOPES, url).app.callback_url == url


# --- people ---


@pytest.mark.parametrize("role", list(Role))
def test_people_may_what_their_role_says(world: World, role: Role) -> None:
    """A person's token carries the permissions of the role, and no scopes."""
    user, principal, _ = add_user(world, role=role)
    assert (principal.user_id, principal.name, principal.app_id) == (user.id, "ann", None)
    assert (principal.permissions, principal.scopes) == (MAY[role], frozenset())


def test_tokens_end(world: World) -> None:
    """A token with a life is good until it ends, one without for ever; purging forgets only those that ended."""
    user, _, lasting = add_user(world)
    brief = world.do(ADMIN, admit.add_token, user.id, "brief", timedelta(days=1))
    world.wait(timedelta(days=1))
    with pytest.raises(Unproven, match="expired"):
        prove(world, brief.secret)
    world.wait(MICROSECOND)
    assert world.do(ADMIN, admit.purge) == 1
    assert world.do(ADMIN, admit.purge) == 0
    with pytest.raises(Unproven):
        prove(world, brief.secret)
    assert prove(world, lasting).name == "ann"


def test_own_tokens_are_ones_own_business(world: World) -> None:
    """Everybody makes and revokes tokens of their own; those of others need an administrator."""
    ann, as_ann, _ = add_user(world)
    bob, as_bob, bobs = add_user(world, "bob")
    made = world.do(as_ann, admit.add_token, ann.id, "phone")
    with pytest.raises(Forbidden):
        world.do(as_ann, admit.add_token, bob.id, "trojan")
    with pytest.raises(Forbidden):
        world.do(as_bob, admit.remove_token, made.token.id)
    world.do(as_ann, admit.remove_token, made.token.id)
    with pytest.raises(Unproven):
        prove(world, made.secret)
    world.do(ADMIN, admit.remove_user, bob.id)
    with pytest.raises(Unproven):
        prove(world, bobs)
    assert world.actions(bob.id) == ["user.added", "user.removed"]
    assert world.actions(made.token.id) == ["token.added", "token.removed"]


def test_nobody_removes_themselves(world: World) -> None:
    """An administrator cannot be locked out by their own hand."""
    user, principal, secret = add_user(world, role=Role.ADMIN)
    with pytest.raises(Forbidden):
        world.do(principal, admit.remove_user, user.id)
    assert prove(world, secret).user_id == user.id


ATTEMPTS: list[Callable[[World, Principal], object]] = [
    lambda world, who: world.do(who, admit.add_app, "x", SCOPES, None),
    lambda world, who: world.do(who, admit.add_user, "x", Role.ADMIN),
    lambda world, who: world.do(who, admit.add_token, "u1", "x"),
    lambda world, who: world.do(who, admit.remove_user, "u1"),
    lambda world, who: world.do(who, admit.remove_token, "t1"),
]


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=["app", "user", "token", "remove user", "remove token"])
def test_only_administrators_administer(world: World, attempt: Callable[[World, Principal], object]) -> None:
    """Neither a change manager nor an app nor anybody unknown adds or removes people, apps or tokens."""
    for who in (MANAGER, world.app("ci"), NOBODY):
        with pytest.raises(Forbidden):
            attempt(world, who)


def test_names_of_users_are_their_own(world: World) -> None:
    """Two users cannot have one name, and what is not there cannot be removed."""
    add_user(world)
    with pytest.raises(Stale):
        world.do(ADMIN, admit.add_user, " ann", Role.VIEWER)
    with pytest.raises(Unknown):
        world.do(ADMIN, admit.remove_user, "u9")
    with pytest.raises(Unknown):
        world.do(ADMIN, admit.remove_token, "t9")


# --- pages ---


def test_people_sign_in_and_out(world: World) -> None:
    """An API token opens a session of twelve hours, which ends with signing out; the API token stays."""
    user, _, secret = add_user(world)
    principal, session = world.do(NOBODY, admit.sign_in, secret)
    assert (principal.user_id, session.token.kind, session.token.expires_at) == (
        user.id,
        TokenKind.SESSION,
        NOW + 12 * HOUR,
    )
    assert prove(world, session.secret).user_id == user.id
    world.transact(lambda uow: admit.sign_out(uow, session.secret))
    with pytest.raises(Unproven):
        prove(world, session.secret)
    world.transact(lambda uow: admit.sign_out(uow, secret))
    assert prove(world, secret).user_id == user.id


def test_only_api_tokens_open_sessions(world: World) -> None:
    """No session is prolonged by itself, and no app signs in to the pages."""
    _, _, secret = add_user(world)
    _, session = world.do(NOBODY, admit.sign_in, secret)
    made = world.do(ADMIN, admit.add_app, "ci", SCOPES, None)
    _, access = world.do(NOBODY, admit.grant_access, made.app.client_id, made.client_secret)
    for other in (session.secret, access.secret, "mgt_nonsense", ""):
        with pytest.raises(Unproven):
            world.do(NOBODY, admit.sign_in, other)


def test_sessions_end_with_the_token(world: World) -> None:
    """When an API token of a person is revoked, whoever signed in as that person is signed out; others are not."""
    sessions = {}
    for name in ("ann", "bob"):
        user = world.do(ADMIN, admit.add_user, name, Role.APPROVER)
        made = world.do(ADMIN, admit.add_token, user.id, "stolen")
        _, session = world.do(NOBODY, admit.sign_in, made.secret)
        sessions[name] = (made.token.id, session.secret)
    world.do(ADMIN, admit.remove_token, sessions["ann"][0])
    with pytest.raises(Unproven):
        world.read(prove_token, sessions["ann"][1], world.now)
    assert world.read(prove_token, sessions["bob"][1], world.now).name == "bob"
