"""Freezes over the native API: list, add and end them, and override them for one deployment."""

from dataclasses import dataclass
from typing import Annotated

from litestar import delete, get, post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.params import JSONBody, QueryParameter
from msgspec.structs import replace

from mitregate.core.times import Times
from mitregate.flows import rules
from mitregate.web.bodies import Reasoned
from mitregate.web.calendar_views import FreezeList, FreezeOut, freeze_out
from mitregate.web.counter import SECURED, Asked, Asker, Desk, Id, refusals
from mitregate.web.views import GateOut, gate_out
from mitregate.wire.rulebook import read_freeze

TAG = ["Rules"]


@dataclass
class Adding(Operation):
    """Describes what is sent a freeze."""

    def __post_init__(self) -> None:
        """Add the body, which the framework knows nothing of."""
        said = Schema(
            title="Freeze", description="A freeze as in the rulebook, by the schema at `/api/v1/rules/schema`."
        )
        self.request_body = RequestBody(content={"application/json": OpenAPIMediaType(schema=said)}, required=True)


@get(
    "/freezes",
    operation_id="listFreezes",
    summary="List freezes",
    description=(
        "All freezes, each with whether it holds now, until when, and when it begins next; and the calendars that are "
        "read, each with how it fares."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(401, 403),
)
async def list_freezes(office: Desk, principal: Asker) -> FreezeList:
    """List freezes."""
    found = await office.read(rules.freezes, office.ports.now(), principal)
    return FreezeList(items=tuple(map(freeze_out, found)))


@post(
    "/freezes",
    operation_id="addFreeze",
    summary="Add a freeze",
    description=(
        "Adds a freeze to the rulebook, which holds at once for all that wait; an object with the keys it has there. "
        "If nothing says when, it begins now, and lasts until it is ended. Needs the permission `plan`."
    ),
    tags=TAG,
    security=SECURED,
    operation_class=Adding,
    responses=refusals(400, 401, 403, 413),
)
async def add_freeze(request: Asked, office: Desk, principal: Asker) -> FreezeOut:
    """Add a freeze."""
    freeze = read_freeze(await request.body())
    now = office.ports.now()
    if freeze.when == Times(zone=freeze.when.zone) and not freeze.holidays:
        freeze = replace(freeze, when=Times(start=now.replace(microsecond=0), zone=freeze.when.zone))
    await office.transact(principal, rules.add_freeze, freeze)
    found = await office.read(rules.freezes, now, principal)
    return freeze_out(next(view for view in found if view.freeze.name == freeze.name))


@delete(
    "/freezes",
    operation_id="endFreeze",
    summary="End a freeze",
    description="Takes a freeze out of the rulebook; what it held back may go at once. Needs the permission `plan`.",
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def end_freeze(
    office: Desk, principal: Asker, name: Annotated[str, QueryParameter(description="What it is called.")]
) -> None:
    """End a freeze."""
    await office.transact(principal, rules.remove_freeze, name)


@post(
    "/gates/{gate_id:str}/override",
    operation_id="overrideFreezes",
    summary="Override the freezes that hold a gate",
    description=(
        "Lets one deployment start in spite of the freezes that hold it now; when they come again, they hold it. It is "
        "kept with the gate, the change and the audit log. Needs the permission `override`."
    ),
    tags=["Gates"],
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404, 409),
)
async def override_freezes(office: Desk, principal: Asker, gate_id: Id, data: JSONBody[Reasoned]) -> GateOut:
    """Override the freezes that hold a gate."""
    gate = await office.transact(principal, rules.override, gate_id, data.reason)
    return gate_out(gate, office.ports.base_url)


ROUTES = (list_freezes, add_freeze, end_freeze, override_freezes)
