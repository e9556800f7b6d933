"""Those who may enter, over the native API: apps, users, tokens."""

from datetime import timedelta
from typing import Annotated

from litestar import Response, delete, get, post
from litestar.params import JSONBody, QueryParameter

from mitregate.core.errors import Malformed
from mitregate.core.people import App, Permission, Principal, Scope, Token, User
from mitregate.flows import admit
from mitregate.ports import UnitOfWork
from mitregate.web import installing
from mitregate.web.bodies import NewApp, NewToken, NewUser
from mitregate.web.counter import NOTHING, SECURED, Asker, Desk, Id, refusals
from mitregate.web.people_views import (
    AppList,
    HandledAppOut,
    NewAppOut,
    NewTokenOut,
    TokenList,
    UserList,
    UserOut,
    app_out,
    handled_app_out,
    new_app_out,
    new_token_out,
    token_out,
    user_out,
)

APPS, USERS, TOKENS = ["Apps"], ["Users"], ["Tokens"]


@get(
    "/apps",
    operation_id="listApps",
    summary="List apps",
    description="All apps, by name, without their secrets. Needs the permission `administer`.",
    tags=APPS,
    security=SECURED,
    responses=refusals(401, 403),
)
async def list_apps(office: Desk, principal: Asker) -> AppList:
    """List apps."""
    return AppList(items=tuple(app_out(app) for app in await office.read(_apps, principal)))


@post(
    "/apps",
    operation_id="addApp",
    summary="Add an app",
    description="Adds an app that may submit deployments; its secrets are shown this once. Needs `administer`.",
    tags=APPS,
    security=SECURED,
    responses=refusals(400, 401, 403, 409),
)
async def add_app(office: Desk, principal: Asker, data: JSONBody[NewApp]) -> NewAppOut:
    """Add an app."""
    scopes = frozenset(Scope) if data.scopes is None else data.scopes
    return new_app_out(await office.transact(principal, admit.add_app, data.name, scopes, data.callback_url))


@delete(
    "/apps/{app_id:str}",
    operation_id="removeApp",
    summary="Remove an app",
    description=(
        "Removes an app with its deployments and deliveries; what was decided stays on record. A Connect app is told "
        "so, and the answer to that is 200 with what it said; it is removed whatever that was. Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    status_code=200,
    responses={**refusals(401, 403, 404), 204: NOTHING},
)
async def remove_app(office: Desk, principal: Asker, app_id: Id) -> Response[HandledAppOut | None]:
    """Remove an app."""
    handled = await installing.remove_app(office, principal, app_id)
    return Response(handled_app_out(handled)) if handled.told else Response(None, status_code=204)


@get(
    "/users",
    operation_id="listUsers",
    summary="List users",
    description="All users, by name. Needs the permission `administer`.",
    tags=USERS,
    security=SECURED,
    responses=refusals(401, 403),
)
async def list_users(office: Desk, principal: Asker) -> UserList:
    """List users."""
    return UserList(items=tuple(user_out(user) for user in await office.read(_users, principal)))


@post(
    "/users",
    operation_id="addUser",
    summary="Add a user",
    description="Adds a person, who gets in with an API token made afterwards. Needs the permission `administer`.",
    tags=USERS,
    security=SECURED,
    responses=refusals(400, 401, 403, 409),
)
async def add_user(office: Desk, principal: Asker, data: JSONBody[NewUser]) -> UserOut:
    """Add a user."""
    return user_out(await office.transact(principal, admit.add_user, data.name, data.role))


@delete(
    "/users/{user_id:str}",
    operation_id="removeUser",
    summary="Remove a user",
    description="Removes a person with all tokens; what was decided stays on record. Nobody can remove themselves.",
    tags=USERS,
    security=SECURED,
    responses=refusals(401, 403, 404),
)
async def remove_user(office: Desk, principal: Asker, user_id: Id) -> None:
    """Remove a user."""
    await office.transact(principal, admit.remove_user, user_id)


@get(
    "/tokens",
    operation_id="listTokens",
    summary="List tokens",
    description="One's own tokens, or with the permission `administer` those of another user; never the secrets.",
    tags=TOKENS,
    security=SECURED,
    responses=refusals(400, 401, 403),
)
async def list_tokens(
    office: Desk,
    principal: Asker,
    user_id: Annotated[str | None, QueryParameter(name="userId", description="Whose; one's own by default.")] = None,
) -> TokenList:
    """List tokens."""
    tokens = await office.read(_tokens, _whose(principal, user_id), principal)
    return TokenList(items=tuple(token_out(token) for token in tokens))


@post(
    "/tokens",
    operation_id="addToken",
    summary="Make an API token",
    description="Makes a token for oneself, or with the permission `administer` for another user. Shown this once.",
    tags=TOKENS,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def add_token(office: Desk, principal: Asker, data: JSONBody[NewToken]) -> NewTokenOut:
    """Make an API token."""
    life = timedelta(days=data.days) if data.days is not None else None
    user_id = _whose(principal, data.user_id)
    return new_token_out(await office.transact(principal, admit.add_token, user_id, data.label, life))


@delete(
    "/tokens/{token_id:str}",
    operation_id="removeToken",
    summary="Revoke a token",
    description="Revokes one of one's own tokens, or with the permission `administer` anybody's.",
    tags=TOKENS,
    security=SECURED,
    responses=refusals(401, 403, 404),
)
async def remove_token(office: Desk, principal: Asker, token_id: Id) -> None:
    """Revoke a token."""
    await office.transact(principal, admit.remove_token, token_id)


def _apps(uow: UnitOfWork, principal: Principal) -> list[App]:
    principal.require(Permission.ADMINISTER)
    return uow.apps.all()


def _users(uow: UnitOfWork, principal: Principal) -> list[User]:
    principal.require(Permission.ADMINISTER)
    return uow.people.users()


def _tokens(uow: UnitOfWork, user_id: str, principal: Principal) -> list[Token]:
    if user_id != principal.user_id:
        principal.require(Permission.ADMINISTER)
    return uow.people.tokens(user_id)


def _whose(principal: Principal, user_id: str | None) -> str:
    whose = user_id or principal.user_id
    if whose is None:
        message = "The field 'userId' is missing: it is not clear whose tokens are meant."
        raise Malformed(message, advice="Name a user by id; the list of users shows the ids.")
    return whose


ROUTES = (
    list_apps,
    add_app,
    remove_app,
    list_users,
    add_user,
    remove_user,
    list_tokens,
    add_token,
    remove_token,
)
