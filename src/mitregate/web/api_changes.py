"""Changes over the native API: list, show, decide, move, plan, and comment."""

from typing import Annotated

from litestar import get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from mitregate.core.changes import Status
from mitregate.core.people import Principal
from mitregate.core.queries import ChangeQuery
from mitregate.flows import ask, review
from mitregate.web.bodies import Judgement, Move, NewComment, Plan
from mitregate.web.counter import PAGE, SECURED, Asker, Cursor, Desk, Limit, cut, number, refusals
from mitregate.web.holding import refresh
from mitregate.web.office import Office
from mitregate.web.views import ChangeDetail, ChangePage, change_detail, change_out, given

TAG = ["Changes"]

Key = Annotated[str, PathParameter(description="The key of the change, such as CHG-42.")]


@get(
    "/changes",
    operation_id="listChanges",
    summary="List changes",
    description="Change requests, newest first.",
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def list_changes(
    office: Desk,
    principal: Asker,
    status: Annotated[Status | None, QueryParameter(description="Only in this status.")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> ChangePage:
    """List changes."""
    query = ChangeQuery(status=status, before=number(cursor), limit=limit + 1)
    changes, is_more = cut(await office.read(ask.changes, query, principal), limit)
    items = tuple(change_out(change, office.ports.base_url) for change in changes)
    return ChangePage(items=items, next=given(str(changes[-1].number) if is_more else None))


@get(
    "/changes/{key:str}",
    operation_id="getChange",
    summary="Show a change",
    description="A change with its gates, approvals, comments, and the transitions that are possible now.",
    tags=TAG,
    security=SECURED,
    responses=refusals(401, 403, 404),
)
async def show_change(office: Desk, principal: Asker, key: Key) -> ChangeDetail:
    """Show a change."""
    return await _shown(office, principal, key)


@post(
    "/changes/{key:str}/approve",
    operation_id="approveChange",
    summary="Approve a change",
    description=(
        "Approves a change, bound to what is to be deployed now and to the window as it is planned now. Needs the "
        "permission `decide`."
    ),
    tags=TAG,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404, 409),
)
async def approve_change(
    office: Desk, principal: Asker, key: Key, data: JSONBody[Judgement | None] = None
) -> ChangeDetail:
    """Approve a change."""
    data = data or Judgement()
    await office.transact(principal, review.approve, key, data.comment, data.seen)
    return await _shown(office, principal, key)


@post(
    "/changes/{key:str}/decline",
    operation_id="declineChange",
    summary="Decline a change",
    description="Declines a change; the gates that wait for it become `prevented`. Needs the permission `decide`.",
    tags=TAG,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404, 409),
)
async def decline_change(
    office: Desk, principal: Asker, key: Key, data: JSONBody[Judgement | None] = None
) -> ChangeDetail:
    """Decline a change."""
    data = data or Judgement()
    await office.transact(principal, review.decline, key, data.comment, data.seen)
    return await _shown(office, principal, key)


@post(
    "/changes/{key:str}/transition",
    operation_id="moveChange",
    summary="Move a change",
    description=(
        "Takes a change one step along the workflow. Needs the permission `plan`; `decide` for Approve and Decline."
    ),
    tags=TAG,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404, 409),
)
async def move_change(office: Desk, principal: Asker, key: Key, data: JSONBody[Move]) -> ChangeDetail:
    """Move a change."""
    await office.transact(principal, review.transition, key, data.transition, data.comment, data.seen)
    return await _shown(office, principal, key)


@put(
    "/changes/{key:str}/window",
    operation_id="planChange",
    summary="Plan the window of a change",
    description=(
        "Sets the window in place of the one it had; approvals given for another window become stale. Needs the "
        "permission `plan`."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403, 404, 409),
)
async def plan_change(office: Desk, principal: Asker, key: Key, data: JSONBody[Plan]) -> ChangeDetail:
    """Plan the window of a change."""
    await office.transact(principal, review.plan, key, data.start, data.end)
    return await _shown(office, principal, key)


@post(
    "/changes/{key:str}/comments",
    operation_id="commentOnChange",
    summary="Comment on a change",
    description="Leaves a comment on a change.",
    tags=TAG,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404),
)
async def comment_on_change(office: Desk, principal: Asker, key: Key, data: JSONBody[NewComment]) -> ChangeDetail:
    """Comment on a change."""
    await office.transact(principal, review.comment_on, key, data.text)
    return await _shown(office, principal, key)


async def _shown(office: Office, principal: Principal, key: str) -> ChangeDetail:
    view = await office.read(ask.change, key, principal, office.ports.changes)
    if await refresh(office, view.gates):
        view = await office.read(ask.change, key, principal, office.ports.changes)
    return change_detail(view, office.ports.base_url)


ROUTES = (
    list_changes,
    show_change,
    approve_change,
    decline_change,
    move_change,
    plan_change,
    comment_on_change,
)
