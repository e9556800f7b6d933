"""The front door: sends each request to the room it belongs to, by its raw path."""

from collections.abc import Sequence

from mitregate.web import plain, porch
from mitregate.web.deployments import Deployments
from mitregate.web.install_keys import FOLDERS, InstallKeys
from mitregate.web.jenkins import WebTrigger
from mitregate.web.native import make_native
from mitregate.web.oauth import Site
from mitregate.web.office import Office
from mitregate.web.others import Others
from mitregate.web.quota import Quota
from mitregate.web.upm import Plugins
from mitregate.wire import jenkins, upm
from mitregate.wire.addresses import Network
from mitregate.wire.jira_others import other_api

FAMILIES = (b"/rest/deployments/", b"/jira/deployments/")
"""What the paths of the Deployments API begin with, but for those behind Atlassian's gateway."""

GATEWAY = b"/ex/jira/"
"""What these begin with, and what the paths of all other APIs there begin with, too."""

PLUGINS = upm.ROOT.encode()
"""What the paths of the plugin manager begin with."""


def make_app(office: Office, *, rate_limit: int = 0, trusted_proxies: Sequence[Network] = ()) -> plain.Asgi:
    """Open all doors of *office* behind one ASGI app.

    Args:
        office: what is behind the doors.
        rate_limit: how many requests each app may make of the Deployments API in a minute; 0 for any number.
        trusted_proxies: the networks of the proxies that are believed when they say who calls.
    """
    deployments = Deployments(office, Quota(rate_limit, office.ports.now) if rate_limit else None)
    others = Others(office)
    site = Site(office)
    native = make_native(office)
    install_keys = InstallKeys(office)
    plugins = Plugins(office)
    exact: dict[bytes, plain.Asgi] = {
        b"/oauth/token": site.token,
        b"/oauth/token/accessible-resources": site.resources,
        b"/_edge/tenant_info": site.tenant_info,
        b"/status": site.status,
        jenkins.PATH.encode(): WebTrigger(office),
    }

    async def app(scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        if scope["type"] != "http":
            return
        if scope["method"] == "HEAD":
            scope, send = plain.as_get(scope, send)
        path: bytes = scope["raw_path"]
        if path.startswith(FAMILIES) or (path.startswith(GATEWAY) and b"/rest/deployments/" in path):
            await deployments(scope, receive, send)
        elif path in exact:
            await exact[path](scope, receive, send)
        elif path.startswith(FOLDERS):
            await install_keys(scope, receive, send)
        elif path.startswith(PLUGINS):
            await plugins(scope, receive, send)
        elif other_api(path) is not None:
            await others(scope, receive, send)
        else:
            await native(scope, receive, send)  # type: ignore[arg-type]

    front = porch.below(app, office.base_path) if office.base_path else app
    return porch.through_proxies(front, trusted_proxies) if trusted_proxies else front
