"""Issues of a foreign Jira that are change requests: read into what a gate needs, and written as Jira takes them.

Version 3 of the API carries rich text as documents, version 2 as wiki mark-up. Requests are raised through the service
desk, which takes the fields of its form alone; all else is set on the issue afterwards.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/,
https://developer.atlassian.com/cloud/jira/service-desk/rest/api-group-request/.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType
from mitregate.core.connections import Layout, Role, fold
from mitregate.core.errors import Malformed
from mitregate.core.matching import TITLE_LIMIT
from mitregate.core.risk import Risk
from mitregate.wire.adf import CUT, clean, from_adf, to_adf, to_wiki
from mitregate.wire.jira_json import convert, read
from mitregate.wire.jira_times import read_time, write_time

PROPERTY = "mitregate"
"""The key of the property that says of an issue, or of a comment, what here it was made for."""

REFERENCE = "Mitregate reference"
"""What precedes our id in the last line of a description."""

DESCRIPTION_LIMIT = 5_000
"""Characters of a description that are told: so many that the last lines remain, however much mark-up it takes."""

DEMANDED = ("summary", "description", "status", "project", "issuetype", "created", "updated", "labels")
"""The fields that are always asked for."""

TOLD = (Role.PLANNED_START, Role.PLANNED_END, Role.CHANGE_TYPE, Role.RISK, Role.SERVICES)
"""The fields that differ from site to site and are asked for."""


class Issue(Struct, frozen=True, kw_only=True):
    """A change request in a Jira.

    `category` is Jira's: new, indeterminate or done. `reference` is what our property says it was made for, empty
    without one. `link` leads people to it.
    """

    id: str
    key: str
    title: str
    status: str
    category: str
    project: str
    issue_type_id: str
    window: Window
    type: ChangeType | None
    risk: Risk | None
    services: tuple[str, ...]
    labels: tuple[str, ...]
    created: datetime
    updated: datetime
    description: str
    reference: str
    link: str


class Draft(Struct, frozen=True, kw_only=True):
    """A change request to be raised.

    `reference` is our own id of what it is for, `link` leads there. `services` are the whole ids by which Jira knows
    them. `requester` is the account id, on Data Center the name, of the person for whom it is raised, empty for nobody.
    """

    reference: str
    title: str
    description: str
    link: str
    link_title: str
    window: Window = Window()
    type: ChangeType = ChangeType.NORMAL
    risk: Risk | None = None
    services: tuple[str, ...] = ()
    requester: str = ""

    @property
    def text(self) -> str:
        """The description, with the lines by which it is known again."""
        said = clean(self.description)
        said = said if len(said) <= DESCRIPTION_LIMIT else f"{said[:DESCRIPTION_LIMIT]}{CUT}"
        return f"{said}\n\n{self.link_title}: {self.link}\n{REFERENCE}: {self.reference}"


class Raised(Struct, frozen=True, kw_only=True, rename="camel"):
    """A request that was raised."""

    issue_id: str
    issue_key: str


class _Named(Struct, frozen=True):
    id: str = ""
    key: str = ""


class _Category(Struct, frozen=True):
    key: str = ""


class _Status(Struct, frozen=True, rename="camel"):
    name: str
    status_category: _Category = _Category()


class _Fields(Struct, frozen=True):
    summary: str
    status: _Status
    project: _Named
    issuetype: _Named
    created: str
    updated: str
    labels: tuple[str, ...] | None = None
    description: Any = None


class _Issue(Struct, frozen=True):
    id: str
    key: str
    fields: dict[str, Any]
    properties: dict[str, Any] = {}


def fields_of(layout: Layout) -> list[str]:
    """List the ids of the fields to ask for."""
    return [*DEMANDED, *(layout.fields[role] for role in TOLD if role in layout.fields)]


def read_issue(body: bytes | dict[str, Any], layout: Layout) -> Issue:
    """Read an issue.

    Args:
        body: the reply, or a part of it that was read before.
        layout: says which field is which.

    Returns:
        The issue; its window has the sides that are set.

    Raises:
        Malformed: something lacks that every issue has, or the planned start or end is no instant: it must not pass for
            one that is not set.
    """
    found = read(body, _Issue) if isinstance(body, bytes) else convert(body, _Issue)
    plain = convert(found.fields, _Fields)
    given = {role: found.fields.get(id_) for role, id_ in layout.fields.items()}
    window = Window(start=_instant(given, Role.PLANNED_START), end=_instant(given, Role.PLANNED_END))
    services = given.get(Role.SERVICES)
    return Issue(
        id=found.id,
        key=found.key,
        title=plain.summary,
        status=plain.status.name,
        category=plain.status.status_category.key,
        project=plain.project.key,
        issue_type_id=plain.issuetype.id,
        window=window,
        type=_one_of(ChangeType, given.get(Role.CHANGE_TYPE)),
        risk=_one_of(Risk, given.get(Role.RISK)),
        services=tuple(one.id for one in convert(services, tuple[_Named, ...])) if services else (),
        labels=plain.labels or (),
        created=read_time(plain.created),
        updated=read_time(plain.updated),
        description=plain.description if isinstance(plain.description, str) else from_adf(plain.description),
        reference=_reference(found.properties.get(PROPERTY)),
        link=f"{layout.site}/browse/{found.key}",
    )


def is_made_of(issue: Issue, draft: Draft) -> bool:
    """Tell whether an issue was raised for a draft: its property says so, else its description, else its title."""
    if issue.reference:
        return issue.reference == draft.reference
    # What stands before our last line was written by others, who may have written such a line as well.
    _, marked, told = issue.description.rpartition(REFERENCE)
    if not marked:
        return issue.title == title_of(draft)
    # Mark-up and escapes are of no account: ids are letters and digits.
    letters = r"[\W_]*".join(map(re.escape, filter(str.isalnum, draft.reference)))
    return re.match(rf"[\W_]*{letters}(?![^\W_])", told) is not None


def title_of(draft: Draft) -> str:
    """Give the title of a draft as Jira keeps it: one line, of so many characters."""
    return " ".join(clean(draft.title).split())[:TITLE_LIMIT].rstrip()


def unfilled(issue: Issue, values: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """Give those of a draft's *values* for which an issue that is there has none: nobody's choice is overwritten."""
    has = {
        Role.PLANNED_START: issue.window.start,
        Role.PLANNED_END: issue.window.end,
        Role.CHANGE_TYPE: issue.type,
        Role.RISK: issue.risk,
        Role.SERVICES: issue.services,
    }
    lacking = {layout.fields[role] for role, value in has.items() if not value and role in layout.fields}
    lacking |= set() if issue.description else {"description"}
    return {id_: value for id_, value in values.items() if id_ in lacking}


def request_values(draft: Draft, layout: Layout) -> dict[str, Any]:
    """Give the values of all fields that a draft fills in, by id.

    Words to choose from are as Jira ships them; rich text is in the form of the flavour's newest API.
    """
    values: dict[str, Any] = {
        "summary": title_of(draft),
        "description": write_text(draft.text, is_cloud=layout.is_cloud),
    }
    by_role: dict[Role, Any] = {Role.CHANGE_TYPE: {"value": draft.type.value.title()}}
    if draft.window.start is not None:
        by_role[Role.PLANNED_START] = write_time(draft.window.start)
    if draft.window.end is not None:
        by_role[Role.PLANNED_END] = write_time(draft.window.end)
    if draft.risk is not None:
        by_role[Role.RISK] = {"value": draft.risk.value.title()}
    if draft.services:
        by_role[Role.SERVICES] = [{"id": id_} for id_ in draft.services]
    return values | {layout.fields[role]: value for role, value in by_role.items() if role in layout.fields}


def choose(value: Any, options: Iterable[str]) -> Any:
    """Write the word of a choice as it is written there, whatever its case; other values stay as they are."""
    if not isinstance(value, dict) or "value" not in value:
        return value
    alike = (option for option in options if fold(option) == fold(value["value"]))
    return {"value": next(alike, value["value"])}


def write_text(text: str, *, is_cloud: bool) -> Any:
    """Write rich text in the form of the flavour's newest API: a document, or wiki mark-up."""
    return to_adf(text) if is_cloud else to_wiki(text)


