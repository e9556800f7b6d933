"""Acting back on changes: comments, and transitions by where they lead.

Both are told as outcomes: what is refused is reported and stays refused, what is wrong with the login or the other side
is tried again later. Neither happens twice, whoever asks twice.
"""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

from msgspec.structs import replace

from mitregate.changes.jira.talk import ask, issue_path, prove, refusal, understanding
from mitregate.core.connections import Access, Layout, Remarks
from mitregate.core.errors import Misconfigured, Unsettled
from mitregate.core.jobs import Outcome, Result
from mitregate.wire.http import Conversation, Reply
from mitregate.wire.jira_acts import (
    COMMENTS,
    Transition,
    is_same_status,
    leading_to,
    read_comments,
    read_transitions,
    write_comment,
    write_transition,
)
from mitregate.wire.jira_issues import fields_of, read_issue

REFUSED = frozenset({400, 403, 404, 409, 413, 422})
"""Refusals that are reported instead of being anybody's fault."""

PAGES = 50
"""Pages of comments that are looked through for our own, at most."""

SOON = frozenset({409})
"""Somebody else is changing the issue: that passes."""


def comment(
    access: Access, key: str, text: str, reference: str, *, remarks: Remarks = Remarks.INTERNAL
) -> Conversation[Outcome]:
    """Say something on a change, once.

    Args:
        access: which Jira, and who asks.
        key: of the issue.
        text: plain text, however it came about; nothing in it means anything to Jira but web addresses.
        reference: our own id of what is said: a second comment with it is not written.
        remarks: who can read it; with `off` nothing is said.

    Returns:
        Done, never if Jira refused it, else later.
    """
    if remarks is Remarks.OFF:
        return Outcome(result=Result.DONE, detail="Comments are turned off.")
    return (yield from _settle(lambda: _comment(access, key, text, reference, remarks)))


def move(access: Access, layout: Layout, key: str, target: str) -> Conversation[Outcome]:
    """Move a change to a status, if it is not there yet, by the transition that leads to it from where it is.

    Args:
        access: which Jira, and who asks.
        layout: what was found out about it.
        key: of the issue.
        target: the status, by any of the names that Jira's default workflow has for it.

    Returns:
        Done, never if no transition leads there or Jira refused it, else later.
    """
    return (yield from _settle(lambda: _move(access, layout, key, target)))


def _settle(act: Callable[[], Conversation[Outcome]]) -> Conversation[Outcome]:
    try:
        return (yield from act())
    except Unsettled as error:
        pause = timedelta(seconds=error.retry_after) if error.retry_after is not None else None
        return Outcome(result=Result.LATER, detail=error.message, retry_after=pause)
    except Misconfigured as error:
        return Outcome(result=Result.LATER, detail=f"{error.message} {error.advice()}")


def _comment(access: Access, key: str, text: str, reference: str, remarks: Remarks) -> Conversation[Outcome]:
    start: int | None = 0
    for _ in range(PAGES):
        # The newest first: what was said a moment ago is on the first page.
        query = {"startAt": start, "maxResults": COMMENTS, "orderBy": "-created", "expand": "properties"}
        path = issue_path(access, key, f"/comment?{urlencode(query)}")
        reply = yield from ask(access, "GET", path, what="read the comments", takes=REFUSED)
        if reply.status in REFUSED:
            return (yield from _refused(access, reply, f"show the comments of {key}"))
        with understanding(access, reply):
            page = read_comments(reply.body)
        if reference in page.references:
            return Outcome(result=Result.DONE, detail="The comment is there.", status=reply.status)
        start = page.next
        if start is None:
            break
    body = write_comment(text, reference, is_cloud=access.is_cloud, is_public=remarks is Remarks.PUBLIC)
    what = "comment on changes"
    reply = yield from ask(access, "POST", issue_path(access, key, "/comment"), body, what=what, takes=REFUSED)
    if reply.status in REFUSED:
        return (yield from _refused(access, reply, f"take a comment on {key}"))
    return Outcome(result=Result.DONE, detail="The comment was written.", status=reply.status)


def _move(access: Access, layout: Layout, key: str, target: str) -> Conversation[Outcome]:
    query = urlencode({"fields": ",".join(fields_of(layout)), "expand": "transitions,transitions.fields"})
    reply = yield from ask(access, "GET", issue_path(access, key, f"?{query}"), what=f"read {key}", takes=REFUSED)
    if reply.status in REFUSED:
        return (yield from _refused(access, reply, f"show {key}"))
    with understanding(access, reply):
        status, offered = read_issue(reply.body, layout).status, read_transitions(reply.body)
    if is_same_status(status, target):
        return Outcome(result=Result.DONE, detail=f"{key} is {status}.", status=reply.status)
    transition = leading_to(offered, target)
    if transition is None:
        return Outcome(result=Result.NEVER, detail=_no_way(access, key, status, target, offered), status=reply.status)
    path = issue_path(access, key, "/transitions")
    what = "move changes"
    reply = yield from ask(access, "POST", path, write_transition(transition), what=what, takes=REFUSED)
    if reply.status in REFUSED:
        outcome = yield from _refused(access, reply, f"move {key} from {status} to {transition.target}")
        demands = f" It demands {', '.join(transition.demands)}." if transition.demands else ""
        return replace(outcome, detail=f"{outcome.detail}{demands}")
    return Outcome(result=Result.DONE, detail=f"{key} moved from {status} to {transition.target}.", status=reply.status)


def _refused(access: Access, reply: Reply, what: str) -> Conversation[Outcome]:
    """Say that Jira refused something, once it is proved that it knows who asked."""
    yield from prove(access)
    result = Result.LATER if reply.status in SOON else Result.NEVER
    return Outcome(result=result, detail=refusal(access, reply, what), status=reply.status)


def _no_way(access: Access, key: str, status: str, target: str, offered: tuple[Transition, ...]) -> str:
    ways = ", ".join(sorted({one.target for one in offered})) or "nowhere"
    return (
        f"{access.connection.name} offers no way for {key} from {status} to {target}; from there it leads to: {ways}."
    )
