"""Installing a Connect app, step by step, with everything that can happen between two steps."""

from datetime import timedelta

import jwt
import pytest
from jwt.types import Options
from msgspec.structs import replace

from mitregate.core.errors import Forbidden, Malformed, Refused, Stale, Unknown
from mitregate.core.installations import Descriptor, Installation, Lifecycle, Module
from mitregate.core.people import App, AppKind, Scope
from mitregate.flows import admit, install, install_keys, lifecycle, withdraw
from mitregate.flows.review import approve
from mitregate.wire.connect_lifecycle import LifecycleReply, Reception
from mitregate.wire.connect_urls import target
from tests.flows.world import ADMIN, MANAGER, OPERATOR, World, principal_of, record, told

URL = "https://ci.example.com/descriptor.json"
CI = Descriptor(
    key="com.example.ci",
    name="CI",
    base_url="https://ci.example.com/connect",
    scopes=frozenset(Scope),
    modules=frozenset(Module),
    lifecycle={event: f"/{event}" for event in Lifecycle},
    callback="/gate",
)
NO = LifecycleReply(reception=Reception.REFUSED, words="CI answered with HTTP 403.", status=403)
NOBODY_KNOWS = LifecycleReply(reception=Reception.UNKNOWN, words="ci.example.com gave no reply.")
NOT_IN_TIME: Options = {"verify_exp": False, "verify_iat": False}
"""How tokens are read by a clock that is not the world's."""


def offer(world: World, descriptor: Descriptor = CI) -> install.Offer:
    """Get ready to install."""
    return world.do(ADMIN, install.offer, descriptor, URL)


def installed(world: World, descriptor: Descriptor = CI) -> App:
    """Install an app that takes what it is sent."""
    return world.do(ADMIN, install.take, offer(world, descriptor))


def known(world: World) -> App | None:
    """Read the app by its key, as those who prove it do."""
    return world.read(lambda uow: uow.apps.by_handle(AppKind.CONNECT, CI.key))


def installation(world: World) -> Installation:
    """Read how the app is installed."""
    app = known(world)
    assert app is not None
    assert app.connect is not None
    return app.connect


def test_an_app_is_offered_and_takes_it(world: World) -> None:
    """Before the app has taken its secret it is kept out; then it is as its descriptor says."""
    offered = offer(world)
    connect = installation(world)
    assert (connect.is_enabled, connect.shared_secret, connect.offered_secrets) == (False, None, (offered.sealed,))
    assert world.ports.unseal(offered.sealed) == offered.secret
    app = world.do(ADMIN, install.take, offered)
    assert known(world) == app
    assert (app.name, app.scopes, app.kind, app.secret_hash) == ("CI", CI.scopes, AppKind.CONNECT, "")
    connect = installation(world)
    assert (connect.is_enabled, connect.shared_secret, connect.offered_secrets) == (True, offered.sealed, ())
    assert connect.client_key == world.read(lambda uow: uow.meta(admit.CLOUD_ID))
    assert world.actions(app.id) == ["app.install_begun", "app.installed"]


def test_a_server_that_died_has_lost_nothing(world: World) -> None:
    """What was begun when the server died is begun anew after two minutes; until then another one may be at it."""
    first = offer(world)
    with pytest.raises(Stale) as refused:
        offer(world)
    assert refused.value.message == "The app 'CI' is being installed just now."
    assert refused.value.advice() == "Wait for that to end, for two minutes at most."
    world.wait(timedelta(minutes=2))
    second = offer(world)
    assert installation(world).offered_secrets == (first.sealed, second.sealed)
    app = world.do(ADMIN, install.take, second)
    assert app.id == first.app.id
    assert world.actions(app.id)[-1] == "app.installed"


def test_an_installation_that_was_overtaken_says_so(world: World) -> None:
    """Whoever comes back after another installation of the same app has begun changes nothing."""
    slow = offer(world)
    world.wait(timedelta(minutes=2))
    quick = offer(world)
    with pytest.raises(Stale) as refused:
        world.do(ADMIN, install.take, slow)
    assert refused.value.message == "The app 'CI' was removed or installed once more while it was being installed."
    assert world.do(ADMIN, install.fail, slow, NOBODY_KNOWS)
    assert installation(world).offered_secrets == (slow.sealed, quick.sealed)
    assert world.do(ADMIN, install.fail, slow, NO)
    assert installation(world).offered_secrets == (quick.sealed,)
    with pytest.raises(Stale):
        offer(world)
    assert world.do(ADMIN, install.take, quick) == known(world)


def test_an_app_that_is_gone_stays_gone(world: World) -> None:
    """An app that was removed while it was installed again is not brought back by that."""
    app = installed(world)
    again = offer(world)
    world.do(ADMIN, withdraw.remove_app, app.id)
    with pytest.raises(Stale):
        world.do(ADMIN, install.take, again)
    assert not world.do(ADMIN, install.fail, again, NO)
    world.do(ADMIN, install.settle_secret, app.id, again.sealed)
    assert known(world) is None


