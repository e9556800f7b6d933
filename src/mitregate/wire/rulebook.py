"""The rulebook as people write it: settings as code, in YAML or JSON.

What may be written follows from the types of `core.rulebook`, so that a field added there can be written at once. All
that is wrong is told at once, each with its line and column.
"""

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, inspect

from mitregate.core.errors import Malformed
from mitregate.core.rulebook import FreezeRule, Problem, Rulebook, problems, spell_path
from mitregate.wire.jira_values import is_keepable
from mitregate.wire.moments import MOMENTS, read_moment
from mitregate.wire.trees import Node, Place, Row, Table, Word, read_json, read_yaml

S = TypeVar("S", bound=Struct)

Path = tuple[str | int, ...]

TOLD = 20
"""Faults that are told at once, at most."""

COUNTED = 1000
"""Faults that are counted, at most."""

_WHOLE = re.compile(r"[+-]?\d{1,18}", re.ASCII)
_TRUTH = {"true": True, "false": False}


def read_rulebook(data: bytes, *, is_json: bool = False) -> Rulebook:
    """Read a rulebook.

    Args:
        data: what was written, UTF-8.
        is_json: whether it is JSON rather than YAML.

    Raises:
        Malformed: it is not of that form, or says what cannot be; every fault with its place.
        TooLarge: it is longer than is taken.
    """
    return read_tree(read_json(data) if is_json else read_yaml(data), judge=problems)


def read_freeze(data: bytes) -> FreezeRule:
    """Read one freeze, written as JSON with the keys that it has in a rulebook; refused as by `read_rulebook`."""
    return read_as(read_json(data), FreezeRule)


def read_tree(tree: Node, judge: Callable[[Rulebook], list[Problem]] = lambda _: []) -> Rulebook:
    """Make a rulebook of a tree, unless *judge* finds problems in it; refused as by `read_rulebook`."""
    return read_as(tree, Rulebook, judge)


def read_as(tree: Node, kind: type[S], judge: Callable[[S], list[Problem]] = lambda _: []) -> S:
    """Make what is of *kind* of a tree, unless *judge* finds problems in it; refused as by `read_rulebook`."""
    reading = _Reading()
    built = reading.read(tree, _info(kind), ())
    if not reading.faults:
        made = msgspec.convert(built, kind)
        for problem in judge(made):
            reading.complain(problem.path, problem.message)
        if not reading.faults:
            return made
    told = "\n".join(reading.faults[:TOLD])
    more = f"\nAnd {len(reading.faults) - TOLD} more." if len(reading.faults) > TOLD else ""
    raise Malformed(told + more, advice="Correct it; nothing has been changed.")


@cache
def _info(kind: type[Struct]) -> inspect.Type:
    return inspect.type_info(kind)


