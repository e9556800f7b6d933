"""Settle: decide on a gate anew, and if its status changed, keep that and announce it in the same transaction."""

import msgspec
from msgspec.structs import replace

from mitregate.core.announcements import Announcement, Detail
from mitregate.core.audit import Action
from mitregate.core.calendar import Calendar
from mitregate.core.deployments import Deployment
from mitregate.core.gates import Gate, Stage, Standing, Verdict, decide
from mitregate.core.jobs import Job
from mitregate.core.people import App
from mitregate.core.reach import subject_of
from mitregate.core.rulebook import Rulebook, calendar_for
from mitregate.flows.act import BY_ITSELF, Act
from mitregate.ports import Ports

WEBHOOK = "webhook"
"""The provider that tells an app which registered a plain callback."""

CONNECT = "connect"
"""The provider that tells a Connect app whose descriptor asks for it."""

BATCH = 100
"""Gates that are woken in one transaction, at most."""


def settle(act: Act, gate: Gate, deployment: Deployment) -> Gate:
    """Decide on a held *gate* and keep what came of it; any other gate is left as it is.

    Args:
        act: the use case under way, which gives the instant to decide for.
        gate: the gate, read under lock in the same transaction.
        deployment: its deployment as it is now.

    Returns:
        The gate as it is now kept.
    """
    if gate.stage is not Stage.HELD:
        return gate
    # What can never be allowed leaves its change where it stands.
    key = gate.change_key if gate.contested is None else None
    change = act.ports.changes.advance(act.uow, key, deployment, act.now) if key else None
    verdict = decide(gate, change, calendar_of(act, gate, deployment, change), act.now)
    if verdict == gate.verdict:
        return gate
    has_new_status = verdict.status is not gate.verdict.status
    settled = replace(gate, verdict=verdict, since=act.now if has_new_status else gate.since)
    act.uow.gates.keep(settled)
    settled = replace(settled, revision=settled.revision + 1)
    if has_new_status:
        act.record_for(BY_ITSELF, Action.GATE_DECIDED, settled.id, inputs_of(verdict, change))
        announce(act, settled)
    return settled


def calendar_of(act: Act, gate: Gate, deployment: Deployment, change: Standing | None) -> Calendar:
    """Give the freezes and hours that bear on *gate* by the rules of now, apart from what was overridden for it."""
    return calendar_by(act.uow.rules.current().book, gate, deployment, change)


def calendar_by(book: Rulebook, gate: Gate, deployment: Deployment, change: Standing | None) -> Calendar:
    """Give the freezes and hours that bear on *gate* by the rules of *book*, apart from what was overridden for it."""
    if not book.freezes and not book.hours:
        return Calendar()
    is_emergency = change is not None and change.is_emergency
    calendar = calendar_for(book, subject_of(deployment), is_emergency=is_emergency)
    if gate.override is None:
        return calendar
    leave = gate.override
    freezes = (replace(one, overridden_at=leave.at) if one.name in leave.freezes else one for one in calendar.freezes)
    return replace(calendar, freezes=tuple(freezes))


def wake(act: Act, gate: Gate) -> Gate:
    """Settle *gate* now, whoever asks for it, after reading it again under lock; give it as it is then."""
    current = act.uow.gates.of(gate.key)
    if current is None or current.id != gate.id:
        return act.uow.gates.get(gate.id) or gate
    deployment = act.uow.deployments.get(gate.key)
    return settle(act, current, deployment) if deployment is not None else current


def wake_due(act: Act) -> int:
    """Settle the gates whose wake time has come, at most `BATCH`; say how many there were."""
    due = act.uow.gates.due(act.now, BATCH)
    for gate in due:
        deployment = act.uow.deployments.get(gate.key)
        if deployment is not None:
            settle(act, gate, deployment)
    return len(due)


def announce(act: Act, gate: Gate) -> None:
    """Write the job that tells the app of *gate* its verdict, if the app wants to be told.

    Earlier jobs that wait on a high rung of their ladder are put back to its foot: what is new must not wait behind a
    long pause, and the order is kept.
    """
    app = act.uow.apps.get(gate.key.app_id)
    provider = provider_of(app) if app is not None else None
    if app is None or provider is None:
        return
    act.uow.jobs.hasten(gate.id, app.id, act.now)
    payload = msgspec.json.encode(announcement(act.ports, gate)).decode()
    act.uow.jobs.add(
        Job(
            id=act.ports.new_id(),
            provider=provider,
            lane=app.id,
            gate_id=gate.id,
            payload=payload,
            due_at=act.now,
            created_at=act.now,
        )
    )


def provider_of(app: App) -> str | None:
    """Name the provider that tells *app* verdicts; None if it does not want to be told, or is disabled."""
    if app.connect is not None:
        return CONNECT if app.connect.is_enabled and app.connect.descriptor.callback is not None else None
    return WEBHOOK if app.callback_url is not None else None


def announcement(ports: Ports, gate: Gate) -> Announcement:
    """Say what is to be told of *gate*."""
    return Announcement(
        key=gate.key,
        status=gate.verdict.status,
        since=gate.since,
        reasons=gate.verdict.reasons,
        details=details(ports, gate),
        good_until=gate.verdict.good_until,
    )


def details(ports: Ports, gate: Gate) -> tuple[Detail, ...]:
    """Name the change that bears on *gate*, with its absolute link; nothing while there is none."""
    if gate.change_key is None:
        return ()
    return (Detail(key=gate.change_key, link=f"{ports.base_url}/changes/{gate.change_key}"),)


def inputs_of(verdict: Verdict, change: Standing | None) -> dict[str, str]:
    """Write down a decision and what it was made from, for the audit log."""
    detail = {
        "status": verdict.status.value,
        "reasons": " ".join(reason.code.value for reason in verdict.reasons),
    }
    if change is not None:
        detail |= {"change": change.key, "change_status": change.status}
        if change.window.start is not None:
            detail["planned_start"] = change.window.start.isoformat()
        if change.window.end is not None:
            detail["planned_end"] = change.window.end.isoformat()
        if change.approvals is not None:
            detail["approvals"] = f"{change.approvals.met} of {change.approvals.needed}"
    return detail
