"""What can be done to an issue of a foreign Jira: transitions, known by where they lead, and comments.

Names of transitions repeat and are translated, so one is chosen by the status it leads to. A comment carries a property
with our own id, by which it is known again when nobody knows whether it was taken.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/,
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/.
"""

from typing import Any

import msgspec
from msgspec import Struct

from mitregate.core.connections import fold, status_like
from mitregate.wire.jira_issues import PROPERTY, write_text
from mitregate.wire.jira_json import read

COMMENTS = 100
"""Comments on a page."""

PUBLIC = "sd.public.comment"
"""The property that says who can read a comment on a request."""


class Transition(Struct, frozen=True, kw_only=True):
    """A transition that is offered; `demands` are names of fields that must be filled in on the way."""

    id: str
    name: str
    target: str
    demands: tuple[str, ...] = ()


class CommentPage(Struct, frozen=True, kw_only=True):
    """A page of comments: the references that they carry, and where the next page begins, None after the last."""

    references: tuple[str, ...]
    next: int | None


class _Status(Struct, frozen=True):
    name: str


class _FieldMeta(Struct, frozen=True, rename="camel"):
    name: str = ""
    required: bool = False
    has_default_value: bool = False


class _Transition(Struct, frozen=True, rename="camel"):
    id: str
    to: _Status
    name: str = ""
    fields: dict[str, _FieldMeta] = {}
    is_available: bool = True


class _Transitions(Struct, frozen=True):
    transitions: tuple[_Transition, ...]


class _Property(Struct, frozen=True):
    key: str
    value: Any = None


class _Comment(Struct, frozen=True):
    id: str
    properties: tuple[_Property, ...] = ()


class _Comments(Struct, frozen=True, rename="camel"):
    comments: tuple[_Comment, ...]
    total: int
    start_at: int = 0


def read_transitions(body: bytes) -> tuple[Transition, ...]:
    """Read the transitions that are offered; `Malformed` if it is no list of transitions."""
    return tuple(
        Transition(
            id=one.id,
            name=one.name,
            target=one.to.name,
            demands=tuple(
                field.name or id_ for id_, field in one.fields.items() if field.required and not field.has_default_value
            ),
        )
        for one in read(body, _Transitions).transitions
        if one.is_available
    )


def leading_to(transitions: tuple[Transition, ...], target: str) -> Transition | None:
    """Choose the transition that leads to a status, of several the one that demands the least; None if none does."""
    fitting = [one for one in transitions if is_same_status(one.target, target)]
    return min(fitting, key=lambda one: len(one.demands), default=None)


def is_same_status(one: str, other: str) -> bool:
    """Tell whether two names mean one status: they are alike, or Jira's default workflow has used both for it."""
    known = status_like(one)
    return fold(one) == fold(other) or (known is not None and known is status_like(other))


def write_transition(transition: Transition) -> bytes:
    """Write the wish to make a transition."""
    return msgspec.json.encode({"transition": {"id": transition.id}})


def write_comment(text: str, reference: str, *, is_cloud: bool, is_public: bool) -> bytes:
    """Write a comment that can be read by the agents alone, or by customers as well."""
    properties = [
        {"key": PUBLIC, "value": {"internal": not is_public}},
        {"key": PROPERTY, "value": {"reference": reference}},
    ]
    return msgspec.json.encode({"body": write_text(text, is_cloud=is_cloud), "properties": properties})


def read_comments(body: bytes) -> CommentPage:
    """Read which of our references a page of comments carries; `Malformed` if it is no such page."""
    page = read(body, _Comments)
    ours = [one.value for comment in page.comments for one in comment.properties if one.key == PROPERTY]
    end = page.start_at + len(page.comments)
    return CommentPage(
        references=tuple(str(value.get("reference")) for value in ours if isinstance(value, dict)),
        next=end if page.comments and end < page.total else None,
    )
