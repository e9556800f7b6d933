"""Pages for coming and going: sign in, sign out, and the first set-up."""

from http import HTTPStatus
from typing import Annotated

from litestar import get, post
from litestar.params import FromQuery, QueryParameter, URLEncodedBody
from litestar.response import Redirect, Template
from msgspec import Struct

from mitregate.core.errors import Malformed, MitregateError, Unproven
from mitregate.core.people import Principal
from mitregate.flows import admit
from mitregate.ports import UnitOfWork
from mitregate.web.auth import origin_of, session
from mitregate.web.counter import Asked, Desk
from mitregate.web.office import Office
from mitregate.web.problems import status_of
from mitregate.web.rendering import SAID, go, local, render
from mitregate.web.throttle import Guesses
from mitregate.web.visitors import (
    Visitor,
    no_session_cookie,
    session_cookie,
    token_for,
    visit_cookie,
    visit_secret,
)


class SignIn(Struct, frozen=True, kw_only=True):
    """The form for signing in."""

    form_token: str
    token: str = ""
    next: str = "/"


class SetUp(Struct, frozen=True, kw_only=True):
    """The form for the first set-up."""

    form_token: str
    token: str = ""
    name: str = ""


@get("/login")
async def show_login(
    request: Asked,
    office: Desk,
    back: Annotated[str, QueryParameter(name="next", max_length=2000)] = "/",
    said: FromQuery[str] = "",
) -> Template:
    """Show the form for signing in."""
    return await _ask_for_token(request, office, back=local(back), error=None, said=SAID.get(said))


@post("/login", status_code=HTTPStatus.SEE_OTHER)
async def login(request: Asked, office: Desk, guesses: Guesses, data: URLEncodedBody[SignIn]) -> Redirect | Template:
    """Sign in with an API token."""
    try:
        with guesses.of(origin_of(request.scope)):
            _, made = await office.transact(_nobody(request), admit.sign_in, data.token.strip())
    except Unproven as error:
        return await _ask_for_token(
            request, office, HTTPStatus.UNAUTHORIZED, back=local(data.next), error=error, said=None
        )
    onward = go(data.next)
    onward.cookies.append(session_cookie(office, made.secret))
    return onward


@post("/logout", status_code=HTTPStatus.SEE_OTHER)
async def logout(request: Asked, office: Desk) -> Redirect:
    """Sign out; the session's token is good for nothing afterwards."""
    secret = session(request.scope)
    if secret:
        await office.store.transact(lambda uow: admit.sign_out(uow, secret))
    onward = go("/login", "signed-out")
    onward.cookies.append(no_session_cookie(office))
    return onward


@get("/setup")
async def show_setup(request: Asked, office: Desk, token: FromQuery[str] = "") -> Template:
    """Show the form for the first set-up."""
    is_over = await office.read(_has_users)
    return _visited(request, office, "setup.html", token=token, name="", is_over=is_over, error=None)


@post("/setup", status_code=HTTPStatus.OK)
async def set_up(request: Asked, office: Desk, guesses: Guesses, data: URLEncodedBody[SetUp]) -> Template:
    """Make the first user, show the API token once, and sign in."""
    try:
        with guesses.of(origin_of(request.scope)):
            _, first = await office.transact(_nobody(request), admit.set_up, data.token.strip(), data.name)
    except (Malformed, Unproven) as error:
        return await _again(request, office, data, error)
    principal, made = await office.transact(_nobody(request), admit.sign_in, first.secret)
    visitor = Visitor(principal=principal, form_token=token_for(made.secret))
    page = render("welcome.html", visitor=visitor, token=first.secret, base_url=office.ports.base_url)
    page.cookies.append(session_cookie(office, made.secret))
    return page


async def _ask_for_token(request: Asked, office: Office, status: int = HTTPStatus.OK, **context: object) -> Template:
    is_new = not await office.read(_has_users)
    return _visited(request, office, "login.html", status, is_new=is_new, **context)


async def _again(request: Asked, office: Office, data: SetUp, error: MitregateError) -> Template:
    is_over = await office.read(_has_users)
    return _visited(
        request,
        office,
        "setup.html",
        status_of(error),
        token=data.token,
        name=data.name,
        is_over=is_over,
        error=error,
    )


def _visited(request: Asked, office: Office, template: str, status: int = HTTPStatus.OK, **context: object) -> Template:
    """Render a page for somebody who has not signed in, with the cookie that its form is bound to."""
    secret = visit_secret(request.scope)
    fresh = office.ports.new_secret() if secret is None else None
    page = render(template, status, visitor=None, form_token=token_for(secret or fresh or ""), **context)
    if fresh is not None:
        page.cookies.append(visit_cookie(office, fresh))
    return page


def _nobody(request: Asked) -> Principal:
    return Principal(name="nobody", origin=origin_of(request.scope))


def _has_users(uow: UnitOfWork) -> bool:
    return bool(uow.people.users())


ROUTES = (show_login, login, logout, show_setup, set_up)
