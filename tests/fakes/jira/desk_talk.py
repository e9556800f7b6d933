"""The service desk's API about what is said of requests: comments and approvals."""

from typing import Any

from mitregate.wire.http import Reply
from tests.fakes.jira import showing
from tests.fakes.jira.adf import to_text
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.clock import desk_time
from tests.fakes.jira.desk import ROOT, asked, paged, say
from tests.fakes.jira.model import Approval, Comment, Issue
from tests.fakes.jira.refusals import Refusal, shown


def comments(call: Call) -> Reply:
    """List the comments on a request."""
    issue = asked(call)
    wanted = {True: call.said("public", "true") == "true", False: call.said("internal", "true") == "true"}
    return paged(call, [_comment(call, one, issue) for one in issue.comments if wanted[one.is_public]])


def comment(call: Call) -> Reply:
    """Comment on a request."""
    issue, body = asked(call), call.body
    if not isinstance(body.get("body"), str) or not body["body"].strip():
        raise Refusal(400, "Comment body can not be empty!")
    if not call.may("ADD_COMMENTS", issue.project):
        raise Refusal(403, "You do not have permission to comment on this request.")
    return shown(_comment(call, say(call, issue, body["body"], is_public=body.get("public", True)), issue), 201)


def _comment(call: Call, shown_: Comment, issue: Issue) -> dict[str, Any]:
    return {
        "_expands": ["attachment", "renderedBody"],
        "id": shown_.id,
        "body": shown_.body if isinstance(shown_.body, str) else to_text(shown_.body),
        "public": shown_.is_public,
        "author": showing.site_user(call, shown_.author),
        "created": desk_time(shown_.created, call.taste.zone),
        "_links": {"self": f"{call.site.url}{ROOT}/request/{issue.id}/comment/{shown_.id}"},
    }


def approvals(call: Call) -> Reply:
    """List the approvals of a request."""
    issue = asked(call)
    return paged(call, [showing.approval(call, one, issue) for one in issue.approvals])


def approval(call: Call) -> Reply:
    """Show an approval."""
    issue = asked(call)
    return shown(showing.approval(call, _approval(call, issue), issue))


def _approval(call: Call, issue: Issue) -> Approval:
    for one in issue.approvals:
        if one.id == call.parts["approval"]:
            return one
    raise Refusal(404, "The approval you are trying to view does not exist.")


def answer(call: Call) -> Reply:
    """Approve or decline."""
    issue = asked(call)
    question, decision = _approval(call, issue), call.body.get("decision")
    words = {"approve": "approved", "decline": "declined"}
    if decision not in words:
        raise Refusal(400, "The decision must be either 'approve' or 'decline'.")
    if not showing.may_answer(call, question, issue):
        raise Refusal(403, "You don't have approve permission.")
    call.site.decide(issue, question, words[decision], by=call.asker.id)
    return shown(showing.approval(call, question, issue))


ROUTES = [
    Route("GET", f"{ROOT}/request/{{issue}}/comment", comments),
    Route("POST", f"{ROOT}/request/{{issue}}/comment", comment),
    Route("GET", f"{ROOT}/request/{{issue}}/approval", approvals),
    Route("GET", f"{ROOT}/request/{{issue}}/approval/{{approval}}", approval),
    Route("POST", f"{ROOT}/request/{{issue}}/approval/{{approval}}", answer),
]
