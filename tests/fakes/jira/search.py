"""Searching: with page tokens and late on Cloud, with totals on Data Center."""

import base64
import hashlib
from typing import Any

from mitregate.wire.http import Reply
from tests.fakes.jira import showing
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.jql import parse
from tests.fakes.jira.jql_fields import Reader
from tests.fakes.jira.model import Issue
from tests.fakes.jira.refusals import Refusal, shown

UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
BAD_TOKEN = "The provided next page token is invalid or expired. Please restart the search."
GONE = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)
_MOST_WITH_FIELDS = 100
_MOST_ON_DATA_CENTER = 1000
_KNOWN = frozenset(
    ["jql", "nextPageToken", "maxResults", "fields", "expand", "properties", "fieldsByKeys", "reconcileIssues"]
)


def _found(call: Call, reader: Reader, jql: str, fresh: list[str]) -> list[Issue]:
    query = parse(jql)
    if query.condition is None and call.site.flavour.is_cloud:
        raise Refusal(400, UNBOUNDED)
    test = reader.test(query.condition)
    found = [issue for issue in call.site.indexed(fresh=fresh) if reader.may_see(issue) and test(issue)]
    found.sort(key=lambda issue: int(issue.id), reverse=True)
    for name, descends in reversed(query.order):
        found.sort(key=reader.sort_key(name), reverse=descends)
    return found


def by_query(call: Call) -> Reply:
    """Search on Cloud, with the wish in the query."""
    _only_cloud(call)
    wish: dict[str, Any] = {
        name: call.words(name) for name in ("fields", "properties", "reconcileIssues") if name in call.query
    }
    wish |= {name: call.said(name) for name in ("jql", "nextPageToken", "expand") if name in call.query}
    return _page(call, wish | {"maxResults": call.number("maxResults", 50)})


def by_body(call: Call) -> Reply:
    """Search on Cloud, with the wish in the body."""
    _only_cloud(call)
    wish = call.body
    numbers = {name: wish[name] for name in ("maxResults",) if name in wish}
    if not wish.keys() <= _KNOWN or not all(type(number) is int for number in numbers.values()):
        raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    if not isinstance(wish.get("expand", ""), str):
        raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    return _page(call, wish)


def _page(call: Call, wish: dict[str, Any]) -> Reply:
    jql, fields = wish.get("jql") or "", list(wish.get("fields") or ["id"])
    start = _start(wish["nextPageToken"], jql) if wish.get("nextPageToken") else 0
    most = wish.get("maxResults", 50)
    if not 1 <= most <= 5000:
        raise Refusal(400, "The value of maxResults must be between 1 and 5000.")
    fresh = [str(id_) for id_ in wish.get("reconcileIssues") or []]
    if len(fresh) > 50:
        raise Refusal(400, "The number of issues to reconcile must not exceed 50.")
    found = _found(call, Reader(call.site, call.user), jql, fresh)
    if set(fields) - {"id", "key"}:
        most = min(most, _MOST_WITH_FIELDS)
    page = found[start : start + most]
    expand = [word for word in str(wish.get("expand") or "").split(",") if word]
    said: dict[str, Any] = {
        "issues": [_hit(call, issue, fields, expand, list(wish.get("properties") or [])) for issue in page],
        "isLast": start + most >= len(found),
    }
    if not said["isLast"]:
        said["nextPageToken"] = _token(start + most, jql)
    ids = sorted({name for hit in said["issues"] for name in hit.get("fields", {})})
    return shown(said | showing.names_and_schema(call, ids, expand))


def _hit(call: Call, issue: Issue, fields: list[str], expand: list[str], properties: list[str]) -> dict[str, Any]:
    if set(fields) <= {"id", "key"} and not properties:
        return {"id": issue.id} | ({"key": issue.key} if "key" in fields else {})
    kept = [word for word in expand if word not in {"names", "schema"}]
    return showing.issue(call, issue, fields, kept, properties)


def _token(start: int, jql: str) -> str:
    return base64.urlsafe_b64encode(f"{start}:{_digest(jql)}".encode()).decode()


def _start(token: Any, jql: str) -> int:
    try:
        start, _, digest = base64.urlsafe_b64decode(str(token).encode()).decode().partition(":")
        if digest == _digest(jql):
            return int(start)
    except ValueError:
        pass  # it is none of ours, as one for another query is
    raise Refusal(400, BAD_TOKEN)


def _digest(jql: str) -> str:
    return hashlib.sha256(jql.encode()).hexdigest()[:16]


def _only_cloud(call: Call) -> None:
    if not call.site.flavour.is_cloud:
        raise Refusal(404, "null for uri: " + call.path)


def old(call: Call) -> Reply:
    """Search as it always was: on Data Center; on Cloud it is gone."""
    if call.site.flavour.is_cloud:
        raise Refusal(410, GONE)
    wish: dict[str, Any] = call.body if call.method == "POST" else _old_wish(call)
    reader = Reader(call.site, call.user, is_lenient=wish.get("validateQuery", True) in {False, "false", "none"})
    found = _found(call, reader, str(wish.get("jql") or ""), [])
    start = max(0, int(wish.get("startAt", 0)))
    most = min(int(wish.get("maxResults", 50)), _MOST_ON_DATA_CENTER)
    fields, expand = list(wish.get("fields") or ["*navigable"]), list(wish.get("expand") or [])
    page = found[start : start + most]
    kept = [word for word in expand if word not in {"names", "schema"}]
    said: dict[str, Any] = {
        "expand": "names,schema",
        "startAt": start,
        "maxResults": most,
        "total": len(found),
        "issues": [showing.issue(call, issue, fields, kept, list(wish.get("properties") or [])) for issue in page],
    }
    ids = sorted({name for hit in said["issues"] for name in hit["fields"]})
    warned = {"warningMessages": reader.warnings} if reader.warnings else {}
    return shown(said | showing.names_and_schema(call, ids, expand) | warned)


def _old_wish(call: Call) -> dict[str, Any]:
    numbers = {"startAt": call.number("startAt", 0), "maxResults": call.number("maxResults", 50)}
    lists = {name: call.words(name) for name in ("fields", "expand")}
    return {"jql": call.said("jql"), "validateQuery": call.said("validateQuery", "true"), **numbers, **lists}


ROUTES = [
    Route("GET", "/rest/api/{v}/search/jql", by_query),
    Route("POST", "/rest/api/{v}/search/jql", by_body),
    Route("GET", "/rest/api/{v}/search", old),
    Route("POST", "/rest/api/{v}/search", old),
]
