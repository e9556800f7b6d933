"""Changes over the native API: list, show, decide, move, plan, and comment."""

from typing import Annotated

from litestar import get, post, put
from litestar.params import JSONBody, PathParameter, QueryParameter

from mitregate.core.calendar import Window
from mitregate.core.changes import Coverage, Status
from mitregate.core.people import Principal
from mitregate.core.queries import ChangeQuery
from mitregate.flows import ask, review
from mitregate.web.bodies import Judgement, Move, NewChange, NewComment, NewType, Plan
from mitregate.web.change_views import ChangeDetail, ChangePage, change_detail, change_out
from mitregate.web.counter import PAGE, SECURED, Asker, Cursor, Desk, Limit, cut, number, refusals
from mitregate.web.holding import refresh
from mitregate.web.office import Office
from mitregate.web.views import given

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
    *,
    office: Desk,
    principal: Asker,
    status: Annotated[Status | None, QueryParameter(description="Only in this status.")] = None,
    is_open: Annotated[
        bool, QueryParameter(name="open", description="Only those of which something can still come.")
    ] = False,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> ChangePage:
    """List changes."""
    query = ChangeQuery(status=status, is_open=is_open, before=number(cursor), limit=limit + 1)
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
    "/changes",
    operation_id="prepareChange",
    summary="Prepare a change",
    description=(
        "Opens a change by hand, before there is a deployment for it. A deployment relies on it that names its number, "
        "or whose change would have exactly its title. Needs the permission `plan`."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def prepare_change(office: Desk, principal: Asker, data: JSONBody[NewChange]) -> ChangeDetail:
    """Prepare a change."""
    covers = data.covers
    draft = review.Draft(
        title=data.title,
        description=data.description,
        is_emergency=data.type == "emergency",
        services=data.services,
        covers=None
        if covers is None
        else Coverage(project=covers.project, environment=covers.environment, version=covers.version),
        window=Window(start=data.planned_start, end=data.planned_end),
    )
    change = await office.transact(principal, review.prepare, draft)
    return await _shown(office, principal, change.key)


@post(
    "/changes/{key:str}/type",
    operation_id="retypeChange",
    summary="Give a change another type",
    description=(
        "Makes a change that nobody has approved yet an emergency, or a normal one again. Needs the permission "
        "`override`."
    ),
    tags=TAG,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404, 409),
)
async def retype_change(office: Desk, principal: Asker, key: Key, data: JSONBody[NewType]) -> ChangeDetail:
    """Give a change another type."""
    await office.transact(principal, review.retype, key, data.type, data.comment)
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
    prepare_change,
    show_change,
    retype_change,
    approve_change,
    decline_change,
    move_change,
    plan_change,
    comment_on_change,
)
