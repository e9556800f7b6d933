"""Lifecycle: telling a Connect app that it is installed, enabled, disabled or uninstalled.

The app takes an event with 200 or 204; with `installed` it is handed the secret that it then shares with us. When no
reply comes, nobody knows whether the app took the event, and with it the secret: that is neither a yes nor a no.

Source: https://developer.atlassian.com/cloud/jira/platform/connect-app-descriptor/#lifecycle.
"""

from enum import StrEnum
from typing import Protocol

import msgspec
from msgspec import Struct

from mitregate import __version__
from mitregate.core.errors import Unreachable
from mitregate.core.installations import Descriptor, Lifecycle
from mitregate.wire.connect_hash import query_hash
from mitregate.wire.connect_urls import target
from mitregate.wire.http import Conversation, Reply, Request

PRODUCT = "jira"
"""What apps know this kind of host as."""

TAKEN = frozenset({200, 204})
NOBODY_KNOWS = frozenset({502, 504})
"""With these a gateway says that it has no answer of the app, which may have taken the event all the same."""

QUOTED = 300
"""How many characters of what an app said are repeated."""


class Host(Struct, frozen=True, kw_only=True):
    """What an app is told of us: as what it knows us, where we are, and our public key as PEM."""

    client_key: str
    base_url: str
    public_key: str
    installation_id: str


class Signer(Protocol):
    """Signs a request, such as `connect_jwt.sign` and `sign_install` do when all else is given."""

    def __call__(self, *, query_hash: str) -> str:
        """Give the token for a request with that hash."""


class Reception(StrEnum):
    """What became of an event that an app was told."""

    TAKEN = "taken"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class LifecycleReply(Struct, frozen=True, kw_only=True):
    """What an app answered, in words for people; `status` is None if it did not answer."""

    reception: Reception
    words: str
    status: int | None = None


def announce(
    event: Lifecycle, descriptor: Descriptor, host: Host, *, sign: Signer, shared_secret: str | None = None
) -> Conversation[LifecycleReply]:
    """Tell an app an event.

    Args:
        event: the event.
        descriptor: what the app says of itself.
        host: what we say of ourselves.
        sign: signs with our own key what is `installed` or `uninstalled`, with the shared secret all else.
        shared_secret: the secret that the app is to share with us from now on; with `installed` alone.

    Returns:
        A conversation of one request, or of none if the app does not ask for the event, which then counts as taken.
    """
    path = descriptor.lifecycle.get(event)
    if path is None:
        return LifecycleReply(reception=Reception.TAKEN, words=f"{descriptor.name} does not ask to be told.")
    called = target(descriptor.base_url, path)
    token = sign(query_hash=query_hash("POST", called.path, called.query))
    request = Request(
        method="POST",
        url=called.url,
        headers={"authorization": f"JWT {token}", "content-type": "application/json"},
        body=_write(event, descriptor, host, shared_secret),
    )
    try:
        reply = yield request
    except Unreachable as error:
        return LifecycleReply(reception=Reception.UNKNOWN, words=error.message)
    return _judge(descriptor.name, reply, shared_secret)


def _write(event: Lifecycle, descriptor: Descriptor, host: Host, shared_secret: str | None) -> bytes:
    payload = {
        "key": descriptor.key,
        "clientKey": host.client_key,
        "publicKey": "".join(host.public_key.splitlines()[1:-1]),  # without its first and last line, as Jira writes it
        "sharedSecret": shared_secret if event is Lifecycle.INSTALLED else None,
        "serverVersion": __version__,
        "pluginsVersion": __version__,
        "baseUrl": host.base_url,
        "displayUrl": host.base_url,
        "displayUrlServicedeskHelpCenter": host.base_url,
        "productType": PRODUCT,
        "description": f"Mitregate at {host.base_url}",
        "eventType": event,
        "installationId": f"ari:cloud:ecosystem::installation/{host.installation_id}",
    }
    return msgspec.json.encode({name: value for name, value in payload.items() if value is not None})


def _judge(name: str, reply: Reply, shared_secret: str | None) -> LifecycleReply:
    answer = f"{name} answered with HTTP {reply.status}"
    if reply.status in TAKEN:
        return LifecycleReply(reception=Reception.TAKEN, words=f"{answer}.", status=reply.status)
    said = "; redirects are not followed." if 300 <= reply.status < 400 else _quoted(reply.body, shared_secret)
    reception = Reception.UNKNOWN if reply.status in NOBODY_KNOWS else Reception.REFUSED
    return LifecycleReply(reception=reception, words=f"{answer}{said}", status=reply.status)


def _quoted(body: bytes, shared_secret: str | None) -> str:
    text = body.decode(errors="replace")
    # Some frameworks repeat what they were sent when they fail.
    text = text.replace(shared_secret, "…") if shared_secret else text
    said = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    if not said:
        return " and no words."
    said = said if len(said) <= QUOTED else f"{said[:QUOTED]}…"
    return f": {said}" if said[-1] in ".!?…" else f": {said}."
