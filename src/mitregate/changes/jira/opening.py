"""Raising changes: one for each deployment that needs one, whatever is lost on the way.

A request is raised through the service desk, so that approvals and automation take their course; what its form does not
offer is set on the issue afterwards. The last line of the description carries our own id from the first moment, a
property and a link follow. Whoever does not know what became of a try asks with `first_try`, and gets the change that
it raised.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from mitregate.changes.jira.finding import FLIGHT, LAG, recover
from mitregate.changes.jira.talk import DESK, ask, issue_path, refusal, understanding
from mitregate.core.connections import Access, Layout
from mitregate.core.errors import Misconfigured, MitregateError, Unreachable
from mitregate.wire.http import Conversation, Reply
from mitregate.wire.jira_issues import (
    PROPERTY,
    Draft,
    Issue,
    choose,
    read_raised,
    request_values,
    unfilled,
    write_fields,
    write_link,
    write_property,
    write_request,
)
from mitregate.wire.jira_json import complaints
from mitregate.wire.jira_site import Form, read_form

REFUSED = frozenset({400})

LEFT = frozenset({400, 403, 404, 409, 413, 422})
"""Refusals of what is done to an issue once it is there: they are noted, and the change stands."""


class Opened(Struct, frozen=True, kw_only=True):
    """A change that was raised, or found again.

    `notes` say what of the draft could not be set, and why; `is_marked` whether the issue carries our property.
    """

    id: str
    key: str
    was_there: bool
    is_marked: bool
    notes: tuple[str, ...] = ()


def open_change(
    access: Access, layout: Layout, draft: Draft, *, first_try: datetime | None = None, last_try: datetime | None = None
) -> Conversation[Opened]:
    """Raise a change, or find the one that an earlier try has raised.

    Args:
        access: which Jira, and who asks.
        layout: what was found out about it.
        draft: what the change is to say.
        first_try: when it was tried first, None if this is the first time.
        last_try: when it was tried last; the first time by default.

    Returns:
        The change.

    Raises:
        Misconfigured: the login is refused, or the request type demands what we cannot give.
        Unreachable: nothing is known, or it is too early to raise another one; ask again later, with `first_try`.
    """
    if first_try is not None:
        again = last_try or first_try
        earlier = yield from recover(access, layout, draft, first_try=first_try, last_try=again)
        if earlier.issue is not None:
            return (yield from _complete(access, layout, draft, earlier.issue))
        if not earlier.is_certain:
            raise _too_early(access, again)
    return (yield from create(access, layout, draft))


def create(access: Access, layout: Layout, draft: Draft) -> Conversation[Opened]:
    """Raise a change, without looking for an earlier try; the arguments and errors are those of `open_change`."""
    form = yield from read_request_form(access, layout)
    values = request_values(draft, layout)
    missing = [field.name for field in form.fields.values() if field.is_required and field.id not in values]
    if missing:
        raise _demanding(access, ", ".join(missing))
    offered = {id_: choose(values[id_], form.fields[id_].options) for id_ in form.fields if id_ in values}
    # Without a title it would be nobody's; no form does without one.
    offered |= {"summary": values["summary"]}
    reply, kept, note = yield from _raise(access, layout, draft, form, offered)
    with understanding(access, reply):
        raised = read_raised(reply.body)
    # From here on the change is there: nothing that goes wrong may hide that.
    unset = yield from _set(access, raised.issue_key, {id_: values[id_] for id_ in values if id_ not in kept})
    is_marked, unmarked = yield from mark(access, raised.issue_key, draft)
    notes = ((note,) if note and (unset or draft.requester) else ()) + unset + unmarked
    return Opened(id=raised.issue_id, key=raised.issue_key, was_there=False, is_marked=is_marked, notes=notes)


def mark(access: Access, key: str, draft: Draft) -> Conversation[tuple[bool, tuple[str, ...]]]:
    """Let an issue carry our own id and lead here: a property and a link; done again, nothing changes.

    Returns:
        Whether the property is there, and what did not work, in words.
    """
    path = issue_path(access, key, f"/properties/{PROPERTY}")
    what = "keep a property with it"
    problem = yield from _try(access, "PUT", path, write_property(draft.reference), what=what)
    linking = yield from _try(
        access, "POST", issue_path(access, key, "/remotelink"), write_link(draft), what="link it to its deployment"
    )
    return not problem, tuple(note for note in (problem, linking) if note)


def read_request_form(access: Access, layout: Layout) -> Conversation[Form]:
    """Read what the request type asks for."""
    path = f"{DESK}/servicedesk/{layout.service_desk_id}/requesttype/{layout.request_type_id}/field"
    reply = yield from ask(access, "GET", path, what="read the form of the request type")
    with understanding(access, reply):
        return read_form(reply.body)


def _complete(access: Access, layout: Layout, draft: Draft, issue: Issue) -> Conversation[Opened]:
    """Do what an earlier try may not have come to: set what is not set, and mark the issue."""
    rest = unfilled(issue, request_values(draft, layout), layout)
    unset = yield from _set(access, issue.key, rest)
    is_marked, unmarked = yield from mark(access, issue.key, draft)
    return Opened(id=issue.id, key=issue.key, was_there=True, is_marked=is_marked, notes=unset + unmarked)


def _raise(
    access: Access, layout: Layout, draft: Draft, form: Form, offered: Mapping[str, Any]
) -> Conversation[tuple[Reply, Mapping[str, Any], str]]:
    """Raise a request: as it was to be, and if that is refused with what must be there alone.

    Returns:
        The reply, the values that were taken, and why others were not.
    """
    what, path = "raise a change", f"{DESK}/request"
    requester = draft.requester if form.may_be_raised_for_others else ""
    body = write_request(layout, offered, requester=requester)
    reply = yield from ask(access, "POST", path, body, what=what, takes=REFUSED)
    if reply.status not in REFUSED:
        return reply, offered, ""
    note = refusal(access, reply, "raise the change as it was to be")
    kept = _without_refused(reply, offered, form)
    reply = yield from ask(access, "POST", path, write_request(layout, kept), what=what, takes=REFUSED)
    if reply.status in REFUSED:
        raise Misconfigured(refusal(access, reply, what), advice=_form_advice(access))
    return reply, kept, note


def _without_refused(reply: Reply, offered: Mapping[str, Any], form: Form) -> dict[str, Any]:
    """Leave out what was refused: what is named if anything is, else all that need not be there."""
    said = complaints(reply.body) or {}
    text = reply.body.decode(errors="replace")
    named = {id_ for id_ in offered if id_ in said or id_ in text} or set(offered)
    needed = {"summary", "description"} | {field.id for field in form.fields.values() if field.is_required}
    return {id_: value for id_, value in offered.items() if id_ in needed or id_ not in named}


def _set(access: Access, key: str, values: Mapping[str, Any]) -> Conversation[tuple[str, ...]]:
    """Set fields that the form did not offer or take; say what was refused, and set the others."""
    if not values:
        return ()
    path, what = issue_path(access, key), "fill in fields"
    try:
        reply = yield from ask(access, "PUT", path, write_fields(values), what=what, takes=LEFT)
        if reply.status not in LEFT:
            return ()
        refused = complaints(reply.body)
        notes = [refusal(access, reply, what)]
        rest = {id_: value for id_, value in values.items() if id_ not in refused}
        if rest and len(rest) < len(values):
            reply = yield from ask(access, "PUT", path, write_fields(rest), what=what, takes=LEFT)
            notes += [refusal(access, reply, what)] if reply.status in LEFT else []
        return tuple(notes)
    except MitregateError as error:
        return (error.message,)


def _try(access: Access, method: str, path: str, body: bytes, *, what: str) -> Conversation[str]:
    """Do something that is not needed for the change to stand; say what went wrong, empty if nothing did."""
    try:
        reply = yield from ask(access, method, path, body, what=what, takes=LEFT)
    except MitregateError as error:
        return error.message
    return refusal(access, reply, what) if reply.status in LEFT else ""


def _too_early(access: Access, last_try: datetime) -> Unreachable:
    certain = last_try + (FLIGHT if access.is_cloud else LAG)
    message = (
        f"{access.connection.name} gave no reply when a change was raised, and its search may not know it yet; another "
        "one is not raised before that is certain."
    )
    wait = max(certain - access.now, timedelta(seconds=1))
    advice = "Nothing needs to be changed: it is looked for again."
    return Unreachable(message, advice=advice, retry_after=wait.total_seconds())


def _demanding(access: Access, names: str) -> Misconfigured:
    message = f"The request type {access.connection.request_type!r} demands what Mitregate does not know: {names}."
    return Misconfigured(message, advice=_form_advice(access))


def _form_advice(access: Access) -> str:
    return (
        f"Let no field of the request type {access.connection.request_type!r} be required but the summary, or give it "
        "a preset value."
    )
