"""Act: what surrounds one use case while it runs: the world, the transaction, who asks, and the instant."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from mitregate.core.audit import SYSTEM, Action, Entry
from mitregate.core.people import Permission, Principal
from mitregate.ports import Ports, UnitOfWork

BY_ITSELF = Principal(name=SYSTEM, permissions=frozenset(Permission))
"""Who acts when nobody asked: Mitregate itself."""


class Act(Struct, frozen=True, kw_only=True):
    """One use case under way; *now* is the same instant for all of it."""

    ports: Ports
    uow: UnitOfWork
    principal: Principal
    now: datetime

    def record(self, action: Action, subject: str, detail: Mapping[str, str] | None = None) -> None:
        """Append to the audit log what is being done, by whom and from where."""
        self.record_for(self.principal, action, subject, detail)

    def record_for(
        self, principal: Principal, action: Action, subject: str, detail: Mapping[str, str] | None = None
    ) -> None:
        """Append to the audit log what is done in the name of somebody else, such as Mitregate itself."""
        entry = Entry(
            at=self.now,
            actor=principal.name,
            origin=principal.origin,
            action=action,
            subject=subject,
            detail=dict(detail or {}),
        )
        self.uow.audit.record(entry)


def begin(ports: Ports, uow: UnitOfWork, principal: Principal = BY_ITSELF) -> Act:
    """Begin a use case for *principal*, now."""
    return Act(ports=ports, uow=uow, principal=principal, now=ports.now())
