"""One app whose deployments share a change, and what becomes of them."""

from msgspec.structs import replace

from mitregate.core.changes import Status
from mitregate.core.deployments import State
from mitregate.core.gates import Gate, GatingStatus
from mitregate.core.people import Principal
from mitregate.core.rulebook import Rulebook
from mitregate.flows import review, rules
from tests.flows.world import ADMIN, ANN, World, record


class Shared:
    """A world with one app, whose deployments of version 1.0 share a change."""

    def __init__(self, world: World) -> None:
        """Begin with nothing submitted."""
        self.world = world
        self.app = world.app()

    def rule(self, book: Rulebook) -> None:
        """Let rules hold."""
        self.world.do(ADMIN, rules.replace_all, book)

    def ask(self, *numbers: int, label: str = "1.0", pipeline: str = "shop", environment: str = "prod-1") -> Gate:
        """Submit deployments; give the gate of the last."""
        for number in numbers:
            made = record(self.app, number=number, label=label)
            key = replace(made.key, pipeline_id=pipeline, environment_id=environment)
            self.world.submit(self.app, replace(made, key=key))
        return self.world.gates()[-1]

    def report(self, number: int, *states: State) -> None:
        """Report how a deployment goes."""
        for update, state in enumerate(states, start=5):
            self.world.submit(self.app, record(self.app, update, state, number=number, label="1.0"))

    def approve(self, who: Principal = ANN) -> None:
        """Approve the first change."""
        self.world.do(who, review.approve, "CHG-1")

    def status(self) -> Status:
        """Say where the first change stands."""
        return self.world.change("CHG-1").status

    def statuses(self) -> list[GatingStatus]:
        """Say what all gates say, oldest first."""
        return [gate.verdict.status for gate in self.world.gates()]
