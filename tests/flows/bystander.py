"""Somebody who stands by while a machine acts: does what is asked, and notes it for the oracle."""

import itertools
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from mitregate.core.catalogue import Template
from mitregate.core.changes import Change
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Matrix, UnknownServices
from mitregate.core.deployments import Deployment
from mitregate.core.errors import Refused
from mitregate.core.gates import Gate
from mitregate.core.people import Principal
from mitregate.core.queries import ChangeQuery
from mitregate.core.reach import Reach
from mitregate.core.risk import Risk
from mitregate.core.rulebook import Hours, Rulebook
from mitregate.core.services import Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Workflow
from mitregate.flows import rules
from tests.core.making import HOUR
from tests.flows.oracle import NEEDS, TIERS, Given, Oracle, Policy, Sight, Span
from tests.flows.world import ADMIN, ALL, World, record


class Bystander:
    """A world with two apps, and an oracle that is told what happens in it."""

    def __init__(self, world: World) -> None:
        """Begin with nothing submitted."""
        self.world = world
        self.apps = [world.app("one"), world.app("other")]
        self.oracle = Oracle()
        self.counter = itertools.count(10)

    def made(self, app: int, number: int, label: str, *, again: bool) -> Deployment:
        """Make a newer record; *again* it is of another pipeline, and goes to another place of the same name."""
        made = record(self.apps[app], next(self.counter), number=number, label=label)
        key = replace(made.key, pipeline_id="shop 2", environment_id="prod-2") if again else made.key
        return replace(made, key=key)

    def send(self, app: int, made: Deployment) -> None:
        """Submit a record, and note it."""
        self.world.submit(self.apps[app], made)
        self.oracle.deployments[made.key] = made

    def govern(self, policy: Policy, book: Rulebook) -> None:
        """Let other rules hold, with the freezes as they are, and note them."""
        freezes = self.world.read(lambda uow: uow.rules.current().book.freezes)
        self.world.do(ADMIN, rules.replace_all, replace(book, freezes=freezes))
        self.oracle.policy = policy

    def changes(self) -> list[Change]:
        """Look at all changes, oldest first."""
        return self.world.read(lambda uow: uow.changes.page(ChangeQuery(limit=ALL)))[::-1]

    def shown(self, change: Change) -> frozenset[Sight]:
        """Say what whoever looks at *change* sees."""
        waiting = [gate for gate in self.world.gates() if gate.change_key == change.key and gate.is_waiting]
        return self.oracle.shown(change, waiting)

    def note(self, change: Change, who: Principal, shown: frozenset[Sight]) -> None:
        """Note an approval."""
        self.oracle.approvals.setdefault(change.key, []).append(Given(actor=who.name, sights=shown))

    def span(self, start: int | None, end: int | None) -> Span:
        """Give a span between two instants in hours from now."""
        first = self.world.now + start * HOUR if start is not None else None
        return first, self.world.now + end * HOUR if end is not None else None

    def objection(self, gate: Gate) -> str:
        """Say what speaks against *gate* being allowed now."""
        changes = self.changes()
        (change,) = [one for one in changes if one.key == gate.change_key]
        return self.oracle.objection(gate, change, changes, self.world.now)

    def try_to(self, who: Principal, flow: Callable[..., object], *args: Any) -> bool:
        """Let somebody try something that may be refused; say whether it was done."""
        try:
            self.world.do(who, flow, *args)
        except Refused:
            return False
        return True


def book_of(policy: Policy, workflow: Workflow, waiting: tuple[Waiting, ...]) -> Rulebook:
    """Write a rulebook that says what *policy* does."""
    hours = policy.hours
    unknown = UnknownServices.REFUSE if policy.refuses_unknown else UnknownServices.REPORT
    services = (Service(id=one, tier=tier, depends_on=tuple(NEEDS.get(one, ()))) for one, tier in TIERS.items())
    return Rulebook(
        control=Matrix(unknown_services=unknown),
        workflow=replace(workflow, cab_from=Risk(policy.cab_from) if policy.cab_from else None),
        standard=(Template(name="usual", reach=Reach(projects=("Sh*",))),) if policy.template else (),
        waiting=waiting,
        conflicts=Conflicts(more_approvals=policy.more_approvals),
        services=tuple(services),
        hours=(Hours(name="day", when=Times(start=hours[0], end=hours[1])),) if hours else (),
    )
