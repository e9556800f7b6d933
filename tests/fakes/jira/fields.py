"""The fields of issues: how `/field` describes them, what they take, and how they are shown."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from tests.fakes.jira.adf import from_text, is_document, to_text
from tests.fakes.jira.clock import rest_time
from tests.fakes.jira.model import User

NO_DOCUMENT = "Operation value must be an Atlassian Document (see the Atlassian Document Format)"
TOO_LONG = "The entered text is too long. It exceeds the allowed limit of 32,767 characters."
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}")


class BadValue(Exception):
    """A value that a field does not take; the message is Jira's."""


class BadDocument(BadValue):
    """A document that is none; Jira does not say of which field."""


class Field(Struct, frozen=True, kw_only=True):
    """A field.

    `kind` is how its values behave here; `type`, `items` and `custom` are its schema; `options` are what a choice is
    between; a `is_read_only` one is kept by Jira itself.
    """

    id: str
    name: str
    kind: str
    type: str
    custom: str | None = None
    items: str | None = None
    options: tuple[str, ...] = ()
    is_read_only: bool = False

    @property
    def is_custom(self) -> bool:
        """Tell whether an admin or an app made it."""
        return self.id.startswith("customfield_")

    @property
    def number(self) -> int:
        """The number of a custom field."""
        return int(self.id.removeprefix("customfield_"))

    @property
    def schema(self) -> dict[str, Any]:
        """Its schema, as Jira describes it."""
        said: dict[str, Any] = {"type": self.type} | ({"items": self.items} if self.items else {})
        if self.is_custom:
            return said | {"custom": self.custom, "customId": self.number}
        return said | {"system": self.id}

    @property
    def clauses(self) -> list[str]:
        """How JQL calls it."""
        return [f"cf[{self.number}]", self.name] if self.is_custom else [self.id]


class Taste(Struct, frozen=True, kw_only=True):
    """In which form values come and go: the flavour, the version of the API, and who is reading."""

    is_cloud: bool
    has_documents: bool
    site: str
    reader: User | None
    find_user: Callable[[dict[str, Any]], str | None]
    show_user: Callable[[str], dict[str, Any]]

    @property
    def zone(self) -> str:
        """The time zone of the reader."""
        return self.reader.zone if self.reader else "UTC"


def take(field: Field, value: Any, taste: Taste) -> Any:
    """Read a value that is to be written to a field; a value it cannot take is a `BadValue` in Jira's words."""
    if value is None:
        if field.id == "summary":
            raise BadValue("You must specify a summary of the issue.")
        return None
    return _TAKERS[field.kind](field, value, taste)


def _take_summary(field: Field, value: Any, taste: Taste) -> str:
    if not isinstance(value, str):
        raise BadValue("Operation value must be a string")
    if not value.strip():
        raise BadValue("You must specify a summary of the issue.")
    if "\n" in value or "\r" in value:
        raise BadValue("The summary is invalid because it contains newline characters.")
    if len(value) > 255:
        raise BadValue("Summary must be less than 255 characters.")
    return value.strip()


def take_document(value: Any, taste: Taste) -> Any:
    """Read rich text: a document in version 3 of the API, text with mark-up in version 2."""
    if taste.has_documents:
        if not isinstance(value, dict):
            raise BadValue(NO_DOCUMENT)
        if not is_document(value):
            raise BadDocument("INVALID_INPUT")
        document = value
    elif not isinstance(value, str):
        raise BadValue("Operation value must be a string")
    else:
        document = from_text(value)
    if len(to_text(document)) > 32767:
        raise BadValue(TOO_LONG)
    return document if taste.is_cloud else value


def _take_labels(field: Field, value: Any, taste: Taste) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(label, str) for label in value):
        raise BadValue("data was not an array")
    for label in value:
        if re.search(r"\s", label):
            raise BadValue(f"The label '{label}' contains spaces which is invalid.")
    return list(dict.fromkeys(value))


