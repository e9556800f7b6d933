"""Deliveries and the audit log over the native API."""

from typing import Annotated

from litestar import get, post
from litestar.params import QueryParameter

from mitregate.core.jobs import JobState
from mitregate.core.queries import AuditQuery, JobQuery
from mitregate.flows import ask, deliver
from mitregate.web.counter import PAGE, SECURED, Asker, Cursor, Desk, Id, Limit, cut, number, refusals
from mitregate.web.views import (
    AuditPage,
    DeliveryDetail,
    DeliveryOut,
    DeliveryPage,
    delivery_detail,
    delivery_out,
    entry_out,
    given,
)

TAG = ["Deliveries"]


@get(
    "/deliveries",
    operation_id="listDeliveries",
    summary="List deliveries",
    description="Deliveries of verdicts to the outside, newest first.",
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def list_deliveries(
    *,
    office: Desk,
    principal: Asker,
    job_state: Annotated[JobState | None, QueryParameter(name="state", description="Only in this state.")] = None,
    gate_id: Annotated[str | None, QueryParameter(name="gateId", description="Only of this gate.")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> DeliveryPage:
    """List deliveries."""
    query = JobQuery(state=job_state, gate_id=gate_id, before=cursor, limit=limit + 1)
    jobs, is_more = cut(await office.read(ask.deliveries, query, principal), limit)
    items = tuple(delivery_out(job) for job in jobs)
    return DeliveryPage(items=items, next=given(items[-1].id if is_more else None))


@get(
    "/deliveries/{delivery_id:str}",
    operation_id="getDelivery",
    summary="Show a delivery",
    description="A delivery with all its tries.",
    tags=TAG,
    security=SECURED,
    responses=refusals(401, 403, 404),
)
async def show_delivery(office: Desk, principal: Asker, delivery_id: Id) -> DeliveryDetail:
    """Show a delivery."""
    return delivery_detail(await office.read(ask.delivery, delivery_id, principal))


@post(
    "/deliveries/{delivery_id:str}/retry",
    operation_id="retryDelivery",
    summary="Retry a delivery",
    description="Opens a dead or withdrawn delivery again, due at once; an open one is hastened. Needs `operate`.",
    tags=TAG,
    security=SECURED,
    status_code=200,
    responses=refusals(401, 403, 404, 409),
)
async def retry_delivery(office: Desk, principal: Asker, delivery_id: Id) -> DeliveryOut:
    """Retry a delivery."""
    return delivery_out(await office.transact(principal, deliver.retry, delivery_id))


@get(
    "/audit",
    operation_id="listAudit",
    summary="Read the audit log",
    description="Who did what to what, when, and from where; newest first. Needs the permission `audit`.",
    tags=["Audit"],
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def list_audit(
    *,
    office: Desk,
    principal: Asker,
    subject: Annotated[str | None, QueryParameter(description="Only about this: a key or an id.")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> AuditPage:
    """Read the audit log."""
    query = AuditQuery(subject=subject, before=number(cursor), limit=limit + 1)
    entries, is_more = cut(await office.read(ask.entries, query, principal), limit)
    items = tuple(entry_out(position, entry) for position, entry in entries)
    return AuditPage(items=items, next=given(str(items[-1].number) if is_more else None))


ROUTES = (list_deliveries, show_delivery, retry_delivery, list_audit)
