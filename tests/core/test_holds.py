"""What people read where a gate is shut: why that is so, and what would open it, word for word."""

from datetime import datetime

import pytest
from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.calendar import Calendar, Freeze, Period, Window
from mitregate.core.changes import StatusClass
from mitregate.core.gates import Standing, decide
from tests.core.making import NOW, approved, at, gate, standing, window

WAIT, PROCEED, STOP = StatusClass
Said = list[tuple[str, str]]

APPROVE = "An approver must approve CHG-7."
AGAIN = "Submit a new deployment to ask again."


def frozen(name: str, start: float | None, end: float | None, reason: str = "") -> Freeze:
    """Make a freeze between two instants in hours after `NOW`."""
    return Freeze(name=name, window=window(start, end), reason=reason)


def said(change: Standing, calendar: Calendar, now: datetime = NOW) -> Said:
    """Give what a verdict says, and what is to be done."""
    return [(reason.message, reason.remedy) for reason in decide(gate(), change, calendar, now).reasons]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            standing(WAIT, approvals=approved(0)),
            [("The change request CHG-7 waits for approval; its status is 'Planning'.", APPROVE)],
            id="nobody approved",
        ),
        pytest.param(
            standing(WAIT, approvals=Tally(met=1, needed=2)),
            [
                (
                    "The change request CHG-7 waits for approval, 1 of 2 are there; its status is 'Planning'.",
                    "Another approver must approve CHG-7.",
                )
            ],
            id="one of two",
        ),
        pytest.param(
            standing(WAIT, approvals=None),
            [("The change request CHG-7 waits for approval; its status is 'Planning'.", APPROVE)],
            id="a foreign change",
        ),
        pytest.param(
            replace(standing(WAIT, approvals=approved(0)), is_emergency=True),
            [
                (
                    "The change request CHG-7 waits for approval; its status is 'Planning'.",
                    "Somebody who may override freezes must approve CHG-7.",
                )
            ],
            id="an emergency",
        ),
        pytest.param(
            standing(PROCEED, approvals=approved(0)), [("CHG-7 has 0 of 1 approvals.", APPROVE)], id="not enough"
        ),
        pytest.param(
            standing(approvals=approved(0, stale=1)),
            [
                (
                    "What is to be deployed, or its window, changed after CHG-7 was approved.",
                    "An approver must look at CHG-7 again and approve it.",
                )
            ],
            id="stale",
        ),
        pytest.param(
            standing(WAIT, (1, 2), moves_by_itself=True),
            [("The change window opens at 2024-05-06 13:00:00 UTC.", "It opens by itself at that time.")],
            id="before its window",
        ),
        pytest.param(
            standing(WAIT),
            [
                (
                    "The change request CHG-7 is approved but stands in status 'Planning'.",
                    "Somebody must move CHG-7 on towards Implementing.",
                )
            ],
            id="put on hold",
        ),
        pytest.param(
            standing(STOP, (1, 2), is_declined=True), [("The change request CHG-7 was declined.", AGAIN)], id="declined"
        ),
        pytest.param(
            standing(STOP, (-2, -1)),
            [("The change request CHG-7 is closed for deployment; its status is 'Closed'.", AGAIN)],
            id="closed",
        ),
        pytest.param(
            standing(PROCEED, (-2, -1)),
            [
                (
                    "The change window closed at 2024-05-06 11:00:00 UTC.",
                    "Plan a new window for CHG-7, or submit a new deployment.",
                )
            ],
            id="over",
        ),
        pytest.param(
            standing(WAIT, (-2, -1)),
            [
                (
                    "The change window closed at 2024-05-06 11:00:00 UTC before the change was ready.",
                    "Plan a new window for CHG-7, or submit a new deployment.",
                )
            ],
            id="missed",
        ),
        pytest.param(standing(), [("The change request CHG-7 is approved and its window is open.", "")], id="open"),
    ],
)
def test_how_a_change_holds_is_said(change: Standing, expected: Said) -> None:
    """What holds a gate because of its change is said with the change's key, and who can do what about it."""
    assert said(change, Calendar()) == expected


BY_ITSELF = "It opens by itself when the freeze ends; a change manager can override it for this deployment."
BY_SOMEBODY = "Somebody must end the freeze; a change manager can override it for this deployment."


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        (frozen("stock", -1, 3), ("The freeze 'stock' holds until 2024-05-06 15:00:00 UTC.", BY_ITSELF)),
        (
            frozen("stock", -1, 3, "Counting"),
            ("The freeze 'stock' holds until 2024-05-06 15:00:00 UTC (Counting).", BY_ITSELF),
        ),
        (frozen("stock", -1, None), ("The freeze 'stock' holds.", BY_SOMEBODY)),
        (frozen("stock", None, None, "Counting"), ("The freeze 'stock' holds (Counting).", BY_SOMEBODY)),
    ],
)
def test_a_freeze_is_said(freeze: Freeze, expected: tuple[str, str]) -> None:
    """A freeze is named with its end, if it has one, its reason, if there is one, and who can do what about it."""
    assert said(standing(), Calendar(freezes=(freeze,))) == [expected]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        (
            [(2, 3)],
            (
                "Deployments may start in the hours of 'h0' only. They begin at 2024-05-06 14:00:00 UTC.",
                "It opens by itself when they begin.",
            ),
        ),
        (
            [(4, 5), (2.5, 3)],
            (
                "Deployments may start in the hours of 'h0', 'h1' only. They begin at 2024-05-06 14:30:00 UTC.",
                "It opens by itself when they begin.",
            ),
        ),
        (
            [(-2, -1)],
            ("Deployments may start in the hours of 'h0' only.", "Somebody must allow other hours."),
        ),
    ],
)
def test_hours_are_said(spans: list[tuple[float, float]], expected: tuple[str, str]) -> None:
    """Hours are named, all that reach the deployment, with the next instant at which some begin, if there is one."""
    hours = tuple(Period(name=f"h{number}", window=window(*span)) for number, span in enumerate(spans))
    assert said(standing(), Calendar(hours=hours)) == [expected]


def test_everything_that_holds_is_said() -> None:
    """Each of the things that hold at once is said, in the order in which people can do something about them."""
    change = standing(WAIT, (1, 5), approved(0))
    hours = (Period(name="night", window=window(7, 9)),)
    calendar = Calendar(freezes=(frozen("a", -1, 2), frozen("b", -1, None)), hours=hours)
    begun = [message.split()[:3] for message, _ in said(change, calendar)]
    assert begun == [
        ["The", "change", "request"],
        ["The", "change", "window"],
        ["The", "freeze", "'a'"],
        ["The", "freeze", "'b'"],
        ["Deployments", "may", "start"],
    ]


def test_what_is_held_elsewhere_is_put_on_hold_before_its_window() -> None:
    """An approved change that nothing moves waits for its window and for somebody; one that moves, for its window."""
    change = standing(WAIT, (1, 2))
    assert len(said(change, Calendar())) == 2
    assert len(said(replace(change, moves_by_itself=True), Calendar())) == 1
    assert len(said(replace(change, moves_by_itself=True), Calendar(), at(1))) == 1
    # At the first instant of its window it would have moved: that it has not is said.
    (only,) = said(replace(change, moves_by_itself=True, window=Window(start=at(1))), Calendar(), at(1))
    assert only[0] == "The change request CHG-7 is approved but stands in status 'Planning'."
