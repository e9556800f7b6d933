"""Where a Deployments API is.

Addresses of Jira Cloud: https://developer.atlassian.com/cloud/jira/software/integrate-jsw-cloud-with-onpremises-tools/.
"""

import re
from typing import Self
from urllib.parse import quote, urlsplit

from msgspec import Struct

from mitregate.core.errors import Misconfigured

ATLASSIAN = "https://api.atlassian.com"

JIRA_LAG = 30.0
"""Jira takes a submission in and works on it later; Atlassian's Jenkins plugin asks again for 15 s."""

PRINTABLE = re.compile(r"[!-~]+")


class Site(Struct, frozen=True, kw_only=True):
    """Where a Deployments API is; made by one of the functions below.

    `base` is the URL of the whole, `deployments` and `tokens` are paths below it; without `tokens` there is no OAuth.
    `lag` is the time, in seconds, for which a deployment that was accepted may still be unknown there.
    """

    base: str
    deployments: str = "/rest/deployments/0.1"
    tokens: str | None = "/oauth/token"
    lag: float = 0.0

    @classmethod
    def mitregate(cls, url: str) -> Self:
        """Describe the Mitregate at *url*, such as https://gate.example.com; apps prove themselves by OAuth or JWT.

        Raises:
            Misconfigured: *url* is not a complete http or https URL; so too `jira`.
        """
        return cls(base=_base(url))

    @classmethod
    def jira_cloud(cls, cloud_id: str) -> Self:
        """Describe the Jira Cloud site with *cloud_id*; apps prove themselves with OAuth credentials made in Jira.

        A site tells its cloud id at its path `/_edge/tenant_info`.

        Raises:
            Misconfigured: there is no cloud id.
        """
        if not cloud_id:
            advice = "Look it up at https://YOUR-SITE.atlassian.net/_edge/tenant_info."
            raise Misconfigured("The cloud id is empty.", advice=advice)
        return cls(base=ATLASSIAN, deployments=f"/jira/deployments/0.1/cloud/{quote(cloud_id, safe='')}", lag=JIRA_LAG)

    @classmethod
    def jira(cls, url: str) -> Self:
        """Describe the Jira at *url*, such as https://your-site.atlassian.net, where Connect apps sign with JWT."""
        return cls(base=_base(url), tokens=None, lag=JIRA_LAG)


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        has_more = bool(parts.query or parts.fragment) or "@" in parts.netloc
    except ValueError:
        is_whole, has_more = False, False
    if not is_whole or has_more or not PRINTABLE.fullmatch(url):
        message = f"{url!r} is not a complete http or https URL."
        raise Misconfigured(message, advice="Write it as in https://gate.example.com, with nothing but a path behind.")
    return url.rstrip("/")
