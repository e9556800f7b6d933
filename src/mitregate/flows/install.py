"""Install: bring a Connect app its shared secret, in steps of which none loses one.

A secret is *offered*, then the app is called, then it is *taken* or *failed*. From the first step on, the secret that
is sent proves the app beside the one it had before: whatever the app makes of the call, and whoever dies meanwhile, it
is known by what it has. A new app holds nothing that could be lost: it can do nothing before it has taken its secret,
and is forgotten if it does not.
"""

from collections.abc import Iterable
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.errors import Stale
from mitregate.core.installations import Descriptor, Installation
from mitregate.core.people import App, Permission
from mitregate.flows.act import Act
from mitregate.flows.admit import CLOUD_ID
from mitregate.flows.install_keys import take_turn
from mitregate.wire.connect_lifecycle import LifecycleReply, Reception

UNDER_WAY = timedelta(minutes=2)
"""How long an installation may be under way before another one of the same app may begin."""

OFFERED = 5
"""Secrets that were sent without an answer, of one app, that are remembered."""


class Offer(Struct, frozen=True, kw_only=True):
    """What an app is about to be sent: *secret* in the clear, for the length of one call, and as it is kept."""

    app: App
    descriptor: Descriptor
    descriptor_url: str
    secret: str
    sealed: str


def offer(act: Act, descriptor: Descriptor, descriptor_url: str) -> Offer:
    """Get ready to install the app that *descriptor* describes, or to install it once more.

    Raises:
        Forbidden: the principal does not administer.
        Stale: the app is being installed just now.
    """
    act.principal.require(Permission.ADMINISTER)
    take_turn(act)
    apps = act.uow.apps.all()
    same = next((app.id for app in apps if app.connect is not None and app.handle == descriptor.key), None)
    known = act.uow.apps.lock(same) if same is not None else None
    secret = act.ports.new_secret()
    sealed = act.ports.seal(secret)
    if known is None or known.connect is None:
        app = _new(act, descriptor, descriptor_url, sealed, apps)
        act.uow.apps.add(app)
    else:
        _refuse_second(act, known, known.connect)
        offered = (*known.connect.offered_secrets, sealed)[-OFFERED:]
        app = replace(known, connect=replace(known.connect, offered_secrets=offered, offering_since=act.now))
        act.uow.apps.keep(app)
    act.record(Action.APP_INSTALL_BEGUN, app.id, _detail(descriptor))
    return Offer(app=app, descriptor=descriptor, descriptor_url=descriptor_url, secret=secret, sealed=sealed)


def take(act: Act, offered: Offer) -> App:
    """Keep that the app took what it was offered: from now on its new descriptor and its new secret hold.

    An app that an administrator had disabled stays so.

    Raises:
        Stale: the app was removed, or installed once more, in the meantime.
    """
    app = act.uow.apps.lock(offered.app.id)
    if app is None or app.connect is None or not _is_newest(app.connect, offered):
        message = (
            f"The app {offered.descriptor.name!r} was removed or installed once more while it was being installed."
        )
        raise Stale(message, advice="Look at the list of apps, and install it again.")
    is_new = app.connect.shared_secret is None
    installation = replace(
        app.connect,
        descriptor=offered.descriptor,
        descriptor_url=offered.descriptor_url,
        shared_secret=offered.sealed,
        offered_secrets=(),
        offering_since=None,
        is_enabled=app.connect.is_enabled or is_new,
    )
    name = _name(offered.descriptor, app.id, (other for other in act.uow.apps.all() if other.id != app.id))
    app = replace(app, name=name, scopes=offered.descriptor.scopes, connect=installation)
    act.uow.apps.keep(app)
    act.record(Action.APP_INSTALLED if is_new else Action.APP_REINSTALLED, app.id, _detail(offered.descriptor))
    return app


def fail(act: Act, offered: Offer, reply: LifecycleReply) -> bool:
    """Keep that the app did not take what it was offered, or that nobody knows.

    A new app is forgotten; one that was installed before stays as it was. What it may have taken still proves it.

    Returns:
        Whether the app is still there.
    """
    app = act.uow.apps.lock(offered.app.id)
    installation = app.connect if app is not None else None
    if app is None or installation is None:
        return False
    act.record(Action.APP_INSTALL_FAILED, app.id, {**_detail(offered.descriptor), "reply": reply.words})
    is_newest = _is_newest(installation, offered)
    if installation.shared_secret is None and is_newest:
        act.uow.apps.remove(app.id)
        return False
    secrets = installation.offered_secrets
    if reply.reception is Reception.REFUSED:
        secrets = tuple(secret for secret in secrets if secret != offered.sealed)
    since = None if is_newest else installation.offering_since
    act.uow.apps.keep(replace(app, connect=replace(installation, offered_secrets=secrets, offering_since=since)))
    return True


def settle_secret(act: Act, app_id: str, offered: str) -> None:
    """Keep that the app has taken the sealed secret *offered*, since it proved itself with it.

    Those that were sent before it are good no more; what was sent after it may still be taken.
    """
    app = act.uow.apps.lock(app_id)
    if app is None or app.connect is None or offered not in app.connect.offered_secrets:
        return
    later = app.connect.offered_secrets[app.connect.offered_secrets.index(offered) + 1 :]
    act.uow.apps.keep(replace(app, connect=replace(app.connect, shared_secret=offered, offered_secrets=later)))
    act.record(Action.APP_SECRET_TAKEN, app.id, {"name": app.name})


def _new(act: Act, descriptor: Descriptor, descriptor_url: str, sealed: str, apps: Iterable[App]) -> App:
    app_id = act.ports.new_id()
    return App(
        id=app_id,
        name=_name(descriptor, app_id, apps),
        client_id=act.ports.new_id(),
        scopes=descriptor.scopes,
        connect=Installation(
            descriptor=descriptor,
            descriptor_url=descriptor_url,
            client_key=act.uow.meta(CLOUD_ID) or "",
            offered_secrets=(sealed,),
            offering_since=act.now,
            is_enabled=False,
        ),
        created_at=act.now,
    )


def _name(descriptor: Descriptor, app_id: str, others: Iterable[App]) -> str:
    """Find a name that no other app has."""
    taken = {app.name for app in others}
    said = "".join(letter if letter.isprintable() else " " for letter in descriptor.name)
    wanted = " ".join(said.split()) or descriptor.key
    names = (wanted, f"{wanted} ({descriptor.key})", f"{descriptor.key} ({app_id})")
    return next(name for name in names if name not in taken)


def _is_newest(installation: Installation, offered: Offer) -> bool:
    """Tell whether nothing else was offered since; what was offered may have been settled, by an app that is quick."""
    return (installation.shared_secret, *installation.offered_secrets)[-1] == offered.sealed


def _refuse_second(act: Act, app: App, installation: Installation) -> None:
    since = installation.offering_since
    if since is not None and act.now < since + UNDER_WAY:
        message = f"The app {app.name!r} is being installed just now."
        raise Stale(message, advice="Wait for that to end, for two minutes at most.")


def _detail(descriptor: Descriptor) -> dict[str, str]:
    return {
        "key": descriptor.key,
        "base_url": descriptor.base_url,
        "scopes": " ".join(sorted(descriptor.scopes)),
        "modules": " ".join(sorted(descriptor.modules)),
        "callback": descriptor.callback or "",
    }
