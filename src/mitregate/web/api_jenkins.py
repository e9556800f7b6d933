"""Jenkins servers over the native API: added with what is pasted into Jenkins, and given another secret."""

from litestar import post
from litestar.params import JSONBody

from mitregate.flows import jenkins
from mitregate.web.bodies import NewJenkins, Rotation
from mitregate.web.counter import SECURED, Asker, Desk, Id, refusals
from mitregate.web.jenkins_views import NewJenkinsOut, new_jenkins_out

APPS = ["Apps"]


@post(
    "/apps/jenkins",
    operation_id="addJenkinsServer",
    summary="Add a Jenkins server",
    description="Adds an app for one Jenkins with the plugin 2.x, and tells what to paste there. Needs `administer`.",
    tags=APPS,
    security=SECURED,
    responses=refusals(400, 401, 403, 409),
)
async def add_jenkins(office: Desk, principal: Asker, data: JSONBody[NewJenkins]) -> NewJenkinsOut:
    """Add a Jenkins server."""
    made = await office.transact(principal, jenkins.add_server, data.name, data.callback_url)
    return new_jenkins_out(made, office.ports.base_url)


@post(
    "/apps/{app_id:str}/rotate",
    operation_id="rotateJenkinsSecret",
    summary="Give a Jenkins server another secret",
    description="Makes another secret. The old one is good until Jenkins has used the new one. Needs `administer`.",
    tags=APPS,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def rotate_jenkins(office: Desk, principal: Asker, app_id: Id, data: JSONBody[Rotation]) -> NewJenkinsOut:
    """Give a Jenkins server another secret."""
    made = await office.transact(principal, jenkins.rotate, app_id, is_urgent=data.at_once)
    return new_jenkins_out(made, office.ports.base_url)


ROUTES = (add_jenkins, rotate_jenkins)
