"""What is said when somebody asks why: every row of every table of words."""

import pytest
from msgspec.structs import replace

from mitregate.core.calendar import Calendar, Freeze, Period, Window
from mitregate.core.control import Control
from mitregate.core.deployments import State
from mitregate.core.gates import Gate, GatingStatus, Grounds, Reason, ReasonCode, Stage, Verdict
from mitregate.core.matching import How
from mitregate.core.telling import FINAL, FOUND, IS, WOULD, headline, sides_of, when, why_gated, why_ungated
from tests.core.making import NOW, at, freezes, gate, window

NAME = "shop 1.0 → prod"
ANY = Window()
FREE = Calendar()


def held(status: GatingStatus, *codes: ReasonCode, stage: Stage = Stage.HELD, **others: object) -> Gate:
    """Make a gate with a verdict of one reason or more."""
    reasons = tuple(Reason(code=code, message=f"Because of {code.value}.") for code in codes)
    verdict = replace(Verdict(status=status, reasons=reasons), **others)
    return replace(gate(), verdict=verdict, stage=stage)


WAITING = held(GatingStatus.AWAITING, ReasonCode.WAITING_FOR_APPROVAL)
ALLOWED = held(GatingStatus.ALLOWED, ReasonCode.APPROVED)


def times(waiting: Gate, span: Window = ANY, calendar: Calendar = FREE) -> list[str]:
    """Give what is said of the time at `NOW`."""
    return list(when(waiting, span, calendar, NOW))


def test_each_way_to_a_change_has_words() -> None:
    """Each way in which a change is found is told, in words of its own."""
    assert set(FOUND) == set(How)
    assert len(set(FOUND.values())) == len(How)


def test_each_status_has_words() -> None:
    """Each gating status is told, of what is there and of what is not there yet."""
    assert set(IS) == set(WOULD) == set(GatingStatus)


@pytest.mark.parametrize(
    ("control", "left", "right", "said"),
    [
        (Control.REQUIRED, "shop/*: always", "*: always", "whether it asks to be gated or not"),
        (Control.REQUIRED, "shop/*: always", "", "it asks to be gated, and both sides"),
        (Control.REQUIRED, "", "", "it asks to be gated, and both sides"),
        (Control.NOT_REQUIRED, "a: never", "", "by the project's rule 'a: never'. So its gate lets it pass at once."),
        (Control.NOT_REQUIRED, "", "b: never", "by the environment's rule 'b: never'."),
        (Control.NOT_REQUIRED, "a: never", "b: never", "rule 'a: never' and the environment's rule 'b: never'."),
    ],
)
def test_why_it_is_gated(control: Control, left: str, right: str, said: str) -> None:
    """It is told why a deployment has a gate: by both sides, or which of them lets it pass."""
    assert said in why_gated(control, Grounds(left=left, right=right))


@pytest.mark.parametrize(
    ("control", "left", "said"),
    [
        (
            None,
            "",
            "It does not ask to be gated, and only where both sides are always controlled is that done unasked.",
        ),
        (None, "a: never", "would need no change if it did: by the runbook's rule 'a: never'."),
        (
            Control.REQUIRED,
            "",
            "Its last update says 'in_progress'; by these rules a pending one would have got a gate.",
        ),
    ],
)
def test_why_it_is_not_gated(control: Control | None, left: str, said: str) -> None:
    """It is told why a deployment has no gate: it did not ask, is spared, or was never pending by these rules."""
    assert why_ungated(control, Grounds(left=left), State.IN_PROGRESS, is_runbook=True).endswith(said)


def test_sides_are_named() -> None:
    """A side that no rule speaks of says what becomes of it."""
    absent = "no rule: gated when it asks"
    assert sides_of(Grounds(), is_runbook=False) == (("project", absent), ("environment", absent))
    assert sides_of(Grounds(left="a", right="b"), is_runbook=True) == (("runbook", "a"), ("environment", "b"))


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (None, "is not gated."),
        (WAITING, "waits: Because of waiting_for_approval."),
        (
            held(GatingStatus.AWAITING, ReasonCode.WAITING_FOR_APPROVAL, ReasonCode.FROZEN),
            "waits: Because of waiting_for_approval. There is one more reason.",
        ),
        (
            held(GatingStatus.AWAITING, ReasonCode.FROZEN, ReasonCode.FROZEN, ReasonCode.OUTSIDE_HOURS),
            "waits: Because of frozen. There are 2 more reasons.",
        ),
        (ALLOWED, "may start: Because of approved."),
        (held(GatingStatus.PREVENTED, ReasonCode.EXPIRED), "may not start: Because of expired."),
        (
            held(GatingStatus.INVALID, ReasonCode.MISCONFIGURED),
            "may not start until something is put right: Because of misconfigured.",
        ),
        (replace(ALLOWED, stage=Stage.STARTED), "has started, allowed: Because of approved."),
        (
            replace(WAITING, stage=Stage.STARTED),
            "has started, WITHOUT being allowed, as it was awaiting: Because of waiting_for_approval.",
        ),
        (
            replace(ALLOWED, stage=Stage.WITHDRAWN),
            "was withdrawn; before that it was allowed: Because of approved.",
        ),
        (
            replace(WAITING, stage=Stage.FINISHED, outcome=State.CANCELLED),
            "ended before it started (cancelled), when it was awaiting: Because of waiting_for_approval.",
        ),
    ],
)
def test_the_headline_of_what_is_there(waiting: Gate | None, said: str) -> None:
    """The headline tells how a deployment stands, and the first reason."""
    assert headline(NAME, waiting) == f"{NAME} {said}"


