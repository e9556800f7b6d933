"""Explain: say of any deployment, past or present, gated or not, why it may start, waits or stopped.

Nothing is written here: a gate is explained as it is kept, so whoever asks has one that is overdue decided anew first
(`ask.is_overdue`). An app is told of its own deployments alone, and not who decided on a change, or why.
"""

from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise

from msgspec.structs import replace

from mitregate.core.audit import Entry
from mitregate.core.calendar import Calendar, Window
from mitregate.core.control import Control, control, rules_for
from mitregate.core.deployments import Deployment, State
from mitregate.core.explanations import Explanation, Named, Relation, Ruling, bears_on, bounds_of
from mitregate.core.gates import Gate, Grounds, Stage
from mitregate.core.profiles import Profile
from mitregate.core.queries import AuditQuery, JobQuery
from mitregate.core.reach import subject_of
from mitregate.core.rulebook import services_named
from mitregate.core.story import STARTS, Event, story
from mitregate.core.telling import FOUND, headline, when, why_gated, why_ungated
from mitregate.flows.act import Act
from mitregate.flows.settle import calendar_of
from mitregate.ports import KeptRules

ENTRIES = 200
"""Entries of the audit log about a gate, and about its change, that are told at most, the newest ones."""

REVISIONS = 20
"""Revisions of the rules that are looked through for those that bore on a gate, at most, the newest ones."""


def explain(act: Act, found: Gate | Deployment) -> Explanation:
    """Explain a deployment, by its gate if it has one; *found* is what the principal may see (`ask`, `locate`)."""
    if isinstance(found, Deployment):
        return _explain_ungated(act, found)
    return _explain_gate(act, found)


def _explain_ungated(act: Act, deployment: Deployment) -> Explanation:
    kept_at = act.uow.deployments.kept_at(deployment.key)
    rules = act.uow.rules.at(kept_at or act.now)
    left, right = (rule.said if rule is not None else "" for rule in rules_for(deployment, rules.book.control))
    grounds = Grounds(revision=rules.revision, left=left, right=right)
    demanded = control(replace(deployment, state=State.PENDING), rules.book.control)
    named = named_of(deployment)
    return Explanation(
        headline=headline(named.said, None),
        named=named,
        ruling=Ruling(
            control=None,
            grounds=grounds,
            in_force=act.uow.rules.current().revision,
            why=why_ungated(demanded, grounds, deployment.state, is_runbook=deployment.is_runbook),
            is_runbook=deployment.is_runbook,
        ),
        unknown_services=unknown_services(act, deployment),
    )


def _explain_gate(act: Act, gate: Gate) -> Explanation:
    current = act.uow.gates.of(gate.key)
    is_current = current is not None and current.id == gate.id
    deployment = act.uow.deployments.get(gate.key) if is_current else None
    entries = _entries(act, gate)
    has_started = any(entry.action in STARTS for entry in entries)
    profile = _profile(act, gate, deployment)
    calendar = _calendar(act, gate, deployment)
    named = Named(
        key=gate.key,
        project=gate.project,
        version=gate.version,
        environment=gate.environment,
        environment_type=gate.environment_type,
        url=gate.url,
        state=deployment.state if deployment is not None else None,
    )
    is_runbook = deployment is not None and deployment.is_runbook
    window = profile.window if profile is not None else Window()
    return Explanation(
        headline=headline(named.said, gate, has_started=has_started),
        named=named,
        ruling=Ruling(
            control=gate.control,
            grounds=gate.grounds,
            in_force=act.uow.rules.current().revision,
            why=why_gated(gate.control, gate.grounds, is_runbook=is_runbook),
            is_runbook=is_runbook,
        ),
        gate=gate,
        relation=relation_of(gate),
        change=profile,
        when=tuple(when(gate, window, calendar or Calendar(), act.now)),
        bounds=bounds_of(calendar, act.now) if calendar is not None else None,
        unknown_services=unknown_services(act, deployment) if deployment is not None else (),
        story=_story(act, gate, deployment, entries),
    )


