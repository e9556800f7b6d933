"""Explaining deployments to somebody, as a door does it."""

from mitregate.core.deployments import Deployment
from mitregate.core.explanations import Explanation
from mitregate.core.gates import Gate
from mitregate.core.people import Principal
from mitregate.flows import explain, locate
from mitregate.flows.act import begin
from mitregate.flows.locate import Wanted
from tests.flows.world import ANN, World


def explained(world: World, found: Gate | Deployment, who: Principal = ANN) -> Explanation:
    """Explain what was found to somebody."""
    return world.read(lambda uow: explain.explain(begin(world.ports, uow, who), found))


def meant(deployment: Deployment, app: str = "") -> Wanted:
    """Say which deployment is meant, by its ids."""
    key = deployment.key
    return Wanted(
        pipeline_id=key.pipeline_id, environment_id=key.environment_id, sequence_number=key.sequence_number, app=app
    )


def found(world: World, deployment: Deployment, who: Principal = ANN, app: str = "") -> Explanation:
    """Explain a deployment by its ids, as somebody asks for it."""
    return explained(world, world.read(locate.find, meant(deployment, app), who), who)


def said(story: Explanation) -> list[tuple[str, str]]:
    """List what happened, and who did it."""
    return [(event.actor, event.said) for event in story.story]
