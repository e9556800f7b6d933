"""The stage of the web tests: a real store, a clock that is set by hand, and callers of every kind."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from msgspec.structs import replace

from mitregate.core.deployments import (
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.core.gates import Gate
from mitregate.core.people import Permission, Principal, Role, Scope
from mitregate.flows import admit, ask, review
from mitregate.flows.submit import submit
from mitregate.outbound import Outbound
from mitregate.ports import Ports, Store
from mitregate.web.app import make_app
from mitregate.web.office import About, Office

BASE_URL = "http://gate.test"
ROOT = Principal(name="root", permissions=frozenset(Permission))


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **span: float) -> None:
        """Set the clock forward."""
        self.now += timedelta(**span)


class Stage:
    """An office with an app called ci, and one user of every role, called by its role."""

    def __init__(self, store: Store, ports: Ports, clock: Clock) -> None:
        self.clock = clock
        self.ports = replace(ports, now=clock, base_url=BASE_URL)
        self.office = Office(
            store=store,
            ports=self.ports,
            about=About(version="1.2.3", cloud_id="cloud", database="sqlite"),
            talker=Outbound(guard=False),
        )
        self.asgi: Any = make_app(self.office)
        self.tokens: dict[str, str] = {}
        self.apps: dict[str, Principal] = {}
        self.clients: list[httpx.AsyncClient] = []

    async def people(self) -> None:
        """Let in one user of every role, and the app called ci."""
        for role in Role:
            user = await self.office.transact(ROOT, admit.add_user, role.value, role)
            made = await self.office.transact(ROOT, admit.add_token, user.id, "test")
            self.tokens[role.value] = made.secret
        await self.add_app("ci")

    async def add_app(self, name: str, **settings: Any) -> admit.NewApp:
        """Add an app and get it an access token."""
        scopes = settings.get("scopes", frozenset(Scope))
        made = await self.office.transact(ROOT, admit.add_app, name, scopes, settings.get("callback_url"))
        app, token = await self.office.transact(ROOT, admit.grant_access, made.app.client_id, made.client_secret)
        self.tokens[name] = token.secret
        self.apps[name] = Principal(name=name, app_id=app.id, scopes=scopes)
        return made

    def client(self, who: str | None = None, **headers: str) -> httpx.AsyncClient:
        """Give a client that speaks for *who*, or for nobody."""
        if who is not None:
            headers["authorization"] = f"Bearer {self.tokens[who]}"
        transport = httpx.ASGITransport(app=self.asgi, raise_app_exceptions=False, client=("192.0.2.7", 4711))
        client = httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)
        self.clients.append(client)
        return client

    async def submit(self, number: int = 1, app: str = "ci", **others: Any) -> Gate:
        """Submit a deployment that asks to be gated; give its gate."""
        principal = self.apps[app]
        key = DeploymentKey(
            app_id=principal.app_id or "", pipeline_id="pipe", environment_id="prod", sequence_number=number
        )
        given: dict[str, Any] = {
            "key": key,
            "update_sequence_number": 1,
            "display_name": f"run {number}",
            "url": f"https://ci.example.com/run/{number}",
            "description": "",
            "last_updated": self.clock(),
            "state": State.PENDING,
            "pipeline": Pipeline(id="pipe", display_name="shop", url="https://ci.example.com/shop"),
            "environment": Environment(id="prod", display_name="production", type=EnvironmentType.PRODUCTION),
            "label": f"1.{number}",
            "asks_for_gating": True,
        }
        await self.office.transact(principal, submit, [Deployment(**given | others)])
        return await self.office.read(ask.gate_of, key)

    async def approve(self, gate: Gate) -> None:
        """Approve the change of a gate."""
        await self.office.transact(ROOT, review.approve, gate.change_key or "", "")

    async def plan(self, gate: Gate, start: datetime | None, end: datetime | None) -> None:
        """Plan the window of a gate's change."""
        await self.office.transact(ROOT, review.plan, gate.change_key or "", start, end)


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 5.0) -> None:
    """Return when *condition* holds."""
    async with asyncio.timeout(seconds):
        while True:
            held = condition()
            if await held if isinstance(held, Awaitable) else held:
                return
            await asyncio.sleep(0.005)
