"""Settle: decide on a gate anew, and if its status changed, keep that and announce it in the same transaction."""

from datetime import datetime

import msgspec
from msgspec.structs import replace

from mitregate.core.announcements import Announcement, Detail
from mitregate.core.audit import Action
from mitregate.core.calendar import Calendar
from mitregate.core.deployments import Deployment, State
from mitregate.core.feeds import UNREAD, Readings
from mitregate.core.gates import Ended, Gate, ReasonCode, Stage, Standing, Terms, Verdict, decide, spell
from mitregate.core.jobs import Job
from mitregate.core.people import App
from mitregate.core.reach import subject_of
from mitregate.core.rulebook import Rulebook, calendar_for
from mitregate.core.waiting import Patience, patience, waiting_for
from mitregate.flows.act import BY_ITSELF, Act
from mitregate.flows.relate import faults_of
from mitregate.ports import Ports, UnitOfWork

WEBHOOK = "webhook"
"""The provider that tells an app which registered a plain callback."""

CONNECT = "connect"
"""The provider that tells a Connect app whose descriptor asks for it."""

BATCH = 100
"""Gates that are woken in one transaction, at most."""


def first_look(act: Act, gate: Gate, deployment: Deployment) -> tuple[Gate, Standing | None]:
    """Decide on a *gate* that has not been kept yet; give it with its verdict, and how its change stands."""
    key = gate.related_to
    change = act.ports.changes.advance(act.uow, key, deployment, act.now) if key is not None else None
    return judge(act, gate, deployment, change), change


def judge(act: Act, gate: Gate, deployment: Deployment, change: Standing | None) -> Gate:
    """Give *gate* with the verdict on it, its change standing as *change* says; an end of its wait is reminded of."""
    watched, terms = _terms(act, _ask(gate, change, act.now), deployment)
    verdict = decide(watched, change, calendar_of(act, gate, deployment, change), act.now, terms)
    return replace(watched, verdict=verdict)


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
    key = gate.related_to if gate.contested is None and gate.ended is None else None
    change = act.ports.changes.advance(act.uow, key, deployment, act.now) if key else None
    judged = judge(act, gate, deployment, change)
    verdict = judged.verdict
    has_expired = any(reason.code is ReasonCode.EXPIRED for reason in verdict.reasons) and gate.ended is None
    if has_expired:
        judged = replace(judged, ended=Ended(code=ReasonCode.EXPIRED, at=verdict.ends_at or act.now))
    if judged == gate:
        return gate
    has_new_status = verdict.status is not gate.verdict.status
    settled = replace(judged, since=act.now if has_new_status else gate.since)
    act.uow.gates.keep(settled)
    settled = replace(settled, revision=settled.revision + 1)
    if has_new_status:
        act.record_for(BY_ITSELF, Action.GATE_DECIDED, settled.id, inputs_of(verdict, change))
        announce(act, settled)
    if has_expired and key is not None:
        note = f"Nobody decided on {deployment.display_name} in time, so it is prevented."
        act.ports.changes.finish(act.uow, key, State.CANCELLED, act.now, note)
    return settled


def end(act: Act, gate: Gate, deployment: Deployment, ended: Ended, note: str) -> Gate:
    """End the wait of a gate for good; its change is told so by *note*."""
    over = replace(gate, ended=ended)
    act.uow.gates.keep(over)
    act.record_for(BY_ITSELF, Action.GATE_ENDED, gate.id, {"why": ended.code.value, "successor": ended.successor})
    settled = settle(act, replace(over, revision=over.revision + 1), deployment)
    if gate.related_to is not None:
        act.ports.changes.finish(act.uow, gate.related_to, State.CANCELLED, act.now, note)
    return settled


def _ask(gate: Gate, change: Standing | None, now: datetime) -> Gate:
    """Note since when somebody is to decide on *gate*; a new question begins with no reminders."""
    if change is None or not change.is_undecided(now):
        return replace(gate, asked_at=None, reminders=0) if gate.asked_at is not None else gate
    return gate if gate.asked_at is not None else replace(gate, asked_at=now, reminders=0)


def _terms(act: Act, gate: Gate, deployment: Deployment) -> tuple[Gate, Terms]:
    """Say what the rules say of *gate* beside its calendar, after reminding of the end of its wait if it is time to."""
    book = act.uow.rules.current().book
    found = Patience()
    if book.waiting and gate.asked_at is not None:
        found = patience(waiting_for(book.waiting, subject_of(deployment)), gate.asked_at)
    terms = Terms(faults=faults_of(book, deployment), patience=found)
    due = sum(moment <= act.now for moment in found.reminders)
    if terms.faults or found.ends_at is None or due <= gate.reminders or act.now >= found.ends_at:
        return gate, terms
    act.record_for(BY_ITSELF, Action.GATE_REMINDED, gate.id, {"ends_at": found.ends_at.isoformat()})
    if gate.change_key is not None:
        text = f"Nobody has decided yet. {deployment.display_name} is prevented at {spell(found.ends_at)}."
        act.ports.changes.comment(act.uow, gate.change_key, text, act.now)
    return replace(gate, reminders=due), terms


def calendar_of(act: Act, gate: Gate, deployment: Deployment, change: Standing | None) -> Calendar:
    """Give the freezes and hours that bear on *gate* by the rules of now, apart from what was overridden for it."""
    book = act.uow.rules.current().book
    return calendar_by(book, readings_for(act.uow, book), gate, deployment, change)


def readings_for(uow: UnitOfWork, book: Rulebook) -> Readings:
    """Read what the calendars say that the rules of *book* subscribe to."""
    return uow.feeds.readings() if book.feeds else UNREAD


def calendar_by(
    book: Rulebook, readings: Readings, gate: Gate, deployment: Deployment, change: Standing | None
) -> Calendar:
    """Give the freezes and hours that bear on *gate* by the rules of *book*, apart from what was overridden for it."""
    if not book.freezes and not book.hours and not book.feeds:
        return Calendar()
    is_emergency = change is not None and change.is_emergency
    calendar = calendar_for(book, subject_of(deployment), readings=readings, is_emergency=is_emergency)
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
    deployments = act.uow.deployments.get_all([gate.key for gate in due])
    act.ports.changes.fetch(act.uow, {gate.related_to for gate in due if gate.related_to is not None})
    for gate in due:
        if gate.key in deployments:
            settle(act, gate, deployments[gate.key])
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
    """Name the change that bears on *gate*, with its absolute link; nothing while there is none, or it is not there."""
    is_missing = any(reason.code is ReasonCode.MISCONFIGURED for reason in gate.verdict.reasons)
    if gate.change_key is None or is_missing:
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