def _take_option(field: Field, value: Any, taste: Taste) -> str:
    if not isinstance(value, dict):
        raise BadValue("Specify a valid 'id' or 'name' for " + field.name)
    for number, option in enumerate(field.options):
        if value.get("value", value.get("name")) == option or str(value.get("id")) == _option_id(field, number):
            return option
    if "id" in value:
        raise BadValue(f"Option id '{value['id']}' is not valid")
    raise BadValue(f"Option value '{value.get('value', value.get('name'))}' is not valid")


def _take_instant(field: Field, value: Any, taste: Taste) -> datetime:
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise BadValue(f"Error parsing time: {value}")
    return datetime.fromisoformat(value).astimezone(UTC)


def _take_user(field: Field, value: Any, taste: Taste) -> str:
    found = taste.find_user(value) if isinstance(value, dict) else None
    if found is None:
        raise BadValue("Specify a valid value for " + field.name)
    return found


def _take_list(field: Field, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise BadValue("data was not an array")
    return value


def _take_services(field: Field, value: Any, taste: Taste) -> list[str]:
    ids = [part.get("id") if isinstance(part, dict) else None for part in _take_list(field, value)]
    if not all(isinstance(id_, str) and id_.startswith("ari:cloud:graph::service/") for id_ in ids):
        raise BadValue("Specify a valid service id")
    return [str(id_) for id_ in ids]


def _take_text(field: Field, value: Any, taste: Taste) -> str:
    if not isinstance(value, str):
        raise BadValue("Operation value must be a string")
    return value


_TAKERS: dict[str, Callable[[Field, Any, Taste], Any]] = {
    "summary": _take_summary,
    "document": lambda field, value, taste: take_document(value, taste),
    "labels": _take_labels,
    "option": _take_option,
    "priority": _take_option,
    "instant": _take_instant,
    "user": _take_user,
    "users": lambda field, value, taste: [_take_user(field, part, taste) for part in _take_list(field, value)],
    "groups": lambda field, value, taste: [str(part["name"]) for part in _take_list(field, value)],
    "services": _take_services,
    "request type": _take_text,
    "text": _take_text,
}


def _option_id(field: Field, number: int) -> str:
    return f"{field.number if field.is_custom else 1}{number:02d}"


def show(field: Field, value: Any, taste: Taste) -> Any:
    """Show the value of a field."""
    if value is None:
        return [] if field.kind == "labels" else None
    return _SHOWN[field.kind](field, value, taste) if field.kind in _SHOWN else value


def _show_option(field: Field, value: str, taste: Taste) -> dict[str, str]:
    id_ = _option_id(field, field.options.index(value))
    where, what = ("priority", "name") if field.kind == "priority" else ("customFieldOption", "value")
    return {"self": f"{taste.site}/rest/api/2/{where}/{id_}", what: value, "id": id_}


_SHOWN: dict[str, Callable[[Field, Any, Taste], Any]] = {
    "document": lambda field, value, taste: show_document(value, taste),
    "option": _show_option,
    "priority": _show_option,
    "instant": lambda field, value, taste: rest_time(value, taste.zone),
    "user": lambda field, value, taste: taste.show_user(value),
    "users": lambda field, value, taste: [taste.show_user(user) for user in value],
    "groups": lambda field, value, taste: [{"name": name} for name in value],
    "services": lambda field, value, taste: [{"id": id_} for id_ in value],
}


def show_document(value: Any, taste: Taste) -> Any:
    """Show rich text in the form of the API's version."""
    return value if taste.has_documents or isinstance(value, str) else to_text(value)


def as_text(field: Field, value: Any) -> str:
    """Write a value for people to read, as histories and searches do."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%S%z}"
    if isinstance(value, list):
        return (" " if field.kind == "labels" else ", ").join(map(str, value))
    return to_text(value) if isinstance(value, dict) else str(value)