@pytest.mark.parametrize(
    ("waiting", "outcome", "said"),
    [
        (ALLOWED, State.ROLLED_BACK, "is over (rolled back); it started allowed: Because of approved."),
        (
            WAITING,
            None,
            (
                "is over (its outcome is not known); it started WITHOUT being allowed, as it was awaiting: Because of "
                "waiting_for_approval."
            ),
        ),
    ],
)
def test_the_headline_of_what_is_over(waiting: Gate, outcome: State | None, said: str) -> None:
    """Of what is over the headline tells how it ended, and whether it was allowed to start."""
    over = replace(waiting, stage=Stage.FINISHED, outcome=outcome)
    assert headline(NAME, over, has_started=True) == f"{NAME} {said}"


@pytest.mark.parametrize(
    ("waiting", "said"),
    [
        (None, "would not be gated."),
        (WAITING, "would wait: Because of waiting_for_approval."),
        (ALLOWED, "would be allowed at once: Because of approved."),
        (held(GatingStatus.PREVENTED, ReasonCode.CHANGE_CLOSED), "would be prevented: Because of change_closed."),
        (
            held(GatingStatus.INVALID, ReasonCode.MISCONFIGURED),
            "would not be allowed until something is put right: Because of misconfigured.",
        ),
    ],
)
def test_the_headline_of_what_is_imagined(waiting: Gate | None, said: str) -> None:
    """Of what is not there yet the headline tells what would come of it."""
    assert headline(NAME, waiting, is_imagined=True) == f"{NAME} {said}"


@pytest.mark.parametrize("stage", [Stage.STARTED, Stage.FINISHED, Stage.WITHDRAWN])
def test_nothing_is_decided_on_what_waits_no_more(stage: Stage) -> None:
    """Of what waits no more no time is told."""
    assert times(replace(WAITING, stage=stage)) == ["Nothing is decided any more."]


def test_when_something_allowed_may_start() -> None:
    """What is allowed may start now, until the last instant at which that holds."""
    assert times(ALLOWED) == ["It may start now."]
    allowed = held(GatingStatus.ALLOWED, ReasonCode.APPROVED, good_until=at(2))
    assert times(allowed) == ["It may start now, until 2024-05-06 14:00:00 UTC."]


@pytest.mark.parametrize("status", [GatingStatus.PREVENTED, GatingStatus.INVALID])
@pytest.mark.parametrize("code", ReasonCode)
def test_when_something_that_stopped_may_start(status: GatingStatus, code: ReasonCode) -> None:
    """What stopped for good says so; what somebody can undo or put right says that."""
    (said,) = times(held(status, code))
    if code in FINAL:
        assert said == "Never: this does not change any more."
    elif status is GatingStatus.PREVENTED:
        assert said == "Never, as things are: somebody would have to undo what stopped it."
    else:
        assert said == "That cannot be said: what is wrong must be put right first."


def test_when_something_that_waits_may_start_at_the_earliest() -> None:
    """The earliest opening is told, and whether people have something to do before."""
    for codes, provided in (
        ([ReasonCode.FROZEN], ""),
        ([ReasonCode.OUTSIDE_HOURS, ReasonCode.WINDOW_NOT_OPEN], ""),
        ([ReasonCode.FROZEN, ReasonCode.WAITING_FOR_APPROVAL], ", if what it waits for is done by then"),
    ):
        waiting = held(GatingStatus.AWAITING, *codes, opens_at=at(3))
        assert times(waiting) == [f"At 2024-05-06 15:00:00 UTC at the earliest{provided}."]


def test_why_it_cannot_be_said_when_it_opens() -> None:
    """If no opening can be told, it is told why: people are to act, a freeze has no end, or there is no time left."""
    frozen = held(GatingStatus.AWAITING, ReasonCode.FROZEN)
    endless = freezes((-1, None))
    assert times(WAITING) == ["As soon as what it waits for is done."]
    assert times(frozen, calendar=endless) == ["That cannot be said: nobody has said when the freeze 'freeze 0' ends."]
    assert times(WAITING, window(None, 1), freezes((-1, 2))) == [
        "Never, as things are: freezes and hours leave no time before its window closes at 2024-05-06 13:00:00 UTC."
    ]
    gone = Calendar(hours=(Period(name="x", window=window(-2, -1)),))
    assert times(held(GatingStatus.AWAITING, ReasonCode.OUTSIDE_HOURS), calendar=gone) == [
        "Never, as things are: the hours in which it may start do not come again."
    ]
    hidden = Calendar(freezes=(Freeze(name="y", window=window(-1, 9)),), hours=(Period(name="x", window=window(2, 3)),))
    assert times(frozen, calendar=hidden) == [
        "That cannot be said: in the next ten years freezes and hours leave no time."
    ]
    # Time alone would open it, and it is free: then nothing is promised of people.
    assert times(frozen)[0].startswith("That cannot be said")


def test_the_end_of_a_wait_is_told() -> None:
    """What ends by itself if nobody decides says when; what is over for that says it no more."""
    waiting = held(GatingStatus.AWAITING, ReasonCode.WAITING_FOR_APPROVAL, ends_at=at(5))
    assert times(waiting)[1] == "If nobody decides, it is prevented at 2024-05-06 17:00:00 UTC."
    assert len(times(held(GatingStatus.PREVENTED, ReasonCode.EXPIRED, ends_at=at(-1)))) == 1
