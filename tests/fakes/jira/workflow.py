"""The workflow of change requests as Jira Service Management ships it, and variations of it that admins make."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

REVIEW = "Peer review / change manager approval"
CAB = "Awaiting CAB approval"


class Category(NamedTuple):
    """What kind of status it is."""

    id: int
    key: str
    colour: str
    name: str


TO_DO = Category(2, "new", "blue-gray", "To Do")
IN_PROGRESS = Category(4, "indeterminate", "yellow", "In Progress")
DONE = Category(3, "done", "green", "Done")


class Status(Struct, frozen=True, kw_only=True):
    """A status."""

    id: str
    name: str
    category: Category


class Edge(Struct, frozen=True, kw_only=True):
    """A transition from any of some statuses to another.

    `screen` are the fields that can be set on the way, `required` those of them that must be; a `is_hidden` one exists
    but is not offered (a condition, or the property that hides it from the user), `is_for_customers` is offered to
    those who ask through the service desk.
    """

    id: str
    name: str
    sources: tuple[str, ...]
    target: str
    screen: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    is_hidden: bool = False
    is_for_customers: bool = False


class Vote(Struct, frozen=True, kw_only=True):
    """An approval step: the transitions that follow when it is approved or declined, by the names of their targets."""

    approved: str
    declined: str


class Workflow(Struct, frozen=True, kw_only=True):
    """Statuses, the first of which is where issues begin, the transitions between them, and who has to be asked."""

    statuses: tuple[Status, ...]
    edges: tuple[Edge, ...]
    votes: Mapping[str, Vote]

    def status(self, name: str) -> Status:
        """Find a status by its name."""
        return next(status for status in self.statuses if status.name == name)

    def edges_from(self, status: str) -> list[Edge]:
        """List the transitions that leave a status, hidden ones included."""
        return [edge for edge in self.edges if status in edge.sources]

    def renamed(self, names: Mapping[str, str]) -> "Workflow":
        """Give statuses other names."""

        def new(name: str) -> str:
            return names.get(name, name)

        return Workflow(
            statuses=tuple(replace(status, name=new(status.name)) for status in self.statuses),
            edges=tuple(
                replace(edge, sources=tuple(map(new, edge.sources)), target=new(edge.target)) for edge in self.edges
            ),
            votes={
                new(status): Vote(approved=new(vote.approved), declined=new(vote.declined))
                for status, vote in self.votes.items()
            },
        )

    def joined(
        self, name: str, category: Category, *, after: tuple[str, ...] = (), to: tuple[str, ...] = ()
    ) -> "Workflow":
        """Add a status that is reached from *after* by a transition of its name, and left for *to*."""
        status = Status(id=str(10100 + len(self.statuses)), name=name, category=category)
        first = 1001 + 10 * len(self.edges)
        edges = [Edge(id=str(first), name=name, sources=after, target=name)] if after else []
        edges += [
            Edge(id=str(first + 10 * number), name=f"To {target}", sources=(name,), target=target)
            for number, target in enumerate(to, start=1)
        ]
        return replace(self, statuses=(*self.statuses, status), edges=(*self.edges, *edges))

    def changed(self, target: str, **changes: object) -> "Workflow":
        """Change every transition that leads to *target*: hide it, demand fields, and the like."""
        edges = tuple(replace(edge, **changes) if edge.target == target else edge for edge in self.edges)
        return replace(self, edges=edges)

    def without(self, target: str) -> "Workflow":
        """Take away the transitions that lead to *target*, and that status."""
        return replace(
            self,
            statuses=tuple(status for status in self.statuses if status.name != target),
            edges=tuple(edge for edge in self.edges if edge.target != target),
        )


_STATUSES = (
    (REVIEW, TO_DO),
    ("Planning", IN_PROGRESS),
    (CAB, IN_PROGRESS),
    ("Awaiting implementation", IN_PROGRESS),
    ("Implementing", IN_PROGRESS),
    ("Pending", IN_PROGRESS),
    ("Resolved", DONE),
    ("Declined", DONE),
    ("Canceled", DONE),
    ("Closed", DONE),
)

_EDGES = (
    ((REVIEW,), "Approve", "Planning"),
    ((REVIEW,), "Decline", "Declined"),
    ((REVIEW,), "Cancel", "Canceled"),
    ((REVIEW,), "Emergency override", "Awaiting implementation"),
    (("Planning",), "Ready for CAB approval", CAB),
    (("Planning",), "Ready for implementation", "Awaiting implementation"),
    (("Planning",), "Pending", "Pending"),
    (("Planning",), "Cancel", "Canceled"),
    ((CAB,), "Approve", "Awaiting implementation"),
    ((CAB,), "Decline", "Declined"),
    ((CAB,), "Emergency override", "Awaiting implementation"),
    (("Awaiting implementation",), "Start implementation", "Implementing"),
    (("Awaiting implementation",), "Pending", "Pending"),
    (("Awaiting implementation",), "Cancel", "Canceled"),
    (("Implementing",), "Change completed", "Resolved"),
    (("Pending",), "Back to planning", "Planning"),
    (("Pending",), "Ready for implementation", "Awaiting implementation"),
    (("Pending",), "Cancel", "Canceled"),
    (("Declined",), "Cancel", "Canceled"),
    (("Resolved", "Declined", "Canceled"), "Close", "Closed"),
)

CHANGE_WORKFLOW = Workflow(
    statuses=tuple(
        Status(id=str(10010 + number), name=name, category=category)
        for number, (name, category) in enumerate(_STATUSES)
    ),
    edges=tuple(
        Edge(id=str(11 + 10 * number), name=name, sources=sources, target=target, is_for_customers=name == "Cancel")
        for number, (sources, name, target) in enumerate(_EDGES)
    ),
    votes={
        REVIEW: Vote(approved="Planning", declined="Declined"),
        CAB: Vote(approved="Awaiting implementation", declined="Declined"),
    },
)
"""The change workflow of a new IT service management project on Cloud."""
