"""Calendars over the native API: take in a calendar file, and have a calendar read that the rules subscribe to."""

import asyncio
from dataclasses import dataclass
from typing import Annotated

from litestar import post
from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.params import QueryParameter

from mitregate.core.deployments import EnvironmentType
from mitregate.core.people import Permission
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule
from mitregate.flows import calendars, feeds
from mitregate.flows.act import begin
from mitregate.web.calendar_views import ImportOut, import_out
from mitregate.web.counter import SECURED, Asked, Asker, Desk, refusals
from mitregate.wire.icalendar import read_calendar

TAG = ["Rules"]

CALENDAR = "text/calendar"

Words = list[str] | None


@dataclass
class TakingIn(Operation):
    """Describes what is sent a calendar file."""

    def __post_init__(self) -> None:
        """Add the body, which the framework knows nothing of."""
        said = Schema(title="Calendar", description="An iCalendar file (RFC 5545).")
        self.request_body = RequestBody(content={CALENDAR: OpenAPIMediaType(schema=said)}, required=True)


@post(
    "/freezes/import",
    operation_id="importFreeze",
    summary="Freeze what a calendar file says",
    description=(
        "Takes the events of an iCalendar file that are still to come into the rulebook, as one freeze, in place of "
        "the one of that name. With `holidays` it takes the whole days, as a set of holidays of that name. The same "
        "file again changes nothing. With `dryRun` it says what would come of it, and does nothing. Needs "
        "the permission `plan`."
    ),
    tags=TAG,
    security=SECURED,
    operation_class=TakingIn,
    status_code=200,
    responses=refusals(400, 401, 403, 413),
)
async def import_freeze(
    *,
    request: Asked,
    office: Desk,
    principal: Asker,
    name: Annotated[
        str, QueryParameter(description="What the freeze, or the set, is called.", min_length=1, max_length=100)
    ],
    project: Annotated[Words, QueryParameter(description="Only this project, or pattern; may be repeated.")] = None,
    environment: Annotated[
        Words, QueryParameter(description="Only this environment, or pattern; may be repeated.")
    ] = None,
    kind: Annotated[
        list[EnvironmentType] | None,
        QueryParameter(name="type", description="Only environments of this type; may be repeated."),
    ] = None,
    service: Annotated[Words, QueryParameter(description="Only this service; may be repeated.")] = None,
    reason: Annotated[str, QueryParameter(description="Why, before the titles of the events.")] = "",
    zone: Annotated[
        str,
        QueryParameter(description="The zone of whole days, and of events that name none; by default the calendar's."),
    ] = "",
    strict: Annotated[bool, QueryParameter(description="Whether emergency changes do not pass either.")] = False,
    holidays: Annotated[bool, QueryParameter(description="Take whole days, as a set of holidays.")] = False,
    dry_run: Annotated[bool, QueryParameter(name="dryRun", description="Only say what would come of it.")] = False,
) -> ImportOut:
    """Take in a calendar file."""
    principal.require(Permission.PLAN)
    # A large one takes its time, in which others are served.
    file = await asyncio.to_thread(read_calendar, await request.body(), zone)
    reach = Reach(
        projects=tuple(project or ()),
        environments=tuple(environment or ()),
        types=tuple(kind or ()),
        services=tuple(service or ()),
    )
    freeze = FreezeRule(name=name, reach=reach, reason=reason, spares_emergencies=not strict)
    if dry_run:
        found = await office.read(
            lambda uow: (
                calendars.import_holidays(begin(office.ports, uow, principal), file, name, is_dry=True)
                if holidays
                else calendars.import_freeze(begin(office.ports, uow, principal), file, freeze, is_dry=True)
            )
        )
    elif holidays:
        found = await office.transact(principal, calendars.import_holidays, file, name)
    else:
        found = await office.transact(principal, calendars.import_freeze, file, freeze)
    return import_out(found, is_dry=dry_run)


@post(
    "/feeds/read",
    operation_id="readFeed",
    summary="Read a calendar now",
    description=(
        "Has a calendar that the rulebook subscribes to read as soon as a worker is at hand. Needs the permission "
        "the permission `plan`."
    ),
    tags=TAG,
    security=SECURED,
    status_code=204,
    responses=refusals(400, 401, 403, 404),
)
async def read_feed(
    office: Desk, principal: Asker, name: Annotated[str, QueryParameter(description="What it is called.")]
) -> None:
    """Have a calendar read now."""
    await office.transact(principal, feeds.hasten, name)


ROUTES = (import_freeze, read_feed)
