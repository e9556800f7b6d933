"""The rulebook written for people and their repositories, as YAML or JSON.

It says nothing that is the default, reads back as exactly what it was, and is the same text for the same rules.
"""

from datetime import date, datetime
from typing import Any

import msgspec
import yaml
from msgspec import Struct
from msgspec.structs import fields
from typing_extensions import override

from mitregate.core.rulebook import Rulebook
from mitregate.wire.moments import write_moment

HEADER = """\
# The rulebook of Mitregate. `mitregate apply FILE` puts it in force, after showing what that changes.
# What is not said here is as it is out of the box.
"""

WIDE = 100_000
"""Characters in a line, beyond which a text would be folded."""

SHORT = 80
"""Characters up to which a list of words is written on one line."""


def write_yaml(book: Rulebook) -> bytes:
    """Write a rulebook as YAML, with a comment at its head."""
    parts = as_written(book)
    sections = [dump({name: part}) for name, part in parts.items()]
    return "\n".join([HEADER, *(sections or ["{}\n"])]).encode()


def write_json(book: Rulebook) -> bytes:
    """Write a rulebook as JSON, with the same keys and values as in YAML."""
    return msgspec.json.encode(as_written(book))


def as_written(value: Struct) -> dict[str, Any]:
    """Give a rulebook, or a part of one, as tables, lists and words; what is the default is left out."""
    found: dict[str, Any] = {}
    for field in fields(value):
        part = getattr(value, field.name)
        default = field.default_factory() if callable(field.default_factory) else field.default
        if part != default:
            found[field.encode_name] = _written(part, is_end=field.name == "end")
    return found


def _written(value: object, *, is_end: bool) -> Any:
    if isinstance(value, Struct):
        return as_written(value)
    if isinstance(value, tuple):
        return [_written(one, is_end=is_end) for one in value]
    if isinstance(value, datetime):
        return write_moment(value, is_end=is_end)
    return value.isoformat() if isinstance(value, date) else msgspec.to_builtins(value)


class _Dumper(yaml.SafeDumper):
    """Writes short lists of words on one line, and dates without quotes: what a word means is up to the reader."""

    @override
    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent lists in tables as well."""
        super().increase_indent(flow, indentless=False)


_Dumper.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in found if not tag.endswith(":timestamp")]
    for first, found in yaml.SafeDumper.yaml_implicit_resolvers.items()
}


def _represent_list(dumper: yaml.SafeDumper, items: list[Any]) -> yaml.Node:
    is_short = all(isinstance(item, str) for item in items) and sum(map(len, items)) < SHORT
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=is_short)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    # In other quotes than these PyYAML loses line breaks that are none to most people, such as U+0085.
    style = None if text.isprintable() else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)


def dump(part: dict[str, Any]) -> str:
    """Write tables, lists and words as YAML."""
    text: str = yaml.dump(
        part, Dumper=_Dumper, allow_unicode=True, default_flow_style=False, sort_keys=False, width=WIDE
    )
    return text
