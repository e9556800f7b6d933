"""Promise 1 along every way that an embedded change can go: what people do to it, in any order."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from mitregate.changes.embedded import standing
from mitregate.core.approvals import Approval, Decision, Tally, digest, tally
from mitregate.core.calendar import Calendar, Window
from mitregate.core.changes import Change, Status, Transition, move
from mitregate.core.deployments import Commit, Deployment
from mitregate.core.errors import IllegalTransition
from mitregate.core.gates import GatingStatus, Verdict, decide
from mitregate.core.rulebook import Rulebook
from mitregate.core.workflow import Workflow, next_step
from tests.core.making import MICROSECOND, NOW, deployment, gate, with_commits
from tests.core.strategies import is_in_order, near, windows

Seen = tuple[str, tuple[Commit, ...], Window]


class Walk(Struct, frozen=True, kw_only=True):
    """A change on its way, with its deployment, the time, and what was before each approver's eyes."""

    change: Change
    deployment: Deployment
    now: datetime
    seen: tuple[Seen, ...] = ()

    @property
    def sight(self) -> Seen:
        """What an approver would see now."""
        return self.deployment.version, self.deployment.associations.commits, self.change.window


class Act(Struct, frozen=True, kw_only=True):
    """What happens to a change next: a step by somebody, its own steps, time, a new plan, or other contents."""

    step: Transition | None = None
    approves: bool = False
    advances: bool = False
    ticks: int = 0
    window: Window | None = None
    label: str | None = None
    commits: tuple[Commit, ...] | None = None


acts = st.one_of(
    st.builds(Act, step=st.sampled_from(Transition)),
    st.just(Act(approves=True)),
    st.just(Act(approves=True, step=Transition.APPROVE, advances=True)),
    st.just(Act(advances=True)),
    st.builds(Act, ticks=st.integers(1, 4)),
    st.builds(Act, window=windows(near).filter(is_in_order)),
    st.builds(Act, label=st.sampled_from(["1.0", "1.1"])),
    st.builds(
        Act, commits=st.lists(st.builds(Commit, repository_id=st.just("r"), hash=st.sampled_from("ab"))).map(tuple)
    ),
)


def take(walk: Walk, act: Act) -> Walk:
    """Let *act* happen; a step that the workflow does not have changes nothing."""
    change, record = walk.change, walk.deployment
    if act.step is not None:
        try:
            change = move(change, act.step, walk.now)
        except IllegalTransition:
            return walk
    if act.window is not None:
        change = replace(change, window=act.window)
    if act.label is not None:
        record = replace(record, label=act.label)
    if act.commits is not None:
        record = with_commits(record, *act.commits)
    walk = replace(walk, change=change, deployment=record, now=walk.now + act.ticks * MICROSECOND)
    if act.approves:
        walk = approve(walk)
    return advance(walk) if act.advances else walk


def approve(walk: Walk) -> Walk:
    """Keep an approval of what is to be seen now."""
    bound = digest(walk.deployment, walk.change.description, walk.change.window)
    approval = Approval(actor="ann", decision=Decision.APPROVE, at=walk.now, digests=(bound,))
    change = replace(walk.change, approvals=(*walk.change.approvals, approval))
    return replace(walk, change=change, seen=(*walk.seen, walk.sight))


def count(walk: Walk) -> Tally:
    """Count the approvals of what is to be seen now; one is needed."""
    bound = digest(walk.deployment, walk.change.description, walk.change.window)
    return tally(walk.change.approvals, {bound}, 1)


def advance(walk: Walk) -> Walk:
    """Let the change take the steps that it takes by itself."""
    change = walk.change
    while step := next_step(Workflow(), change, count(walk), walk.now):
        change = move(change, step, walk.now)
    return replace(walk, change=change)


def judge(walk: Walk) -> Verdict:
    """Decide on the gate, with no freezes."""
    return decide(gate(), standing(Rulebook(), walk.change, count(walk)), Calendar(), walk.now)


BEGINNING = Walk(
    change=Change(number=7, title="", description="", requested_by="ci", created_at=NOW, updated_at=NOW),
    deployment=deployment(),
    now=NOW,
)


def same(one: Seen, other: Seen) -> bool:
    """Tell whether two approvers saw the same; the order of commits, and one named twice, make no difference."""
    return (one[0], set(one[1]), one[2]) == (other[0], set(other[1]), other[2])


@given(st.lists(acts, max_size=25))
def test_no_walk_opens_what_was_not_approved(ahead: list[Act]) -> None:
    """Promise 1: however a change gets there, its gate opens only while implementing, in its window, as approved."""
    walk = BEGINNING
    for act in ahead:
        walk = take(walk, act)
        verdict = judge(walk)
        if verdict.status is GatingStatus.ALLOWED:
            start, end = walk.change.window.start, walk.change.window.end
            assert walk.change.status is Status.IMPLEMENTING
            assert start is None or start <= walk.now
            assert end is None or walk.now <= end
            assert any(same(seen, walk.sight) for seen in walk.seen)


def test_a_walk_can_open() -> None:
    """The walks of this file do lead to an open gate: approved, a change implements by itself."""
    walk = take(BEGINNING, Act(step=Transition.APPROVE, approves=True, advances=True))
    assert walk.change.status is Status.IMPLEMENTING
    assert judge(walk).status is GatingStatus.ALLOWED
