"""Fetching many issues of Cloud at once, by keys: never late, and what is not there is left out."""

from mitregate.wire.http import Reply
from tests.fakes.jira import showing
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.refusals import Refusal, shown

_MOST = 100
_KNOWN = frozenset(["issueIdsOrKeys", "fields", "properties", "expand", "fieldsByKeys"])


def fetch(call: Call) -> Reply:
    """Show issues by ids and keys, old ones included; those that are hidden are left out as if they were not there."""
    if not call.site.flavour.is_cloud:
        raise Refusal(405, "Method Not Allowed")
    wish = call.body
    wanted = wish.get("issueIdsOrKeys")
    if not wish.keys() <= _KNOWN or not isinstance(wanted, list) or not wanted:
        raise Refusal(400, "Invalid request payload. Refer to the REST API documentation and try again.")
    if len(wanted) > _MOST:
        raise Refusal(400, f"The number of issues to fetch must not exceed {_MOST}.")
    named = [call.site.issue(str(one)) for one in wanted]
    seen = {one.id: one for one in named if one is not None and call.may("BROWSE_PROJECTS", one.project)}
    fields, properties = list(wish.get("fields") or ["*navigable"]), list(wish.get("properties") or [])
    ordered = sorted(seen.values(), key=lambda one: int(one.id))
    issues = [showing.issue(call, one, fields, list(wish.get("expand") or []), properties) for one in ordered]
    return shown({"issues": issues, "issueErrors": []})


ROUTES = [Route("POST", "/rest/api/{v}/issue/bulkfetch", fetch)]
