"""Webhooks of a foreign Jira: how they are registered, what they tell, and that it was Jira who told it.

What a webhook tells only wakes: it names an issue that is then read. Cloud and Data Center up to 9 register them under
one path, Data Center from 10 on under another. Where Jira cannot sign, whoever knows the address is believed so far.

Source: https://developer.atlassian.com/cloud/jira/platform/webhooks/.
"""

import hmac
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from mitregate.core.errors import Malformed, Unproven
from mitregate.wire.jira_json import read

OLD_PATH = "/rest/webhooks/1.0/webhook"
NEW_PATH = "/rest/jira-webhook/1.0/webhooks"
NEW_SINCE = 10
"""The version of Data Center that moved them."""

FILTER = "issue-related-events-section"
SIGNATURE = "x-hub-signature"
METHOD = "sha256="


class Kind(StrEnum):
    """What is told."""

    CREATED = "jira:issue_created"
    UPDATED = "jira:issue_updated"
    DELETED = "jira:issue_deleted"


FOLLOWED = (Kind.UPDATED, Kind.DELETED)
"""What a change system wants to be told."""


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened to an issue; `old_key` is the one it had before it was moved to another project."""

    kind: Kind
    issue_id: str
    key: str
    old_key: str = ""
    at: datetime


class Hook(Struct, frozen=True, kw_only=True):
    """A webhook as Jira keeps it."""

    id: str
    name: str
    url: str
    events: tuple[str, ...]
    jql: str
    is_enabled: bool
    is_signed: bool


class _Item(Struct, frozen=True, rename="camel"):
    field: str = ""
    from_string: str | None = None


class _Changelog(Struct, frozen=True):
    items: tuple[_Item, ...] = ()


class _Issue(Struct, frozen=True):
    id: str | int
    key: str


class _Event(Struct, frozen=True, rename="camel"):
    webhook_event: str
    issue: _Issue
    timestamp: int
    changelog: _Changelog = _Changelog()


class _Hook(Struct, frozen=True, rename="camel"):
    name: str
    url: str
    id: int | str | None = None
    self: str = ""
    events: tuple[str, ...] = ()
    filters: dict[str, Any] | None = None
    configuration: dict[str, Any] | None = None
    enabled: bool | None = None
    active: bool | None = None
    is_signed: bool = False


def verify(secrets: Iterable[str], headers: Mapping[str, str], body: bytes) -> None:
    """Prove that a message comes from a Jira that has one of the secrets.

    Args:
        secrets: those in force; several while one replaces another.
        headers: the message's headers, names in lower case.
        body: the body exactly as it arrived.

    Raises:
        Unproven: there is no signature, or none of the secrets makes it.
    """
    offered = headers.get(SIGNATURE, "").strip()
    if not offered.startswith(METHOD):
        advice = "Give the webhook a secret; `connection hook` registers one that has it."
        raise Unproven("The webhook is not signed.", advice=advice)
    # Each is compared, in constant time: how long it takes tells nothing of the right signature.
    fits = [hmac.compare_digest(sign(secret, body).encode(), offered.encode()) for secret in secrets if secret]
    if not any(fits):
        raise Unproven("The webhook's signature does not fit.", advice="Register the webhook anew: `connection hook`.")


def sign(secret: str, body: bytes) -> str:
    """Write the signature of a body."""
    return METHOD + hmac.digest(secret.encode(), body, "sha256").hex()


def read_event(body: bytes) -> Event | None:
    """Read what a webhook tells; None if it is about something that does not concern us.

    Raises:
        Malformed: it is no webhook of Jira's, or is about an issue and does not name it.
    """
    told = read(body, dict[str, Any])
    if not isinstance(told.get("webhookEvent"), str):
        raise Malformed("This is no webhook of Jira's.", advice="Jira says in `webhookEvent` what happened.")
    if told["webhookEvent"] not in tuple(Kind):
        return None
    event = read(body, _Event)
    moved = [item.from_string or "" for item in event.changelog.items if item.field == "Key"]
    return Event(
        kind=Kind(event.webhook_event),
        issue_id=str(event.issue.id),
        key=event.issue.key,
        old_key=moved[-1] if moved else "",
        at=_instant(event.timestamp),
    )


def write_hook(name: str, url: str, jql: str, secret: str, *, is_new_path: bool) -> bytes:
    """Write the wish for a webhook about the issues that a query finds."""
    wish: dict[str, Any] = {
        "name": name,
        "url": url,
        "events": list(FOLLOWED),
        "filters": {FILTER: jql},
        "excludeBody": False,
    }
    # From Data Center 10 on the secret is a part of the configuration.
    wish |= {"configuration": {"secret": secret}, "active": True} if is_new_path else {"secret": secret}
    return msgspec.json.encode(wish)


def read_hook(body: bytes) -> Hook:
    """Read a webhook; `Malformed` if it is none."""
    return _hook(read(body, _Hook))


def read_hooks(body: bytes) -> tuple[Hook, ...]:
    """Read a list of webhooks; `Malformed` if it is none."""
    return tuple(map(_hook, read(body, tuple[_Hook, ...])))


def _hook(hook: _Hook) -> Hook:
    configuration = hook.configuration or {}
    said = hook.active if hook.enabled is None else hook.enabled
    return Hook(
        id=str(hook.id) if hook.id is not None else hook.self.rstrip("/").rpartition("/")[2],
        name=hook.name,
        url=hook.url,
        events=hook.events,
        jql=str((hook.filters or {}).get(FILTER) or configuration.get("FILTERS") or ""),
        is_enabled=said is not False,
        is_signed=hook.is_signed or bool(configuration.get("secret")),
    )


def _instant(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        raise Malformed("The webhook's timestamp is none.") from None
