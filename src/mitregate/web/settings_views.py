"""Views of settings as code: what a file changes, leaves and removes, and the secrets that come of it."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType
from msgspec.structs import asdict

from mitregate.flows.declare import Done, Left, Plan, Removal, Secrets
from mitregate.web.connect_views import ToldOut, told_out
from mitregate.web.installing import Told
from mitregate.web.rules_views import DifferenceOut, difference_out
from mitregate.web.views import View, given
from mitregate.wire.jenkins_site import connection

Once = Annotated[str, Meta(description="Shown this once and never again.")]


class LeftOut(View, frozen=True, kw_only=True):
    """An app or a user that is not in the file, and stays."""

    section: Annotated[str, Meta(description="`apps` or `users`.")]
    name: str


class RemovalOut(View, frozen=True, kw_only=True):
    """An app that is removed, and what goes with it."""

    app: Annotated[str, Meta(description="Its name.")]
    deployments: Annotated[int, Meta(description="How many deployments are deleted with it.")]
    waiting: Annotated[int, Meta(description="How many of these wait, and are given up.")]


class SecretsOut(View, frozen=True, kw_only=True):
    """The secrets of an app that was added, or got its first callback."""

    id: str
    name: str
    client_id: str | UnsetType = UNSET
    client_secret: Once | UnsetType = UNSET
    signing_secret: Annotated[str, Meta(description="Signs its callbacks; shown this once.")] | UnsetType = UNSET
    site_name: Annotated[str, Meta(description="What to paste into Jenkins as *Site name*.")] | UnsetType = UNSET
    webhook_url: Annotated[str, Meta(description="What to paste into Jenkins as *Webhook URL*.")] | UnsetType = UNSET
    secret: Annotated[str, Meta(description="What to paste into Jenkins as *Secret*; shown this once.")] | UnsetType = (
        UNSET
    )


class ToldAppOut(ToldOut, frozen=True, kw_only=True):
    """What a Connect app was told of itself, and what it answered."""

    app: Annotated[str, Meta(description="Its name.")]


class SettingsPlan(View, frozen=True, kw_only=True):
    """What settings change."""

    version: Annotated[str, Meta(description="What the settings are called now: their `ETag`.")]
    revision: Annotated[int, Meta(description="The revision of the rulebook now.")]
    is_changed: Annotated[bool, Meta(description="Whether anything differs at all.")]
    is_dry_run: Annotated[bool, Meta(description="Whether nothing was done.")]
    changes: tuple[DifferenceOut, ...]
    left: Annotated[tuple[LeftOut, ...], Meta(description="Apps and users that are not in it, and stay.")]
    untouched: Annotated[tuple[str, ...], Meta(description="Sections that are not in it, and stay as they are.")]
    removals: Annotated[tuple[RemovalOut, ...], Meta(description="Apps that go; only of a dry run.")] | UnsetType = (
        UNSET
    )
    waiting: Annotated[int, Meta(description="How many gates wait; only of a dry run.")] | UnsetType = UNSET
    held: Annotated[int, Meta(description="How many of them freezes and hours would newly hold.")] | UnsetType = UNSET
    freed: Annotated[int, Meta(description="How many of them these would hold no more.")] | UnsetType = UNSET
    secrets: (
        Annotated[tuple[SecretsOut, ...], Meta(description="The secrets of apps, which are shown this once.")]
        | UnsetType
    ) = UNSET
    told: (
        Annotated[tuple[ToldAppOut, ...], Meta(description="What Connect apps were told, and what they answered.")]
        | UnsetType
    ) = UNSET


def settings_plan_out(plan: Plan) -> SettingsPlan:
    """Show what settings would change."""
    return SettingsPlan(
        version=plan.version,
        revision=plan.revision,
        is_changed=bool(plan.changed),
        is_dry_run=True,
        changes=tuple(map(difference_out, plan.changed)),
        left=tuple(map(_left_out, plan.left)),
        untouched=plan.untouched,
        removals=tuple(map(_removal_out, plan.removals)) or UNSET,
        waiting=plan.waiting,
        held=plan.held,
        freed=plan.freed,
    )


def settings_done_out(done: Done, told: list[tuple[str, Told]], base_url: str) -> SettingsPlan:
    """Show what settings have changed, this once with the secrets."""
    return SettingsPlan(
        version=done.version,
        revision=done.revision,
        is_changed=bool(done.changed),
        is_dry_run=False,
        changes=tuple(map(difference_out, done.changed)),
        left=tuple(map(_left_out, done.left)),
        untouched=done.untouched,
        secrets=tuple(_secrets_out(one, base_url) for one in done.secrets) or UNSET,
        told=tuple(ToldAppOut(app=name, **asdict(told_out(one))) for name, one in told) or UNSET,
    )


def _left_out(left: Left) -> LeftOut:
    return LeftOut(section=left.section, name=left.name)


def _removal_out(removal: Removal) -> RemovalOut:
    return RemovalOut(app=removal.app, deployments=removal.deployments, waiting=removal.waiting)


def _secrets_out(secrets: Secrets, base_url: str) -> SecretsOut:
    app, server = secrets.app, secrets.app.jenkins
    pasted = connection(base_url, server.server_uuid) if server is not None and secrets.jenkins is not None else None
    return SecretsOut(
        id=app.id,
        name=app.name,
        client_id=given(app.client_id if secrets.client is not None else None),
        client_secret=given(secrets.client),
        signing_secret=given(secrets.signing),
        site_name=given(pasted.site if pasted is not None else None),
        webhook_url=given(pasted.webhook_url if pasted is not None else None),
        secret=given(secrets.jenkins),
    )
