"""Telling: what is said of a deployment when somebody asks why: the words, by what is so (domain.md §§2, 3, 6)."""

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from mitregate.core.calendar import Calendar, Position, Window
from mitregate.core.control import Control
from mitregate.core.deployments import State
from mitregate.core.gates import Gate, GatingStatus, Grounds, ReasonCode, Stage, Verdict, spell
from mitregate.core.matching import How

FOUND: dict[How, str] = {
    How.SUPPLIED: "The deployment names it; no other one is looked for.",
    How.MISSING: "The deployment names it, and there was no such change; no other one is looked for.",
    How.ASSOCIATED: "An issue key that the deployment names is this change, which was open.",
    How.REDEPLOYED: (
        "It was open, and an earlier deployment of the same version to the same environment relied on it; the "
        "deployment names none."
    ),
    How.TITLED: (
        "It was open and has exactly the title that one for this deployment would get; the deployment names none, and "
        "no open one was relied on by an earlier deployment of the same version."
    ),
    How.CREATED: (
        "Opened for this deployment: it names none, and no open one was relied on by an earlier deployment of the same "
        "version, or has exactly its title."
    ),
}
"""How a change was found, and so what was passed over before, in words."""

IS: dict[GatingStatus, str] = {
    GatingStatus.AWAITING: "waits",
    GatingStatus.ALLOWED: "may start",
    GatingStatus.PREVENTED: "may not start",
    GatingStatus.INVALID: "may not start until something is put right",
}
"""What a gating status means for a deployment that has not started."""

WOULD: dict[GatingStatus, str] = {
    GatingStatus.AWAITING: "would wait",
    GatingStatus.ALLOWED: "would be allowed at once",
    GatingStatus.PREVENTED: "would be prevented",
    GatingStatus.INVALID: "would not be allowed until something is put right",
}
"""What it would mean for one that is not there yet."""

FINAL = {ReasonCode.EXPIRED, ReasonCode.SUPERSEDED, ReasonCode.KEY_COLLISION}
"""Reasons that nothing takes away any more."""

ABSENT = "no rule: gated when it asks"
"""What is said of a side that no rule speaks of."""


def sides_of(grounds: Grounds, *, is_runbook: bool) -> tuple[tuple[str, str], tuple[str, str]]:
    """Name the two sides that decide whether a deployment is gated, each with its rule."""
    return (
        ("runbook" if is_runbook else "project", grounds.left or ABSENT),
        ("environment", grounds.right or ABSENT),
    )


def why_gated(control: Control, grounds: Grounds, *, is_runbook: bool = False) -> str:
    """Say why a deployment has a gate of that kind."""
    sides = sides_of(grounds, is_runbook=is_runbook)
    match control:
        case Control.REQUIRED if all(_says(rule, "always") for _, rule in sides):
            return "It needs an approved change, whether it asks to be gated or not: both sides are always controlled."
        case Control.REQUIRED:
            return "It needs an approved change: it asks to be gated, and both sides are change controlled then."
        case Control.NOT_REQUIRED:
            said = _never(sides)
            return f"It asks to be gated, but needs no change: by {said}. So its gate lets it pass at once."
        case _:
            assert_never(control)


def why_ungated(control: Control | None, grounds: Grounds, state: State, *, is_runbook: bool = False) -> str:
    """Say why a deployment has no gate.

    Args:
        control: what change control would say of it, were it pending.
        grounds: the rules by which it would.
        state: the state in which it came last.
        is_runbook: whether it is the run of a runbook.
    """
    sides = sides_of(grounds, is_runbook=is_runbook)
    if control is None and any(_says(rule, "never") for _, rule in sides):
        return f"It does not ask to be gated, and would need no change if it did: by {_never(sides)}."
    if control is None:
        return "It does not ask to be gated, and only where both sides are always controlled is that done unasked."
    return (
        "No gate was opened while it was pending, and only then one is: not by the rules of that time, or nobody told "
        f"of it then. Its last update says {state.value!r}; by these rules a pending one would have got a gate."
    )


def _says(rule: str, control: str) -> bool:
    return rule.endswith(f": {control}")


def _never(sides: tuple[tuple[str, str], ...]) -> str:
    return " and ".join(f"the {side}'s rule {rule!r}" for side, rule in sides if _says(rule, "never"))


