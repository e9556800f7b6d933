"""Foresee: what other rules would do to those that wait, and what rules say of a deployment that is not there yet."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from mitregate.core.calendar import Calendar, Freeze, Window, earliest_opening
from mitregate.core.control import Control, Rule, control, rules_for
from mitregate.core.deployments import (
    RUNBOOK,
    Associations,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.core.differences import Difference, differences
from mitregate.core.gates import Stage
from mitregate.core.matching import title
from mitregate.core.people import Permission, Principal
from mitregate.core.queries import GateQuery
from mitregate.core.reach import subject_of
from mitregate.core.rulebook import Rulebook, calendar_for, services_named
from mitregate.core.services import Found
from mitregate.flows.act import Act
from mitregate.flows.rules import check, require_revision
from mitregate.flows.settle import calendar_by, readings_for
from mitregate.ports import UnitOfWork

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


class Sketch(Struct, frozen=True, kw_only=True):
    """A deployment that is not there yet, as far as rules look at it."""

    project: str
    environment: str
    type: EnvironmentType = EnvironmentType.UNMAPPED
    version: str = ""
    product: str = ""
    services: tuple[str, ...] = ()
    is_runbook: bool = False
    asks_for_gating: bool = True


class Ruling(Struct, frozen=True, kw_only=True):
    """What the rules say of a deployment.

    `control` is None if no gate is opened. `rules` are the two that decide on that: the project's or the runbook's, and
    the environment's, None where none fits.
    """

    control: Control | None
    rules: tuple[Rule | None, Rule | None]
    title: str
    services: Found
    frozen: tuple[tuple[Freeze, Window], ...]
    hours: tuple[str, ...]
    is_within_hours: bool
    opens_at: datetime | None


def rule_on(uow: UnitOfWork, sketch: Sketch, now: datetime, principal: Principal) -> Ruling:
    """Say what the rules say of a deployment that is not there yet, were it submitted *now*.

    Raises:
        Forbidden: the principal may not view.
    """
    principal.require(Permission.VIEW)
    book = uow.rules.current().book
    deployment = _imagine(sketch, now)
    calendar = calendar_for(book, subject_of(deployment), readings=readings_for(uow, book))
    return Ruling(
        control=control(deployment, book.control),
        rules=rules_for(deployment, book.control),
        title=title(deployment, book.titles),
        services=services_named(book, sketch.services),
        frozen=calendar.freezes_now(now),
        hours=tuple(period.name for period in calendar.hours),
        is_within_hours=calendar.is_within_hours(now),
        opens_at=earliest_opening(Window(), calendar, now),
    )


def _imagine(sketch: Sketch, now: datetime) -> Deployment:
    return Deployment(
        key=DeploymentKey(app_id="", pipeline_id="", environment_id=sketch.environment, sequence_number=0),
        update_sequence_number=0,
        display_name=sketch.version,
        url="",
        description="",
        last_updated=now,
        state=State.PENDING,
        pipeline=Pipeline(id="", display_name=sketch.project, url=""),
        environment=Environment(id=sketch.environment, display_name=sketch.environment, type=sketch.type),
        associations=Associations(services=sketch.services),
        asks_for_gating=sketch.asks_for_gating,
        properties={RUNBOOK: "true"} if sketch.is_runbook else {},
        product=sketch.product or None,
    )
