"""Views of Jenkins servers: what an app has that is one, and what is pasted into Jenkins."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from mitregate.core.installations import JenkinsServer
from mitregate.core.people import Scope
from mitregate.flows.jenkins import NewServer
from mitregate.web.views import View, given
from mitregate.wire.jenkins_site import connection

Config = Annotated[dict[str, str], Meta(description="What its plugin tells of its settings; empty until it does.")]


class JenkinsOut(View, frozen=True, kw_only=True):
    """What a Jenkins server is, beside an app like others."""

    server_uuid: Annotated[str, Meta(description="What its webhook URL ends with.")]
    config: Config


class NewJenkinsOut(View, frozen=True, kw_only=True):
    """A Jenkins server that was added, or got another secret: what is pasted into its plugin."""

    id: str
    name: str
    scopes: tuple[Scope, ...]
    server_uuid: Annotated[str, Meta(description="What its webhook URL ends with.")]
    site_name: Annotated[str, Meta(description="What to paste as *Site name*.")]
    webhook_url: Annotated[str, Meta(description="What to paste as *Webhook URL*.")]
    secret: Annotated[str, Meta(description="What to paste as *Secret*; shown this once and never again.")]
    warnings: Annotated[
        tuple[str, ...], Meta(description="What keeps the plugin from working with this server as it is.")
    ]
    callback_url: str | UnsetType = UNSET
    signing_secret: Annotated[str, Meta(description="Signs its callbacks; shown this once.")] | UnsetType = UNSET
    created_at: datetime


def jenkins_out(server: JenkinsServer) -> JenkinsOut:
    """Show what a Jenkins server is, without its secret."""
    return JenkinsOut(server_uuid=server.server_uuid, config=server.config)


def new_jenkins_out(made: NewServer, base_url: str) -> NewJenkinsOut:
    """Show what is pasted into Jenkins, where this server is reached at *base_url*."""
    app, server = made.app, made.server
    pasted = connection(base_url, server.server_uuid)
    return NewJenkinsOut(
        id=app.id,
        name=app.name,
        scopes=tuple(sorted(app.scopes)),
        server_uuid=server.server_uuid,
        site_name=pasted.site,
        webhook_url=pasted.webhook_url,
        secret=made.secret,
        warnings=pasted.warnings,
        callback_url=given(app.callback_url),
        signing_secret=given(made.signing_secret),
        created_at=app.created_at,
    )