def headline(name: str, gate: Gate | None, *, has_started: bool = False, is_imagined: bool = False) -> str:
    """Say in a sentence or two how a deployment stands.

    Args:
        name: what is deployed where.
        gate: its gate, if it has one.
        has_started: whether it has ever started.
        is_imagined: whether it is not there yet.
    """
    if gate is None:
        return f"{name} {'would not be' if is_imagined else 'is not'} gated."
    reason = gate.verdict.reasons[0].message
    more = len(gate.verdict.reasons) - 1
    others = "" if more < 1 else " There is one more reason." if more == 1 else f" There are {more} more reasons."
    if is_imagined:
        return f"{name} {WOULD[gate.verdict.status]}: {reason}{others}"
    if gate.stage is Stage.HELD:
        return f"{name} {IS[gate.verdict.status]}: {reason}{others}"
    return f"{name} {_past(gate, has_started=has_started)}: {reason}{others}"


def _past(gate: Gate, *, has_started: bool) -> str:
    """Say what has become of what waits no more."""
    status = gate.verdict.status.value
    if gate.stage is Stage.STARTED:
        return f"has started, {_standing_then(gate.verdict)}"
    if gate.stage is Stage.WITHDRAWN:
        return f"was withdrawn; before that it was {status}"
    if has_started:
        return f"is over ({_outcome(gate)}); it started {_standing_then(gate.verdict)}"
    return f"ended before it started ({_outcome(gate)}), when it was {status}"


def _standing_then(verdict: Verdict) -> str:
    if verdict.status is GatingStatus.ALLOWED:
        return "allowed"
    return f"WITHOUT being allowed, as it was {verdict.status.value}"


def _outcome(gate: Gate) -> str:
    return gate.outcome.value.replace("_", " ") if gate.outcome is not None else "its outcome is not known"


def when(gate: Gate, window: Window, calendar: Calendar, now: datetime) -> Iterator[str]:
    """Say when a deployment may start at the earliest, or why that cannot be said, and when its wait ends by itself.

    Args:
        gate: its gate, as it is now.
        window: the window of its change.
        calendar: the freezes and hours that bear on it.
        now: the instant.
    """
    verdict = gate.verdict
    if gate.stage is not Stage.HELD:
        yield "Nothing is decided any more."
        return
    match verdict.status:
        case GatingStatus.ALLOWED:
            until = f", until {spell(verdict.good_until)}" if verdict.good_until is not None else ""
            yield f"It may start now{until}."
        case GatingStatus.AWAITING:
            yield _opening(verdict, window, calendar, now)
        case GatingStatus.PREVENTED if any(reason.code in FINAL for reason in verdict.reasons):
            yield "Never: this does not change any more."
        case GatingStatus.INVALID if any(reason.code in FINAL for reason in verdict.reasons):
            yield "Never: this does not change any more."
        case GatingStatus.PREVENTED:
            yield "Never, as things are: somebody would have to undo what stopped it."
        case GatingStatus.INVALID:
            yield "That cannot be said: what is wrong must be put right first."
        case _:
            assert_never(verdict.status)
    if verdict.ends_at is not None and verdict.status is GatingStatus.AWAITING:
        yield f"If nobody decides, it is prevented at {spell(verdict.ends_at)}."


BY_TIME = {ReasonCode.WINDOW_NOT_OPEN, ReasonCode.FROZEN, ReasonCode.OUTSIDE_HOURS}
"""Reasons that time takes away."""


def _opening(verdict: Verdict, window: Window, calendar: Calendar, now: datetime) -> str:
    is_left_to_people = any(reason.code not in BY_TIME for reason in verdict.reasons)
    if verdict.opens_at is not None:
        provided = ", if what it waits for is done by then" if is_left_to_people else ""
        return f"At {spell(verdict.opens_at)} at the earliest{provided}."
    endless = [freeze.name for freeze, span in calendar.freezes_now(now) if span.end is None]
    if endless:
        return f"That cannot be said: nobody has said when the freeze {endless[0]!r} ends."
    if is_left_to_people and _is_free(window, calendar, now):
        return "As soon as what it waits for is done."
    if window.end is not None:
        return f"Never, as things are: freezes and hours leave no time before its window closes at {spell(window.end)}."
    if not calendar.is_within_hours(now) and calendar.next_hours(now) is None:
        return "Never, as things are: the hours in which it may start do not come again."
    return "That cannot be said: in the next ten years freezes and hours leave no time."


def _is_free(window: Window, calendar: Calendar, now: datetime) -> bool:
    is_open = window.position(now) is Position.OPEN
    return is_open and not calendar.freezes_now(now) and calendar.is_within_hours(now)