def named_of(deployment: Deployment) -> Named:
    """Say which deployment it is."""
    return Named(
        key=deployment.key,
        project=deployment.project,
        version=deployment.version,
        environment=deployment.environment.display_name or deployment.environment.id,
        environment_type=deployment.environment.type,
        url=deployment.url,
        state=deployment.state,
    )


def relation_of(gate: Gate) -> Relation | None:
    """Say which change *gate* waits for, and how it was found; None if it needs none."""
    if gate.change_key is None or gate.found is None:
        return None
    return Relation(key=gate.change_key, how=gate.found, why=FOUND[gate.found], passed=gate.grounds.passed)


def unknown_services(act: Act, deployment: Deployment) -> tuple[str, ...]:
    """Give the services that *deployment* names and the rules do not know, if they know any."""
    book = act.uow.rules.current().book
    named = (one for one in deployment.associations.services if one.strip())
    return services_named(book, named).unknown if book.services else ()


def for_app(profile: Profile) -> Profile:
    """Leave out what an app is not told of a change: who decided on it and why, and what others have changed."""
    return replace(profile, given=(), conflicts=(), requested_by="")


def _profile(act: Act, gate: Gate, deployment: Deployment | None) -> Profile | None:
    profile = act.ports.changes.profile(act.uow, gate.related_to, deployment) if gate.related_to is not None else None
    if profile is None:
        return None
    if not gate.is_waiting:
        # What it would need by now is no longer asked of it; what was asked then is in its story.
        profile = replace(profile, tally=None, needs=(), conflicts=())
    return profile if act.principal.app_id is None else for_app(profile)


def _calendar(act: Act, gate: Gate, deployment: Deployment | None) -> Calendar | None:
    """Give the freezes and hours that bear on a gate, as long as anything does."""
    if gate.control is not Control.REQUIRED or not gate.is_waiting or deployment is None:
        return None
    change = act.ports.changes.look(act.uow, gate.related_to, deployment) if gate.related_to is not None else None
    return calendar_of(act, gate, deployment, change)


def _entries(act: Act, gate: Gate) -> list[Entry]:
    """Read what was done to a gate, and until that was over to its change, in order."""
    own = act.uow.audit.page(AuditQuery(subject=gate.id, limit=ENTRIES))
    key = gate.related_to
    others = act.uow.audit.page(AuditQuery(subject=key, limit=ENTRIES)) if key is not None else []
    if own and gate.stage in {Stage.FINISHED, Stage.WITHDRAWN}:
        others = [each for each in others if each[0] <= own[0][0]]
    return [entry for _, entry in sorted((*own, *others), key=lambda each: each[0])]


def _story(act: Act, gate: Gate, deployment: Deployment | None, entries: list[Entry]) -> tuple[Event, ...]:
    jobs = act.uow.jobs.page(JobQuery(gate_id=gate.id, limit=ENTRIES))
    until = entries[-1].at if entries and gate.stage is not Stage.HELD else act.now
    is_app = act.principal.app_id is not None
    changed = _rules_changed(act, gate, deployment, until, is_app=is_app) if deployment is not None else ()
    return story(entries, reversed(jobs), changed, is_app=is_app)


def _rules_changed(act: Act, gate: Gate, deployment: Deployment, until: datetime, *, is_app: bool) -> Iterator[Event]:
    """Tell of the revisions of the rules that bore on a gate while it waited."""
    if gate.control is not Control.REQUIRED or act.uow.rules.current().revision == gate.grounds.revision:
        return
    last = act.uow.rules.at(until).revision
    revisions = [kept for kept in act.uow.rules.page(REVISIONS, last + 1) if kept.revision >= gate.grounds.revision]
    if revisions and revisions[-1].revision == 1:
        revisions.append(KeptRules())
    for kept, earlier in pairwise(revisions):
        if kept.at is not None and bears_on(subject_of(deployment), earlier.book, kept.book):
            said = f"The rules came to revision {kept.revision}, which says otherwise about it."
            yield Event(at=kept.at, said=said, actor="" if is_app else kept.actor)
