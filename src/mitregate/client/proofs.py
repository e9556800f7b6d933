"""How an app proves who it is.

Sources: OAuth 2.0 client credentials, RFC 6749 section 4.4, as Atlassian has them on
https://developer.atlassian.com/cloud/jira/software/integrate-jsw-cloud-with-onpremises-tools/; for Connect
https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/.
"""

import math

import msgspec
from msgspec import Struct
from typing_extensions import override

from mitregate.wire.http import Request

AUDIENCE = "api.atlassian.com"
"""What Atlassian wants to read in a request for a token; Mitregate does not mind it."""

MARGIN = 60.0
"""Seconds before its end from which a token is not used any more, so that it does not end on its way."""


class OAuth(Struct, frozen=True, kw_only=True):
    """OAuth client credentials, of `mitregate app add` or made in Jira; they are exchanged for tokens."""

    client_id: str
    client_secret: str

    @override
    def __repr__(self) -> str:
        return f"OAuth(client_id={self.client_id!r}, client_secret=…)"


class ConnectJWT(Struct, frozen=True, kw_only=True):
    """The key of a Connect app, and the secret that it was given when it was installed; each request is signed."""

    app_key: str
    shared_secret: str

    @override
    def __repr__(self) -> str:
        return f"ConnectJWT(app_key={self.app_key!r}, shared_secret=…)"


class Bearer(Struct, frozen=True, kw_only=True):
    """A token that is there already, and is sent as it is."""

    token: str

    @override
    def __repr__(self) -> str:
        return "Bearer(token=…)"


Proof = OAuth | ConnectJWT | Bearer


class AccessToken(Struct, frozen=True, kw_only=True):
    """An OAuth access token; `expires_in` is in seconds."""

    access_token: str
    expires_in: float | None = None


def life_of(access: AccessToken) -> float:
    """Say for how many seconds a token is used; one that does not say when it ends, until it is refused."""
    if access.expires_in is None:
        return math.inf
    # A token that lives for less than the margin must be of some use all the same.
    return max(access.expires_in - MARGIN, access.expires_in / 2)


def token_request(url: str, oauth: OAuth) -> Request:
    """Write the request for an access token."""
    wanted = {
        "grant_type": "client_credentials",
        "client_id": oauth.client_id,
        "client_secret": oauth.client_secret,
        "audience": AUDIENCE,
    }
    headers = {"content-type": "application/json", "accept": "application/json"}
    return Request(method="POST", url=url, headers=headers, body=msgspec.json.encode(wanted))
