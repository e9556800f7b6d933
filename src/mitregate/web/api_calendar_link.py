"""The calendar that people subscribe to: planned changes and freezes, as an iCalendar file.

Programs that show calendars send no headers of their choice, so the secret may stand in the address: of a kind that is
good for nothing else. Other tokens must stand in the header Authorization.
"""

import asyncio
import hashlib
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlencode

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, QueryParameter

from mitregate.core.errors import Malformed
from mitregate.core.people import Principal
from mitregate.flows import admit, publish
from mitregate.flows.act import begin
from mitregate.flows.prove import prove_link
from mitregate.flows.publish import Content
from mitregate.web.auth import header, identify, origin_of
from mitregate.web.bodies import NewToken
from mitregate.web.calendar_views import LinkOut
from mitregate.web.counter import SECURED, Asked, Asker, Desk, refusals
from mitregate.web.office import Office
from mitregate.web.views import given
from mitregate.wire.icalendar_text import write_calendar

TAG = ["Calendar"]

PATH = "/calendar.ics"
"""Where the calendar is, at the root and in the API."""

CALENDAR = "text/calendar"

NAME = "Mitregate"
"""What programs call the calendar, unless whoever subscribes to it calls it otherwise."""


@get(
    PATH,
    operation_id="getCalendar",
    summary="Read the calendar",
    description=(
        "Open changes with a planned start or end, and freezes from a month ago to a year ahead, as an iCalendar file. "
        "Programs that show calendars subscribe to it by a link with a `token` in it; other tokens stand in "
        "`Authorization`. The same address without `/api/v1` will do."
    ),
    tags=TAG,
    security=SECURED,
    media_type=CALENDAR,
    responses={
        **refusals(400, 401, 403),
        304: ResponseSpec(None, description="It is the one that is known already.", generate_examples=False),
    },
)
async def show_calendar(
    *,
    request: Asked,
    office: Desk,
    token: Annotated[str | None, QueryParameter(description="The secret of a link; no other token.")] = None,
    only: Annotated[Content, QueryParameter(description="What is wanted of it.")] = Content.ALL,
    service: Annotated[
        list[str] | None, QueryParameter(description="Only what concerns this service; may be repeated.")
    ] = None,
) -> Response[bytes]:
    """Give the calendar."""
    principal = await _prove(office, request, token)
    services = tuple(service or ())
    entries = await office.read(
        lambda uow: publish.calendar(begin(office.ports, uow, principal), content=only, services=services)
    )
    # A long one takes its time, in which others are served.
    body = await asyncio.to_thread(write_calendar, NAME, entries)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private", "content-disposition": 'inline; filename="mitregate.ics"'}
    if tag in header(request.scope, b"if-none-match"):
        return Response(b"", status_code=304, headers=headers, media_type=CALENDAR)
    return Response(body, media_type=CALENDAR, headers=headers)


async def _prove(office: Office, request: Asked, token: str | None) -> Principal:
    if token is None:
        return await identify(office, request.scope)
    return await office.read(prove_link, token, office.ports.now(), origin_of(request.scope))


@post(
    "/calendar/link",
    operation_id="addCalendarLink",
    summary="Make a link to the calendar",
    description=(
        "Makes an address by which programs that show calendars subscribe to it, with a token in it that is good for "
        "nothing else; for oneself, or with the permission `administer` for another user. Shown this once. It is "
        "listed and revoked as the other tokens are."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def add_link(office: Desk, principal: Asker, data: JSONBody[NewToken]) -> LinkOut:
    """Make a link to the calendar."""
    user_id = data.user_id or principal.user_id
    if user_id is None:
        message = "The field 'userId' is missing: it is not clear whose link it is to be."
        raise Malformed(message, advice="Name a user by id; the list of users shows the ids.")
    life = timedelta(days=data.days) if data.days is not None else None
    made = await office.transact(principal, admit.add_link, user_id, data.label, life)
    url = f"{office.ports.base_url}{PATH}?{urlencode({'token': made.secret})}"
    return LinkOut(id=made.token.id, label=made.token.label, url=url, expires_at=given(made.token.expires_at))


ROUTES = (show_calendar, add_link)
AT_THE_ROOT = (show_calendar,)
