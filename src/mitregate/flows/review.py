"""Review: people decide on an embedded change, plan its window, move it, and comment on it."""

from datetime import datetime

from msgspec.structs import replace

from mitregate.core.approvals import Approval, Decision, digest, tally
from mitregate.core.audit import Action
from mitregate.core.calendar import planned
from mitregate.core.changes import (
    CLASS_OF,
    TRANSITIONS,
    Change,
    Comment,
    StatusClass,
    Transition,
    move,
    number_of,
    take,
)
from mitregate.core.deployments import Deployment
from mitregate.core.errors import IllegalTransition, Malformed, Stale, Unknown
from mitregate.core.gates import Gate, Stage
from mitregate.core.people import Permission
from mitregate.flows.act import Act
from mitregate.flows.settle import settle
from mitregate.ports import UnitOfWork

COMMENT_LIMIT = 10_000
"""Characters in a comment, at most."""

DECIDING: dict[Transition, Decision] = {
    Transition.APPROVE: Decision.APPROVE,
    Transition.EMERGENCY_OVERRIDE: Decision.APPROVE,
    Transition.DECLINE: Decision.DECLINE,
}
"""Transitions that are a person's decision, and are kept as such."""

Held = list[tuple[Gate, Deployment]]


def approve(act: Act, key: str, comment: str = "", seen: str | None = None) -> Change:
    """Approve a change, bound to what is to be deployed now; a change whose approval went stale can be approved again.

    Args:
        act: the use case under way.
        key: the key of the change.
        comment: why.
        seen: the digest of what the approver was shown (`ask.ChangeView.digest`), if that is known.

    Raises:
        Forbidden: the principal may not decide.
        IllegalTransition: nothing is to be approved in the status of the change.
        Stale: what is to be deployed, or when, is not what was seen.
        Unknown: there is no such change.
    """
    act.principal.require(Permission.DECIDE)
    held, change = _load(act.uow, key)
    _require_seen(change, held, seen)
    if Transition.APPROVE in TRANSITIONS[change.status]:
        return _decide(act, change, held, Transition.APPROVE, comment)
    if CLASS_OF[change.status] is StatusClass.STOP or not held or _is_approved(change, held):
        take(change.status, Transition.APPROVE)
    return _decide(act, change, held, None, comment)


def decline(act: Act, key: str, comment: str = "", seen: str | None = None) -> Change:
    """Decline a change; refused as by `approve`."""
    act.principal.require(Permission.DECIDE)
    held, change = _load(act.uow, key)
    _require_seen(change, held, seen)
    return _decide(act, change, held, Transition.DECLINE, comment)


def transition(act: Act, key: str, step: Transition, comment: str = "", seen: str | None = None) -> Change:
    """Move a change by hand along the workflow.

    Approve and Decline are decisions, and need only that permission; an emergency override is a decision too, and needs
    the permission to plan as well. *seen* is as for `approve`.

    Raises:
        Forbidden: the principal may not decide, or not plan, as the step asks for.
        IllegalTransition: the workflow has no such transition from where the change stands.
        Unknown: there is no such change.
    """
    if step in DECIDING:
        act.principal.require(Permission.DECIDE)
    if step not in {Transition.APPROVE, Transition.DECLINE}:
        act.principal.require(Permission.PLAN)
    held, change = _load(act.uow, key)
    _require_seen(change, held, seen)
    if step in DECIDING:
        return _decide(act, change, held, step, comment)
    moved = move(change, step, act.now)
    detail = {"from": change.status.value, "to": moved.status.value, "comment": _fit(comment)}
    return _keep(act, moved, held, Action.CHANGE_MOVED, detail)


