"""Lifecycle: enable and disable Connect apps, and tell them what happens to them."""

from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.errors import Malformed, Refused, Unknown
from mitregate.core.gates import Stage
from mitregate.core.installations import Installation, InstallKey, Lifecycle
from mitregate.core.people import App, Permission
from mitregate.core.queries import GateQuery
from mitregate.flows.act import Act
from mitregate.flows.install import Offer
from mitregate.flows.settle import announce
from mitregate.ports import Ports
from mitregate.wire import connect_jwt, connect_lifecycle
from mitregate.wire.connect_lifecycle import Host, LifecycleReply, Signer
from mitregate.wire.http import Conversation

SIGNED_WITH_KEY = frozenset({Lifecycle.INSTALLED, Lifecycle.UNINSTALLED})
"""What no shared secret may prove, for it brings or ends that."""


def enable(act: Act, app_id: str) -> App:
    """Let an app in again, and tell it how its gates stand that changed in the meantime.

    Raises:
        Forbidden: the principal does not administer.
        Refused: its installation never came to its end.
        Unknown: there is no such Connect app.
    """
    app, has_changed = _switch(act, app_id, Action.APP_ENABLED, is_enabled=True)
    if has_changed:
        announce_all(act, app)
    return app


def disable(act: Act, app_id: str) -> App:
    """Keep an app out, and tell it no more, until it is enabled again; what it submitted stays. Raises as `enable`."""
    return _switch(act, app_id, Action.APP_DISABLED, is_enabled=False)[0]


def tell(
    ports: Ports, event: Lifecycle, app: App, key: InstallKey, offered: Offer | None = None
) -> Conversation[LifecycleReply]:
    """Make the conversation that tells a Connect app an event; with `installed` goes what it is *offered*.

    Raises:
        Misconfigured: a secret cannot be unsealed.
        Unknown: the app is no Connect app.
    """
    installation = _installation(app)
    descriptor = offered.descriptor if offered is not None else installation.descriptor
    host = Host(
        client_key=installation.client_key,
        base_url=ports.base_url,
        public_key=key.public_key,
        installation_id=app.id,
    )
    if event in SIGNED_WITH_KEY:
        sign = _by_key(ports, key, installation.client_key, descriptor.base_url)
    else:
        sign = _by_secret(ports, installation)
    return connect_lifecycle.announce(
        event, descriptor, host, sign=sign, shared_secret=offered.secret if offered is not None else None
    )


def _by_key(ports: Ports, key: InstallKey, issuer: str, audience: str) -> Signer:
    private_key, now = ports.unseal(key.private_key), ports.now()

    def sign(*, query_hash: str) -> str:
        return connect_jwt.sign_install(
            private_key, key.id, issuer=issuer, audience=audience, now=now, query_hash=query_hash
        )

    return sign


def _by_secret(ports: Ports, installation: Installation) -> Signer:
    secret, now = ports.unseal(installation.shared_secret or ""), ports.now()

    def sign(*, query_hash: str) -> str:
        return connect_jwt.sign(secret, issuer=installation.client_key, now=now, query_hash=query_hash)

    return sign


def _switch(act: Act, app_id: str, action: Action, *, is_enabled: bool) -> tuple[App, bool]:
    act.principal.require(Permission.ADMINISTER)
    app = act.uow.apps.lock(app_id)
    if app is None:
        message = f"There is no app {app_id!r}."
        raise Unknown(message, advice="`mitregate app list` shows the apps with their ids.")
    installation = _installation(app)
    if installation.shared_secret is None:
        message = f"The installation of the app {app.name!r} has not come to its end."
        raise Refused(message, advice="Install it again with `mitregate app install`, or remove it.")
    if installation.is_enabled is is_enabled:
        return app, False
    app = replace(app, connect=replace(installation, is_enabled=is_enabled))
    act.uow.apps.keep(app)
    act.record(action, app.id, {"name": app.name})
    return app, True


def _installation(app: App) -> Installation:
    if app.connect is None:
        message = f"The app {app.name!r} is no Connect app."
        raise Malformed(message, advice="Only Connect apps are enabled and disabled; another app can be removed.")
    return app.connect


def announce_all(act: Act, app: App) -> None:
    """Announce the verdict of each gate that is held, to an app that was not told of it so far."""
    before: str | None = None
    while page := act.uow.gates.page(GateQuery(app_id=app.id, stage=Stage.HELD, before=before)):
        for gate in page:
            current = act.uow.gates.of(gate.key)  # under lock: whoever settles it just now takes the app for disabled
            if current is not None and current.id == gate.id and current.stage is Stage.HELD:
                announce(act, current)
        before = page[-1].id
