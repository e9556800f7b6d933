"""A Jenkins server on the stage, and what its plugin sends."""

from typing import Any

import httpx

from mitregate.flows import jenkins
from mitregate.flows.jenkins import NewServer
from tests.fakes.jenkins_plugin import deployment_event, gating_query, token_of
from tests.web.stage import ROOT, Stage

JWT = {"content-type": "application/jwt; charset=utf-8", "user-agent": "atlassian-jira-software-cloud-plugin"}
JOB, TWIN = "harbour/Aa", "harbour/BB"
PING = {"requestType": "ping"}


class Server:
    """A Jenkins server, and what its plugin sends."""

    def __init__(self, stage: Stage, made: NewServer) -> None:
        self.stage = stage
        self.made = made
        self.secret = made.secret
        self.target = f"/jenkins/web-trigger?jenkins_server_uuid={made.server.server_uuid}"

    async def post(self, request: dict[str, Any], **claims: object) -> httpx.Response:
        """Send a request as the plugin wraps it."""
        return await self.post_raw(token_of(request, self.secret, self.stage.clock().timestamp(), **claims))

    async def post_raw(self, body: str | bytes, target: str = "", **headers: str) -> httpx.Response:
        """Send any body."""
        return await self.stage.client().post(target or self.target, content=body, headers={**JWT, **headers})

    async def tell(self, state: str, *, job: str = JOB, is_gated: bool = False, after: float = 1) -> Any:
        """Tell of a deployment; give what is answered."""
        self.stage.clock.advance(seconds=after)
        reply = await self.post(deployment_event(job, 58, state, self.stage.clock().timestamp(), is_gated=is_gated))
        assert (reply.status_code, reply.headers["content-type"]) == (202, "application/json")
        return reply.json()

    async def ask(self, job: str = JOB) -> Any:
        """Ask for the gating status."""
        reply = await self.post(gating_query(job, 58))
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json"), reply.text
        return reply.json()


async def open_server(stage: Stage) -> Server:
    """Add a Jenkins server called jenkins."""
    return Server(stage, await stage.office.transact(ROOT, jenkins.add_server, "jenkins"))


def said(reply: httpx.Response, status: int = 400) -> str:
    """Give the words of a refusal, which are plain text."""
    assert (reply.status_code, reply.headers["content-type"]) == (status, "text/plain; charset=utf-8"), reply.text
    return reply.text
