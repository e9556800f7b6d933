from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.approvals import Approval, Decision, Tally, digest, sight, tally
from mitregate.core.calendar import Window
from mitregate.core.deployments import Associations, Commit, Deployment, EnvironmentType, Pipeline, State
from tests.core.making import NOW, at, deployment, window, with_commits

OTHER_COMMITS = (Commit(repository_id="r1", hash="abd"), Commit(repository_id="r2", hash="def"))
SEEN = (deployment(), "A description", window(1, 2))
Seen = tuple[Deployment, str, Window]


def seen(record: Deployment | None = None, description: str = SEEN[1], planned: Window = SEEN[2]) -> Seen:
    """Say what an approver sees; what is not named is as in `SEEN`."""
    return record or SEEN[0], description, planned


def another_environment() -> Seen:
    """Stay on the same environment id, with another type."""
    record = deployment()
    return seen(replace(record, environment=replace(record.environment, type=EnvironmentType.STAGING)))


def another_project() -> Seen:
    """Stay on the same pipeline id, under another name."""
    return seen(replace(deployment(), pipeline=Pipeline(id="shop", display_name="Till", url="")))


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(seen(replace(deployment(), key=replace(deployment().key, app_id="x"))), id="app"),
        pytest.param(seen(replace(deployment(), key=replace(deployment().key, environment_id="x"))), id="environment"),
        pytest.param(another_environment(), id="environment type"),
        pytest.param(another_project(), id="project"),
        pytest.param(seen(deployment(label="1.1")), id="version"),
        pytest.param(seen(deployment(label=None)), id="version by name"),
        pytest.param(seen(with_commits(deployment(), Commit(repository_id="r1", hash="abc"))), id="a commit less"),
        pytest.param(seen(with_commits(deployment(), Commit(repository_id="r1"))), id="no commit hash"),
        pytest.param(seen(with_commits(deployment(), *OTHER_COMMITS)), id="another commit"),
        pytest.param(seen(description="Another one"), id="description"),
        pytest.param(seen(planned=window(1, 3)), id="planned end"),
        pytest.param(seen(planned=window(0, 2)), id="planned start"),
        pytest.param(seen(planned=window(None, 2)), id="no planned start"),
        pytest.param(seen(planned=window(1, None)), id="no planned end"),
    ],
)
def test_an_approval_is_bound_to_what_was_seen(other: Seen) -> None:
    """Each thing that an approver judges changes the digest."""
    assert digest(*other) != digest(*SEEN)


NOT_JUDGED: list[Callable[[Deployment], Deployment]] = [
    lambda record: replace(record, update_sequence_number=99),
    lambda record: replace(record, key=replace(record.key, sequence_number=2)),
    lambda record: replace(record, key=replace(record.key, pipeline_id="the next run of the same pipeline")),
    lambda record: replace(record, last_updated=at(5)),
    lambda record: replace(record, state=State.IN_PROGRESS),
    lambda record: replace(record, display_name="Another name, under the same label"),
    lambda record: replace(record, description="x"),
    lambda record: replace(record, url="https://ci.example.com/2"),
    lambda record: replace(record, duration=5),
    lambda record: replace(record, properties={}),
    lambda record: replace(record, product=None),
    lambda record: replace(record, asks_for_gating=False),
    lambda record: replace(record, pipeline=replace(record.pipeline, url="https://x")),
    lambda record: replace(record, associations=Associations(commits=record.associations.commits)),
    lambda record: with_commits(record, *reversed(record.associations.commits)),
    lambda record: with_commits(record, *record.associations.commits, *record.associations.commits),
]


@pytest.mark.parametrize(
    "change",
    [pytest.param(change, id=f"change {number}") for number, change in enumerate(NOT_JUDGED)],
)
def test_an_approval_is_bound_to_nothing_else(change: Callable[[Deployment], Deployment]) -> None:
    """What no approver judges leaves the digest as it is: progress, links, the try, and the order of the commits."""
    assert digest(change(deployment()), *SEEN[1:]) == digest(*SEEN)


