"""Jira's webhooks: registered by an administrator, told what happens, and delivered well or badly."""

import hashlib
import hmac
import random
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from mitregate.wire.http import Reply, Request
from tests.fakes.jira import showing
from tests.fakes.jira.call import Call, Route
from tests.fakes.jira.clock import millis
from tests.fakes.jira.flavours import NEW_HOOKS, OLD_HOOKS
from tests.fakes.jira.jql import parse
from tests.fakes.jira.jql_fields import Reader
from tests.fakes.jira.model import Event, User
from tests.fakes.jira.refusals import Refusal, done, shown
from tests.fakes.jira.site import Site

FILTER = "issue-related-events-section"
_OMNISCIENT = User(id="jira", name="jira", email="", display="Jira")


class Hook(Struct, kw_only=True):
    """A registered webhook."""

    id: str
    name: str
    url: str
    events: list[str]
    jql: str
    secret: str
    excludes_body: bool
    is_enabled: bool
    by: str


class Hooks:
    """The webhooks of a site and what they have to tell.

    `outbox` are requests still to be sent, in order. `delivers` changes that: it is given each request as it is to be
    sent and says what goes out instead: nothing where it is lost, twice the same where it is repeated.
    """

    def __init__(self, site: Site) -> None:
        self.site = site
        self.hooks: dict[str, Hook] = {}
        self.outbox: list[Request] = []
        self.delivers: Callable[[Request], list[Request]] = lambda request: [request]
        self.is_held = False
        self._held: list[Request] = []
        self._last = 0
        site.listeners.append(self._hear)

    def loses(self) -> None:
        """Lose all from now on."""
        self.delivers = lambda request: []

    def repeats(self, times: int = 2) -> None:
        """Deliver each several times from now on, as Jira does when it was not sure."""

        def again(request: Request) -> list[Request]:
            retries = [{**request.headers, "x-atlassian-webhook-retry": str(count)} for count in range(1, times)]
            return [request, *(msgspec.structs.replace(request, headers=headers) for headers in retries)]

        self.delivers = again

    def behaves(self) -> None:
        """Deliver each once from now on."""
        self.delivers = lambda request: [request]

    def hold(self) -> None:
        """Keep all back until `release`."""
        self.is_held = True

    def release(self, *, shuffled: int | None = None) -> None:
        """Send what was kept back; in another order, made of the seed *shuffled*."""
        self.is_held = False
        if shuffled is not None:
            random.Random(shuffled).shuffle(self._held)
        self.outbox += self._held
        self._held = []

    def take(self) -> list[Request]:
        """Take what is to be sent."""
        taken, self.outbox = self.outbox, []
        return taken

    def _hear(self, event: Event) -> None:
        for hook in self.hooks.values():
            if hook.is_enabled and event.kind in hook.events and self._concerns(hook, event):
                self._last += 1
                out = self.delivers(self._request(hook, event, self._last))
                (self._held if self.is_held else self.outbox).extend(out)

    def _concerns(self, hook: Hook, event: Event) -> bool:
        return not hook.jql or Reader(self.site, _OMNISCIENT).test(parse(hook.jql).condition)(event.issue)

    def _request(self, hook: Hook, event: Event, number: int) -> Request:
        body = b"" if hook.excludes_body else msgspec.json.encode(told(self.site, event))
        headers = {
            "content-type": "application/json; charset=UTF-8",
            "user-agent": "Atlassian Webhook HTTP Client",
            "x-atlassian-webhook-identifier": f"{number:08d}-0000-4000-8000-{hook.id:0>12}",
            "x-atlassian-webhook-flow": "Primary",
        }
        if hook.secret and self.site.flavour.signs_hooks:
            headers["x-hub-signature"] = "sha256=" + hmac.new(hook.secret.encode(), body, hashlib.sha256).hexdigest()
        url = hook.url.replace("{issue.key}", event.issue.key).replace("{issue.id}", event.issue.id)
        return Request(method="POST", url=url, headers=headers, body=body)


