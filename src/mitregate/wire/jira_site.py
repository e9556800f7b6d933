"""What a Jira says of itself: what runs there, who asks, its projects, service desks, request types and fields.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/,
https://developer.atlassian.com/cloud/jira/service-desk/rest/, and their Data Center counterparts.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from msgspec import Struct

from mitregate.core.connections import Role
from mitregate.wire.http import Reply
from mitregate.wire.jira_json import read

DESK_PAGE = 50
"""Entries on a page of the service desk's lists."""


class Server(Struct, frozen=True, kw_only=True, rename="camel"):
    """What runs there."""

    base_url: str
    version: str
    version_numbers: tuple[int, ...] = ()
    deployment_type: str = "Server"

    @property
    def is_cloud(self) -> bool:
        """Whether it is a Jira Cloud."""
        return self.deployment_type.casefold() == "cloud"


class Login(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whom Jira takes us for."""

    account_id: str = ""
    name: str = ""
    display_name: str = ""
    time_zone: str = ""


class Licence(Struct, frozen=True, kw_only=True, rename="camel"):
    """Whether Jira Service Management may be used there."""

    version: str = ""
    is_licensed_for_use: bool = True


class Project(Struct, frozen=True, kw_only=True):
    """A project."""

    id: str
    key: str
    name: str = ""


class Desk(Struct, frozen=True, kw_only=True, rename="camel"):
    """The service desk of a project."""

    id: str
    project_key: str


class RequestType(Struct, frozen=True, kw_only=True, rename="camel"):
    """Something that can be asked for at a desk, and the type of the issues that it makes."""

    id: str
    name: str
    issue_type_id: str


class FormField(Struct, frozen=True, kw_only=True):
    """A field of a request type's form; `options` are the words to choose from."""

    id: str
    name: str
    is_required: bool
    options: tuple[str, ...] = ()


class Form(Struct, frozen=True, kw_only=True):
    """What a request type asks for."""

    fields: Mapping[str, FormField]
    may_be_raised_for_others: bool = False


class Field(Struct, frozen=True, kw_only=True):
    """A field of the site; `kind` is the long name of its custom type, or the short one of its values."""

    id: str
    name: str
    kind: str = ""


class WorkflowStatus(Struct, frozen=True, kw_only=True):
    """A status that issues of a type can have; `category` is new, indeterminate or done."""

    name: str
    category: str


class DeskPage(Struct, frozen=True, kw_only=True):
    """A page of a list of the service desk; `next` is where the next one begins, None after the last."""

    values: tuple[dict[str, Any], ...]
    next: int | None


_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes:"

SHAPES: dict[Role, tuple[tuple[str, ...], frozenset[str]]] = {
    Role.PLANNED_START: (("planned start", "planned start date"), frozenset([f"{_TYPES}datetime"])),
    Role.PLANNED_END: (("planned end", "planned end date"), frozenset([f"{_TYPES}datetime"])),
    Role.CHANGE_TYPE: (("change type",), frozenset([f"{_TYPES}select"])),
    Role.RISK: (("change risk", "risk"), frozenset([f"{_TYPES}select"])),
    Role.SERVICES: (
        ("affected services",),
        frozenset(["com.atlassian.jira.plugins.service-entity:service-entity-field-cftype"]),
    ),
    Role.APPROVERS: (("approvers",), frozenset([f"{_TYPES}multiuserpicker"])),
    Role.IMPLEMENTATION_PLAN: (("implementation plan",), frozenset([f"{_TYPES}textarea"])),
    Role.BACKOUT_PLAN: (("backout plan",), frozenset([f"{_TYPES}textarea"])),
    Role.TEST_PLAN: (("test plan",), frozenset([f"{_TYPES}textarea"])),
    Role.REQUEST_TYPE: (("request type",), frozenset(["com.atlassian.servicedesk:vp-origin"])),
}
"""How the field of each role is known: by one of these names, an earlier one before a later, and one of these types."""


def find_roles(
    fields: tuple[Field, ...], pins: Mapping[Role, str]
) -> tuple[dict[Role, str], dict[Role, tuple[str, ...]]]:
    """Find out which field is which.

    Args:
        fields: all fields of the site.
        pins: ids chosen by hand; one that is not there is no choice.

    Returns:
        The id for each role that one field alone can have; and for the others the ids between which somebody must
        choose.
    """
    found: dict[Role, str] = {}
    unclear: dict[Role, tuple[str, ...]] = {}
    known = {field.id for field in fields}
    for role in Role:
        if pins.get(role) in known:
            found[role] = pins[role]
            continue
        candidates = _candidates(role, fields)
        if len(candidates) == 1:
            found[role] = candidates[0]
        elif candidates:
            unclear[role] = tuple(candidates)
    return found, unclear


def _candidates(role: Role, fields: tuple[Field, ...]) -> list[str]:
    names, kinds = SHAPES[role]
    fitting = [field for field in fields if field.kind in kinds]
    named = ([field.id for field in fitting if " ".join(field.name.casefold().split()) == name] for name in names)
    by_name = next((ids for ids in named if ids), [])
    # There is one field of services and one of request types, whatever they are called in the site's language.
    is_unique = role in {Role.SERVICES, Role.REQUEST_TYPE}
    return by_name or ([field.id for field in fitting] if is_unique else [])


class _Schema(Struct, frozen=True):
    type: str = ""
    custom: str = ""


class _Field(Struct, frozen=True):
    id: str
    name: str
    schema: _Schema | None = None


def read_fields(body: bytes) -> tuple[Field, ...]:
    """Read the fields of a site; `Malformed` if it is no list of fields."""
    found = read(body, tuple[_Field, ...])
    return tuple(Field(id=one.id, name=one.name, kind=_kind(one.schema)) for one in found)


def _kind(schema: _Schema | None) -> str:
    return schema.custom or schema.type if schema is not None else ""


class _Category(Struct, frozen=True):
    key: str


class _Status(Struct, frozen=True, rename="camel"):
    name: str
    status_category: _Category


class _OfType(Struct, frozen=True):
    id: str
    statuses: tuple[_Status, ...]


def read_statuses(body: bytes, issue_type_id: str) -> tuple[WorkflowStatus, ...]:
    """Read the statuses that issues of a type can have in a project; `Malformed` if it is no list of statuses."""
    kinds = read(body, tuple[_OfType, ...])
    return tuple(
        WorkflowStatus(name=status.name, category=status.status_category.key)
        for kind in kinds
        if kind.id == issue_type_id
        for status in kind.statuses
    )


class _DeskPage(Struct, frozen=True, rename="camel"):
    values: tuple[dict[str, Any], ...]
    start: int = 0
    is_last_page: bool = True


def read_desk_page(body: bytes) -> DeskPage:
    """Read a page of a list of the service desk; `Malformed` if it is none."""
    page = read(body, _DeskPage)
    is_last = page.is_last_page or not page.values
    return DeskPage(values=page.values, next=None if is_last else page.start + len(page.values))


class _Choice(Struct, frozen=True):
    label: str = ""


class _FormField(Struct, frozen=True, rename="camel"):
    field_id: str
    name: str = ""
    required: bool = False
    valid_values: tuple[_Choice, ...] = ()


class _Form(Struct, frozen=True, rename="camel"):
    request_type_fields: tuple[_FormField, ...]
    can_raise_on_behalf_of: bool = False


def read_form(body: bytes) -> Form:
    """Read what a request type asks for; `Malformed` if it is no form."""
    form = read(body, _Form)
    fields = {
        one.field_id: FormField(
            id=one.field_id,
            name=one.name,
            is_required=one.required,
            options=tuple(choice.label for choice in one.valid_values),
        )
        for one in form.request_type_fields
    }
    return Form(fields=fields, may_be_raised_for_others=form.can_raise_on_behalf_of)


class _Permission(Struct, frozen=True, rename="camel"):
    have_permission: bool = False


class _Permissions(Struct, frozen=True):
    permissions: dict[str, _Permission]


def read_permissions(body: bytes) -> frozenset[str]:
    """Read which permissions whoever asks has; `Malformed` if it is no list of permissions."""
    return frozenset(key for key, one in read(body, _Permissions).permissions.items() if one.have_permission)


def read_date(reply: Reply) -> datetime | None:
    """Read how late it was at the other side when it replied, to the second; None if it did not say."""
    try:
        at = parsedate_to_datetime(reply.headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
