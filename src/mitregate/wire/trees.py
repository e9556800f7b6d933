"""Trees: YAML and JSON as people write them, read into lists, tables and words that know where they stand.

Less is taken than YAML allows. What a word means is up to whoever reads the tree and knows what belongs there, so that
`no` can be the name of a project. Aliases, tags and several documents in one are refused, keys must not be repeated,
and size and depth are bounded.

Source: https://yaml.org/spec/1.1/; parsed by PyYAML, on libyaml where its wheel has it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import yaml
from msgspec import Struct
from typing_extensions import override

from mitregate.core.errors import Malformed, TooLarge

SIZE_LIMIT = 512 * 1024
"""Bytes in one document, at most."""

DEPTH_LIMIT = 20
"""Lists and tables inside one another, at most."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class Place(Struct, frozen=True):
    """Where something stands, both counted from 1."""

    line: int
    column: int

    @override
    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class Word(Struct, frozen=True, kw_only=True):
    """A single value; `is_bare` if it stands without quotes, so that it may be a number or true or false."""

    text: str
    is_bare: bool
    place: Place | None = None


class Row(Struct, frozen=True, kw_only=True):
    """A list."""

    items: "tuple[Node, ...]"
    place: Place | None = None


class Table(Struct, frozen=True, kw_only=True):
    """Keys with their values."""

    pairs: "tuple[tuple[Word, Node], ...]"
    place: Place | None = None


Node = Word | Row | Table


def read_yaml(data: bytes) -> Node:
    """Read one YAML document.

    Raises:
        Malformed: it is none, or has what is not taken here; the message says where.
        TooLarge: it is larger than `SIZE_LIMIT`.
    """
    text = _decode(data)
    try:
        return _build(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{_place(mark)}: " if mark is not None else ""
        problem = error.problem or "it cannot be understood"
        raise Malformed(f"{where}This is no YAML: {problem}.", advice="Check indentation, quotes and colons.") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        message = f"This is no YAML: {problem[:200]}."
        raise Malformed(message, advice="Write it as UTF-8, without control characters.") from None


def read_json(data: bytes) -> Node:
    """Read one JSON document; refused as by `read_yaml`, but nothing in it knows where it stands."""
    text = _decode(data)
    try:
        value = json.loads(text, object_pairs_hook=_Pairs, parse_int=_Bare, parse_float=_Bare, parse_constant=_Bare)
        return _tree_of(value, 0)
    except json.JSONDecodeError as error:
        place = Place(error.lineno, error.colno)
        raise Malformed(f"{place}: This is no JSON: {error.msg}.", advice="Correct it there.") from None
    except RecursionError:
        raise _too_deep(None) from None


def _decode(data: bytes) -> str:
    if len(data) > SIZE_LIMIT:
        message = f"The document has {len(data)} bytes; at most {SIZE_LIMIT} are taken."
        raise TooLarge(message, advice="Use patterns in place of long lists of names.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Malformed(f"The document is not UTF-8: {error.reason} at byte {error.start}.") from None


# --- YAML ---


class _Open(Struct):
    """A list or table that is being read; `key` is the key whose value comes next."""

    place: Place
    items: list[Node] | None = None
    pairs: dict[str, tuple[Word, Node]] | None = None
    key: Word | None = None


def _build(events: Iterator[Any]) -> Node:
    """Put a tree together out of the parser's events."""
    root: list[Node] = []
    stack = [_Open(place=Place(1, 1), items=root)]
    for event in events:
        _refuse_cleverness(event)
        match event:
            case yaml.DocumentStartEvent() if root:
                raise Malformed(f"{_place(event.start_mark)}: A second document begins.", advice="Write one alone.")
            case yaml.ScalarEvent():
                word = Word(text=event.value, is_bare=not event.style, place=_place(event.start_mark))
                _put(stack[-1], word)
            case yaml.SequenceStartEvent():
                stack.append(_Open(place=_place(event.start_mark), items=[]))
            case yaml.MappingStartEvent():
                stack.append(_Open(place=_place(event.start_mark), pairs={}))
            case yaml.CollectionEndEvent():
                _put(stack[-2], _close(stack.pop()))
        if len(stack) > DEPTH_LIMIT:
            raise _too_deep(stack[-1].place)
    if not root:
        raise Malformed("There is nothing in the document.", advice="Write {} for a rulebook that says nothing.")
    return root[0]


def _refuse_cleverness(event: Any) -> None:
    if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
        message = f"{_place(event.start_mark)}: Anchors and aliases (& and *) are not taken here."
        raise Malformed(message, advice="Write it out, or put it in quotes if it is a name.")
    tag = getattr(event, "tag", None)
    if tag is not None and tag != "!":
        raise Malformed(f"{_place(event.start_mark)}: Tags (!) are not taken here.", advice="Leave the tag out.")


def _put(into: _Open, node: Node) -> None:
    if into.items is not None:
        into.items.append(node)
    elif into.pairs is not None and into.key is not None:
        into.pairs[into.key.text] = (into.key, node)
        into.key = None
    elif into.pairs is not None:
        if not isinstance(node, Word):
            raise Malformed(f"{node.place}: A key must be a single word.", advice="Put quotes around it.")
        if node.text in into.pairs:
            first = into.pairs[node.text][0].place
            raise Malformed(f"{node.place}: {node.text!r} is there already, at {first}.", advice="Leave one of them.")
        into.key = node


def _close(done: _Open) -> Node:
    if done.items is not None:
        return Row(items=tuple(done.items), place=done.place)
    return Table(pairs=tuple((done.pairs or {}).values()), place=done.place)


def _place(mark: Any) -> Place:
    return Place(mark.line + 1, mark.column + 1)


def _too_deep(place: Place | None) -> Malformed:
    where = f"{place}: " if place is not None else ""
    return Malformed(f"{where}Lists and tables lie inside one another too deeply.", advice="A rulebook is flat.")


# --- JSON ---


class _Bare(str):
    """A value without quotes."""

    __slots__ = ()


class _Pairs(list[tuple[str, Any]]):
    """The keys and values of an object, in order, repeated or not."""


def _tree_of(value: Any, depth: int) -> Node:
    if depth > DEPTH_LIMIT:
        raise _too_deep(None)
    match value:
        case _Pairs():
            counted = Counter(name for name, _ in value)
            again, times = max(counted.items(), key=lambda found: found[1], default=("", 0))
            if times > 1:
                raise Malformed(f"The key {again!r} is there twice.", advice="Leave one of them.")
            pairs = ((Word(text=name, is_bare=False), _tree_of(one, depth + 1)) for name, one in value)
            return Table(pairs=tuple(pairs))
        case list():
            return Row(items=tuple(_tree_of(one, depth + 1) for one in value))
        case None:
            return Word(text="", is_bare=True)
        case bool():
            return Word(text="true" if value else "false", is_bare=True)
    return Word(text=str(value), is_bare=isinstance(value, _Bare))
