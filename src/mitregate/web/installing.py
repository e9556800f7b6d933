"""Installing: the calls to a Connect app, and the transactions around them, in the order that loses nothing.

Who asks must administer, before anything is fetched for them. Nothing is sent from inside a transaction.
"""

import asyncio

from msgspec import Struct

from mitregate.core.errors import MitregateError, Refused, Unreachable
from mitregate.core.installations import InstallKey, Lifecycle
from mitregate.core.people import App, AppKind, Permission, Principal
from mitregate.flows import install, install_keys, lifecycle, withdraw
from mitregate.flows.act import BY_ITSELF
from mitregate.web.office import Office
from mitregate.wire.connect_descriptor import fetch_descriptor
from mitregate.wire.connect_lifecycle import LifecycleReply, Reception


class Told(Struct, frozen=True, kw_only=True):
    """An event that an app was told, and what it answered."""

    event: Lifecycle
    reply: LifecycleReply


class Handled(Struct, frozen=True, kw_only=True):
    """An app as it is now, or was when it was removed, and what it was told of that."""

    app: App
    told: tuple[Told, ...] = ()


async def install_app(office: Office, principal: Principal, descriptor_url: str) -> Handled:
    """Install the Connect app that describes itself at *descriptor_url*; one that is here gets a new secret.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: what is there is not the descriptor of an app that can be installed.
        Refused: the app did not take it; all is as it was before.
        Stale: it is being installed just now, or was removed or installed once more meanwhile.
        Unreachable: there is no descriptor to be had, or nobody knows whether the app took it.
    """
    principal.require(Permission.ADMINISTER)
    descriptor = await office.talker.converse(fetch_descriptor(descriptor_url))
    key = await signing_key(office)
    offered = await office.transact(principal, install.offer, descriptor, descriptor_url)
    try:
        reply = await office.talker.converse(
            lifecycle.tell(office.ports, Lifecycle.INSTALLED, offered.app, key, offered)
        )
    except MitregateError as error:  # on our side, before the app was called
        await office.transact(
            principal, install.fail, offered, LifecycleReply(reception=Reception.REFUSED, words=error.message)
        )
        raise
    if reply.reception is not Reception.TAKEN:
        is_there = await office.transact(principal, install.fail, offered, reply)
        raise _failure(offered, reply, is_there=is_there)
    app = await office.transact(principal, install.take, offered)
    told = Told(event=Lifecycle.INSTALLED, reply=reply)
    if app.connect is None or not app.connect.is_enabled:
        return Handled(app=app, told=(told,))
    return Handled(app=app, told=(told, await tell(office, Lifecycle.ENABLED, app)))


async def switch_app(office: Office, principal: Principal, app_id: str, *, is_enabled: bool) -> Handled:
    """Enable or disable a Connect app, and tell it so; raises as the flows do."""
    flow = lifecycle.enable if is_enabled else lifecycle.disable
    app = await office.transact(principal, flow, app_id)
    event = Lifecycle.ENABLED if is_enabled else Lifecycle.DISABLED
    return Handled(app=app, told=(await tell(office, event, app),))


async def remove_app(office: Office, principal: Principal, app_id: str) -> Handled:
    """Remove an app with all it submitted, whatever it says to that; raises as the flow does."""
    app = await office.transact(principal, withdraw.remove_app, app_id)
    if app.kind is not AppKind.CONNECT:
        return Handled(app=app)
    return Handled(app=app, told=(await tell(office, Lifecycle.UNINSTALLED, app),))


async def signing_key(office: Office) -> InstallKey:
    """Give the key that signs installations; the first time it is made."""
    key = await office.read(install_keys.newest)
    if key is None:
        pair = await asyncio.to_thread(install_keys.make_pair, office.ports)
        key = await office.transact(BY_ITSELF, install_keys.add_first, pair)
    return key


async def new_signing_key(office: Office, principal: Principal) -> InstallKey:
    """Make another key, which signs installations from now on; `Forbidden` if the principal does not administer."""
    principal.require(Permission.ADMINISTER)
    pair = await asyncio.to_thread(install_keys.make_pair, office.ports)
    return await office.transact(principal, install_keys.add, pair)


async def tell(office: Office, event: Lifecycle, app: App) -> Told:
    """Tell an app what has happened already; what goes wrong with that is reported and changes nothing."""
    try:
        key = await signing_key(office)
        reply = await office.talker.converse(lifecycle.tell(office.ports, event, app, key))
    except MitregateError as error:
        reply = LifecycleReply(reception=Reception.UNKNOWN, words=f"{error.message} {error.advice()}")
    return Told(event=event, reply=reply)


def _failure(offered: install.Offer, reply: LifecycleReply, *, is_there: bool) -> MitregateError:
    name = offered.descriptor.name
    stays = f"{name} stays installed as it was." if is_there else f"{name} was not installed."
    if reply.reception is Reception.REFUSED:
        advice = "See what the app says, and what is in its log, then install it again."
        return Refused(f"{reply.words} {stays}", advice=advice)
    advice = f"See that the app answers at {offered.descriptor.base_url}, then install it again."
    if is_there:
        advice += " Until then both its old secret and the new one prove it."
    return Unreachable(f"{reply.words} {stays}", advice=advice)
