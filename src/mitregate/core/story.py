"""Story: what happened to a deployment, in order of time, in words; made from the audit log and the deliveries."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from operator import attrgetter

import msgspec
from msgspec import Struct

from mitregate.core.announcements import Announcement
from mitregate.core.audit import Action, Entry
from mitregate.core.jobs import Job, JobState
from mitregate.core.verdicts import spell

OF_CHANGES = {
    Action.CHANGE_PREPARED,
    Action.CHANGE_APPROVED,
    Action.CHANGE_DECLINED,
    Action.CHANGE_MOVED,
    Action.CHANGE_PLANNED,
}
"""What is done to changes, by people."""

STARTS = {Action.GATE_STARTED, Action.GATE_STARTED_UNALLOWED}
"""What says that a deployment has started."""


SAID: dict[Action, str] = {
    Action.GATE_OPENED: "Its gate was opened, {status}: {inputs}.",
    Action.GATE_DECIDED: "It became {status}: {inputs}.",
    Action.GATE_STARTED: "It started, as it was allowed to.",
    Action.GATE_STARTED_UNALLOWED: "It started WITHOUT being allowed to, as it was {status}.",
    Action.GATE_FINISHED: "It ended: {state}.",
    Action.GATE_WITHDRAWN: "It was withdrawn, as its deployment was deleted.",
    Action.GATE_OVERRIDDEN: "It was let pass in spite of {freezes}: {reason}",
    Action.GATE_CONTESTED: "The jobs {job} and {other} both claimed it, and cannot be told apart.",
    Action.GATE_REMINDED: "Whoever is to decide was reminded: it is prevented at {ends_at}.",
    Action.GATE_ENDED: "Its wait was ended: {why}.",
    Action.CHANGE_PREPARED: "{subject} was prepared: {title}.",
    Action.CHANGE_APPROVED: "{subject} was approved ({step}).{comment}",
    Action.CHANGE_DECLINED: "{subject} was declined.{comment}",
    Action.CHANGE_MOVED: "{subject} was moved from {from} to {to}.{comment}",
    Action.CHANGE_PLANNED: "{subject} was planned: from {start} to {end}.",
}
"""What is said of each action; in braces stands what the audit log has of it."""

VARIANTS: dict[tuple[Action, str], str] = {
    (Action.GATE_WITHDRAWN, "other"): "It was withdrawn, as the job {other} has taken its number.",
    (Action.GATE_ENDED, "successor"): "Its wait was ended: {why} by {successor}.",
    (Action.CHANGE_MOVED, "type"): "{subject} was made {type}.{comment}",
}
"""What is said instead if the audit log has that of it."""


class Event(Struct, frozen=True, kw_only=True):
    """Something that happened; `actor` is who did it, empty where that is not to be told."""

    at: datetime
    said: str
    actor: str = ""


def story(entries: Iterable[Entry], jobs: Iterable[Job], others: Iterable[Event], *, is_app: bool) -> tuple[Event, ...]:
    """Tell what happened, in order of time.

    Args:
        entries: what the audit log has of the gate and its change, in the order in which it was written.
        jobs: the deliveries that told its verdicts.
        others: what else happened.
        is_app: whether an app is told: then nothing is said of who did what to a change, and why.
    """
    events = [_event(entry, is_app=is_app) for entry in entries]
    return tuple(sorted((*events, *_deliveries(jobs), *others), key=attrgetter("at")))


def _event(entry: Entry, *, is_app: bool) -> Event:
    if is_app and entry.action in OF_CHANGES:
        return Event(at=entry.at, said=said_of(entry.action, entry.subject, {**entry.detail, "comment": ""}))
    return Event(at=entry.at, said=said_of(entry.action, entry.subject, entry.detail), actor=entry.actor)


def _deliveries(jobs: Iterable[Job]) -> Iterator[Event]:
    for job in jobs:
        if job.finished_at is None or job.state is JobState.WITHDRAWN:
            continue
        status = msgspec.json.decode(job.payload, type=Announcement).status.value
        if job.state is JobState.DONE:
            yield Event(at=job.finished_at, said=f"Its app was told that it is {status}.")
        else:
            yield Event(at=job.finished_at, said=f"Its app could not be told that it is {status}: {job.note}")


def said_of(action: Action, subject: str, detail: Mapping[str, str]) -> str:
    """Say what was done to *subject*, a gate or a change, as the audit log has it."""
    key = next((variant for variant in VARIANTS if variant[0] is action and detail.get(variant[1])), None)
    template = VARIANTS[key] if key is not None else SAID.get(action)
    if template is None:
        said = "; ".join(f"{name}: {value}" for name, value in detail.items() if value)
        return f"{action.value} {subject}" + (f" ({said})" if said else "")
    known: defaultdict[str, str] = defaultdict(str, detail)
    comment = f" “{detail['comment']}”" if detail.get("comment") else ""
    known |= {"subject": subject, "inputs": _inputs(detail), "comment": comment}
    known |= {edge: spelled(detail.get(edge, "")) for edge in ("start", "end", "ends_at")}
    return template.format_map(known)


def spelled(instant: str) -> str:
    """Write an instant of the audit log for people; "any time" if there is none."""
    return spell(datetime.fromisoformat(instant)) if instant else "any time"


def _inputs(detail: Mapping[str, str]) -> str:
    """Say what a decision was made from."""
    reasons = ", ".join(code.replace("_", " ") for code in detail.get("reasons", "").split())
    if not detail.get("change"):
        return reasons
    approvals = f", with {detail['approvals']} approvals" if detail.get("approvals") else ""
    window = ""
    if detail.get("planned_start") or detail.get("planned_end"):
        start, end = (spelled(detail.get(edge, "")) for edge in ("planned_start", "planned_end"))
        window = f", planned from {start} to {end}"
    return f"{reasons}; {detail['change']} stood in {detail.get('change_status', '')!r}{approvals}{window}"
