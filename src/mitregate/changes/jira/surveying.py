"""Finding out about a service project: fields, statuses, the form of the request type, and what is permitted."""

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from msgspec.structs import replace

from mitregate.changes.jira.inquiry import Inquiry, get
from mitregate.changes.jira.opening import read_request_form
from mitregate.changes.jira.talk import api, who_asks
from mitregate.core.changes import Status, StatusClass
from mitregate.core.connections import (
    Connection,
    Fault,
    Finding,
    Known,
    Layout,
    Role,
    StatusFound,
    fold,
    meaning_of,
)
from mitregate.wire.http import Conversation
from mitregate.wire.jira_acts import is_same_status
from mitregate.wire.jira_site import find_roles, read_fields, read_permissions, read_statuses

NEEDED: dict[Role, tuple[bool, str]] = {
    Role.PLANNED_START: (True, "the planned start of a change is not known, and its window is not kept"),
    Role.PLANNED_END: (True, "the planned end of a change is not known, and its window is not kept"),
    Role.CHANGE_TYPE: (False, "the type of a change is not known: none counts as an emergency"),
    Role.RISK: (False, "the risk is not told"),
    Role.SERVICES: (False, "affected services are not told"),
}
"""Fields whose absence is told: whether it is fatal where several have that name, and what follows from it."""

PERMISSIONS: dict[str, tuple[bool, str]] = {
    "BROWSE_PROJECTS": (True, "no change can be read"),
    "CREATE_ISSUES": (True, "no change can be raised"),
    "EDIT_ISSUES": (False, "what the form of the request type does not offer is not set, and changes are not marked"),
    "ADD_COMMENTS": (False, "nothing is said on changes"),
    "TRANSITION_ISSUES": (False, "changes are not moved"),
    "LINK_ISSUES": (False, "changes do not link to their deployments"),
}
"""What there is to do in the project: whether nothing works without, and what follows if it may not be done."""


def survey_fields(inquiry: Inquiry, layout: Layout) -> Conversation[Layout]:
    """Find out which field is which; those that are chosen by hand are what they are said to be."""
    access = inquiry.access
    reply = yield from inquiry.need(get(access, f"{api(access)}/field", "list the fields"), Fault.FIELD_MISSING)
    with inquiry.reading(reply):
        fields = read_fields(reply.body)
    pins = access.connection.pins
    found, unclear = find_roles(fields, pins)
    known = {field.id for field in fields}
    for role, pinned in pins.items():
        if pinned not in known:
            message = f"There is no field {pinned}, which is pinned as {role.value}."
            inquiry.find(Fault.FIELD_MISSING, message, "Pin the id of a field that is there.")
    for role, (is_fatal, consequence) in NEEDED.items():
        if role in unclear:
            message = (
                f"Several fields can be {role.value}: {', '.join(unclear[role])}. Until one is chosen, {consequence}."
            )
            inquiry.find(Fault.FIELD_AMBIGUOUS, message, f"Pin one of them as {role.value}.", is_fatal=is_fatal)
        elif role not in found and not (role is Role.SERVICES and not access.is_cloud) and role not in pins:
            message = f"No field is {role.value}: {consequence}."
            advice = f"If there is such a field under another name, pin its id as {role.value}."
            inquiry.find(Fault.FIELD_MISSING, message, advice, is_fatal=False)
    return replace(layout, fields=found, ambiguities=unclear)


def survey_statuses(inquiry: Inquiry, layout: Layout) -> Conversation[Layout]:
    """Find out the statuses of a change, and what they mean."""
    access, connection = inquiry.access, inquiry.access.connection
    path = f"{api(access)}/project/{quote(connection.project, safe='')}/statuses"
    reply = yield from inquiry.need(get(access, path, "list the statuses"), Fault.STATUS_MISSING)
    with inquiry.reading(reply):
        listed = read_statuses(reply.body, layout.issue_type_id)
    statuses = tuple(
        StatusFound(name=one.name, category=one.category, meaning=meaning_of(connection, one.name)) for one in listed
    )
    inquiry.findings += _about_statuses(connection, statuses)
    return replace(layout, statuses=statuses)


def _about_statuses(connection: Connection, statuses: tuple[StatusFound, ...]) -> Iterator[Finding]:
    for one in statuses:
        if one.meaning.known is Known.UNKNOWN:
            yield Finding(
                fault=Fault.STATUS_UNKNOWN,
                message=f"Nobody knows what the status {one.name!r} means: it stops deployments.",
                advice=f"Map {one.name!r} to wait, proceed or stop.",
                is_fatal=False,
            )
    yield from _about_extremes(connection, statuses)
    for status in (Status.RESOLVED, Status.FAILED) if connection.transitions else ():
        if not any(is_same_status(one.name, status.value) for one in statuses):
            yield Finding(
                fault=Fault.TRANSITION_MISSING,
                message=f"No transition can lead to {status.value!r}: there is no such status in the workflow.",
                advice=f"Add the status {status.value!r}, or expect changes to stay where they are.",
                is_fatal=False,
            )


def _about_extremes(connection: Connection, statuses: tuple[StatusFound, ...]) -> Iterator[Finding]:
    names = {fold(one.name) for one in statuses}
    if not any(one.meaning.status_class is StatusClass.PROCEED for one in statuses):
        yield Finding(
            fault=Fault.STATUS_MISSING,
            message=f"No status of the workflow lets a deployment proceed; {connection.allow_status!r} is not there.",
            advice="Set the allow status to one of: " + ", ".join(repr(one.name) for one in statuses) + ".",
            is_fatal=True,
        )
    if fold(connection.prevent_status) not in names:
        yield Finding(
            fault=Fault.STATUS_MISSING,
            message=f"The prevent status {connection.prevent_status!r} is not in the workflow.",
            advice="Set it to the status that declined changes come to.",
            is_fatal=False,
        )


def survey_form(inquiry: Inquiry, layout: Layout) -> Conversation[None]:
    """See that the request type demands nothing that is not known here."""
    form = yield from inquiry.need(read_request_form(inquiry.access, layout), Fault.REQUEST_TYPE_MISSING)
    fillable = {"summary", "description"} | {
        layout.fields[role]
        for role in (Role.CHANGE_TYPE, Role.PLANNED_START, Role.PLANNED_END, Role.RISK, Role.SERVICES)
        if role in layout.fields
    }
    for field in form.fields.values():
        if field.is_required and field.id not in fillable:
            message = f"The request type demands {field.name!r} ({field.id}), which Mitregate does not fill in."
            advice = "Let it be optional there, or give it a preset value: no change can be raised before that."
            inquiry.find(Fault.FIELD_DEMANDED, message, advice)


def survey_permissions(inquiry: Inquiry) -> Conversation[None]:
    """See what may be done in the project."""
    access = inquiry.access
    query = urlencode({"projectKey": access.connection.project, "permissions": ",".join(PERMISSIONS)})
    path = f"{api(access)}/mypermissions?{query}"
    reply = yield from inquiry.need(get(access, path, "say what is permitted"), Fault.PERMISSION_MISSING)
    with inquiry.reading(reply):
        granted = read_permissions(reply.body)
    for permission, (is_fatal, consequence) in PERMISSIONS.items():
        if permission not in granted:
            message = f"{who_asks(access)} lacks {permission} in {access.connection.project}: {consequence}."
            advice = f"Give it to {who_asks(access)} in the permission scheme of the project."
            inquiry.find(Fault.PERMISSION_MISSING, message, advice, is_fatal=is_fatal)
