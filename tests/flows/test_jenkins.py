"""Jenkins servers: how they come, prove who they are, change their secrets, and ask for their gates."""

from typing import Any

import pytest
from msgspec.structs import replace

from mitregate.core.deployments import State
from mitregate.core.errors import Forbidden, Malformed, Misconfigured, Stale, Unknown, Unproven
from mitregate.core.gates import GatingStatus
from mitregate.core.people import App, AppKind, Scope
from mitregate.flows import admit, jenkins, withdraw
from mitregate.flows.jenkins import Call, NewServer
from mitregate.wire.jenkins import Ping, StatusQuery
from tests.fakes.jenkins_plugin import token_of
from tests.flows.world import ADMIN, ANN, World, principal_of, record

PING = {"requestType": "ping"}


def added(world: World, name: str = "jenkins") -> NewServer:
    """Add a Jenkins server."""
    return world.do(ADMIN, jenkins.add_server, name)


def receive(world: World, made: NewServer, secret: str, server_uuid: str = "", **claims: Any) -> Call:
    """Let a server send a ping."""
    token = token_of(PING, secret, world.now.timestamp(), **claims)
    return world.read(jenkins.receive, world.ports, server_uuid or made.server.server_uuid, token, "192.0.2.44")


def use(world: World, made: NewServer, secret: str) -> None:
    """Let a server use a secret for the first time."""
    call = receive(world, made, secret)
    assert call.renewed is not None
    world.do(call.principal, jenkins.end_earlier_secrets, call.renewed)


def app_of(world: World, made: NewServer) -> App:
    """Read the app as it is kept."""
    found = world.read(lambda uow: uow.apps.get(made.app.id))
    assert found is not None
    return found


def test_a_server_is_added(world: World) -> None:
    """A Jenkins server is an app without client credentials; its secret is sealed, and it may not delete."""
    made = added(world)
    kept = app_of(world, made)
    assert (kept.kind, kept.handle) == (AppKind.JENKINS, made.server.server_uuid)
    assert kept.scopes == frozenset({Scope.READ, Scope.WRITE})
    assert kept.jenkins is not None
    assert world.ports.unseal(kept.jenkins.secret) == made.secret
    assert made.secret not in str(kept)
    for guess in ("", made.secret):
        with pytest.raises(Unproven, match="client secret is wrong"):
            world.do(ADMIN, admit.grant_access, kept.client_id, guess)
    assert world.actions(kept.id) == ["app.added"]


def test_what_is_asked_of_other_apps_is_asked_of_servers(world: World) -> None:
    """Only an administrator adds a server, under a name that nobody has."""
    with pytest.raises(Forbidden):
        world.do(ANN, jenkins.add_server, "jenkins")
    with pytest.raises(Malformed):
        world.do(ADMIN, jenkins.add_server, " ")
    added(world)
    with pytest.raises(Stale):
        added(world)


def test_a_server_proves_itself(world: World) -> None:
    """Whoever has the secret of a server speaks as its app, from where it asks."""
    made = added(world)
    call = receive(world, made, made.secret)
    assert call.principal == replace(principal_of(made.app), origin="192.0.2.44")
    assert (call.message, call.renewed) == (Ping(), None)


def test_nobody_else_does(world: World) -> None:
    """The secret of another server proves nothing, and what no server is called is not found."""
    made, other = added(world), added(world, "other")
    with pytest.raises(Unproven, match="signature does not fit"):
        receive(world, made, other.secret)
    for name in ("", "nobody", made.app.id, made.app.client_id):
        with pytest.raises(Unproven, match=f"No Jenkins server with the id '{name or 'x'}' is known here") as raised:
            receive(world, made, made.secret, server_uuid=name or "x")
        assert raised.value.advice() == "Paste the webhook URL anew: `mitregate app show` prints it."
    world.do(ADMIN, withdraw.remove_app, made.app.id)
    with pytest.raises(Unproven, match="perhaps it was removed"):
        receive(world, made, made.secret)


def test_a_secret_that_cannot_be_read_is_the_operators_trouble(world: World) -> None:
    """A secret that was sealed with another key is no fault of the plugin's."""

    def unseal(sealed: str) -> str:
        raise Misconfigured

    made = added(world)
    token = token_of(PING, made.secret, world.now.timestamp())
    with pytest.raises(Misconfigured):
        world.read(jenkins.receive, replace(world.ports, unseal=unseal), made.server.server_uuid, token)


def test_the_old_secret_is_good_until_the_new_one_is_used(world: World) -> None:
    """While Jenkins still has the old secret it is let in; from its first request with the new one on it is not."""
    made = added(world)
    renewed = world.do(ADMIN, jenkins.rotate, made.app.id)
    assert renewed.secret != made.secret
    assert receive(world, made, made.secret).renewed is None
    use(world, made, renewed.secret)
    with pytest.raises(Unproven, match="signature does not fit"):
        receive(world, made, made.secret)
    assert receive(world, made, renewed.secret).renewed is None
    assert world.actions(made.app.id) == ["app.added", "app.rotated"]


