"""Gates over the native API: list, show, and wait."""

import asyncio
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter

from mitregate.core.gates import GatingStatus, Stage
from mitregate.core.queries import GateQuery
from mitregate.flows import ask
from mitregate.web.counter import PAGE, SECURED, Asked, Asker, Cursor, Desk, Id, Limit, cut, refusals
from mitregate.web.holding import hold, refresh, settled
from mitregate.web.views import GateOut, GatePage, gate_out, given

TAG = ["Gates"]

LONGEST = 60
"""Seconds that a caller is held at most."""


@get(
    "/gates",
    operation_id="listGates",
    summary="List gates",
    description="Gates, newest first. An app sees those of its own deployments only.",
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def list_gates(
    *,
    office: Desk,
    principal: Asker,
    status: Annotated[GatingStatus | None, QueryParameter(description="Only with this gating status.")] = None,
    stage: Annotated[Stage | None, QueryParameter(description="Only in this stage.")] = None,
    pipeline_id: Annotated[str | None, QueryParameter(name="pipelineId", description="Only of this pipeline.")] = None,
    environment_id: Annotated[
        str | None, QueryParameter(name="environmentId", description="Only of this environment.")
    ] = None,
    sequence_number: Annotated[
        int | None, QueryParameter(name="deploymentSequenceNumber", description="Only of this deployment.")
    ] = None,
    app_id: Annotated[str | None, QueryParameter(name="appId", description="Only of this app.")] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE,
) -> GatePage:
    """List gates."""
    query = GateQuery(
        app_id=app_id,
        status=status,
        stage=stage,
        pipeline_id=pipeline_id,
        environment_id=environment_id,
        sequence_number=sequence_number,
        before=cursor,
        limit=limit + 1,
    )
    found = await office.read(ask.gates, query, principal)
    if await refresh(office, found):
        found = await office.read(ask.gates, query, principal)
    gates, is_more = cut(found, limit)
    items = tuple(gate_out(gate, office.ports.base_url) for gate in gates)
    return GatePage(items=items, next=given(items[-1].id if is_more else None))


@get(
    "/gates/{gate_id:str}",
    operation_id="getGate",
    summary="Show a gate",
    description="A gate with its verdict as it is at this instant, and every reason for it.",
    tags=TAG,
    security=SECURED,
    responses=refusals(401, 403, 404),
)
async def show_gate(office: Desk, principal: Asker, gate_id: Id) -> GateOut:
    """Show a gate."""
    return gate_out(await settled(office, principal, gate_id), office.ports.base_url)


@get(
    "/gates/{gate_id:str}/wait",
    operation_id="waitForGate",
    summary="Wait for a gate",
    description=(
        "Answers as soon as the gate is decided (its gating status is not `awaiting`, or its stage is not `held`) or "
        "its revision is higher than the one given, and with the gate as it is when the time is over. Ask again with "
        "the revision of the answer."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def wait_for_gate(
    *,
    request: Asked,
    office: Desk,
    principal: Asker,
    gate_id: Id,
    timeout: Annotated[int, QueryParameter(description="Seconds to wait at most.", ge=0, le=LONGEST)] = 30,  # noqa: ASYNC109
    revision: Annotated[int | None, QueryParameter(description="The revision that is known already.")] = None,
) -> GateOut:
    """Hold the caller until the gate is decided."""
    departure = asyncio.create_task(_departure(request))
    try:
        gate = await hold(office, principal, gate_id, revision=revision, seconds=timeout, departure=departure)
    finally:
        departure.cancel()
    return gate_out(gate, office.ports.base_url)


async def _departure(request: Asked) -> None:
    """Return when the caller has closed the connection."""
    message = await request.receive()
    while message["type"] != "http.disconnect":
        message = await request.receive()


ROUTES = (list_gates, show_gate, wait_for_gate)
