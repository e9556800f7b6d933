"""Review: people decide on an embedded change, plan its window, move it, and comment on it."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.approvals import Approval, Decision, sight
from mitregate.core.asking import objection
from mitregate.core.audit import Action
from mitregate.core.binding import shown
from mitregate.core.calendar import Window, planned
from mitregate.core.changes import (
    FIRST,
    TRANSITIONS,
    Change,
    ChangeType,
    Comment,
    Coverage,
    Status,
    Transition,
    move,
    number_of,
)
from mitregate.core.conflicts import mark_of
from mitregate.core.deployments import Deployment, EnvironmentType
from mitregate.core.errors import IllegalTransition, Malformed, Stale, Unknown
from mitregate.core.gates import Gate
from mitregate.core.matching import TITLE_LIMIT
from mitregate.core.people import Permission
from mitregate.core.risk import assess
from mitregate.core.rulebook import services_named
from mitregate.core.services import plain_id
from mitregate.flows.act import Act
from mitregate.flows.settle import settle
from mitregate.ports import UnitOfWork

DESCRIPTION_LIMIT = 10_000
"""Characters in the description of a change that is prepared by hand, at most."""

COMMENT_LIMIT = 10_000
"""Characters in a comment, at most."""

DECIDING: dict[Transition, Decision] = {
    Transition.APPROVE: Decision.APPROVE,
    Transition.EMERGENCY_OVERRIDE: Decision.APPROVE,
    Transition.DECLINE: Decision.DECLINE,
}
"""Transitions that are a person's decision, and are kept as such."""

Held = list[tuple[Gate, Deployment]]


class Draft(Struct, frozen=True, kw_only=True):
    """A change that somebody prepares by hand; `covers` says what an approval of it holds for before there is any."""

    title: str
    description: str = ""
    is_emergency: bool = False
    services: tuple[str, ...] = ()
    covers: Coverage | None = None
    window: Window = Window()


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
    if change.type is ChangeType.EMERGENCY and Transition.EMERGENCY_OVERRIDE in TRANSITIONS[change.status]:
        return _decide(act, change, held, Transition.EMERGENCY_OVERRIDE, comment)
    if Transition.APPROVE in TRANSITIONS[change.status]:
        return _decide(act, change, held, Transition.APPROVE, comment)
    _require_question(act, change, held)
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


def prepare(act: Act, draft: Draft) -> Change:
    """Open a change by hand, before there is a deployment for it; it is found by its number, or by exactly its title.

    Raises:
        Forbidden: the principal may not plan.
        Malformed: it has no title, a text is too long, or its window makes no sense.
    """
    act.principal.require(Permission.PLAN)
    named = " ".join(draft.title.split())
    if not 0 < len(named) <= TITLE_LIMIT or len(draft.description) > DESCRIPTION_LIMIT:
        message = f"A title has 1 to {TITLE_LIMIT} characters, a description at most {DESCRIPTION_LIMIT}."
        raise Malformed(message, advice="Shorten it, or link to a longer text.")
    services = tuple(dict.fromkeys(plain_id(one) for one in draft.services if one.strip()))
    covered = (draft.covers.project, draft.covers.environment, draft.covers.version) if draft.covers else ()
    if not all(name.strip() and name.isprintable() for name in (*services, *covered)):
        message = "Services, and what a change is prepared for, have names of one printable character or more."
        raise Malformed(message, advice="Write * for a project, an environment or a version to mean any.")
    assessment = assess(services_named(act.uow.rules.current().book, services), EnvironmentType.UNMAPPED, ())
    change = act.uow.changes.add(
        Change(
            number=0,
            title=named,
            description=draft.description.strip(),
            type=ChangeType.EMERGENCY if draft.is_emergency else ChangeType.NORMAL,
            risk=assessment.risk,
            risk_why=assessment.why,
            services=services,
            covers=draft.covers,
            window=planned(draft.window.start, draft.window.end),
            requested_by=act.principal.name,
            created_at=act.now,
            updated_at=act.now,
        )
    )
    act.uow.changes.mark(change.number, map(mark_of, services))
    act.ports.changes.touch(act.uow, change.key, act.now)
    act.record(Action.CHANGE_PREPARED, change.key, {"title": change.title, "type": change.type.value})
    return change


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
    if not change.is_open:
        message = f"{key} is over; its status is {change.status.value!r}. Its window cannot be planned any more."
        raise IllegalTransition(message, advice="Submit a new deployment to ask again.")
    window = planned(start, end)
    detail = {"start": start.isoformat() if start else "", "end": end.isoformat() if end else ""}
    act.ports.changes.touch(act.uow, change.key, act.now)
    moved = _keep(act, replace(change, window=window, updated_at=act.now), held, Action.CHANGE_PLANNED, detail)
    act.ports.changes.touch(act.uow, change.key, act.now)
    return moved


