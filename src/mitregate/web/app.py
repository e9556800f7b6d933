"""The front door: sends each request to the room it belongs to, by its raw path."""

from mitregate.web import plain
from mitregate.web.deployments import Deployments
from mitregate.web.native import make_native
from mitregate.web.oauth import Site
from mitregate.web.office import Office

FAMILIES = (b"/rest/deployments/", b"/jira/deployments/", b"/ex/jira/")
"""What the paths of the Deployments API begin with."""


def make_app(office: Office) -> plain.Asgi:
    """Open all doors of *office* behind one ASGI app."""
    deployments = Deployments(office)
    site = Site(office)
    native = make_native(office)
    exact: dict[bytes, plain.Asgi] = {
        b"/oauth/token": site.token,
        b"/_edge/tenant_info": site.tenant_info,
        b"/status": site.status,
    }

    async def app(scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        if scope["type"] != "http":
            return
        path: bytes = scope["raw_path"]
        if path.startswith(FAMILIES):
            await deployments(scope, receive, send)
        elif path in exact:
            await exact[path](scope, receive, send)
        else:
            await native(scope, receive, send)  # type: ignore[arg-type]

    return app
