"""Who asks Jira: e-mail and token on Cloud, straight or through the gateway; a token or a password on Data Center."""

import base64
import re

from tests.fakes.jira.model import User
from tests.fakes.jira.refusals import Refusal
from tests.fakes.jira.site import Site

FAILED = {"x-seraph-loginreason": "AUTHENTICATED_FAILED"}
_GATEWAY = re.compile(r"/ex/jira/([^/]+)(/.*)")
_SCOPES = (
    ("GET", "/rest/servicedeskapi/", "read:servicedesk-request"),
    ("*", "/rest/servicedeskapi/", "write:servicedesk-request"),
    ("GET", "/rest/api/[^/]+/myself", "read:jira-user"),
    ("*", "/rest/webhooks/", "manage:jira-webhook"),
    ("*", "/rest/api/[^/]+/search", "read:jira-work"),
    ("*", "/rest/api/[^/]+/issue/bulkfetch", "read:jira-work"),
    ("GET", "/rest/api/", "read:jira-work"),
    ("*", "/rest/api/", "write:jira-work"),
)


def prove(site: Site, method: str, path: str, authorization: str) -> tuple[User | None, str, dict[str, str]]:
    """Find out who asks.

    Args:
        site: whose users are known.
        method: what is to be done.
        path: with the gateway's prefix where it comes through that.
        authorization: the header.

    Returns:
        The user, None for a stranger; the path at the site; headers that the reply carries.

    Raises:
        Refusal: the proof is wrong, and it is not overlooked.
    """
    found = _GATEWAY.fullmatch(path) if site.flavour.is_cloud else None
    scheme, _, secret = authorization.partition(" ")
    name, word = _pair(secret) if scheme.lower() == "basic" else ("", secret)
    if not site.flavour.is_cloud:
        return _on_data_center(site, scheme.lower(), name, word), path, {}
    if found is not None:
        if found[1] != site.cloud_id:
            raise Refusal(404, "No site was found for this cloud id.")
        return _through_gateway(site, method, found[2], name, word), found[2], {}
    user = next((one for one in site.users.values() if one.email == name and one.token == word and word), None)
    if user is not None and user.scopes is None and user.is_active:
        return user, path, {}
    return None, path, FAILED if authorization else {}


def _pair(secret: str) -> tuple[str, str]:
    try:
        name, _, word = base64.b64decode(secret, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, word


def _through_gateway(site: Site, method: str, path: str, name: str, word: str) -> User:
    for user in site.users.values():
        if user.token == word and word and name in {"", user.email} and user.is_active:
            needed = scope(method, path)
            if user.scopes is not None and needed not in user.scopes:
                raise Refusal(401, "Unauthorized; scope does not match")
            return user
    raise Refusal(401, "Unauthorized")


def scope(method: str, path: str) -> str:
    """Name the classic scope that a request needs."""
    return next(one for way, start, one in _SCOPES if way in {"*", method} and re.match(start, path))


def _on_data_center(site: Site, scheme: str, name: str, word: str) -> User | None:
    if not scheme:
        return None
    if scheme == "bearer":
        user = next((one for one in site.users.values() if one.pat == word and word), None)
    elif not site.flavour.allows_basic:
        raise Refusal(403, "Basic Authentication has been disabled on this instance.", headers=FAILED)
    else:
        user = next((one for one in site.users.values() if one.name == name and one.password == word and word), None)
    if user is not None and user.needs_captcha and scheme == "basic":
        denied = {"x-seraph-loginreason": "AUTHENTICATION_DENIED"}
        denied["x-authentication-denied-reason"] = f"CAPTCHA_CHALLENGE; login-url={site.url}/login.jsp"
        raise Refusal(403, "Basic Authentication Failure - Reason : AUTHENTICATION_DENIED", headers=denied, html=True)
    if user is None or not user.is_active:
        said = "Basic Authentication Failure - Reason : AUTHENTICATED_FAILED"
        raise Refusal(401, said, headers=FAILED | {"www-authenticate": 'OAuth realm="Jira"'}, html=True)
    return user
