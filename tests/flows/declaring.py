"""Settings as code in a world: what is declared, what comes of it, and how that is looked at."""

from typing import Any

from msgspec.structs import replace

from mitregate.core.declared import Declared, DeclaredApp, DeclaredUser, Document
from mitregate.core.differences import Difference
from mitregate.core.people import App, Principal, Role, Scope
from mitregate.core.queries import AuditQuery
from mitregate.core.rulebook import FreezeRule
from mitregate.core.times import Times
from mitregate.flows import declare
from mitregate.flows.declare import Plan
from tests.core.making import at
from tests.flows.world import ADMIN, ALL, World
from tests.stores.made import installation

FREEZE = FreezeRule(name="now", when=Times(start=at(-1)))
CI = DeclaredApp(name="ci")
ANN = DeclaredUser(name="ann", role=Role.APPROVER)


def says(**sections: Any) -> Declared:
    """Declare some sections."""
    return Declared(document=Document(**sections), sections=frozenset(sections))


def apps(world: World) -> dict[str, App]:
    """Look at all apps, by their names."""
    return {app.name: app for app in world.read(lambda uow: uow.apps.all())}


def roles(world: World) -> dict[str, str]:
    """Look at the role of each user."""
    return {user.name: user.role.value for user in world.read(lambda uow: uow.people.users())}


def plan(world: World, declared: Declared, who: Principal = ADMIN, **options: Any) -> Plan:
    """See what settings would change."""
    return world.do(who, declare.plan, declared, **options)


def export(world: World) -> Declared:
    """Declare all that there is."""
    there, sections = world.read(declare.present, ADMIN)
    return Declared(document=there.document, sections=sections)


def steps(found: tuple[Difference, ...]) -> list[tuple[str, str, str]]:
    """Say of each difference what happens to whom."""
    return [(one.step.value, one.section, one.name) for one in found]


def connect(world: World, **others: Any) -> App:
    """Let there be a Connect app."""
    app = App(
        id="ferry",
        name="ferry",
        client_id="none",
        scopes=frozenset(Scope),
        connect=replace(installation(), **others),
        created_at=world.now,
    )
    world.transact(lambda uow: uow.apps.add(app))
    return app


def actions(world: World) -> list[str]:
    """Read all that was done, oldest first."""
    return [entry.action.value for _, entry in world.read(lambda uow: uow.audit.page(AuditQuery(limit=ALL)))][::-1]