def write_request(layout: Layout, values: Mapping[str, Any], *, requester: str = "") -> bytes:
    """Write the wish to raise a request with these values of fields, on behalf of *requester* if there is one."""
    wish: dict[str, Any] = {
        "serviceDeskId": layout.service_desk_id,
        "requestTypeId": layout.request_type_id,
        "requestFieldValues": values,
    }
    wish |= {"isAdfRequest": True} if layout.is_cloud else {}
    wish |= {"raiseOnBehalfOf": requester} if requester else {}
    return msgspec.json.encode(wish)


def read_raised(body: bytes) -> Raised:
    """Read which request was raised; `Malformed` if that is not said."""
    return read(body, Raised)


def write_fields(values: Mapping[str, Any]) -> bytes:
    """Write the wish to set fields of an issue."""
    return msgspec.json.encode({"fields": values})


def write_property(reference: str) -> bytes:
    """Write the property that says what an issue was made for."""
    return msgspec.json.encode({"reference": reference})


def write_link(draft: Draft) -> bytes:
    """Write a link from an issue to what it was made for; written again, it takes the place of the first."""
    return msgspec.json.encode({
        "globalId": f"mitregate={draft.reference}",
        "application": {"type": "mitregate", "name": "Mitregate"},
        "object": {"url": draft.link, "title": draft.link_title[:TITLE_LIMIT]},
    })  # fmt: skip


def _instant(given: Mapping[Role, Any], role: Role) -> datetime | None:
    value = given.get(role)
    if value is None:
        return None
    if not isinstance(value, str):
        raise Malformed(
            f"The field for {role.value} holds no instant.", advice=f"Pin the id of the field {role.value}."
        )
    return read_time(value)


def _one_of(kind: type[ChangeType] | type[Risk], value: Any) -> Any:
    word = fold(str(value.get("value", ""))) if isinstance(value, dict) else ""
    return next((one for one in kind if one.value == word), None)


def _reference(value: Any) -> str:
    said = value.get("reference") if isinstance(value, dict) else None
    return said if isinstance(said, str) else ""
