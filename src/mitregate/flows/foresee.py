"""Foresee: what other rules would do to those that wait."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from mitregate.core.calendar import Calendar
from mitregate.core.control import Control
from mitregate.core.differences import Difference, differences
from mitregate.core.gates import Stage
from mitregate.core.people import Permission
from mitregate.core.queries import GateQuery
from mitregate.core.rulebook import Rulebook
from mitregate.flows.act import Act
from mitregate.flows.rules import check, require_revision
from mitregate.flows.settle import calendar_by

PAGE = 500
"""Gates that are looked at together."""


class Foresight(Struct, frozen=True, kw_only=True):
    """What would change if other rules came into force.

    Of the `waiting` gates, the freezes and hours would newly hold `held`, and hold `freed` no more; whether these open
    then depends on everything else, too.
    """

    revision: int
    changed: tuple[Difference, ...]
    waiting: int
    held: int
    freed: int


def foresee(act: Act, book: Rulebook, revision: int | None = None) -> Foresight:
    """Say what `rules.replace_all` would do, and do nothing; refused as that is."""
    act.principal.require(Permission.ADMINISTER)
    current = act.uow.rules.current()
    require_revision(current, revision)
    changed = differences(current.book, check(book))
    turns = [tuple(_is_shut(calendar, act.now) for calendar in both) for both in _calendars(act, current.book, book)]
    return Foresight(
        revision=current.revision,
        changed=changed,
        waiting=len(turns),
        held=turns.count((False, True)),
        freed=turns.count((True, False)),
    )


def _calendars(act: Act, *books: Rulebook) -> Iterator[tuple[Calendar, ...]]:
    """Give what bears on each gate that waits, by each of *books*."""
    readings = act.uow.feeds.readings()
    last: str | None = None
    while True:
        found = act.uow.gates.page(GateQuery(stage=Stage.HELD, before=last, limit=PAGE))
        gates = [gate for gate in found if gate.control is Control.REQUIRED and gate.contested is None]
        known = act.uow.deployments.get_all([gate.key for gate in gates])
        for gate in gates:
            if (deployment := known.get(gate.key)) is not None:
                key = gate.change_key
                change = act.ports.changes.look(act.uow, key, deployment) if key is not None else None
                yield tuple(calendar_by(book, readings, gate, deployment, change) for book in books)
        if len(found) < PAGE:
            return
        last = found[-1].id


def _is_shut(calendar: Calendar, now: datetime) -> bool:
    return bool(calendar.freezes_now(now)) or not calendar.is_within_hours(now)
