"""The server itself over the native API: what it is, who asks, its first set-up, and whether it is well."""

from litestar import get, post
from litestar.params import JSONBody

from mitregate.core.people import Principal
from mitregate.flows import admit
from mitregate.ports import UnitOfWork
from mitregate.web.auth import origin_of
from mitregate.web.bodies import SetUp
from mitregate.web.counter import SECURED, Asked, Asker, Desk, refusals
from mitregate.web.people_views import AboutOut, Health, MeOut, SetUpOut, user_out
from mitregate.web.throttle import Guesses
from mitregate.web.views import given

TAG = ["Server"]


@get(
    "/about",
    operation_id="about",
    summary="Say what this server is",
    description="The server's version, cloud id, address, database and clock. Open to everybody.",
    tags=TAG,
    responses=refusals(),
)
async def about(office: Desk) -> AboutOut:
    """Say what this server is."""
    return AboutOut(
        version=office.about.version,
        cloud_id=office.about.cloud_id,
        base_url=office.ports.base_url,
        database=office.about.database,
        time=office.ports.now(),
    )


@get(
    "/me",
    operation_id="me",
    summary="Say who is asking",
    description="Whose token was sent, and what it may do.",
    tags=TAG,
    security=SECURED,
    responses=refusals(401),
)
async def me(office: Desk, principal: Asker) -> MeOut:
    """Say who is asking."""
    user_id = principal.user_id
    user = await office.read(lambda uow: uow.people.user(user_id)) if user_id is not None else None
    kind = "user" if user_id is not None else "local" if principal.app_id is None else "app"
    return MeOut(
        name=principal.name,
        kind=kind,
        role=given(user.role if user is not None else None),
        permissions=tuple(sorted(principal.permissions)),
        scopes=tuple(sorted(principal.scopes)),
    )


@post(
    "/setup",
    operation_id="setUp",
    summary="Make the first user",
    description=(
        "Makes the first user, an administrator, with an API token, in exchange for the one-time token that the server "
        "prints when it starts without users. Too many wrong tokens from one address are refused for a minute."
    ),
    tags=TAG,
    responses=refusals(400, 401, 429),
)
async def set_up(request: Asked, office: Desk, guesses: Guesses, data: JSONBody[SetUp]) -> SetUpOut:
    """Make the first user."""
    origin = origin_of(request.scope)
    with guesses.of(origin):
        asker = Principal(name="set-up", origin=origin)
        user, made = await office.transact(asker, admit.set_up, data.token, data.name)
    return SetUpOut(user=user_out(user), token=made.secret)


@get(
    "/healthz",
    operation_id="health",
    summary="Say that the process is up",
    description="Answers as long as the process runs, whatever the state of the database.",
    tags=TAG,
    responses=refusals(),
)
async def healthz() -> Health:
    """Say that the process is up."""
    return Health(status="up")


@get(
    "/readyz",
    operation_id="readiness",
    summary="Say that the database answers",
    description="Answers 200 when the database answers, and 503 when it does not.",
    tags=TAG,
    responses=refusals(),
)
async def readyz(office: Desk) -> Health:
    """Say that the database answers."""
    await office.read(_cloud_id)
    return Health(status="ready")


def _cloud_id(uow: UnitOfWork) -> str | None:
    return uow.meta(admit.CLOUD_ID)


ROUTES = (about, me, set_up)
PROBES = (healthz, readyz)
