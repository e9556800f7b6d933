"""Connect apps over the native API: installed by their descriptors, enabled, disabled; and the keys that sign that."""

from litestar import post
from litestar.params import JSONBody

from mitregate.web import installing
from mitregate.web.api_people import APPS
from mitregate.web.bodies import AppToInstall
from mitregate.web.connect_views import InstallKeyOut, install_key_out
from mitregate.web.counter import SECURED, Asker, Desk, Id, refusals
from mitregate.web.people_views import HandledAppOut, handled_app_out


@post(
    "/apps/install",
    operation_id="installApp",
    summary="Install a Connect app",
    description=(
        "Fetches the app's descriptor and hands the app a secret that it then shares with this server. An app with "
        "the same key that is here already gets a new one, and is from then on as its descriptor says. An app that "
        "does not take the secret is not installed, and one that was stays as it was. Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 409),
)
async def install_app(office: Desk, principal: Asker, data: JSONBody[AppToInstall]) -> HandledAppOut:
    """Install a Connect app."""
    return handled_app_out(await installing.install_app(office, principal, data.descriptor_url))


@post(
    "/apps/{app_id:str}/enable",
    operation_id="enableApp",
    summary="Enable a Connect app",
    description=(
        "Lets a disabled app in again, and tells it how its gates stand. On one that is enabled nothing changes, but "
        "it is told once more. Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404),
)
async def enable_app(office: Desk, principal: Asker, app_id: Id) -> HandledAppOut:
    """Enable a Connect app."""
    return handled_app_out(await installing.switch_app(office, principal, app_id, is_enabled=True))


@post(
    "/apps/{app_id:str}/disable",
    operation_id="disableApp",
    summary="Disable a Connect app",
    description=(
        "Keeps an app out, and tells it no verdicts, until it is enabled again; what it submitted stays as it is. "
        "Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    status_code=200,
    responses=refusals(400, 401, 403, 404),
)
async def disable_app(office: Desk, principal: Asker, app_id: Id) -> HandledAppOut:
    """Disable a Connect app."""
    return handled_app_out(await installing.switch_app(office, principal, app_id, is_enabled=False))


@post(
    "/install-keys",
    operation_id="addInstallKey",
    summary="Make a new key that signs installations",
    description=(
        "Makes an RSA key that signs what installs and uninstalls Connect apps from now on; earlier ones are served "
        "for a while. Needs `administer`."
    ),
    tags=APPS,
    security=SECURED,
    responses=refusals(401, 403),
)
async def add_install_key(office: Desk, principal: Asker) -> InstallKeyOut:
    """Make a new key that signs installations."""
    return install_key_out(await installing.new_signing_key(office, principal), office.ports.base_url)


ROUTES = (install_app, enable_app, disable_app, add_install_key)
