"""A stage that also listens on a socket, where a Connect app on one of its own fetches keys, and is installed from."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from mitregate.flows import admit
from mitregate.outbound import Outbound
from mitregate.web.server import bind, make_server
from tests.fakes.connect_app import ConnectApp
from tests.web.stage import ROOT, Stage

BULK = "/rest/deployments/0.1/bulk"
ONE = "/rest/deployments/0.1/pipelines/pipe/environments/prod/deployments/1"
BY_PROPERTIES = "/rest/deployments/0.1/bulkByProperties"

SUBMISSION = {
    "deployments": [
        {
            "deploymentSequenceNumber": 1,
            "updateSequenceNumber": 1,
            "displayName": "run 1",
            "url": "https://ci.example.com/run/1",
            "description": "",
            "lastUpdated": "2026-03-01T12:00:00Z",
            "state": "pending",
            "pipeline": {"id": "pipe", "displayName": "shop", "url": "https://ci.example.com/shop"},
            "environment": {"id": "prod", "displayName": "production", "type": "production"},
            "issueKeys": ["SHOP-1"],
            "commands": [{"command": "initiate_deployment_gating"}],
        }
    ],
    "properties": {"team": "shop"},
}


class Host:
    """A stage, and a Connect app beside it that shares its clock."""

    def __init__(self, stage: Stage, app: ConnectApp) -> None:
        self.stage = stage
        self.app = app

    @property
    def client_key(self) -> str:
        """What the host is called by the app."""
        return next(iter(self.app.secrets))

    async def install(self, who: str = "admin") -> httpx.Response:
        """Ask for the app to be installed."""
        body = {"descriptorUrl": self.app.descriptor_url}
        return await self.stage.client(who).post("/api/v1/apps/install", json=body)

    async def installed(self) -> dict[str, Any]:
        """Install the app, and give what is said of it."""
        reply = await self.install()
        assert reply.status_code == 200, reply.text
        shown: dict[str, Any] = reply.json()
        return shown

    async def ask(self, method: str, target: str, secret: str | None = None, **others: Any) -> httpx.Response:
        """Let the app ask something, signed."""
        headers = self.app.authorization(method, target, secret=secret)
        return await self.stage.client().request(method, target, headers=headers, **others)

    async def submit(self, secret: str | None = None) -> httpx.Response:
        """Let the app submit a deployment that asks to be gated."""
        return await self.ask("POST", BULK, secret, json=SUBMISSION)

    async def audited(self) -> list[tuple[str, str]]:
        """Read who did what to apps, oldest first."""
        items = (await self.stage.client("auditor").get("/api/v1/audit")).json()["items"]
        return [
            (entry["action"], entry["actor"])
            for entry in reversed(items)
            if entry["action"].startswith(("app.", "install_key.")) and entry["actor"] != "root"
        ]

    async def listed(self) -> list[dict[str, Any]]:
        """List the Connect apps."""
        items = (await self.stage.client("admin").get("/api/v1/apps")).json()["items"]
        return [app for app in items if app["kind"] == "connect"]


@contextlib.asynccontextmanager
async def open_host(stage: Stage) -> AsyncIterator[Host]:
    """Serve *stage* on a free port, with an app beside it."""
    await stage.office.transact(ROOT, admit.settle_in, offer_setup=False)
    outbound = Outbound(guard=False, timeout=5)
    stage.office.talker = outbound
    server = make_server(stage.asgi, lambda: None)
    with bind("127.0.0.1", 0) as listener:
        task = asyncio.create_task(server.serve([listener]))
        await server.listening.wait()
        async with ConnectApp() as app:
            app.keys_at = f"http://127.0.0.1:{listener.getsockname()[1]}/connect/install-keys"
            app.now = lambda: stage.clock().timestamp()
            yield Host(stage, app)
            await outbound.close()
        server.should_exit = True
        await task


def said(reply: httpx.Response) -> str:
    """Read what a refusal of the Deployments API says."""
    message: str = json.loads(reply.content)[0]["message"]
    return message
