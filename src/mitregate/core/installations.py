"""Installations: what makes an app more than a pair of credentials.

A Connect app describes itself and is installed: it is sent a shared secret and called back; a Jenkins server sends
everything through one address of its own.

Sources: https://developer.atlassian.com/cloud/jira/platform/connect-app-descriptor/,
https://developer.atlassian.com/cloud/jira/service-desk/deployment-gating/,
https://plugins.jenkins.io/atlassian-jira-software-cloud/.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from mitregate.core.scopes import Scope


class Module(StrEnum):
    """What a Connect app declares that concerns us."""

    DEPLOYMENT_INFO = "jiraDeploymentInfoProvider"
    DEPLOYMENT_GATING = "jiraDeploymentGating"


class Lifecycle(StrEnum):
    """What happens to an installation, and is told to its app."""

    INSTALLED = "installed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    UNINSTALLED = "uninstalled"


class Descriptor(Struct, frozen=True, kw_only=True):
    """What a Connect app says of itself.

    `lifecycle` and `callback`, the address that is told each gating status, are relative to `base_url`, which has no
    slash at its end.
    """

    key: str
    name: str
    description: str = ""
    vendor: str = ""
    base_url: str
    scopes: frozenset[Scope]
    modules: frozenset[Module]
    lifecycle: dict[Lifecycle, str] = {}
    callback: str | None = None


class Installation(Struct, frozen=True, kw_only=True):
    """A Connect app as it is installed here.

    `client_key` is what we are called by it. `shared_secret` is sealed; it is None until the app has taken the first
    one. `offered_secrets`, sealed as well, the newest last, were sent since, and it is not known whether the app took
    them: they prove the app just as the other does, but sign nothing. `offering_since` is set while the newest of them
    is under way.
    """

    descriptor: Descriptor
    descriptor_url: str
    client_key: str
    shared_secret: str | None = None
    offered_secrets: tuple[str, ...] = ()
    offering_since: datetime | None = None
    is_enabled: bool = True


class InstallKey(Struct, frozen=True, kw_only=True):
    """An RSA key that signs what brings or ends a shared secret, as PEM.

    `private_key` is sealed, and empty once another key signs. Apps fetch `public_key` by the `id`, which tokens name.
    """

    id: str
    private_key: str = ""
    public_key: str
    created_at: datetime


class JenkinsServer(Struct, frozen=True, kw_only=True):
    """A Jenkins whose plugin sends to an address of its own; `secret` is sealed.

    `earlier_secrets`, sealed as well, the newest first, are those before it, which are good until Jenkins has used it.
    `config` is what the plugin tells of its settings: which builds and deployments it sends by itself.
    """

    server_uuid: str
    secret: str
    earlier_secrets: tuple[str, ...] = ()
    config: dict[str, str] = {}
