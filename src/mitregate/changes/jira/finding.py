"""Finding changes: by their exact title, and what an earlier try may have raised.

Jira searches for words and never for a title, so what it finds is compared here, letter by letter, and read once more:
what the index knew may be late. For the same reason nothing may be concluded from what it does not know, until enough
time has gone by; on Cloud sooner, where what it does not know yet is read by its number.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from mitregate.changes.jira.reading import fetch, is_change, read_change
from mitregate.changes.jira.talk import api, ask, understanding
from mitregate.core.changes import StatusClass
from mitregate.core.connections import Access, Layout, class_of_status
from mitregate.core.errors import Misconfigured
from mitregate.wire.http import Conversation
from mitregate.wire.jira_issues import PROPERTY, Draft, Issue, fields_of, is_made_of, read_issue
from mitregate.wire.jira_search import (
    BATCH,
    created_within,
    is_unfinished,
    project_is,
    read_page,
    titled_like,
    write_search,
)

PAGES = 10
"""Pages of an answer that are read, at most."""

LAG = timedelta(minutes=5)
"""How late a search may know of an issue."""

FLIGHT = timedelta(minutes=1)
"""How long a request that got no reply may still be under way."""

SLACK = timedelta(minutes=15)
"""By how much the clocks of both sides may differ."""

AHEAD = BATCH // 2
"""Numbers beyond the newest issue that is known which are looked at together."""


class Recovery(Struct, frozen=True, kw_only=True):
    """What became of an earlier try: the change that it raised, or None; and whether None means that there is none."""

    issue: Issue | None
    is_certain: bool


def find_title(access: Access, layout: Layout, title: str) -> Conversation[Issue | None]:
    """Find the open change of exactly this title, of several the one that was raised last.

    Args:
        access: which Jira, and who asks.
        layout: what was found out about it.
        title: quotes included.

    Returns:
        The change as it is now, or None.

    Raises:
        Misconfigured: the login is refused, or there are too many open issues with the same words.
        Unreachable: nothing is known; ask again later.
    """
    parts = (project_is(access.connection.project), is_unfinished(), titled_like(title))
    jql = " AND ".join(part for part in parts if part)
    after: str | int | None = None
    for _ in range(PAGES):
        issues, after = yield from _search(access, layout, f"{jql} ORDER BY created DESC", after)
        for issue in issues:
            current = (yield from read_change(access, layout, issue.id)) if issue.title == title else None
            if current is not None and current.title == title and _is_open_change(access, layout, current):
                return current
        if after is None:
            return None
    message = f"{access.connection.name} has more than {PAGES * BATCH} open issues with the words of {title!r}."
    raise Misconfigured(message, advice="Close old changes, or let the template of titles tell them apart better.")


def recover(
    access: Access, layout: Layout, draft: Draft, *, first_try: datetime, last_try: datetime
) -> Conversation[Recovery]:
    """Find what earlier tries to raise a change may have raised: nobody heard of it, or it was not written down.

    Args:
        access: which Jira, and who asks.
        layout: what was found out about it.
        draft: what the change was to say.
        first_try: when it was tried first.
        last_try: when it was tried last.

    Returns:
        The change, if there is one; else whether that is certain. As long as it is not, nothing may be raised.

    Raises:
        Misconfigured: the login is refused, or there are too many issues to be looked through.
        Unreachable: nothing is known; ask again later.
    """
    age = access.now - last_try
    jql = f"{project_is(access.connection.project)} AND {created_within(access.now - first_try + SLACK)}"
    after: str | int | None = None
    for _ in range(PAGES):
        issues, after = yield from _search(access, layout, f"{jql} ORDER BY created DESC", after)
        made = yield from _made_of(access, layout, draft, issues)
        if made is not None or after is None:
            break
    else:
        message = f"{access.connection.project} got more than {PAGES * BATCH} issues since a change was to be raised."
        raise Misconfigured(
            message, advice=f"Look there for {draft.reference}, and name its number with the deployment."
        )
    if made is None and access.is_cloud:
        made = yield from _look_ahead(access, layout, draft)
        return Recovery(issue=made, is_certain=made is not None or age >= FLIGHT)
    return Recovery(issue=made, is_certain=made is not None or age >= LAG)


def _search(
    access: Access, layout: Layout, jql: str, after: str | int | None
) -> Conversation[tuple[list[Issue], str | int | None]]:
    path = f"{api(access)}/search/jql" if access.is_cloud else f"{api(access)}/search"
    body = write_search(
        jql, fields_of(layout), is_cloud=access.is_cloud, after=after, properties=[PROPERTY] if access.is_cloud else ()
    )
    reply = yield from ask(access, "POST", path, body, what="search for changes")
    with understanding(access, reply):
        page = read_page(reply.body, is_cloud=access.is_cloud)
        return [read_issue(part, layout) for part in page.issues], page.next


def _made_of(access: Access, layout: Layout, draft: Draft, issues: Iterable[Issue]) -> Conversation[Issue | None]:
    for issue in issues:
        if is_made_of(issue, draft):
            # The property, which a search on Data Center does not tell, has the last word.
            current = yield from read_change(access, layout, issue.id)
            if current is not None and is_made_of(current, draft):
                return current
    return None


def _look_ahead(access: Access, layout: Layout, draft: Draft) -> Conversation[Issue | None]:
    """Read by their numbers the issues that the search may not know yet: numbers count up."""
    project = access.connection.project
    newest, _ = yield from _search(access, layout, f"{project_is(project)} ORDER BY key DESC", None)
    last = max((int(issue.key.rpartition("-")[2]) for issue in newest if issue.project == project), default=0)
    first = max(1, last - AHEAD + 1)
    while True:
        issues = yield from fetch(access, layout, [f"{project}-{first + count}" for count in range(BATCH)])
        made = yield from _made_of(access, layout, draft, issues)
        beyond = [int(issue.key.rpartition("-")[2]) for issue in issues if issue.project == project]
        if made is not None or max(beyond, default=0) <= last:
            return made
        last = max(beyond)
        first = last + 1 - AHEAD


def _is_open_change(access: Access, layout: Layout, issue: Issue) -> bool:
    is_here = issue.project == access.connection.project
    is_open = class_of_status(access.connection, issue.status) is not StatusClass.STOP
    return is_here and is_open and is_change(layout, issue)