def test_a_secret_that_was_lost_locks_nobody_out(world: World) -> None:
    """A new secret that was never pasted and is replaced once more leaves Jenkins the one it has, until it has another.

    Whichever of the new ones it is then given, it is let in; only with the newest do the others end.
    """
    made = added(world)
    secrets = [made.secret, *(world.do(ADMIN, jenkins.rotate, made.app.id).secret for _ in range(2))]
    for secret in secrets[:-1]:
        assert receive(world, made, secret).renewed is None
    use(world, made, secrets[-1])
    for secret in secrets[:-1]:
        with pytest.raises(Unproven, match="signature does not fit"):
            receive(world, made, secret)
    before = world.do(ADMIN, jenkins.rotate, made.app.id)
    for _ in range(jenkins.EARLIER):
        world.do(ADMIN, jenkins.rotate, made.app.id)
    with pytest.raises(Unproven):
        receive(world, made, secrets[-1])
    assert receive(world, made, before.secret).message == Ping()


def test_what_is_replaced_meanwhile_is_still_good(world: World) -> None:
    """A secret that Jenkins has just begun to use does not end because it was replaced at that very moment."""
    made = added(world)
    second = world.do(ADMIN, jenkins.rotate, made.app.id)
    call = receive(world, made, second.secret)
    third = world.do(ADMIN, jenkins.rotate, made.app.id)
    assert call.renewed is not None
    world.do(call.principal, jenkins.end_earlier_secrets, call.renewed)
    for secret in (second.secret, third.secret):
        assert receive(world, made, secret).message == Ping()


def test_a_leaked_secret_ends_at_once(world: World) -> None:
    """If that is asked for, the old secret is refused from the moment on at which there is a new one."""
    made = added(world)
    renewed = world.do(ADMIN, jenkins.rotate, made.app.id, is_urgent=True)
    with pytest.raises(Unproven):
        receive(world, made, made.secret)
    assert receive(world, made, renewed.secret).message == Ping()


def test_a_late_token_is_told_that_it_is_late(world: World) -> None:
    """While two secrets are good, a late token is told that it is late, whichever of them has signed it."""
    made = added(world)
    renewed = world.do(ADMIN, jenkins.rotate, made.app.id)
    for secret, said in ((made.secret, "expired"), (renewed.secret, "expired"), ("guess" * 8, "signature")):
        with pytest.raises(Unproven, match=said):
            receive(world, made, secret, exp=1)


def test_only_servers_get_another_secret(world: World) -> None:
    """Other apps have no secret that could be replaced in place; nor has what is not there; nor may everybody do it."""
    made = added(world)
    with pytest.raises(Malformed, match="is not a Jenkins server") as raised:
        world.do(ADMIN, jenkins.rotate, world.app("ci").app_id or "")
    assert "Add another app" in raised.value.advice()
    with pytest.raises(Unknown):
        world.do(ADMIN, jenkins.rotate, "none")
    with pytest.raises(Forbidden):
        world.do(ANN, jenkins.rotate, made.app.id)


def test_settings_are_kept(world: World) -> None:
    """What the plugin tells of its settings is kept in place of what it told before, and touches no secret."""
    made = added(world)
    call = receive(world, made, made.secret)
    world.do(ADMIN, jenkins.rotate, made.app.id)
    for config in ({"ipAddress": "192.0.2.1"}, {"ipAddress": "192.0.2.1"}, {"autoBuildEnabled": "true"}):
        world.do(call.principal, jenkins.keep_config, config)
        kept = app_of(world, made).jenkins
        assert kept is not None
        assert kept.config == config
        assert kept.earlier_secrets == (made.server.secret,)


def test_what_is_removed_keeps_nothing(world: World) -> None:
    """A server that was removed while it asked is told so."""
    made = added(world)
    call = receive(world, made, made.secret)
    world.do(ADMIN, withdraw.remove_app, made.app.id)
    with pytest.raises(Unproven, match="was removed"):
        world.do(call.principal, jenkins.keep_config, {"a": "b"})
    with pytest.raises(Unproven, match="was removed"):
        world.do(call.principal, jenkins.end_earlier_secrets, "sealed")


def test_a_build_asks_for_its_gate(world: World) -> None:
    """A gated build is shown its gate; what was not gated, not sent, or sent for elsewhere is told apart in words."""
    app = principal_of(added(world).app)
    world.submit(app, record(app), replace(record(app, number=2), asks_for_gating=False))
    query = StatusQuery(pipeline_id="shop", environment_id="prod-1", build_number=1)
    assert world.read(jenkins.gate_of, app, query).verdict.status is GatingStatus.AWAITING
    for other, said in [
        (replace(query, build_number=2), "Build 2 of this job (pipeline id 'shop') was sent without asking for gating"),
        (replace(query, build_number=3), "Build 3 of this job (pipeline id 'shop') was not sent to Mitregate for"),
        (replace(query, environment_id="x"), "was not sent to Mitregate for the environment id 'x', so there is no"),
    ]:
        with pytest.raises(Unknown) as raised:
            world.read(jenkins.gate_of, app, other)
        assert said in raised.value.message
        assert raised.value.advice() == (
            "Before checkGatingStatus, the same build must run jiraSendDeploymentInfo with the same environmentId, "
            "with state: 'pending' and enableGating: true, and with serviceIds or issueKeys, without which it sends "
            "nothing."
        )
    world.do(app, withdraw.delete, record(app).key)
    with pytest.raises(Unknown, match="was not sent"):
        world.read(jenkins.gate_of, app, query)


def test_deployments_are_marked() -> None:
    """What a server sends carries its id and the cloud id, beside its own property, whatever it says."""
    sent = replace(record(ADMIN, state=State.PENDING), properties={"source": "jenkins", "cloudId": "forged"})
    (marked,) = jenkins.marked([sent], "a-b", "cloud")
    assert marked.properties == {"source": "jenkins", "cloudId": "cloud", "jenkinsServerUuid": "a-b"}