class _Reading:
    """One reading of a tree by the types that belong there: the faults found so far, and where things stand."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._places: dict[Path, Place | None] = {}

    def complain(self, path: Path, message: str, place: Place | None = None) -> None:
        """Note a fault at *place*, or else where the nearest thing stands that *path* leads to."""
        if len(self.faults) >= COUNTED:
            return
        near = next((self._places[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self._places), None)
        parts = (str(place or near or ""), spell_path(path), message)
        self.faults.append(": ".join(part for part in parts if part))

    def read(self, node: Node, kind: inspect.Type, path: Path) -> Any:
        """Read what stands at *path* as the type that belongs there; None after a complaint."""
        self._places[path] = node.place
        match kind:
            case inspect.StructType():
                return self._struct(node, kind, path)
            case inspect.VarTupleType():
                return self._row(node, kind, path)
            case inspect.DictType():
                return self._mapping(node, kind, path)
            case inspect.UnionType():
                (one,) = (each for each in kind.types if not isinstance(each, inspect.NoneType))
                return self.read(node, one, path)
            case _:
                return self._word(node, kind, path)

    def _struct(self, node: Node, kind: inspect.StructType, path: Path) -> dict[str, Any]:
        fields = {field.encode_name: field for field in kind.fields}
        found: dict[str, Any] = {}
        for key, value in self._pairs(node, path, "a table of keys and values"):
            if key.text in fields:
                found[key.text] = self.read(value, fields[key.text].type, (*path, key.text))
            else:
                known = ", ".join(fields)
                self.complain(path, f"there is no key {key.text[:100]!r} here, but {known}.", key.place)
        for name, field in fields.items():
            if field.required and isinstance(node, Table) and name not in found:
                self.complain(path, f"the key {name!r} is missing.")
        return found

    def _mapping(self, node: Node, kind: inspect.DictType, path: Path) -> dict[str, Any]:
        return {
            key.text: self.read(value, kind.value_type, (*path, key.text))
            for key, value in self._pairs(node, path, "a table of names and values")
            if self._is_text(key, (*path, key.text))
        }

    def _row(self, node: Node, kind: inspect.VarTupleType, path: Path) -> list[Any]:
        if isinstance(node, Row):
            return [self.read(item, kind.item_type, (*path, number)) for number, item in enumerate(node.items)]
        self._complain_of_kind(node, path, "a list")
        return []

    def _pairs(self, node: Node, path: Path, wanted: str) -> Iterator[tuple[Word, Node]]:
        if isinstance(node, Table):
            yield from node.pairs
        else:
            self._complain_of_kind(node, path, wanted)

    def _word(self, node: Node, kind: inspect.Type, path: Path) -> Any:
        if not isinstance(node, Word) or (node.is_bare and not node.text):
            self._complain_of_kind(node, path, "a single value")
            return None
        if not self._is_text(node, path):
            return None
        try:
            return _value(node, kind, is_end=path[-1:] == ("end",))
        except ValueError as error:
            self.complain(path, str(error))
            return None

    def _is_text(self, word: Word, path: Path) -> bool:
        is_text = is_keepable(word.text)
        if not is_text:
            self.complain(path, "has a NUL character or half of a surrogate pair.", word.place)
        return is_text

    def _complain_of_kind(self, node: Node, path: Path, wanted: str) -> None:
        match node:
            case Word(text="", is_bare=True):
                self.complain(path, f"has no value; write {wanted}, or leave the key out.")
            case Word():
                self.complain(path, f"must be {wanted}, not {node.text[:100]!r}.")
            case Row():
                self.complain(path, f"must be {wanted}, not a list.")
            case Table():
                self.complain(path, f"must be {wanted}, not a table.")


def _value(word: Word, kind: inspect.Type, *, is_end: bool) -> Any:
    """Make a value of a word; ValueError says what is wrong."""
    match kind:
        case inspect.StrType():
            return _text(word.text, kind)
        case inspect.IntType():
            return _whole_number(word, kind)
        case inspect.BoolType():
            if not word.is_bare or word.text not in _TRUTH:
                raise ValueError(f"must be true or false, not {word.text[:100]!r}.")
            return _TRUTH[word.text]
        case inspect.EnumType():
            return _member(word, kind)
        case inspect.DateTimeType() | inspect.DateType():
            return _moment(word.text, kind, is_end=is_end)
    raise TypeError(f"A rulebook cannot hold {kind}.")


def _member(word: Word, kind: inspect.EnumType) -> Any:
    try:
        return kind.cls(word.text)
    except ValueError:
        words = ", ".join(one.value for one in kind.cls)
        raise ValueError(f"must be one of {words}, not {word.text[:100]!r}.") from None


def _text(text: str, kind: inspect.StrType) -> str:
    least, most = kind.min_length or 0, kind.max_length
    if len(text) < least or (most is not None and len(text) > most):
        raise ValueError(f"must have {least} to {most} characters, not {len(text)}.")
    return text


def _whole_number(word: Word, kind: inspect.IntType) -> int:
    if not word.is_bare or not _WHOLE.fullmatch(word.text):
        raise ValueError(f"must be a whole number, not {word.text[:100]!r}.")
    number = int(word.text)
    if (kind.ge is not None and number < kind.ge) or (kind.le is not None and number > kind.le):
        raise ValueError(f"must be {kind.ge} to {kind.le}, not {number}.")
    return number


def _moment(text: str, kind: inspect.DateTimeType | inspect.DateType, *, is_end: bool) -> datetime | date:
    moment = read_moment(text, is_end=is_end)
    if isinstance(kind, inspect.DateType):
        if moment is None or len(text.strip()) != len("2026-12-24"):
            raise ValueError(f"{text[:100]!r} is no date; write it as in 2026-12-24.")
        return moment.date()
    if moment is None:
        raise ValueError(f"{text[:100]!r} is no date and time; write it as in {MOMENTS}.")
    return moment
