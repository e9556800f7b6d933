"""Jenkins: servers whose plugin 2.x sends to the web-trigger, their secrets, and what their builds ask."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.declared import PLUGIN_SCOPES
from mitregate.core.deployments import Deployment, DeploymentKey
from mitregate.core.errors import Malformed, Unknown, Unproven
from mitregate.core.gates import Gate, Stage
from mitregate.core.installations import JenkinsServer
from mitregate.core.people import App, AppKind, Permission, Principal, Scope
from mitregate.flows import admit
from mitregate.flows.act import Act
from mitregate.ports import Ports, UnitOfWork
from mitregate.wire.jenkins import Message, StatusQuery, read_token

EARLIER = 3
"""Secrets that are good beside the newest, at most: one that Jenkins has, and new ones that were not pasted."""


class NewServer(Struct, frozen=True, kw_only=True):
    """A Jenkins server just added, or one whose secret was just replaced; the secrets are never shown again."""

    app: App
    server: JenkinsServer
    secret: str
    signing_secret: str | None = None


class Call(Struct, frozen=True, kw_only=True):
    """A request of the plugin, proved; `renewed` is the sealed secret that proved it, if it is to end earlier ones."""

    principal: Principal
    message: Message
    renewed: str | None = None


# --- servers and their secrets ---


def add_server(act: Act, name: str, callback_url: str | None = None) -> NewServer:
    """Add an app that is a Jenkins server: with a web-trigger and its secret, and without client credentials.

    Raises:
        Forbidden, Malformed, Stale: as for any other app.
    """
    made = admit.add_app(act, name, PLUGIN_SCOPES, callback_url)
    secret = act.ports.new_secret()
    server = JenkinsServer(server_uuid=act.ports.new_id(), secret=act.ports.seal(secret))
    app = replace(made.app, secret_hash="", jenkins=server)
    act.uow.apps.keep(app)
    return NewServer(app=app, server=server, secret=secret, signing_secret=made.signing_secret)


def rotate(act: Act, app_id: str, *, is_urgent: bool = False) -> NewServer:
    """Give a Jenkins server another secret.

    Args:
        act: the use case under way.
        app_id: the app.
        is_urgent: whether earlier secrets are refused from now on; else they are good until Jenkins uses the new one.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: the app is not a Jenkins server.
        Unknown: there is no such app.
    """
    act.principal.require(Permission.ADMINISTER)
    app = act.uow.apps.lock(app_id)
    if app is None:
        message = f"There is no app {app_id!r}."
        raise Unknown(message, advice="`mitregate app list` shows the apps with their ids.")
    if app.jenkins is None:
        message = f"The app {app.name!r} is not a Jenkins server; its secret cannot be replaced in place."
        raise Malformed(message, advice="Add another app, hand its secrets to the tool, and remove this one.")
    secret = act.ports.new_secret()
    earlier = () if is_urgent else (app.jenkins.secret, *app.jenkins.earlier_secrets)[:EARLIER]
    server = replace(app.jenkins, secret=act.ports.seal(secret), earlier_secrets=earlier)
    act.uow.apps.keep(replace(app, jenkins=server))
    act.record(Action.APP_ROTATED, app.id, {"name": app.name, "urgent": "yes" if is_urgent else "no"})
    return NewServer(app=replace(app, jenkins=server), server=server, secret=secret)


def end_earlier_secrets(act: Act, renewed: str) -> None:
    """Refuse the earlier secrets of the asking server from now on, if *renewed*, which it has, is still the newest."""
    app = _app(act)
    if app.jenkins is not None and app.jenkins.secret == renewed:
        act.uow.apps.keep(replace(app, jenkins=replace(app.jenkins, earlier_secrets=())))


def keep_config(act: Act, config: dict[str, str]) -> None:
    """Keep what the plugin of the asking server tells of its settings, if that is new."""
    app = _app(act)
    if app.jenkins is not None and app.jenkins.config != config:
        act.uow.apps.keep(replace(app, jenkins=replace(app.jenkins, config=config)))


# --- what the plugin sends ---


def receive(uow: UnitOfWork, ports: Ports, server_uuid: str, token: str, origin: str = "") -> Call:
    """Read a request of the plugin, which proves with its token that it comes from the server *server_uuid*.

    Raises:
        Unproven: there is no such server, or the token does not prove it.
        Malformed: the request in the token is none that is known.
        Misconfigured: the server's secret cannot be read.
    """
    app = uow.apps.by_handle(AppKind.JENKINS, server_uuid)
    if app is None or app.jenkins is None:
        message = f"No Jenkins server with the id {server_uuid[:100]!r} is known here; perhaps it was removed."
        raise Unproven(message, advice="Paste the webhook URL anew: `mitregate app show` prints it.")
    principal = Principal(name=app.name, origin=origin, app_id=app.id, scopes=app.scopes)
    newest, *earlier = [ports.unseal(secret) for secret in (app.jenkins.secret, *app.jenkins.earlier_secrets)]
    read = read_token(token, (newest, *earlier), ports.now())
    has_renewed = bool(earlier) and _is_proved(token, newest, ports.now())
    return Call(principal=principal, message=read, renewed=app.jenkins.secret if has_renewed else None)


def _is_proved(token: str, secret: str, now: datetime) -> bool:
    try:
        read_token(token, (secret,), now)
    except Unproven:
        return False
    return True


def marked(deployments: Sequence[Deployment], server_uuid: str, cloud_id: str) -> list[Deployment]:
    """Give *deployments* the properties by which those of one Jenkins server can be told."""
    marks = {"cloudId": cloud_id, "jenkinsServerUuid": server_uuid}
    return [replace(deployment, properties=deployment.properties | marks) for deployment in deployments]


def gate_of(uow: UnitOfWork, principal: Principal, query: StatusQuery) -> Gate:
    """Read the gate that a build asks for.

    Raises:
        Forbidden: the app may not read.
        Unknown: there is none; it says what was looked for, and which step is to come first.
    """
    key = DeploymentKey(
        app_id=principal.require_scope(Scope.READ),
        pipeline_id=query.pipeline_id,
        environment_id=query.environment_id,
        sequence_number=query.build_number,
    )
    gate = uow.gates.of(key)
    if gate is not None and gate.stage is not Stage.WITHDRAWN:
        return gate
    has_sent = uow.deployments.get(key) is not None
    said = "was sent without asking for gating" if has_sent else "was not sent to Mitregate"
    message = (
        f"Build {query.build_number} of this job (pipeline id {query.pipeline_id!r}) {said} for the environment id "
        f"{query.environment_id!r}, so there is no gating status."
    )
    advice = (
        "Before checkGatingStatus, the same build must run jiraSendDeploymentInfo with the same environmentId, with "
        "state: 'pending' and enableGating: true, and with serviceIds or issueKeys, without which it sends nothing."
    )
    raise Unknown(message, advice=advice)


def _app(act: Act) -> App:
    app = act.uow.apps.lock(act.principal.app_id or "")
    if app is None:
        message = f"The app {act.principal.name!r} was removed."
        raise Unproven(message)
    return app
