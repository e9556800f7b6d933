"""Changes that would touch the same thing at the same time: the later one needs more, as long as that is so."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from mitregate.changes import embedded
from mitregate.core.calendar import Window
from mitregate.core.changes import Transition
from mitregate.core.conflicts import Conflicts
from mitregate.core.deployments import Associations, State
from mitregate.core.gates import GatingStatus
from mitregate.core.people import Principal
from mitregate.core.rulebook import Rulebook
from mitregate.core.services import Service
from mitregate.flows import review
from mitregate.flows.review import Draft
from tests.core.making import at
from tests.flows.shared import Shared
from tests.flows.world import ANN, MANAGER, codes, person, record

AWAITING, ALLOWED = GatingStatus.AWAITING, GatingStatus.ALLOWED
Span = tuple[float | None, float | None]
SERVICES = (
    Service(id="db", tier=1, aliases=("database",)),
    Service(id="shop", tier=3, depends_on=("db",)),
    Service(id="blog", tier=4),
)


class Two:
    """Two apps, whose changes concern a service each: CHG-1 of one, CHG-2 of the other."""

    def __init__(self, shared: Shared) -> None:
        """Ask one more approval of whatever conflicts."""
        shared.rule(Rulebook(conflicts=Conflicts(more_approvals=1), services=SERVICES))
        self.world = shared.world
        self.apps = (shared.app, self.world.app("other"))

    def ask(self, one: str = "db", other: str = "db", update: int = 1) -> None:
        """Submit both deployments, or describe them anew."""
        for app, service in zip(self.apps, (one, other), strict=True):
            made = replace(record(app, update), associations=Associations(services=tuple(service.split())))
            self.world.submit(app, made)

    def plan(self, number: int, span: Span) -> None:
        """Plan a change."""
        start, end = (at(hour) if hour is not None else None for hour in span)
        self.world.do(MANAGER, review.plan, f"CHG-{number}", start, end)

    def approve(self, number: int, who: Principal = ANN) -> None:
        """Approve a change."""
        self.world.do(who, review.approve, f"CHG-{number}")

    def needed(self) -> list[int]:
        """Say how many approvals both need."""
        return [self.counted(number) for number in (1, 2)]

    def counted(self, number: int) -> int:
        """Say how many approvals one of them needs."""
        made = record(self.apps[number - 1])
        look = self.world.ports.changes.look
        found = self.world.read(lambda uow: look(uow, f"CHG-{number}", made))
        assert found is not None
        assert found.approvals is not None
        return found.approvals.needed

    def wake(self) -> list[GatingStatus]:
        """Let the worker look; say what both gates say."""
        self.world.wake()
        return [self.world.gate(app).verdict.status for app in self.apps]


@pytest.fixture
def two(shared: Shared) -> Two:
    """Two apps for one test."""
    return Two(shared)


@pytest.mark.parametrize(
    ("services", "spans", "conflicts"),
    [
        (("db", "db"), ((0, 2), (2, 3)), True),
        (("db", "b:ZGF0YWJhc2U="), ((0, 2), (1, 3)), True),
        (("shop", "db"), ((0, 2), (1, 3)), True),
        (("db", "blog shop"), ((None, 2), (1, None)), True),
        (("ghost", "ghost"), ((0, 2), (0, 2)), True),
        (("db", "db"), ((0, 1), (2, 3)), False),
        (("db", "blog"), ((0, 2), (0, 2)), False),
        (("db", "db"), ((0, 2), (None, None)), False),
        ((" ", " "), ((0, 2), (0, 2)), False),
    ],
)
def test_a_conflict_asks_more_of_the_later(
    two: Two, services: tuple[str, str], spans: tuple[Span, Span], conflicts: bool
) -> None:
    """Of two that touch the same thing at the same time, edges included, the later needs one more; across all apps."""
    two.ask(*services)
    for number, span in enumerate(spans, start=1):
        two.plan(number, span)
    assert two.needed() == [1, 1 + conflicts]


def conflicting(two: Two) -> None:
    """Let both conflict now, and be approved by one person each."""
    two.ask()
    for number in (1, 2):
        two.plan(number, (-1, 5))
        two.approve(number)
    assert two.wake() == [ALLOWED, AWAITING]


def test_one_more_person_approves(two: Two) -> None:
    """What conflicts opens when one more person has approved it, knowing that."""
    conflicting(two)
    assert codes(two.world.gate(two.apps[1])) == ["waiting_for_approval"]
    two.approve(2, person("bob"))
    assert two.wake() == [ALLOWED, ALLOWED]


def planned_away(two: Two) -> None:
    """The earlier one is planned for another time."""
    two.plan(1, (6, 7))


def ended(two: Two) -> None:
    """The earlier one ends well."""
    two.world.submit(two.apps[0], record(two.apps[0], 5, State.SUCCESSFUL))


def closed_by_hand(two: Two) -> None:
    """The earlier one is closed by hand."""
    two.world.do(MANAGER, review.transition, "CHG-1", Transition.COMPLETE)


@pytest.mark.parametrize("gone", [planned_away, ended, closed_by_hand])
def test_a_conflict_is_over(two: Two, gone: Callable[[Two], None]) -> None:
    """When the earlier one is out of the way, what had enough approvals but for it opens, with nobody asking."""
    conflicting(two)
    gone(two)
    assert two.wake()[1] is ALLOWED


def test_an_earlier_one_moves_in(two: Two) -> None:
    """What is allowed shuts when an earlier change is planned for the same time, and opens when it moves away."""
    two.ask()
    two.plan(2, (-1, 5))
    two.approve(2)
    assert two.wake() == [AWAITING, ALLOWED]
    two.plan(1, (4, 6))
    assert two.wake() == [AWAITING, AWAITING]
    two.plan(1, (5.5, 6))
    assert two.wake() == [AWAITING, ALLOWED]


def test_an_earlier_one_comes_to_concern_the_same(two: Two) -> None:
    """What is allowed shuts when an earlier change, planned for the time, comes to concern the same service."""
    two.ask("blog", "db")
    for number in (1, 2):
        two.plan(number, (-1, 5))
    two.approve(2)
    assert two.wake() == [AWAITING, ALLOWED]
    two.ask("blog db", "db", update=2)
    assert two.wake() == [AWAITING, AWAITING]


def test_nothing_follows_without_the_rule(two: Two, shared: Shared) -> None:
    """Without a rule for it a conflict is shown on both sides, and asks for nothing."""
    conflicting(two)
    shared.rule(Rulebook(services=SERVICES))
    assert two.wake() == [ALLOWED, ALLOWED]
    for ours, theirs in (("CHG-1", "CHG-2"), ("CHG-2", "CHG-1")):
        (found,) = two.world.read(lambda uow, key=ours: two.world.ports.changes.conflicts(uow, key))  # type: ignore[misc]
        assert (found.key, found.services, found.is_earlier) == (theirs, ("db",), theirs == "CHG-1")


def test_a_conflict_among_many(two: Two) -> None:
    """However many open changes concern a service before it, the one that is planned for the same time is seen."""
    for number in range(embedded.NEIGHBOURS + 5):
        draft = Draft(title=f"Change {number}", services=("db",))
        two.world.do(MANAGER, review.prepare, draft)
    two.world.do(MANAGER, review.prepare, Draft(title="Last", services=("db",), window=Window(start=at(0))))
    app = two.apps[0]
    two.world.submit(app, replace(record(app), associations=Associations(services=("db",))))
    key = two.world.gate(app).change_key or ""
    two.world.do(MANAGER, review.plan, key, at(-1), at(5))
    two.world.do(ANN, review.approve, key)
    assert codes(two.world.gate(app)) == ["waiting_for_approval"]


@pytest.mark.parametrize("service", ["b:" + "AAAA" * 2, "x" * 5000, "\N{SNOWMAN}" * 900, "b:////"])
def test_odd_names_of_services(two: Two, service: str) -> None:
    """A service may be called anything that can be submitted, as long as it likes: it conflicts with its namesake."""
    two.ask(service, service)
    for number in (1, 2):
        two.plan(number, (0, 1))
    assert two.needed() == [1, 2]
