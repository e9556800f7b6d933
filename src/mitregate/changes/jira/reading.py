"""Reading changes: one by its number, many at once, and how they stand for a gate.

That an issue is not there is only said once the login is proved in the same conversation. What is moved to another
project is found by its old key and comes back under the new one.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar
from urllib.parse import urlencode

from msgspec import Struct

from mitregate.changes.jira.talk import api, ask, issue_path, prove, understanding, who_asks
from mitregate.core.changes import ChangeType, Status, StatusClass
from mitregate.core.connections import ISSUE_KEY, Access, Connection, Layout, class_of_status, fold, status_like
from mitregate.core.verdicts import Standing
from mitregate.wire.http import Conversation, Reply
from mitregate.wire.jira_issues import PROPERTY, Issue, fields_of, read_issue
from mitregate.wire.jira_search import BATCH, key_in, read_bulk, read_page, write_bulk, write_search

T = TypeVar("T")

LOOKS = 20
"""Issues that are looked for one by one in a sweep, at most: that many may be gone at once without many requests."""

GONE = frozenset({403, 404})
"""With these Jira says of an issue that there is none, or none for us."""


class Sweep(Struct, frozen=True, kw_only=True):
    """What became of changes, by the keys by which they were asked for.

    `missing` says in words why a change is not there, which is proved. `unread` are those of which nothing is known
    this time: what was decided of them stays.
    """

    found: dict[str, Issue]
    missing: dict[str, str]
    unread: tuple[str, ...] = ()


def read_change(access: Access, layout: Layout, key: str) -> Conversation[Issue | None]:
    """Read an issue as it is now, by its key, one it had before, or its id.

    Args:
        access: which Jira, and who asks.
        layout: what was found out about it.
        key: of the issue.

    Returns:
        The issue; None if there is none that we may see, which is said only with a login that is proved.

    Raises:
        Misconfigured: the login is refused.
        Unreachable: nothing is known; ask again later.
    """
    issue = yield from _look(access, layout, key)
    if issue is None:
        yield from prove(access)
    return issue


def find_number(access: Access, layout: Layout, number: str) -> Conversation[Issue | None]:
    """Find the change that somebody named by its number; None if there is none, or it is no change request."""
    key = number.strip().upper()
    if not ISSUE_KEY.fullmatch(key):
        return None
    issue = yield from read_change(access, layout, key)
    return issue if issue is not None and is_change(layout, issue) else None


def sweep(access: Access, layout: Layout, keys: Iterable[str]) -> Conversation[Sweep]:
    """Read many changes with one request for a hundred of them.

    A key that is gone, hidden or was moved does not sink the others: it is looked for by itself.

    Args:
        access: which Jira, and who asks.
        layout: what was found out about it.
        keys: of the changes; each is read once.

    Returns:
        What became of each.

    Raises:
        Misconfigured: the login is refused.
        Unreachable: nothing is known; ask again later.
    """
    wanted = list(dict.fromkeys(keys))
    asked = [key for key in wanted if ISSUE_KEY.fullmatch(key.upper())]
    found: dict[str, Issue] = {}
    for batch in _batches(asked, BATCH):
        issues = yield from fetch(access, layout, batch)
        by_key = {issue.key.upper(): issue for issue in issues}
        found |= {key: by_key[key.upper()] for key in batch if key.upper() in by_key}
    unanswered = [key for key in wanted if key not in found]
    for key in unanswered[:LOOKS]:
        issue = yield from _look(access, layout, key)
        if issue is not None:
            found[key] = issue
    missing = [key for key in unanswered[:LOOKS] if key not in found]
    if missing:
        yield from prove(access)
    return Sweep(
        found=found, missing={key: why_missing(access, key) for key in missing}, unread=tuple(unanswered[LOOKS:])
    )


def fetch(access: Access, layout: Layout, keys: Sequence[str]) -> Conversation[list[Issue]]:
    """Read those of at most a hundred issues that are there, in one request where nothing is wrong with the keys."""
    reply = yield from (_fetch_cloud if access.is_cloud else _search_server)(access, layout, keys)
    if reply.status == 400:
        # One of the keys is refused, and it is not said in a way that can be relied on which: each half by itself.
        middle = len(keys) // 2
        first = yield from fetch(access, layout, keys[:middle]) if middle else _nothing()
        second = yield from fetch(access, layout, keys[middle:]) if middle else _nothing()
        return [*first, *second]
    with understanding(access, reply):
        parts = read_bulk(reply.body) if access.is_cloud else read_page(reply.body, is_cloud=False).issues
        return [read_issue(part, layout) for part in parts]


def standing(connection: Connection, issue: Issue) -> Standing:
    """Say how a change stands for a gate; its approvals are Jira's own affair, and its status alone speaks."""
    status_class = class_of_status(connection, issue.status)
    is_declined = status_like(issue.status) is Status.DECLINED or fold(issue.status) == fold(connection.prevent_status)
    return Standing(
        key=issue.key,
        status=issue.status,
        status_class=status_class,
        is_declined=is_declined and status_class is StatusClass.STOP,
        is_emergency=issue.type is ChangeType.EMERGENCY,
        window=issue.window,
    )


def is_change(layout: Layout, issue: Issue) -> bool:
    """Tell whether an issue is a change request: of the type that the connection's request type makes."""
    return issue.issue_type_id == layout.issue_type_id


def why_missing(access: Access, key: str) -> str:
    """Say of a change that is not there what may have become of it."""
    return (
        f"{access.connection.name} has no {key} that {who_asks(access)} may see: it was deleted, moved to a project "
        "that is hidden, or the permission to browse its project was taken away."
    )


def _look(access: Access, layout: Layout, key: str) -> Conversation[Issue | None]:
    query = urlencode({"fields": ",".join(fields_of(layout)), "properties": PROPERTY})
    path = issue_path(access, key, f"?{query}")
    reply = yield from ask(access, "GET", path, what=f"read {key}", takes=GONE)
    if reply.status in GONE:
        return None
    with understanding(access, reply):
        return read_issue(reply.body, layout)


def _fetch_cloud(access: Access, layout: Layout, keys: Sequence[str]) -> Conversation[Reply]:
    # Unlike a search this is never late, and leaves out what is not there instead of refusing the whole.
    body = write_bulk(keys, fields_of(layout), [PROPERTY])
    path = f"{api(access)}/issue/bulkfetch"
    return (yield from ask(access, "POST", path, body, what="read changes", takes=frozenset({400})))


def _search_server(access: Access, layout: Layout, keys: Sequence[str]) -> Conversation[Reply]:
    body = write_search(key_in(keys), fields_of(layout), is_cloud=False, after=None)
    path = f"{api(access)}/search"
    return (yield from ask(access, "POST", path, body, what="search for changes", takes=frozenset({400})))


def _nothing() -> Conversation[list[Issue]]:
    yield from ()
    return []


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
