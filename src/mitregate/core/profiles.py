"""Profiles: a change as it is explained, wherever it lives: what it is, who decided, and what it needs."""

from collections.abc import Collection, Iterable
from datetime import datetime

from msgspec import Struct

from mitregate.core.approvals import Decision, Tally
from mitregate.core.calendar import Window
from mitregate.core.changes import Change, ChangeType
from mitregate.core.conflicts import Conflict
from mitregate.core.risk import Risk
from mitregate.core.workflow import Need

IMAGINED = "CHG-new"
"""The key of a change that is not there yet."""


class Given(Struct, frozen=True, kw_only=True):
    """What a person decided on a change; `counts` says whether it holds for the deployment that is explained."""

    actor: str
    decision: Decision
    at: datetime
    comment: str = ""
    counts: bool = False


class Profile(Struct, frozen=True, kw_only=True):
    """A change as it is explained.

    `tally` says how far its approvals have come for one deployment, `needs` what makes up those that it needs; both are
    left out where the deployment is not known any more. `requested_by` is empty of one that is not there yet.
    """

    key: str
    title: str
    type: ChangeType
    template: str = ""
    risk: Risk
    risk_why: str = ""
    status: str
    window: Window = Window()
    services: tuple[str, ...] = ()
    requested_by: str = ""
    tally: Tally | None = None
    needs: tuple[Need, ...] = ()
    given: tuple[Given, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

    @property
    def is_imagined(self) -> bool:
        """Whether it is of a change that is not there yet."""
        return self.key == IMAGINED


def given_on(change: Change, seen: Collection[str]) -> tuple[Given, ...]:
    """List what was decided on *change*; what was given for one of the digests *seen* counts."""
    return tuple(
        Given(
            actor=one.actor,
            decision=one.decision,
            at=one.at,
            comment=one.comment,
            counts=one.decision is Decision.APPROVE and not frozenset(seen).isdisjoint(one.digests),
        )
        for one in change.approvals
    )


def profile_of(change: Change, key: str, conflicts: Iterable[Conflict]) -> Profile:
    """Say what is to be explained of *change*, by *key*, as long as no deployment is known that relies on it."""
    return Profile(
        key=key,
        title=change.title,
        type=change.type,
        template=change.template,
        risk=change.risk,
        risk_why=change.risk_why,
        status=change.status.value,
        window=change.window,
        services=change.services,
        requested_by=change.requested_by,
        given=given_on(change, ()),
        conflicts=tuple(conflicts),
    )