def told(site: Site, event: Event) -> dict[str, Any]:
    """Say what a webhook says of an event; issues are shown as version 2 of the API shows them."""
    user = site.users.get(event.by, _OMNISCIENT)
    call = Call(site=site, user=user, method="", path="", parts={}, query={}, headers={}, raw=b"")
    said: dict[str, Any] = {
        "timestamp": millis(event.at),
        "webhookEvent": event.kind,
        "issue_event_type_name": event.type_name,
        "user": call.taste.show_user(event.by),
        "issue": showing.issue(call, event.issue, ["*all"], [], []),
    }
    if event.step is not None:
        said["changelog"] = {"id": event.step.id, "items": event.step.items}
    if event.comment is not None:
        said["comment"] = showing.comment(call, event.comment, event.issue)
    return said


def routes(hooks: Hooks) -> list[Route]:
    """Give the endpoints for webhooks; those of the other flavour are not there."""

    def register(call: Call) -> Reply:
        body = _allowed(call).body
        missing = [name for name in ("name", "url") if not body.get(name)]
        if missing:
            raise Refusal(400, f"The {missing[0]} of the webhook must be given.")
        hook = _read(call, body, str(len(hooks.hooks) + 1))
        for known in hooks.hooks.values():
            if (known.url, sorted(known.events), known.jql) == (hook.url, sorted(hook.events), hook.jql):
                raise Refusal(409, "Webhook with the same URL, set of events, filters and parameters already exists.")
        parse(hook.jql)
        hooks.hooks[hook.id] = hook
        return shown(_shown(call, hook), 201)

    def listed(call: Call) -> Reply:
        return shown([_shown(_allowed(call), hook) for hook in hooks.hooks.values()])

    def one(call: Call) -> Reply:
        return shown(_shown(_allowed(call), _known(call)))

    def remove(call: Call) -> Reply:
        del hooks.hooks[_known(_allowed(call)).id]
        return done()

    def _known(call: Call) -> Hook:
        if call.parts["hook"] not in hooks.hooks:
            raise Refusal(404, "No webhook with this id exists.")
        return hooks.hooks[call.parts["hook"]]

    root = hooks.site.flavour.hooks_path
    return [
        Route("POST", root, register),
        Route("GET", root, listed),
        Route("GET", f"{root}/{{hook}}", one),
        Route("DELETE", f"{root}/{{hook}}", remove),
    ]


def _allowed(call: Call) -> Call:
    if "ADMINISTER" not in call.asker.may:
        raise Refusal(403, "You do not have permission to manage webhooks: only administrators have.")
    return call


def _read(call: Call, body: dict[str, Any], id_: str) -> Hook:
    kept = body.get("configuration") or {}
    filters = body.get("filters") or {}
    return Hook(
        id=id_,
        name=body["name"],
        url=body["url"],
        events=list(body.get("events") or []),
        jql=filters.get(FILTER) or kept.get("FILTERS") or "",
        secret=body.get("secret") or kept.get("secret") or "",
        excludes_body=bool(body.get("excludeBody", kept.get("EXCLUDE_BODY") == "true")),
        is_enabled=bool(body.get("enabled", body.get("active", True))),
        by=call.asker.id,
    )


def _shown(call: Call, hook: Hook) -> dict[str, Any]:
    root = {OLD_HOOKS: OLD_HOOKS, NEW_HOOKS: NEW_HOOKS}[call.site.flavour.hooks_path]
    return {
        "id": int(hook.id),
        "name": hook.name,
        "url": hook.url,
        "events": hook.events,
        "filters": {FILTER: hook.jql},
        "excludeBody": hook.excludes_body,
        "enabled": hook.is_enabled,
        "isSigned": bool(hook.secret) and call.site.flavour.signs_hooks,
        "lastUpdatedUser": hook.by,
        "lastUpdatedDisplayName": call.taste.show_user(hook.by)["displayName"],
        "lastUpdated": millis(call.site.clock.now()),
        "self": f"{call.site.url}{root}/{hook.id}",
    }
