"""Deliver: lease jobs, make of each a conversation, and keep what came of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from typing import assert_never

import msgspec
from msgspec.structs import replace

from mitregate.core.announcements import Announcement, Receiver, Try
from mitregate.core.audit import Action
from mitregate.core.errors import IllegalTransition, Misconfigured, Unknown
from mitregate.core.gates import Gate, GatingStatus, Stage, spell
from mitregate.core.jobs import (
    DENSE,
    LEASE,
    Attempt,
    Job,
    JobState,
    Ladder,
    Outcome,
    Result,
    Streak,
    is_given_up,
    lengthen,
    next_due,
)
from mitregate.core.people import App, Permission
from mitregate.core.queries import JobQuery
from mitregate.flows.act import Act
from mitregate.flows.ask import is_overdue
from mitregate.flows.settle import announce, provider_of
from mitregate.ports import Claim, UnitOfWork
from mitregate.wire.addresses import host_of
from mitregate.wire.connect_urls import target
from mitregate.wire.http import Conversation


def claim(act: Act, limit: int, busy: Sequence[str], lease: timedelta = LEASE) -> list[Claim]:
    """Lease at most *limit* jobs that are due, none of them in the lanes *busy*, for as long as *lease*."""
    return act.uow.jobs.claim(act.ports.new_id(), lease, limit, busy)


def whither(uow: UnitOfWork, job: Job) -> str:
    """Name the host, with its port, that *job* leads to; an empty text if it leads nowhere any more."""
    app = uow.apps.get(job.lane)
    return host_of(address_of(app) or "") if app is not None else ""


def prepare(act: Act, claimed: Claim) -> Conversation[Outcome] | Job | Gate:
    """Make the conversation of a job, after reading its gate again.

    Returns:
        The conversation; or the job as it is to be kept, without a try, when there is nothing to be told any more: the
        deployment has started or is gone, or an `allowed` no longer holds; or the gate, if it must be decided anew
        before an `allowed` is told of it, for the rules may have changed. `settle.wake` does that.

    Raises:
        Misconfigured: the job's provider is not installed, or the secret of its receiver cannot be read.
    """
    job = claimed.job
    told = msgspec.json.decode(job.payload, type=Announcement)
    gate = act.uow.gates.get(job.gate_id)
    obstacle = _obstacle(gate, told, act.now)
    if obstacle is None and gate is not None and told.status is GatingStatus.ALLOWED and is_overdue(gate, act.now):
        return gate
    app = act.uow.apps.get(job.lane)
    receiver = _receiver(act, app) if app is not None and provider_of(app) == job.provider else None
    if obstacle is None and receiver is None:
        obstacle = "The app does not want to be told any more."
    if obstacle is not None or receiver is None:
        return replace(job, state=JobState.WITHDRAWN, finished_at=act.now, note=obstacle or "")
    provider = act.ports.providers.get(job.provider)
    if provider is None:
        message = f"The provider {job.provider!r} is not installed."
        raise Misconfigured(message, advice="Install it where the worker runs; the delivery is tried again.")
    return provider.announce(Try(id=job.id, earlier=job.attempts, at=act.now), told, receiver)


def withdraw(uow: UnitOfWork, claimed: Claim, job: Job) -> bool:
    """Keep a job that `prepare` gave back; False if somebody else holds its lease by now."""
    return uow.jobs.settle(claimed, job, None)


def finish(act: Act, claimed: Claim, outcome: Outcome, started_at: datetime, duration: timedelta) -> bool:
    """Keep how a try ended: the job is done, due again further up the ladder, or dead.

    Returns:
        False if its lease is not held any more, because it ran out or the job was withdrawn; then nothing is kept.
    """
    job, ladder = claimed.job, _ladder(act, claimed.job)
    tried = replace(job, attempts=job.attempts + 1, note=outcome.detail)
    attempt = Attempt(
        number=tried.attempts,
        started_at=started_at,
        duration_ms=round(duration / timedelta(milliseconds=1)),
        outcome=outcome,
    )
    streak = _note_host(act, job, ladder, outcome)
    if outcome.result is Result.DONE:
        tried = replace(tried, state=JobState.DONE, finished_at=act.now)
    elif (due := next_due(ladder, job, outcome, act.now, streak)) is not None:
        tried = replace(tried, rung=job.rung + 1, due_at=due)
    else:
        note = _last_words(ladder, outcome, streak)
        tried = replace(tried, state=JobState.DEAD, finished_at=act.now, note=note)
    is_kept = act.uow.jobs.settle(claimed, tried, attempt)
    if not is_kept:
        _set_right(act, job)
    if is_kept and tried.state is JobState.DEAD:
        act.record(Action.DELIVERY_DEAD, job.id, {"gate": job.gate_id, "detail": tried.note})
    return is_kept


def retry(act: Act, job_id: str) -> Job:
    """Open a dead or withdrawn job again, due at once, at the foot of its ladder; an open one is hastened.

    Raises:
        Forbidden: the principal may not operate.
        IllegalTransition: the job is done, or a newer one has been told to the same receiver.
        Unknown: there is no such job.
    """
    act.principal.require(Permission.OPERATE)
    job = act.uow.jobs.get(job_id)
    if job is None:
        message = f"There is no delivery {job_id!r}."
        raise Unknown(message, advice="`mitregate delivery list` shows the deliveries with their ids.")
    if job.state is JobState.OPEN:
        act.uow.jobs.hasten(job.gate_id, job.lane, act.now)
    elif _is_overtaken(act.uow, job):
        message = f"The delivery {job_id!r} is overtaken: a newer status of its gate has been told since."
        raise IllegalTransition(message, advice="Retry the newest delivery of the gate, if that is dead too.")
    elif not act.uow.jobs.reopen(job_id, act.now):
        message = f"The delivery {job_id!r} is done; there is nothing to try again."
        raise IllegalTransition(message, advice="Only deliveries that are open, dead or withdrawn can be tried again.")
    act.record(Action.DELIVERY_RETRIED, job_id)
    return act.uow.jobs.get(job_id) or job


def _receiver(act: Act, app: App) -> Receiver | None:
    """Say where *app* is told verdicts, and unseal what they are signed with; None if nowhere."""
    url, sealed = address_of(app), app.connect.shared_secret if app.connect is not None else app.signing_secret
    if url is None:
        return None
    secret = act.ports.unseal(sealed) if sealed else ""
    if app.connect is None:
        return Receiver(url=url, secret=secret)
    return Receiver(url=url, secret=secret, base_url=app.connect.descriptor.base_url, issuer=app.connect.client_key)


def address_of(app: App) -> str | None:
    """Say which URL is told the verdicts of *app*; None if none is."""
    if app.connect is None:
        return app.callback_url
    descriptor = app.connect.descriptor
    return target(descriptor.base_url, descriptor.callback).url if descriptor.callback is not None else None


def _ladder(act: Act, job: Job) -> Ladder:
    provider = act.ports.providers.get(job.provider)
    return provider.ladder if provider is not None else DENSE


def _note_host(act: Act, job: Job, ladder: Ladder, outcome: Outcome) -> Streak | None:
    """Note how the host of *job* fared, where its ladder asks for that; give the failures it has come to.

    Only a success ends them, as Jira has it ("until we record a successful delivery"). What was refused for good is not
    tried again in any case, so it does not count either way: a 404 of one app says nothing of another one beside it.
    """
    if ladder.host_patience is None or outcome.is_ours or not (host := whither(act.uow, job)):
        return None
    streak = act.uow.hosts.streak(host)
    match outcome.result:
        case Result.LATER:
            streak = lengthen(streak, ladder, act.now)
            act.uow.hosts.keep(host, streak)
        case Result.DONE if streak is not None:
            act.uow.hosts.forget(host)
        case Result.DONE | Result.NEVER:
            pass
        case unreachable:
            assert_never(unreachable)
    return streak


def _last_words(ladder: Ladder, outcome: Outcome, streak: Streak | None) -> str:
    """Say how the last try of a job ended, and why there is none after it where the receiver might yet take it."""
    if outcome.result is Result.NEVER or streak is None or not is_given_up(ladder, streak):
        return outcome.detail
    words = f"Nothing but failures has come from there since {spell(streak.since)}, so it is not tried again by itself."
    return f"{outcome.detail} {words}"


def _set_right(act: Act, job: Job) -> None:
    """Tell how it stands once more, if *job* was withdrawn while it was told, and its deployment started over since.

    The receiver may have heard of the new gate before it took in the verdict on the old one, such as an `allowed`.
    """
    current = act.uow.gates.of(msgspec.json.decode(job.payload, type=Announcement).key)
    if current is not None and current.id != job.gate_id and current.stage is Stage.HELD:
        announce(act, current)


def _is_overtaken(uow: UnitOfWork, job: Job) -> bool:
    """Tell whether the receiver knows of something newer, so that telling *job* would break the order."""
    newer = (other for other in uow.jobs.page(JobQuery(gate_id=job.gate_id)) if other.lane == job.lane)
    return any(other.state is JobState.DONE for other in takewhile(lambda other: other.id != job.id, newer))


def _obstacle(gate: Gate | None, told: Announcement, now: datetime) -> str | None:
    """Say why a verdict is not to be told any more, if so; above all an `allowed` that no longer holds."""
    if gate is None or gate.stage is not Stage.HELD:
        return "The deployment has started or is gone."
    if told.status is not GatingStatus.ALLOWED:
        return None
    if gate.verdict.status is not GatingStatus.ALLOWED:
        return f"It is no longer allowed, but {gate.verdict.status.value}."
    if gate.verdict.good_until is not None and now > gate.verdict.good_until:
        return "It is no longer allowed: the time for it is over."
    return None
