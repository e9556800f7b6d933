"""Simulating deployments, and submitting the real ones."""

from datetime import timedelta

from msgspec.structs import replace

from mitregate.core.deployments import (
    Deployment,
    EnvironmentType,
    Pipeline,
)
from mitregate.core.explanations import Explanation
from mitregate.core.people import Principal
from mitregate.core.queries import AuditQuery, ChangeQuery, GateQuery
from mitregate.core.rulebook import FreezeRule
from mitregate.core.times import Times
from mitregate.flows.act import begin
from mitregate.flows.simulate import Sketch, imagine, simulate
from tests.core.making import at
from tests.flows.world import ANN, World

SKETCH = Sketch(project="shop", environment="prod", type=EnvironmentType.PRODUCTION, version="2", app="jenkins")
FREEZE = FreezeRule(name="year end", when=Times(start=at(-1), end=at(2)))
TITLE = 'Mitregate: Deploy "shop" version 2 to "prod"'
EVERYTHING = 500


def simulated(world: World, sketch: Sketch, who: Principal = ANN, later: timedelta = timedelta()) -> Explanation:
    """Explain a deployment that is not there yet, in a transaction that only reads."""
    return world.read(lambda uow: simulate(replace(begin(world.ports, uow, who), now=world.now + later), sketch))


def real(app: Principal, sketch: Sketch, number: int = 100) -> Deployment:
    """Make the deployment that a sketch is of, as its tool submits it."""
    imagined = imagine(sketch, at(0), app.app_id or "")
    return replace(
        imagined,
        key=replace(imagined.key, pipeline_id="pipe", sequence_number=number),
        update_sequence_number=1,
        url="https://ci.example.com/100",
        pipeline=Pipeline(id="pipe", display_name=sketch.project, url="https://ci.example.com/shop"),
    )


def everything(world: World) -> object:
    """Read all that a use case could have written."""
    return world.read(
        lambda uow: (
            uow.gates.page(GateQuery(limit=EVERYTHING)),
            uow.changes.page(ChangeQuery(limit=EVERYTHING)),
            uow.audit.page(AuditQuery(limit=EVERYTHING)),
            uow.rules.current(),
        )
    )
