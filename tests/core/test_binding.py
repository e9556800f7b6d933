from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from mitregate.core.approvals import Approval, Decision, digest, sight, tally
from mitregate.core.binding import accepted, is_prepared_for, plan_of, shown
from mitregate.core.changes import Change, Coverage, Status
from mitregate.core.deployments import Commit, Deployment
from mitregate.core.matching import title
from mitregate.core.risk import Risk
from tests.core.making import NOW, at, change, deployment, window, with_commits

EVERYTHING = Coverage(project="*", environment="*", version="*")
PREPARED = replace(change(), app_id="", title="Autumn release", covers=EVERYTHING, window=window(1, 2))


def seen_of(one: Change, record: Deployment) -> str:
    """Give the digest of a deployment as an approver of the change sees it."""
    return digest(record, one.description, one.window)


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (EVERYTHING, True),
        (Coverage(project="Shop", environment="Production", version="1.0"), True),
        (Coverage(project=" shop ", environment="prod-1", version="1.*"), True),
        (Coverage(project="s?op", environment="PROD*", version="[12].0"), True),
        (Coverage(project="till", environment="*", version="*"), False),
        (Coverage(project="*", environment="staging", version="*"), False),
        (Coverage(project="*", environment="*", version="1.1"), False),
        (Coverage(project="", environment="", version=""), False),
    ],
)
def test_a_change_covers_what_it_was_prepared_for(coverage: Coverage, expected: bool) -> None:
    """Project, version and environment, by its name or its id, must fit what a change was prepared for, each."""
    assert coverage.includes(deployment()) is expected
    assert is_prepared_for(replace(PREPARED, covers=coverage), deployment(), {}) is expected


@pytest.mark.parametrize(
    ("titled", "titles", "expected"),
    [
        ('Jenkins: Deploy "Shop" version 1.0 to "Production"', {}, True),
        ('jenkins: Deploy "Shop" version 1.0 to "Production"', {}, False),
        ('Jenkins: Deploy "Shop" version 1.1 to "Production"', {}, False),
        ("Shop 1.0 Production", {"*": "{project} {version} {environment}"}, True),
        ('Jenkins: Deploy "Shop" version 1.0 to "Production"', {"*": "{project} {version} {environment}"}, False),
    ],
)
def test_a_change_without_coverage_is_for_its_title(titled: str, titles: dict[str, str], expected: bool) -> None:
    """A change prepared by hand that says nothing of what it covers is for the deployments of exactly its title."""
    assert is_prepared_for(replace(PREPARED, covers=None, title=titled), deployment(), titles) is expected


def test_coverage_counts_before_the_title() -> None:
    """What a change covers is what it is for, even if a deployment has just its title."""
    elsewhere = Coverage(project="till", environment="*", version="*")
    assert not is_prepared_for(replace(PREPARED, title=title(deployment()), covers=elsewhere), deployment(), {})


def test_a_change_that_a_deployment_asked_for_was_not_prepared() -> None:
    """A change that was opened for a deployment covers none by its title, nor by what it would cover."""
    asked = replace(PREPARED, app_id="app", title=title(deployment()))
    assert not is_prepared_for(asked, deployment(), {})
    assert not is_prepared_for(replace(asked, covers=None), deployment(), {})
    assert accepted(asked, deployment(), {}) == {seen_of(asked, deployment())}


def test_an_approval_of_the_plan_holds_for_what_it_covers() -> None:
    """For what a change was prepared for, its approval holds whether its plan was seen or the deployment itself."""
    assert accepted(PREPARED, deployment(), {}) == {plan_of(PREPARED), seen_of(PREPARED, deployment())}


def test_an_approval_of_the_plan_holds_for_nothing_else() -> None:
    """What a change does not cover can rely on it, and must have been seen itself by whoever approved."""
    narrow = replace(PREPARED, covers=Coverage(project="till", environment="*", version="*"))
    assert accepted(narrow, deployment(), {}) == {seen_of(narrow, deployment())}


@pytest.mark.parametrize(
    "edit",
    [
        lambda one: replace(one, title="Another"),
        lambda one: replace(one, description="Another"),
        lambda one: replace(one, window=window(1, 3)),
        lambda one: replace(one, window=window(None, 2)),
        lambda one: replace(one, covers=None),
        lambda one: replace(one, covers=Coverage(project="*", environment="*", version="1.*")),
    ],
    ids=["title", "description", "end", "start", "no coverage", "coverage"],
)
def test_an_edit_makes_the_approval_of_a_plan_stale(edit: Callable[[Change], Change]) -> None:
    """An approval of a plan does not hold any more once the change says otherwise, in any part of it."""
    edited = edit(PREPARED)
    assert plan_of(edited) != plan_of(PREPARED)
    bound = Approval(actor="ann", decision=Decision.APPROVE, at=NOW, digests=(plan_of(PREPARED),))
    given_then = tally([bound], accepted(PREPARED, deployment(), {}), 1)
    given_now = tally([bound], accepted(edited, deployment(), {}), 1)
    assert (given_then.met, given_then.stale, given_now.met, given_now.stale) == (1, 0, 0, 1)


@pytest.mark.parametrize(
    "move",
    [
        lambda one: replace(one, status=Status.PLANNING, updated_at=at(1), revision=9),
        lambda one: replace(one, risk=Risk.CRITICAL, risk_why="it is"),
        lambda one: replace(one, services=("shop",), requested_by="bob", number=8),
    ],
    ids=["progress", "risk", "the rest"],
)
def test_the_approval_of_a_plan_holds_while_it_says_the_same(move: Callable[[Change], Change]) -> None:
    """How far a change has come, how risky it is and whom it concerns is no part of what was planned."""
    assert plan_of(move(PREPARED)) == plan_of(PREPARED)


def test_what_is_shown_of_a_change() -> None:
    """An approver sees the deployments that wait, in their order, each version once; and of a prepared one its plan."""
    asked = change()
    again = replace(deployment(), key=replace(deployment().key, sequence_number=2))
    newer = deployment(label="1.1")
    seen = [deployment(), again, newer]
    assert shown(asked, seen) == (seen_of(asked, deployment()), seen_of(asked, newer))
    assert shown(PREPARED, seen) == (seen_of(PREPARED, deployment()), seen_of(PREPARED, newer), plan_of(PREPARED))
    assert (shown(asked, []), shown(PREPARED, [])) == ((), (plan_of(PREPARED),))


records = st.builds(
    lambda label, commit: with_commits(deployment(label=label), Commit(repository_id="r", hash=commit)),
    st.sampled_from(["1.0", "1.1"]),
    st.sampled_from("ab"),
)


@given(records, st.lists(records, max_size=3), st.booleans())
def test_what_is_shown_can_be_approved(relying: Deployment, others: list[Deployment], is_prepared: bool) -> None:
    """Whoever approves what is shown approves each deployment that was shown, and no other but by the plan."""
    asked = PREPARED if is_prepared else change()
    bound = Approval(actor="ann", decision=Decision.APPROVE, at=NOW, digests=shown(asked, others))
    is_seen = seen_of(asked, relying) in {seen_of(asked, other) for other in others}
    assert tally([bound], accepted(asked, relying, {}), 1).is_complete is (is_seen or is_prepared)
    assert sight(shown(asked, others)) == sight(reversed(shown(asked, others)))
