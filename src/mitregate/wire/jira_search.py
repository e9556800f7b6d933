"""Searching Jira: queries that cannot be broken out of, and the pages of both flavours.

Cloud finds what a bounded query asks for page by page, each with a token for the next, and knows no total; Data Center
counts. What is found is what the index knew, which on Cloud may be late.

Sources: https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/,
https://developer.atlassian.com/server/jira/platform/rest/, https://support.atlassian.com/jira-software-cloud/docs/
jql-operators/, https://support.atlassian.com/jira-software-cloud/docs/search-for-issues-using-the-text-field/.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct

from mitregate.wire.jira_json import read

PAGE = 100
"""Issues on a page: what Cloud gives at most when more than ids are asked for."""

BATCH = 100
"""Keys that are asked for at once: what Cloud takes at most."""

WORDS = 12
"""Words of a title that are searched for, at most."""

_CHUNK = re.compile(r"[^\W_](?:[\w.-]*[^\W_])?")
_LETTERS = re.compile(r"[^\W\d_]{1,3}")
# Words that English indexes leave out; who asks for them alone finds nothing, or everything.
_UNSEARCHED = frozenset(["into", "such", "that", "their", "then", "there", "these", "they", "this", "will", "with"])


class Page(Struct, frozen=True, kw_only=True):
    """A page of what was found: issues, not yet read, and what to ask for next, None after the last."""

    issues: tuple[dict[str, Any], ...]
    next: str | int | None = None


class _CloudPage(Struct, frozen=True, rename="camel"):
    issues: tuple[dict[str, Any], ...]
    next_page_token: str | None = None
    is_last: bool | None = None


class _ServerPage(Struct, frozen=True, rename="camel"):
    issues: tuple[dict[str, Any], ...]
    start_at: int
    total: int


class _Bulk(Struct, frozen=True, rename="camel"):
    issues: tuple[dict[str, Any], ...]


def quote(text: str) -> str:
    """Write a text as a JQL string that ends where it is meant to."""
    return '"' + "".join(_escape(character) for character in text) + '"'


def project_is(key: str) -> str:
    """Ask for the issues of a project."""
    return f"project = {quote(key)}"


def key_in(keys: Iterable[str]) -> str:
    """Ask for issues by their keys."""
    return f"key in ({', '.join(map(quote, keys))})"


def created_within(span: timedelta) -> str:
    """Ask for what was created in the last so many minutes: a span, as instants would be read in the user's zone."""
    return f"created >= {quote(f'-{max(1, -(-span // timedelta(minutes=1)))}m')}"


def is_unfinished() -> str:
    """Ask for what is not done; the number of that category is the same in every language."""
    return "statusCategory != 3"


def titled_like(title: str) -> str:
    """Ask for issues whose title has the words of *title*; empty if none of them can be searched for.

    Jira searches for words, not for titles, and splits a text in ways of its own. So only such words are asked for that
    stand between spaces in the title, and each as a phrase: then Jira splits what is sought as it split the title. The
    exact comparison is up to whoever reads the answer.
    """
    chunks = (chunk.strip("\"'(),;:!?[]{}") for chunk in title.split())
    sought = dict.fromkeys(chunk for chunk in chunks if _is_searchable(chunk))
    return " AND ".join(f"summary ~ {quote(quote(chunk))}" for chunk in list(sought)[:WORDS])


def write_search(
    jql: str, fields: Iterable[str], *, is_cloud: bool, after: str | int | None, properties: Iterable[str] = ()
) -> bytes:
    """Write a search.

    Args:
        jql: the query.
        fields: ids of the fields to tell.
        is_cloud: which flavour is asked.
        after: what the page before said to ask for next.
        properties: keys of the properties to tell; Cloud alone.
    """
    wish: dict[str, Any] = {"jql": jql, "maxResults": PAGE, "fields": [*fields]}
    if is_cloud:
        wish |= {"nextPageToken": after} if after else {}
        wish |= {"properties": named} if (named := [*properties]) else {}
    else:
        # What is wrong with a value, such as a key that is gone, is then a warning instead of the end of the search.
        wish |= {"startAt": after or 0, "validateQuery": False}
    return msgspec.json.encode(wish)


def read_page(body: bytes, *, is_cloud: bool) -> Page:
    """Read a page; `Malformed` if it is none."""
    if is_cloud:
        cloud = read(body, _CloudPage)
        return Page(issues=cloud.issues, next=None if cloud.is_last else cloud.next_page_token)
    server = read(body, _ServerPage)
    end = server.start_at + len(server.issues)
    return Page(issues=server.issues, next=end if server.issues and end < server.total else None)


def write_bulk(keys: Iterable[str], fields: Iterable[str], properties: Iterable[str]) -> bytes:
    """Write the wish for issues of Cloud by their keys, old ones included; what is not there is left out."""
    wish: Mapping[str, Any] = {"issueIdsOrKeys": [*keys], "fields": [*fields], "properties": [*properties]}
    return msgspec.json.encode(wish)


def read_bulk(body: bytes) -> tuple[dict[str, Any], ...]:
    """Read the issues that came; `Malformed` if it is no such reply."""
    return read(body, _Bulk).issues


def _is_searchable(chunk: str) -> bool:
    return (
        _CHUNK.fullmatch(chunk) is not None
        and _LETTERS.fullmatch(chunk) is None
        and chunk.casefold() not in _UNSEARCHED
    )


def _escape(character: str) -> str:
    if character in {'"', "\\"}:
        return f"\\{character}"
    return f"\\u{ord(character):04x}" if ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0 else character
