"""Jira Cloud and the Data Center versions that are in use: what differs between them on the wire."""

from msgspec import Struct

OLD_HOOKS = "/rest/webhooks/1.0/webhook"
NEW_HOOKS = "/rest/jira-webhook/1.0/webhooks"


class Flavour(Struct, frozen=True, kw_only=True):
    """A kind of Jira.

    `forgives_bad_tokens`: who shows a wrong token is taken for a stranger instead of being refused, so that what a
    stranger cannot see is simply not there. `experimental`: these resources of the service desk demand
    `X-ExperimentalApi: opt-in`. `signs_hooks`: webhooks can have a secret.
    """

    deployment: str
    version: tuple[int, int, int]
    api_versions: tuple[str, ...]
    hooks_path: str
    allows_basic: bool
    forgives_bad_tokens: bool
    experimental: tuple[str, ...] = ()
    signs_hooks: bool = True

    @property
    def is_cloud(self) -> bool:
        """Tell whether it is Cloud."""
        return self.deployment == "Cloud"


_EXPERIMENTAL = ("/approval", "/transition", "/organization", "/queue")

CLOUD = Flavour(
    deployment="Cloud",
    version=(1001, 0, 0),
    api_versions=("2", "3", "latest"),
    hooks_path=OLD_HOOKS,
    allows_basic=True,
    forgives_bad_tokens=True,
)

DATA_CENTER_9 = Flavour(
    deployment="Server",
    version=(9, 12, 5),
    api_versions=("2", "latest"),
    hooks_path=OLD_HOOKS,
    allows_basic=True,
    forgives_bad_tokens=False,
    experimental=_EXPERIMENTAL,
)

DATA_CENTER_10 = Flavour(
    deployment="Server",
    version=(10, 3, 2),
    api_versions=("2", "latest"),
    hooks_path=NEW_HOOKS,
    allows_basic=True,
    forgives_bad_tokens=False,
    experimental=_EXPERIMENTAL,
)

DATA_CENTER_11 = Flavour(
    deployment="Server",
    version=(11, 0, 1),
    api_versions=("2", "latest"),
    hooks_path=NEW_HOOKS,
    allows_basic=False,
    forgives_bad_tokens=False,
    experimental=_EXPERIMENTAL,
)
