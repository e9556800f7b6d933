"""What is pasted into the settings of the Jenkins plugin 2.x, and what is likely to go wrong with it.

https://github.com/jenkinsci/atlassian-jira-software-cloud-plugin: `SiteValidator`, `WebhookUrlValidator`,
`CloudIdResolver`.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from msgspec import Struct

from mitregate.wire.jenkins import PARAMETER, PATH

SITE_NAME = re.compile(r"[a-z0-9-]{3,}\.[a-z0-9-]+\.[a-z]{2,}")
"""What the plugin takes as the name of a site."""


class Connection(Struct, frozen=True, kw_only=True):
    """What is pasted into Jenkins beside the secret; `warnings` say what will not work as it is."""

    site: str
    webhook_url: str
    warnings: tuple[str, ...]


def connection(base_url: str, server_uuid: str) -> Connection:
    """Say what is pasted into Jenkins for one of its servers, where ours is reached at *base_url*."""
    return Connection(
        site=urlsplit(base_url).hostname or "",
        webhook_url=f"{base_url.rstrip('/')}{PATH}?{PARAMETER}={server_uuid}",
        warnings=tuple(_warnings(base_url)),
    )


def _warnings(base_url: str) -> Iterator[str]:
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme != "https" or parts.port is not None or parts.path not in {"", "/"}:
        yield (
            f"Before it sends anything, Jenkins asks https://{host}/_edge/tenant_info, without a port or a path: that "
            f"must lead here, and this server is known as {base_url}."
        )
    if not SITE_NAME.fullmatch(host):
        yield (
            f"The plugin calls {host!r} invalid: it takes site names of three parts, such as gate.example.com, the "
            "first of them of three letters at least."
        )