def plan(act: Act, key: str, start: datetime | None, end: datetime | None) -> Change:
    """Plan the window of a change, in place of the one it had; approvals given for another window become stale.

    Raises:
        Forbidden: the principal may not plan.
        IllegalTransition: the change is over.
        Malformed: the end lies before the start, or an instant has no offset.
        Unknown: there is no such change.
    """
    act.principal.require(Permission.PLAN)
    held, change = _load(act.uow, key)
    if CLASS_OF[change.status] is StatusClass.STOP:
        message = f"{key} is over; its status is {change.status.value!r}. Its window cannot be planned any more."
        raise IllegalTransition(message, advice="Submit a new deployment to ask again.")
    window = planned(start, end)
    detail = {"start": start.isoformat() if start else "", "end": end.isoformat() if end else ""}
    return _keep(act, replace(change, window=window, updated_at=act.now), held, Action.CHANGE_PLANNED, detail)


def comment_on(act: Act, key: str, text: str) -> Comment:
    """Leave a comment on a change.

    Raises:
        Malformed: the comment is empty or too long.
        Unknown: there is no such change.
    """
    act.principal.require(Permission.VIEW)
    number = number_of(key)
    if act.uow.changes.get(number) is None:
        raise _no_such(key)
    if not text.strip():
        message = "The comment is empty."
        raise Malformed(message)
    comment = Comment(author=act.principal.name, body=_fit(text), at=act.now)
    act.uow.changes.add_comment(number, comment)
    return comment


def _load(uow: UnitOfWork, key: str) -> tuple[Held, Change]:
    """Read a change with the gates it holds; the gates first, which is the order in which everybody locks."""
    number = number_of(key)
    held: Held = []
    for gate in uow.gates.of_change(key.upper()):
        deployment = uow.deployments.get(gate.key) if gate.stage is Stage.HELD else None
        if deployment is not None:
            held.append((gate, deployment))
    change = uow.changes.get(number)
    if change is None:
        raise _no_such(key)
    return held, change


def _decide(
    act: Act,
    change: Change,
    held: Held,
    step: Transition | None,
    comment: str,
) -> Change:
    moved = move(change, step, act.now) if step is not None else change
    if not held:
        message = f"No deployment waits for {change.key} any more, so there is nothing to decide."
        raise IllegalTransition(message, advice="Nothing needs to be done; the change can be canceled or closed.")
    decision = DECIDING[step] if step is not None else Decision.APPROVE
    approval = Approval(
        actor=act.principal.name,
        decision=decision,
        at=act.now,
        digest=digest(held[-1][1], change.description, change.window),
        comment=_fit(comment),
    )
    decided = replace(moved, approvals=(*change.approvals, approval), updated_at=act.now)
    action = Action.CHANGE_APPROVED if decision is Decision.APPROVE else Action.CHANGE_DECLINED
    detail = {"step": step.value if step else "Approve again", "digest": approval.digest, "comment": approval.comment}
    return _keep(act, decided, held, action, detail)


def _keep(act: Act, change: Change, held: Held, action: Action, detail: dict[str, str]) -> Change:
    """Keep a change and say why, then settle every gate that waits for it."""
    act.uow.changes.keep(change)
    act.record(action, change.key, detail)
    if detail.get("comment"):
        comment = Comment(author=act.principal.name, body=detail["comment"], at=act.now)
        act.uow.changes.add_comment(change.number, comment)
    for gate, deployment in held:
        settle(act, gate, deployment)
    return act.uow.changes.get(change.number) or change


def _require_seen(change: Change, held: Held, seen: str | None) -> None:
    """Refuse a decision on what the decider has not seen."""
    if seen is not None and held and digest(held[-1][1], change.description, change.window) != seen:
        message = f"What is to be deployed, or when, changed after {change.key} was shown to you."
        raise Stale(message, advice="Look at it as it is now, then decide.")


def _is_approved(change: Change, held: Held) -> bool:
    return all(
        tally(change.approvals, digest(deployment, change.description, change.window)).is_complete
        for _, deployment in held
    )


def _fit(comment: str) -> str:
    if len(comment) > COMMENT_LIMIT:
        message = f"The comment has {len(comment)} characters; at most {COMMENT_LIMIT} are kept."
        raise Malformed(message, advice="Shorten it, or link to a longer text.")
    return comment.strip()


def _no_such(key: str) -> Unknown:
    return Unknown(f"There is no change request {key!r}.", advice="`mitregate change list` shows the changes.")