@pytest.mark.parametrize("reply", [NO, NOBODY_KNOWS])
def test_a_new_app_is_forgotten(world: World, reply: LifecycleReply) -> None:
    """An app that did not take its first secret is forgotten, and why is on record."""
    offered = offer(world)
    assert not world.do(ADMIN, install.fail, offered, reply)
    assert known(world) is None
    assert world.actions(offered.app.id) == ["app.install_begun", "app.install_failed"]


@pytest.mark.parametrize(("reply", "is_remembered"), [(NO, False), (NOBODY_KNOWS, True)])
def test_an_app_that_was_there_stays(world: World, reply: LifecycleReply, *, is_remembered: bool) -> None:
    """What fails leaves the app as it was, but for a secret that it may have; and it can be tried again at once."""
    before = installed(world)
    offered = offer(world, replace(CI, name="CI 2", base_url="https://elsewhere.example.com"))
    assert world.do(ADMIN, install.fail, offered, reply)
    connect = installation(world)
    assert replace(connect, offered_secrets=()) == before.connect
    assert connect.offered_secrets == ((offered.sealed,) if is_remembered else ())
    assert offer(world).app.id == before.id


def test_few_secrets_are_remembered(world: World) -> None:
    """However often nobody knows, no more than five secrets are tried."""
    installed(world)
    sent = []
    for _ in range(7):
        sent.append(offer(world))
        world.do(ADMIN, install.fail, sent[-1], NOBODY_KNOWS)
    assert installation(world).offered_secrets == tuple(offered.sealed for offered in sent[-5:])


def test_a_secret_in_use_is_settled(world: World) -> None:
    """A secret that the app uses is the one it shares; those before it are forgotten, those after it are not."""
    app = installed(world)
    sent = []
    for _ in range(3):
        sent.append(offer(world).sealed)
        world.do(ADMIN, install.fail, offer_of(world, sent[-1]), NOBODY_KNOWS)
    world.do(principal_of(app), install.settle_secret, app.id, sent[1])
    connect = installation(world)
    assert (connect.shared_secret, connect.offered_secrets) == (sent[1], (sent[2],))
    world.do(principal_of(app), install.settle_secret, app.id, sent[0])
    assert installation(world) == connect
    assert world.actions(app.id)[-1] == "app.secret_taken"


def offer_of(world: World, sealed: str) -> install.Offer:
    """Make the offer of a secret once more."""
    app = known(world)
    assert app is not None
    return install.Offer(app=app, descriptor=CI, descriptor_url=URL, secret=world.ports.unseal(sealed), sealed=sealed)


def test_an_app_that_is_quick_does_not_end_its_own_installation(world: World) -> None:
    """A call with the new secret, before the app has answered, settles that; the rest is left to the answer."""
    app = installed(world)
    offered = offer(world, replace(CI, name="CI 2"))
    world.do(principal_of(app), install.settle_secret, app.id, offered.sealed)
    assert (installation(world).shared_secret, installation(world).descriptor) == (offered.sealed, CI)
    assert world.do(ADMIN, install.take, offered).name == "CI 2"


def test_a_quick_app_that_refuses_after_all_is_known_by_what_it_uses(world: World) -> None:
    """An app that has called with its new secret keeps it, though it answers that it does not take it."""
    app = installed(world)
    offered = offer(world, replace(CI, name="CI 2"))
    world.do(principal_of(app), install.settle_secret, app.id, offered.sealed)
    assert world.do(ADMIN, install.fail, offered, NO)
    assert app.connect is not None
    assert installation(world) == replace(app.connect, shared_secret=offered.sealed)


def test_names_do_not_meet(world: World) -> None:
    """An app whose name is taken gets its key behind it, or is called by its id; control codes are left out."""
    world.app("CI")
    assert installed(world).name == "CI (com.example.ci)"
    world.app("Other")
    world.app("Other (com.example.other)")
    other = installed(world, replace(CI, key="com.example.other", name="Other"))
    assert other.name == f"com.example.other ({other.id})"
    third = installed(world, replace(CI, key="com.example.third", name="\x1b[2J\n"))
    assert third.name == "[2J"
    assert installed(world, replace(CI, key="com.example.none", name="\x00")).name == "com.example.none"


def test_only_an_administrator_does_any_of_it(world: World) -> None:
    """Whoever does not administer installs, enables and disables nothing, and makes no keys."""
    app = installed(world)
    pair = install_keys.make_pair(world.ports)
    with pytest.raises(Forbidden):
        world.do(OPERATOR, install.offer, CI, URL)
    for flow in (lifecycle.enable, lifecycle.disable):
        with pytest.raises(Forbidden):
            world.do(OPERATOR, flow, app.id)
    with pytest.raises(Forbidden):
        world.do(OPERATOR, install_keys.add, pair)


