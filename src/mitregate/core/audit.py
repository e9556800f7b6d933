"""The audit log: one entry for every decision and every change of settings, rights or secrets (domain.md §5)."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

SYSTEM = "mitregate"
"""The actor of what Mitregate does by itself."""


class Action(StrEnum):
    """What was done."""

    APP_ADDED = "app.added"
    APP_REMOVED = "app.removed"
    APP_CHANGED = "app.changed"
    APP_INSTALL_BEGUN = "app.install_begun"
    APP_INSTALL_FAILED = "app.install_failed"
    APP_INSTALLED = "app.installed"
    APP_REINSTALLED = "app.reinstalled"
    APP_SECRET_TAKEN = "app.secret_taken"  # noqa: S105
    APP_ENABLED = "app.enabled"
    APP_DISABLED = "app.disabled"
    INSTALL_KEY_ADDED = "install_key.added"
    APP_ROTATED = "app.rotated"
    APP_SECRETS_ENDED = "app.secrets_ended"
    USER_ADDED = "user.added"
    USER_REMOVED = "user.removed"
    USER_CHANGED = "user.changed"
    TOKEN_ADDED = "token.added"  # noqa: S105
    TOKEN_REMOVED = "token.removed"  # noqa: S105
    GATE_OPENED = "gate.opened"
    GATE_DECIDED = "gate.decided"
    GATE_STARTED = "gate.started"
    GATE_STARTED_UNALLOWED = "gate.started_unallowed"
    GATE_FINISHED = "gate.finished"
    GATE_WITHDRAWN = "gate.withdrawn"
    GATE_OVERRIDDEN = "gate.overridden"
    GATE_CONTESTED = "gate.contested"
    GATE_REMINDED = "gate.reminded"
    GATE_ENDED = "gate.ended"
    CHANGE_PREPARED = "change.prepared"
    CHANGE_APPROVED = "change.approved"
    CHANGE_DECLINED = "change.declined"
    CHANGE_MOVED = "change.moved"
    CHANGE_PLANNED = "change.planned"
    RULES_CHANGED = "rules.changed"
    FEED_CHANGED = "feed.changed"
    FEED_FAILED = "feed.failed"
    DELIVERY_DEAD = "delivery.dead"
    DELIVERY_RETRIED = "delivery.retried"


class Entry(Struct, frozen=True, kw_only=True):
    """Who did what to what, when, from where, and why; `detail` holds the inputs of a decision."""

    at: datetime
    actor: str
    origin: str = ""
    action: Action
    subject: str
    detail: dict[str, str] = {}
