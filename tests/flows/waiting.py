"""A deployment that waits for its change, and what people do about that."""

from datetime import datetime

from mitregate.core.changes import Change, Transition
from mitregate.core.gates import GatingStatus
from mitregate.core.people import Principal
from mitregate.flows import review
from tests.flows.world import ANN, MANAGER, World, codes, record


class Waiting:
    """A world in which one deployment of one app waits for its change."""

    def __init__(self, world: World) -> None:
        """Submit it."""
        self.world = world
        self.app = world.app()
        world.submit(self.app, record(self.app))
        self.key = world.gate(self.app).change_key or ""

    @property
    def change(self) -> Change:
        """The change as it is now."""
        return self.world.change(self.key)

    @property
    def verdict(self) -> tuple[GatingStatus, list[str]]:
        """What the gate says now, and why."""
        gate = self.world.gate(self.app)
        return gate.verdict.status, codes(gate)

    def approve(self, who: Principal = ANN) -> None:
        """Have the change approved."""
        self.world.do(who, review.approve, self.key)

    def plan(self, start: datetime | None, end: datetime | None) -> None:
        """Have the window planned."""
        self.world.do(MANAGER, review.plan, self.key, start, end)

    def move(self, *steps: Transition) -> None:
        """Have the change moved by hand."""
        for step in steps:
            self.world.do(MANAGER, review.transition, self.key, step)
