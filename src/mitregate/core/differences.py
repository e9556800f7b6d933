"""Differences between two rulebooks, to be seen before the one replaces the other, and kept in the audit log."""

from collections.abc import Iterator, Mapping
from enum import StrEnum

import msgspec
from msgspec import Struct

from mitregate.core.rulebook import Rulebook


class Step(StrEnum):
    """What happens to one part of the rulebook."""

    ADD = "add"
    CHANGE = "change"
    REMOVE = "remove"


class Difference(Struct, frozen=True, kw_only=True):
    """One part that differs: where it stands, such as `freezes` and `year end`, and its values as JSON."""

    step: Step
    section: str
    name: str
    before: str = ""
    after: str = ""


def differences(before: Rulebook, after: Rulebook) -> tuple[Difference, ...]:
    """Say what changes from *before* to *after*, section by section; nothing if they say the same."""
    return tuple(
        difference
        for section in Rulebook.__struct_fields__
        for difference in compare(section, getattr(before, section), getattr(after, section))
    )


def compare(section: str, before: object, after: object) -> Iterator[Difference]:
    """Say what changes in one section: a list of what has names, a mapping, or a value with fields."""
    old, new = dict(_parts(before)), dict(_parts(after))
    for name in {**old, **new}:
        if name not in new:
            yield Difference(step=Step.REMOVE, section=section, name=name, before=old[name])
        elif name not in old:
            yield Difference(step=Step.ADD, section=section, name=name, after=new[name])
        elif old[name] != new[name]:
            yield Difference(step=Step.CHANGE, section=section, name=name, before=old[name], after=new[name])
    if old == new and list(old) != list(new):
        # Of rules in a list the first one that fits counts.
        order = ", ".join
        yield Difference(step=Step.CHANGE, section=section, name="order", before=order(old), after=order(new))


def _parts(value: object) -> Iterator[tuple[str, str]]:
    """Take a section apart: lists by the names in them, mappings and values by their fields."""
    if isinstance(value, tuple):
        for number, one in enumerate(value):
            name = getattr(one, "id", None) or getattr(one, "name", None) or str(number)
            yield str(name), _text(one)
    elif isinstance(value, Mapping):
        for name, one in value.items():
            yield str(name), _text(one)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            text = _text(getattr(value, name))
            if text != _text(getattr(type(value)(), name)):
                yield name, text


def _text(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
