from collections.abc import Callable

import pytest

from mitregate.core.changes import Transition
from mitregate.core.errors import Forbidden, IllegalTransition, Malformed, MitregateError, Unknown
from mitregate.core.people import Principal, Role
from mitregate.flows import review
from tests.core.making import NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, person

VIEWER, OPERATOR, APP = person("vic", Role.VIEWER), person("otto", Role.OPERATOR), Principal(name="ci", app_id="a1")


@pytest.mark.parametrize("who", [VIEWER, OPERATOR, APP], ids=lambda who: who.name)
def test_not_everybody_decides(waiting: Waiting, who: Principal) -> None:
    """Who lacks the permission neither decides nor plans nor moves; nothing changes and nothing is logged."""
    before = waiting.change, waiting.verdict, waiting.world.actions(waiting.key)
    attempts: list[Callable[[], object]] = [
        lambda: waiting.world.do(who, review.approve, waiting.key),
        lambda: waiting.world.do(who, review.decline, waiting.key),
        lambda: waiting.world.do(who, review.plan, waiting.key, None, None),
        *[lambda step=step: waiting.world.do(who, review.transition, waiting.key, step) for step in Transition],
    ]
    for attempt in attempts:
        with pytest.raises(Forbidden):
            attempt()
    assert (waiting.change, waiting.verdict, waiting.world.actions(waiting.key)) == before


@pytest.mark.parametrize("step", [Transition.CANCEL, Transition.EMERGENCY_OVERRIDE, Transition.START])
def test_an_approver_does_not_plan(waiting: Waiting, step: Transition) -> None:
    """Whoever only decides cannot move a change by hand, nor override, nor plan its window."""
    with pytest.raises(Forbidden):
        waiting.world.do(ANN, review.transition, waiting.key, step)
    with pytest.raises(Forbidden):
        waiting.world.do(ANN, review.plan, waiting.key, None, None)


@pytest.mark.parametrize(
    ("attempt", "error"),
    [
        pytest.param(lambda key: (review.approve, "CHG-99"), Unknown, id="no such change"),
        pytest.param(lambda key: (review.approve, "SHOP-1"), Unknown, id="no change at all"),
        pytest.param(lambda key: (review.plan, "CHG-99", None, None), Unknown, id="no such change to plan"),
        pytest.param(lambda key: (review.comment_on, "CHG-99", "Hi"), Unknown, id="no such change to comment on"),
        pytest.param(lambda key: (review.approve, key, "x" * 10_001), Malformed, id="too long a comment"),
        pytest.param(lambda key: (review.comment_on, key, "x" * 10_001), Malformed, id="too long a remark"),
        pytest.param(lambda key: (review.comment_on, key, " \n"), Malformed, id="an empty comment"),
        pytest.param(lambda key: (review.plan, key, at(2), at(1)), Malformed, id="a window from end to start"),
        pytest.param(lambda key: (review.transition, key, Transition.START), IllegalTransition, id="no such step"),
        pytest.param(lambda key: (review.transition, key, Transition.CLOSE), IllegalTransition, id="too early"),
    ],
)
def test_what_is_refused_changes_nothing(
    waiting: Waiting, attempt: Callable[[str], tuple[Callable[..., object], object]], error: type[MitregateError]
) -> None:
    """A request that cannot be carried out is refused with advice, and leaves everything as it was."""
    before = waiting.change, waiting.verdict, waiting.world.actions(waiting.key), waiting.world.remarks(waiting.key)
    flow, *args = attempt(waiting.key)
    with pytest.raises(error) as refusal:
        waiting.world.do(ADMIN, flow, *args)
    assert refusal.value.advice()
    now = waiting.change, waiting.verdict, waiting.world.actions(waiting.key), waiting.world.remarks(waiting.key)
    assert now == before


def test_remarks_are_kept(waiting: Waiting) -> None:
    """Whoever may look may comment; the comment is trimmed and changes nothing else."""
    comment = waiting.world.do(VIEWER, review.comment_on, waiting.key, " When? ")
    assert (comment.author, comment.body, comment.at) == ("vic", "When?", NOW)
    assert waiting.world.remarks(waiting.key) == ["When?"]
    with pytest.raises(Forbidden):
        waiting.world.do(APP, review.comment_on, waiting.key, "Hi")