def test_a_digest_is_a_fingerprint() -> None:
    """A digest is SHA-256 in hex, and the same in every version of ours: approvals that were kept hold."""
    assert digest(*SEEN) == "0accd5b61951e2068d68228c843c3bf630d42c0a6a578e67ec47f3e81b6d96d4"
    bare = with_commits(deployment(), Commit(repository_id="r1"))
    assert digest(bare, *SEEN[1:]) == "b8be6d6237352e88fefdb669f6c13e1d27294237d447fe17eb3c8a8616e4bad0"


@given(st.text(max_size=4), st.text(max_size=4), st.text(max_size=4), st.text(max_size=4))
def test_digests_do_not_run_into_each_other(label: str, text: str, other_label: str, other_text: str) -> None:
    """No text in one field can pass for text in another."""
    one = digest(replace(deployment(), display_name=label, label=None), text, Window())
    other = digest(replace(deployment(), display_name=other_label, label=None), other_text, Window())
    assert (one == other) == ((label, text) == (other_label, other_text))


def act(actor: str, seen_then: str, decision: Decision = Decision.APPROVE) -> Approval:
    """Decide as *actor* on what had the digest *seen_then*."""
    return Approval(actor=actor, decision=decision, at=NOW, digests=("other", seen_then))


@pytest.mark.parametrize(
    ("approvals", "met", "stale"),
    [
        pytest.param([], 0, 0, id="nobody"),
        pytest.param([act("ann", "new")], 1, 0, id="approved"),
        pytest.param([act("ann", "new"), act("ann", "new")], 1, 0, id="the same person twice"),
        pytest.param([act("ann", "new"), act("bob", "new")], 2, 0, id="two people"),
        pytest.param([act("ann", "old")], 0, 1, id="before it changed"),
        pytest.param([act("ann", "old"), act("ann", "older")], 0, 1, id="one person before it changed twice"),
        pytest.param([act("ann", "old"), act("ann", "new")], 1, 0, id="again after it changed"),
        pytest.param([act("ann", "old"), act("bob", "new")], 1, 1, id="by somebody else after it changed"),
        pytest.param([act("ann", "new", Decision.DECLINE)], 0, 0, id="declined"),
        pytest.param([act("ann", "old", Decision.DECLINE)], 0, 0, id="declined before it changed"),
    ],
)
def test_approvals_are_counted(approvals: list[Approval], met: int, stale: int) -> None:
    """Approvals count once for each person, and only for what is to be deployed now."""
    assert tally(approvals, {"new", "newer"}, 3) == Tally(met=met, needed=3, stale=stale)


@given(st.lists(st.builds(act, st.sampled_from("abc"), st.sampled_from("xyz"), st.sampled_from(Decision))))
def test_no_approval_counts_for_what_was_not_seen(approvals: list[Approval]) -> None:
    """A tally is complete only if somebody approved exactly what is asked for now; order plays no part."""
    counted = tally(approvals, {"x"}, 1)
    assert counted.is_complete == any(
        "x" in approval.digests and approval.decision is Decision.APPROVE for approval in approvals
    )
    assert tally(reversed(approvals), {"x"}, 1) == counted


@pytest.mark.parametrize(("met", "needed", "is_complete"), [(0, 1, False), (1, 1, True), (2, 1, True), (0, 0, True)])
def test_a_tally_is_complete_when_enough_approved(met: int, needed: int, is_complete: bool) -> None:
    """As many approvals as needed are enough, and stale ones do not help."""
    assert Tally(met=met, needed=needed, stale=5).is_complete is is_complete
    assert Tally(met=met, needed=needed).stale == 0


def test_what_is_shown_has_one_digest() -> None:
    """All that is shown to an approver has one digest, whatever the order; what is alone keeps its own."""
    assert sight(["x"]) == sight(["x", "x"]) == "x"
    assert sight(["x", "y"]) == sight(["y", "x"]) != sight(["x", "z"])
    assert sight([]) == ""
