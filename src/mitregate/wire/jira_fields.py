"""The fields of one JSON object, read one by one while everything that is wrong with them is noted down."""

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TypeVar

import msgspec

from mitregate.wire.jira_values import TEXT_LIMIT, URL_LIMIT, cut, is_keepable, shown, whole_number

# The first half of a surrogate pair. JSON is read so that whole pairs are one character, so at an end it stands alone.
_HALF = re.compile("[\ud800-\udbff]\\Z")

E = TypeVar("E", bound=StrEnum)


class Fields:
    """A JSON object under reading; what it lacks is noted in `problems`, and an empty value is given instead."""

    def __init__(self, value: dict[str, Any], problems: list[str], path: str = "") -> None:
        """Read *value*; *path* comes before its fields' names in messages, such as `pipeline.`."""
        self._value = value
        self._path = path
        self.problems = problems

    def note(self, name: str, problem: str) -> None:
        """Note what is wrong with the field *name*."""
        self.problems.append(f"'{self._path}{name}' {problem}")

    def has(self, name: str) -> bool:
        """Tell whether the field is there, be it null."""
        return name in self._value

    def raw(self, name: str) -> Any:
        """Give a field as it is; None if it is absent or null."""
        return self._value.get(name)

    def required(self, name: str, *, may_be_null: bool = False) -> Any:
        """Give a field that must be there; None, and a problem noted, if it is not."""
        if name not in self._value:
            self.note(name, "is required")
            return None
        value = self._value[name]
        if value is None and not may_be_null:
            self.note(name, "must not be null")
        return value

    def text(self, name: str, *, may_be_empty: bool = True, limit: int = TEXT_LIMIT) -> str:
        """Read a required text of at most *limit* characters."""
        text = self._text(name, self.required(name), limit)
        if text == "" and not may_be_empty:
            self.note(name, "must not be empty")
        return text or ""

    def title(self, name: str) -> str:
        """Read a required text as `text` does; of a character cut in two at its end, the half is dropped.

        GitHub for Jira cuts commit messages to 255 units of UTF-16, which may be in the middle of an emoji.
        """
        return self._text(name, _whole(self.required(name)), TEXT_LIMIT) or ""

    def description(self, name: str) -> str:
        """Read a required text of any length, of which 255 characters are kept; a half at its end is dropped too."""
        return cut(self._text(name, _whole(self.required(name)), None) or "")

    def optional_text(self, name: str, limit: int = TEXT_LIMIT) -> str | None:
        """Read a text of at most *limit* characters that may be absent or null."""
        return self._text(name, self.raw(name), limit)

    def url(self, name: str) -> str:
        """Read a required address of at most 2000 characters; null, which GitLab sends, is an empty one."""
        return self._text(name, self.required(name, may_be_null=True), URL_LIMIT) or ""

    def _text(self, name: str, value: Any, limit: int | None) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.note(name, f"must be a string, not {shown(value)}")
            return None
        if limit is not None and len(value) > limit:
            self.note(name, f"is longer than {limit} characters ({len(value)})")
        if not is_keepable(value):
            self.note(name, "has a NUL character or half of a surrogate pair")
        return value

    def number(self, name: str) -> int:
        """Read a required 64-bit whole number, or a string that spells one."""
        return self._number(name, self.required(name)) or 0

    def optional_number(self, name: str) -> int | None:
        """Read a 64-bit whole number, or a string that spells one, that may be absent or null."""
        return self._number(name, self.raw(name))

    def _number(self, name: str, value: Any) -> int | None:
        if value is None:
            return None
        number = whole_number(value)
        if number is None:
            self.note(name, f"must be a whole number of 64 bits, not {shown(value)}")
        return number

    def word(self, name: str, words: type[E]) -> E | None:
        """Read a required word out of *words*; None, and a problem noted, if it is none of them."""
        value = self.required(name)
        if isinstance(value, str):
            for word in words:
                if word.value == value:
                    return word
        if value is not None:
            self.note(name, f"must be one of {', '.join(words)}, not {shown(value)}")
        return None

    def instant(self, name: str) -> datetime | None:
        """Read a required RFC 3339 instant, in UTC; without an offset it is taken as UTC, as some tools mean it."""
        value = self.required(name)
        if isinstance(value, str):
            try:
                return in_utc(msgspec.convert(value, datetime))
            except (msgspec.ValidationError, OverflowError):
                pass
        if value is not None:
            self.note(name, f"must be a date and time as in RFC 3339, such as 2026-01-31T12:00:00Z, not {shown(value)}")
        return None

    def inner(self, name: str, *, may_be_null: bool = False) -> "Fields | None":
        """Open a required object; None if it is null, or a problem is noted."""
        value = self.required(name, may_be_null=may_be_null)
        if isinstance(value, dict):
            return Fields(value, self.problems, f"{self._path}{name}.")
        if value is not None:
            self.note(name, f"must be an object, not {shown(value)}")
        return None

    def items(self, name: str, limit: int | None = None) -> list[Any]:
        """Read an array that may be absent or null; empty strings in it are dropped, as some tools send `[""]`."""
        value = self.raw(name)
        if value is None:
            return []
        if not isinstance(value, list):
            self.note(name, f"must be an array, not {shown(value)}")
            return []
        items = [item for item in value if item != ""]
        if limit is not None and len(items) > limit:
            self.note(name, f"has more than {limit} items ({len(items)})")
            return []
        return items

    def open_all(self, name: str, items: list[Any]) -> "list[Fields]":
        """Open the *items* of the array *name*, which must be objects."""
        opened = []
        for index, item in enumerate(items):
            if isinstance(item, dict):
                opened.append(Fields(item, self.problems, f"{self._path}{name}[{index}]."))
            else:
                self.note(f"{name}[{index}]", f"must be an object, not {shown(item)}")
        return opened


def _whole(value: Any) -> Any:
    return _HALF.sub("", value) if isinstance(value, str) else value


def in_utc(instant: datetime) -> datetime:
    """Give *instant* in UTC; `OverflowError` if it lies outside the years 1 to 9999 there."""
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
