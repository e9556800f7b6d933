"""Apps and users changed in place, over the native API; and client secrets replaced without a gap."""

from litestar import delete, patch, post
from litestar.params import JSONBody

from mitregate.flows import amend
from mitregate.web.api_people import APPS, USERS
from mitregate.web.bodies import AppChange, SecretRenewal, UserChange
from mitregate.web.counter import SECURED, Asker, Desk, Id, refusals
from mitregate.web.people_views import (
    AppOut,
    ChangedAppOut,
    NewAppOut,
    UserOut,
    app_out,
    changed_app_out,
    new_app_out,
    user_out,
)


@patch(
    "/apps/{app_id:str}",
    operation_id="changeApp",
    summary="Change an app",
    description=(
        "Changes what an app may do, and where it is told verdicts. A new address is told how the gates of the app "
        "stand, and what was on its way goes there. Not for Connect apps, whose descriptor says so. Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def change_app(office: Desk, principal: Asker, app_id: Id, data: JSONBody[AppChange]) -> ChangedAppOut:
    """Change an app."""
    wanted = amend.Amendment(scopes=data.scopes, callback_url=data.callback_url)
    return changed_app_out(await office.transact(principal, amend.change_app, app_id, wanted))


@post(
    "/apps/{app_id:str}/secret",
    operation_id="renewAppSecret",
    summary="Give an app another client secret",
    description=(
        "Makes another client secret, shown this once. The old one is good as well: until an instant, or until it is "
        "ended; or it is refused at once. Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def renew_secret(office: Desk, principal: Asker, app_id: Id, data: JSONBody[SecretRenewal]) -> NewAppOut:
    """Give an app another client secret."""
    made = await office.transact(principal, amend.renew_secret, app_id, data.old_until, is_urgent=data.at_once)
    return new_app_out(made)


@delete(
    "/apps/{app_id:str}/earlier-secrets",
    operation_id="endEarlierSecrets",
    summary="End the earlier client secrets of an app",
    description="Refuses all client secrets of an app but the newest from now on. Needs `administer`.",
    tags=APPS,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404),
)
async def end_earlier_secrets(office: Desk, principal: Asker, app_id: Id) -> AppOut:
    """End earlier client secrets."""
    return app_out(await office.transact(principal, amend.end_earlier_secrets, app_id))


@patch(
    "/users/{user_id:str}",
    operation_id="changeUser",
    summary="Change a user",
    description="Gives a person another role, which holds at once. Nobody can change their own. Needs `administer`.",
    tags=USERS,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def change_user(office: Desk, principal: Asker, user_id: Id, data: JSONBody[UserChange]) -> UserOut:
    """Change a user."""
    return user_out(await office.transact(principal, amend.change_user, user_id, data.role))


ROUTES = (change_app, renew_secret, end_earlier_secrets, change_user)
