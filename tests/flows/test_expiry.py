"""Waits that nobody ends: reminders, the end, and from when the time counts (domain.md §6)."""

from datetime import timedelta

from mitregate.core.changes import Status, Transition
from mitregate.core.deployments import State
from mitregate.core.gates import GatingStatus
from mitregate.core.reach import Reach
from mitregate.core.rulebook import Rulebook
from mitregate.core.waiting import Waiting
from mitregate.flows import ask, review, settle
from mitregate.flows.act import BY_ITSELF
from tests.core.making import HOUR, MICROSECOND, NOW, at
from tests.flows.shared import Shared
from tests.flows.world import MANAGER, codes, record, told

AWAITING, ALLOWED, PREVENTED = GatingStatus.AWAITING, GatingStatus.ALLOWED, GatingStatus.PREVENTED
ENDS = (State.SUCCESSFUL, State.FAILED, State.ROLLED_BACK, State.CANCELLED)


HASTY = Rulebook(waiting=(Waiting(name="hasty", expires_after="4h", remind_before=("1h", "2h"), reach=Reach()),))


def test_nobody_decides(shared: Shared) -> None:
    """A wait is reminded of at the very instants, once each however often the worker wakes, and ends at its own."""
    shared.rule(HASTY)
    gate = shared.ask(1)
    assert (gate.verdict.ends_at, gate.verdict.wake_at) == (at(4), at(2))
    world = shared.world
    seen = []
    for moment in (at(2) - MICROSECOND, at(2), at(2), at(3), at(4) - MICROSECOND, at(4), at(5)):
        world.now = moment
        world.wake()
        world.do(BY_ITSELF, settle.wake, gate)
        seen.append((world.actions(gate.id).count("gate.reminded"), shared.statuses()[0]))
    assert seen == [(0, AWAITING), *[(1, AWAITING)] * 2, *[(2, AWAITING)] * 2, *[(2, PREVENTED)] * 2]
    over = world.gate(shared.app)
    assert (codes(over), shared.status(), over.since) == (["expired"], Status.CANCELED, at(4))
    assert "2024-05-06 16:00:00 UTC" in over.verdict.reasons[0].message
    assert [status for status, _ in told(world.jobs())] == ["awaiting", "prevented"]
    assert len([one for one in world.remarks("CHG-1") if "Nobody has decided yet." in one]) == 2


def test_a_poll_before_the_worker(shared: Shared) -> None:
    """Who polls at the end of a wait, before any worker woke, hears that it is over, and by when; as does the next."""
    shared.rule(HASTY)
    gate = shared.ask(1)
    shared.world.now = at(9)
    assert ask.is_overdue(gate, at(9))
    first = shared.world.do(BY_ITSELF, settle.wake, gate)
    shared.world.transact(lambda uow: uow.gates.wake_all(at(9)))
    shared.world.wake()
    assert shared.world.gate(shared.app).verdict == first.verdict
    assert (first.verdict.status, first.ended and first.ended.at) == (PREVENTED, at(4))


def test_an_approval_at_the_last_moment(shared: Shared) -> None:
    """An approval a tick before the end is in time; what it opens does not expire, nor what waits for its window."""
    shared.rule(HASTY)
    shared.ask(1)
    shared.world.do(MANAGER, review.plan, "CHG-1", at(9), None)
    shared.world.now = at(4) - MICROSECOND
    shared.approve()
    for moment, status in ((at(8), AWAITING), (at(9), ALLOWED)):
        shared.world.now = moment
        shared.world.wake()
        assert shared.statuses() == [status]


def test_a_stale_approval_is_asked_anew(shared: Shared) -> None:
    """What goes stale is asked for anew: the time begins then, and so do the reminders."""
    shared.rule(HASTY)
    shared.ask(1)
    shared.approve()
    shared.world.now = at(3)
    shared.world.submit(shared.app, record(shared.app, 2, label="1.1"))
    assert shared.world.gate(shared.app).verdict.ends_at == at(7)
    shared.world.now = at(7)
    shared.world.wake()
    assert (shared.statuses(), codes(shared.world.gate(shared.app))) == ([PREVENTED], ["expired"])


def test_each_wait_has_its_own_time(shared: Shared) -> None:
    """Of two that share a change the one that asked later waits on, and the change stays open for it."""
    shared.rule(HASTY)
    shared.ask(1)
    shared.world.wait(HOUR)
    shared.ask(2)
    shared.world.now = at(4)
    shared.world.wake()
    assert (shared.statuses(), shared.status()) == ([PREVENTED, AWAITING], Status.PEER_REVIEW)
    shared.approve()
    assert shared.statuses() == [PREVENTED, ALLOWED]


def test_rules_that_come_later_count_from_the_asking(shared: Shared) -> None:
    """A wait that began before there was a limit is measured from when it began; one without limit never ends."""
    shared.ask(1)
    shared.world.now = NOW + timedelta(days=400)
    shared.world.wake()
    assert shared.statuses() == [AWAITING]
    shared.rule(HASTY)
    shared.world.wake()
    assert shared.statuses() == [PREVENTED]


def test_a_decline_is_not_an_end_of_patience(shared: Shared) -> None:
    """What was declined says so for ever, whatever time it would have had."""
    shared.rule(HASTY)
    shared.ask(1)
    shared.world.do(MANAGER, review.transition, "CHG-1", Transition.DECLINE)
    shared.world.now = at(20)
    shared.world.transact(lambda uow: uow.gates.wake_all(at(20)))
    shared.world.wake()
    assert codes(shared.world.gate(shared.app)) == ["change_declined"]