def retype(act: Act, key: str, kind: ChangeType, comment: str = "") -> Change:
    """Make a change that nobody has approved yet an emergency, or a normal one again.

    Raises:
        Forbidden: the principal may not override, which an emergency comes to.
        IllegalTransition: it is under way, over, or is to become a standard change, which is opened as such.
        Unknown: there is no such change.
    """
    act.principal.require(Permission.OVERRIDE)
    held, change = _load(act.uow, key)
    if change.status is not Status.PEER_REVIEW or kind is ChangeType.STANDARD:
        message = f"The type of {change.key} cannot be changed any more; its status is {change.status.value!r}."
        advice = "Only a change that stands in peer review can become an emergency, or normal again."
        if kind is ChangeType.STANDARD:
            message = f"{change.key} cannot become a standard change: those are opened as such, by the catalogue."
            advice = "Add a template to `standard` in the rulebook; the next such deployment gets a standard change."
        raise IllegalTransition(message, advice=advice)
    retyped = replace(change, type=kind, status=FIRST[kind], updated_at=act.now)
    detail = {"type": kind.value, "comment": _fit(comment)}
    return _keep(act, retyped, held, Action.CHANGE_MOVED, detail)


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
    gates = uow.gates.of_change(key.upper())
    change = uow.changes.get(number)
    if change is None:
        raise _no_such(key)
    if len(uow.gates.sharing(change.key)) > len(gates):
        # Somebody joined while this waited for the change; nobody else would wake them.
        gates = uow.gates.of_change(change.key)
    held: Held = []
    for gate in gates:
        deployment = uow.deployments.get(gate.key) if gate.is_waiting else None
        if deployment is not None:
            held.append((gate, deployment))
    return held, change


def _decide(
    act: Act,
    change: Change,
    held: Held,
    step: Transition | None,
    comment: str,
) -> Change:
    moved = move(change, step, act.now) if step is not None else change
    digests = shown(change, (deployment for _, deployment in held))
    if not digests:
        raise _nothing_waits(change)
    decision = DECIDING[step] if step is not None else Decision.APPROVE
    if decision is Decision.APPROVE and (found := objection(act.principal, change, digests)) is not None:
        raise found
    approval = Approval(
        actor=act.principal.name,
        decision=decision,
        at=act.now,
        digests=digests,
        comment=_fit(comment),
    )
    decided = replace(moved, approvals=(*change.approvals, approval), updated_at=act.now)
    action = Action.CHANGE_APPROVED if decision is Decision.APPROVE else Action.CHANGE_DECLINED
    step_taken = step.value if step else "Approve again"
    detail = {"step": step_taken, "digest": " ".join(digests), "comment": approval.comment}
    return _keep(act, decided, held, action, detail)


def _require_question(act: Act, change: Change, held: Held) -> None:
    """Refuse to approve, outside the steps of the workflow for that, where there is nothing to be asked."""
    if not change.is_open:
        message = f"{change.key} is over; its status is {change.status.value!r}. It cannot be approved any more."
        raise IllegalTransition(message, advice="Submit a new deployment to ask again.")
    if not (held or change.is_prepared):
        raise _nothing_waits(change)
    if _is_approved(act, change, held):
        message = f"{change.key} has all the approvals that it needs; its status is {change.status.value!r}."
        raise IllegalTransition(message, advice="Nothing needs to be approved.")


def _nothing_waits(change: Change) -> IllegalTransition:
    message = f"No deployment waits for {change.key} any more, so there is nothing to decide."
    return IllegalTransition(message, advice="Nothing needs to be done; the change can be canceled or closed.")


def _keep(act: Act, change: Change, held: Held, action: Action, detail: dict[str, str]) -> Change:
    """Keep a change and say why, then settle every gate that waits for it."""
    act.uow.changes.keep(change)
    act.record(action, change.key, detail)
    if detail.get("comment"):
        comment = Comment(author=act.principal.name, body=detail["comment"], at=act.now)
        act.uow.changes.add_comment(change.number, comment)
    for gate, deployment in held:
        settle(act, gate, deployment)
    if not change.is_open:
        act.ports.changes.touch(act.uow, change.key, act.now)
    return act.uow.changes.get(change.number) or change


def _require_seen(change: Change, held: Held, seen: str | None) -> None:
    """Refuse a decision on what the decider has not seen."""
    digests = shown(change, (deployment for _, deployment in held))
    if seen is not None and digests and sight(digests) != seen:
        message = f"What is to be deployed, or when, changed after {change.key} was shown to you."
        raise Stale(message, advice="Look at it as it is now, then decide.")


def _is_approved(act: Act, change: Change, held: Held) -> bool:
    """Tell whether nothing more is to be approved: for all that waits, or of a change that nothing waits for yet."""
    found = (act.ports.changes.look(act.uow, change.key, deployment) for _, deployment in held)
    tallies = [one.approvals for one in found if one is not None and one.approvals is not None]
    return bool(tallies) and all(one.is_complete for one in tallies)


def _fit(comment: str) -> str:
    if len(comment) > COMMENT_LIMIT:
        message = f"The comment has {len(comment)} characters; at most {COMMENT_LIMIT} are kept."
        raise Malformed(message, advice="Shorten it, or link to a longer text.")
    return comment.strip()


def _no_such(key: str) -> Unknown:
    return Unknown(f"There is no change request {key!r}.", advice="`mitregate change list` shows the changes.")