# --- enabled and disabled ---


def test_what_is_not_installed_is_not_switched(world: World) -> None:
    """An app whose installation broke off, one of another kind, and one that is not there are refused in words."""
    broken = offer(world).app
    for flow in (lifecycle.enable, lifecycle.disable):
        with pytest.raises(Refused) as refused:
            world.do(ADMIN, flow, broken.id)
        assert refused.value.message == "The installation of the app 'CI' has not come to its end."
        assert refused.value.advice() == "Install it again with `mitregate app install`, or remove it."
        with pytest.raises(Malformed):
            world.do(ADMIN, flow, world.app(f"oauth {flow.__name__}").app_id or "")
        with pytest.raises(Unknown):
            world.do(ADMIN, flow, "nobody")


def test_a_disabled_app_is_told_no_verdicts(world: World) -> None:
    """While it is disabled nothing is announced, and once it is enabled it hears how each gate stands that is held."""
    app = installed(world)
    who = principal_of(app)
    world.submit(who, *(record(who, number=number) for number in (1, 2, 3)))
    world.do(who, withdraw.delete, record(who, number=3).key)
    assert told(world.jobs())[:2] == [("awaiting", "open")] * 2
    world.do(ADMIN, lifecycle.disable, app.id)
    gate = world.gate(who, 1)
    world.do(MANAGER, approve, gate.change_key or "", "")
    assert world.gate(who, 1).verdict.status.value == "allowed"
    assert len(world.jobs()) == 3
    world.do(ADMIN, lifecycle.enable, app.id)
    assert sorted(told(world.jobs()[3:])) == [("allowed", "open"), ("awaiting", "open")]
    world.do(ADMIN, lifecycle.enable, app.id)
    assert len(world.jobs()) == 5
    assert world.actions(app.id)[-2:] == ["app.disabled", "app.enabled"]


# --- what is told ---


@pytest.mark.parametrize("event", Lifecycle)
def test_each_event_is_told_at_its_address(world: World, event: Lifecycle) -> None:
    """An event goes to the address in the descriptor, signed with the key or with the shared secret."""
    app = installed(world)
    key = world.do(ADMIN, install_keys.add, install_keys.make_pair(world.ports))
    request = next(lifecycle.tell(world.ports, event, app, key))
    assert request.url == target(CI.base_url, f"/{event}").url
    kind = jwt.get_unverified_header(request.headers["authorization"].removeprefix("JWT "))
    expected = {"alg": "RS256", "kid": key.id} if event in lifecycle.SIGNED_WITH_KEY else {"alg": "HS256"}
    assert {name: kind[name] for name in kind if name != "typ"} == expected


def test_a_new_app_is_called_where_it_is_from_now_on(world: World) -> None:
    """An app that has moved is handed its secret at its new address, and nothing goes to the old one."""
    installed(world)
    key = world.do(ADMIN, install_keys.add, install_keys.make_pair(world.ports))
    offered = offer(world, replace(CI, base_url="https://moved.example.com"))
    request = next(lifecycle.tell(world.ports, Lifecycle.INSTALLED, offered.app, key, offered))
    assert request.url == "https://moved.example.com/installed"
    token = request.headers["authorization"].removeprefix("JWT ")
    claims = jwt.decode(token, key.public_key, ["RS256"], audience="https://moved.example.com", options=NOT_IN_TIME)
    assert claims["aud"] == ["https://moved.example.com"]
    assert offered.secret in request.body.decode()


# --- keys ---


def test_keys_are_rotated(world: World) -> None:
    """The newest key signs; the four before it are served, and those before them no more."""
    keys = [world.do(ADMIN, install_keys.add, install_keys.make_pair(world.ports)) for _ in range(6)]
    assert world.read(install_keys.newest) == keys[-1]
    for key in keys[1:]:
        assert world.read(install_keys.public_key, key.id) == key.public_key
    with pytest.raises(Unknown):
        world.read(install_keys.public_key, keys[0].id)
    assert world.actions(keys[0].id) == ["install_key.added"]
    assert world.do(ADMIN, install_keys.add_first, install_keys.make_pair(world.ports)) == keys[-1]


def test_private_keys_are_sealed(world: World) -> None:
    """The database has no private key that could be read."""
    world.do(ADMIN, install_keys.add, install_keys.make_pair(world.ports))
    kept = world.read(lambda uow: uow.meta(install_keys.META)) or ""
    assert "PUBLIC" in kept
    assert "PRIVATE" not in kept


def test_a_key_that_signs_no_more_is_forgotten(world: World) -> None:
    """Of the keys before the newest only the public halves are kept."""
    keys = [world.do(ADMIN, install_keys.add, install_keys.make_pair(world.ports)) for _ in range(3)]
    assert world.read(install_keys.sealed) == (keys[-1].private_key,)
