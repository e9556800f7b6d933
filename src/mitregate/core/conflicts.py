"""Conflicts: changes that would touch the same thing at the same time, whichever tools deploy them (domain.md §1)."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

from mitregate.core.calendar import Window
from mitregate.core.services import Service, plain_id


class Conflicts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What follows from a conflict: so many approvals more, of the change that was opened later."""

    more_approvals: Annotated[int, Meta(ge=0, le=5)] = 0


class Conflict(Struct, frozen=True, kw_only=True):
    """Another change that would touch the same thing at the same time."""

    key: str
    title: str
    status: str
    window: Window
    services: tuple[str, ...]
    is_earlier: bool


def mark_of(service: str) -> str:
    """Give what the open changes are found by that concern *service*, a plain id.

    Not the id itself: decoded, it may be longer than an index takes, or hold what no database keeps.
    """
    return f"concerns {hashlib.sha256(service.encode(errors='replace')).hexdigest()[:32]}"


def is_planned(window: Window) -> bool:
    """Tell whether a window says anything; a change at any time conflicts with nothing in particular."""
    return window.start is not None or window.end is not None


def overlap(one: Window, other: Window) -> bool:
    """Tell whether two windows have an instant in common; edges are inclusive."""
    return _begins_by(one, other) and _begins_by(other, one)


def concerned(services: Mapping[str, Service], ids: Iterable[str]) -> frozenset[str]:
    """Give all ids, plain, of the services that *ids* name, of those they depend on, and of those that depend on them.

    Args:
        services: those that are known, by each of their ids.
        ids: names of services in any form; those that are not known stand for themselves.
    """
    named = {plain_id(one) for one in ids}
    known = {services[one] for one in named if one in services}
    touched = named | {one for service in known for one in service.ids}
    for service in set(services.values()):
        needs = {plain_id(one) for one in service.depends_on}
        if needs & touched or any(service.ids & _needs(one) for one in known):
            named |= service.ids
    return frozenset(touched | named)


def _needs(service: Service) -> set[str]:
    return {plain_id(one) for one in service.depends_on}


def _begins_by(one: Window, other: Window) -> bool:
    """Tell whether *one* begins before *other* is over."""
    return one.start is None or other.end is None or one.start <= other.end
