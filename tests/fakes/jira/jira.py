"""A Jira Service Management with a memory: Cloud or Data Center, called in process, with requests for replies.

`FakeJira().answer(request)` answers one, `converse` drives a conversation to its end, and `JiraServer` of
`tests/fakes/jira/server.py` puts it on a real socket. What the vendor documents it does; its words are Jira's where
they are known.
"""

import re
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.errors import Unreachable
from mitregate.wire.http import Conversation, Reply, Request
from tests.fakes.jira import auth, bulk, desk, desk_talk, issues, platform, search
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.clock import Clock
from tests.fakes.jira.faults import Budget, Fault, Faults, busy, hangs_up
from tests.fakes.jira.flavours import CLOUD, Flavour
from tests.fakes.jira.hooks import Hooks, routes
from tests.fakes.jira.model import Issue, User
from tests.fakes.jira.people import People
from tests.fakes.jira.refusals import Refusal, refused
from tests.fakes.jira.site import Site

T = TypeVar("T")

_ROUTES = [*platform.ROUTES, *search.ROUTES, *bulk.ROUTES, *issues.ROUTES, *desk.ROUTES, *desk_talk.ROUTES]


class Seen(Struct, frozen=True, kw_only=True):
    """A request that came: `path` is as the site sees it, `status` None where no reply went out."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    by: str | None
    status: int | None
    at: datetime


class FakeJira:
    """A Jira with a service project ITSM, a service account `gate`, and an administrator and approver `ada`.

    `site` is what it remembers, `people` work in it, `hooks` are its webhooks, `faults` what goes wrong on the way.
    `log` holds all requests. `context` is the path below which it lives, `budget` its rate limit.
    """

    def __init__(self, flavour: Flavour = CLOUD, *, at: datetime | None = None) -> None:
        self.clock = Clock(at)
        self.site = Site(flavour, self.clock)
        self.people = People(self.site)
        self.hooks = Hooks(self.site)
        self.faults = Faults()
        self.log: list[Seen] = []
        self.context = ""
        self.budget: Budget | None = None
        self._down_until: datetime | None = None
        self._routes = [*_ROUTES, *routes(self.hooks)]
        self.gate: User = self.site.add_user("gate")
        self.ada: User = self.site.add_user("ada")
        self.ada.may.add("ADMINISTER")
        self.site.approvers = ["ada"]
        self.site.add_project("ITSM")

    def issue(self, key: str) -> Issue:
        """Look at an issue."""
        issue = self.site.issue(key)
        assert issue is not None, f"there is no issue {key}"
        return issue

    def titled(self, title: str) -> list[Issue]:
        """List the issues of exactly this title."""
        return [issue for issue in self.site.issues.values() if issue.values["summary"] == title]

    def count(self, method: str = "", path: str = "") -> int:
        """Count the requests so far, of a method, and with a path in which the expression *path* is found."""
        return sum(method in {"", seen.method} and bool(re.search(path, seen.path)) for seen in self.log)

    def go_down(self, **span: float) -> None:
        """Answer nobody for so many `hours`, `minutes`, `seconds` of Jira's clock; people see nothing of that."""
        self._down_until = self.clock.now() + timedelta(**span)

    # --- being asked ---

    def answer(self, request: Request) -> Reply:
        """Answer a request.

        Raises:
            Unreachable: no reply came, or none in time.
        """
        reply, fault = self.outcome(request)
        if reply is None or (fault is not None and fault.delay):
            raise Unreachable(f"{urlsplit(request.url).netloc} did not answer.")
        return reply

    def converse(self, conversation: Conversation[T]) -> T:
        """Drive a conversation to its end."""
        try:
            request = next(conversation)
            while True:
                try:
                    reply = self.answer(request)
                except Unreachable as error:
                    request = conversation.throw(error)
                else:
                    request = conversation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def outcome(self, request: Request) -> tuple[Reply | None, Fault | None]:
        """Say what comes of a request: the reply, None where there is none, and what went wrong."""
        parts = urlsplit(request.url)
        path = parts.path.removeprefix(self.context) if parts.path.startswith(f"{self.context}/") else ""
        is_down = self._down_until is not None and self.clock.now() < self._down_until
        fault = hangs_up() if is_down else self.faults.meeting(request.method, path)
        reply: Reply | None = None
        user: User | None = None
        seen = path
        if fault is None or fault.is_carried_out:
            with self.site.lock:
                user, seen, reply = self._answer(request, path)
        if fault is not None and not fault.is_reply_kept:
            reply = fault.reply
        self.log.append(
            Seen(
                method=request.method,
                path=seen,
                query=parse_qs(parts.query, keep_blank_values=True),
                headers=dict(request.headers),
                body=request.body,
                by=user.id if user else None,
                status=reply.status if reply else None,
                at=self.clock.now(),
            )
        )
        return reply, fault

    def _answer(self, request: Request, path: str) -> tuple[User | None, str, Reply]:
        limits: dict[str, str] = {}
        if self.budget is not None:
            may_pass, limits = self.budget.spend(self.clock.now().timestamp())
            if not may_pass:
                reply = busy().reply
                assert reply is not None
                return None, path, replace(reply, headers={**reply.headers, **limits})
        user: User | None = None
        try:
            proof = request.headers.get("authorization", "")
            user, path, told = auth.prove(self.site, request.method, path, proof)
            limits |= told
            reply = self._dispatch(request, path, user)
        except Refusal as refusal:
            reply = refused(refusal, path)
        return user, path, replace(reply, headers={**reply.headers, **limits})

    def _dispatch(self, request: Request, path: str, user: User | None) -> Reply:
        self._check_desk(request, path)
        route, parts = self._route(request.method, path)
        version = parts.get("v", "2")
        if version not in self.site.flavour.api_versions:
            raise Refusal(404, f"null for uri: {self.site.url}{path}")
        call = Call(
            site=self.site,
            user=user,
            method=request.method,
            path=path,
            parts={name: unquote(part) for name, part in parts.items()},
            query=parse_qs(urlsplit(request.url).query, keep_blank_values=True),
            headers=dict(request.headers),
            raw=request.body,
        )
        return route.endpoint(call)

    def _check_desk(self, request: Request, path: str) -> None:
        flavour = self.site.flavour
        if not path.startswith("/rest/servicedeskapi/"):
            return
        if not self.site.is_licensed and not path.endswith("/info"):
            said = "Jira Service Management is not licensed for use here."
            raise Refusal(403, said, html=not flavour.is_cloud)
        is_experimental = any(part in path for part in flavour.experimental)
        if is_experimental and request.headers.get("x-experimentalapi") != "opt-in":
            said = "This API is experimental: send the header X-ExperimentalApi with the value opt-in to use it."
            raise Refusal(412, said)

    def _route(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        matching = [(route, parts) for route in self._routes if (parts := route.match(path)) is not None]
        for route, parts in matching:
            if route.method == method:
                return route, parts
        if matching:
            raise Refusal(405, "Method Not Allowed")
        raise Refusal(404, f"null for uri: {self.site.url}{path}")
