"""Views of Connect apps: what they say of themselves, how they stand, and what they answered."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, UnsetType

from mitregate.core.installations import Installation, InstallKey, Lifecycle, Module
from mitregate.web.install_keys import INSTALL_KEYS
from mitregate.web.installing import Told
from mitregate.web.views import View, given
from mitregate.wire.connect_lifecycle import Reception


class ConnectState(StrEnum):
    """How the installation of a Connect app stands."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    UNFINISHED = "unfinished"


class ConnectOut(View, frozen=True, kw_only=True):
    """A Connect app as it is installed."""

    key: Annotated[str, Meta(description="The app's key, which its tokens name as their issuer.")]
    base_url: Annotated[str, Meta(description="What all its addresses begin with.")]
    descriptor_url: Annotated[str, Meta(description="Where it was installed from.")]
    modules: Annotated[tuple[Module, ...], Meta(description="What it declares that concerns deployments.")]
    state: Annotated[
        ConnectState, Meta(description="`unfinished` is one whose installation broke off: it can do nothing.")
    ]
    is_secret_uncertain: Annotated[
        bool,
        Meta(description="Whether it was sent a newer secret without an answer; installing it again settles that."),
    ]


class ToldOut(View, frozen=True, kw_only=True):
    """What an app was told of itself, and what it answered."""

    event: Lifecycle
    reception: Annotated[Reception, Meta(description="`unknown` if nobody answered.")]
    status: Annotated[int, Meta(description="The HTTP status, if there was an answer.")] | UnsetType
    words: Annotated[str, Meta(description="What it answered, in a sentence.")]


class InstallKeyOut(View, frozen=True, kw_only=True):
    """A key that signs installations."""

    id: Annotated[str, Meta(description="The `kid` of the tokens that it signs.")]
    created_at: datetime
    link: Annotated[str, Meta(description="Where its public half is, as PEM, for apps to fetch.")]


def connect_out(installation: Installation) -> ConnectOut:
    """Show a Connect app as it is installed, without its secrets."""
    descriptor = installation.descriptor
    return ConnectOut(
        key=descriptor.key,
        base_url=descriptor.base_url,
        descriptor_url=installation.descriptor_url,
        modules=tuple(sorted(descriptor.modules)),
        state=state_of(installation),
        is_secret_uncertain=bool(installation.offered_secrets),
    )


def told_out(told: Told) -> ToldOut:
    """Show what an app answered to what it was told."""
    return ToldOut(
        event=told.event, reception=told.reply.reception, status=given(told.reply.status), words=told.reply.words
    )


def install_key_out(key: InstallKey, base_url: str) -> InstallKeyOut:
    """Show a key that signs installations, without its private half."""
    return InstallKeyOut(id=key.id, created_at=key.created_at, link=f"{base_url}{INSTALL_KEYS}{key.id}")


def state_of(installation: Installation) -> ConnectState:
    """Say how an installation stands."""
    if installation.shared_secret is None:
        return ConnectState.UNFINISHED
    return ConnectState.ENABLED if installation.is_enabled else ConnectState.DISABLED
