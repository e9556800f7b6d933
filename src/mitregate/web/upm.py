"""The door of the plugin manager, by which Connect frameworks install themselves while an app is developed.

Who calls proves it by Basic: the name of a user who administers, and an API token of theirs. That may do nothing here
that it may not do over the native API. Browsers send such credentials by themselves once they have been given them, so
what installs must bring along a token that the list gave out; requests by other methods no foreign page can send.

Nothing is kept between two steps, so any process may answer any of them: the installation has ended before its first
step is answered, and where a framework asks what became of it, it is led on to the app.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from mitregate.core.errors import Forbidden, Misconfigured, Unknown, Unproven
from mitregate.core.people import App, AppKind, Permission, Principal
from mitregate.flows.prove import prove
from mitregate.ports import UnitOfWork
from mitregate.web import auth, installing, plain
from mitregate.web.jira_outcry import cry_out, write_text
from mitregate.web.office import Office
from mitregate.web.throttle import Throttle
from mitregate.wire import upm

BODY_LIMIT = 64 * 1024
"""Bytes in a body, at most."""

TOKEN_LIFE = timedelta(hours=1)
"""How long a token that the list gave out is good."""

PURPOSE = "upm-token"
"""What such a token begins with under its seal, so that nothing else that is sealed passes for one."""

ADVICE = "Send, by Basic, the name of a user who administers, and an API token of theirs as the password."

CHALLENGE = 'Basic realm="mitregate"'


class Plugins:
    """The paths below `upm.ROOT`."""

    def __init__(self, office: Office) -> None:
        """Stand before *office*."""
        self._office = office
        self._guesses = Throttle(office.ports.now)

    async def __call__(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        """Answer one request."""
        try:
            await self._answer(scope, receive, send)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered
            await cry_out(send, error, write_text, plain.TEXT, CHALLENGE)

    async def _answer(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        segments = [segment for segment in scope["path"].removeprefix(upm.ROOT.rstrip("/")).split("/") if segment]
        methods = _methods(segments)
        if methods is None:
            message = "The plugin manager has no such path here."
            raise Unknown(message, advice=f"Apps are at {upm.path_of('{key}')}, the list of them at {upm.ROOT}.")
        if scope["method"] not in methods:
            body = f"The method {scope['method']} is not allowed here.".encode()
            await plain.reply_allowed(scope, send, methods, body, plain.TEXT)
            return
        principal = await self._prove(scope)
        match scope["method"], segments:
            case "GET", ["settings"]:
                await plain.reply(send, 200, upm.write_settings(), upm.SETTINGS)
            case "GET", ["pending", key]:
                app = await self._app(key)
                location = self._office.ports.base_url + upm.path_of(app.handle or "")
                await plain.reply(send, 303, headers={"location": location})
            case "GET", []:
                await self._list(principal, send)
            case "POST", []:
                await self._install(principal, scope, receive, send)
            case method, [name]:
                await self._manage(principal, method, name.removesuffix(upm.KEY_SUFFIX), receive, send)

    async def _list(self, principal: Principal, send: plain.Send) -> None:
        apps = await self._office.read(lambda uow: uow.apps.all())
        sealed = self._office.ports.seal(f"{PURPOSE} {principal.user_id} {self._office.ports.now().timestamp()}")
        body = upm.write_plugins(apps, self._office.base_path)
        await plain.reply(send, 200, body, upm.PLUGINS, {upm.TOKEN_HEADER: sealed})

    async def _install(
        self, principal: Principal, scope: plain.Scope, receive: plain.Receive, send: plain.Send
    ) -> None:
        self._check_token(principal, dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("token", ""))
        url = upm.read_installation(await plain.read_body(receive, BODY_LIMIT))
        handled = await installing.install_app(self._office, principal, url)
        await plain.reply(send, 202, upm.write_task(handled.app, self._office.base_path), upm.TASK)

    async def _manage(
        self, principal: Principal, method: str, key: str, receive: plain.Receive, send: plain.Send
    ) -> None:
        app = await self._app(key)
        if method == "DELETE":
            await installing.remove_app(self._office, principal, app.id)
            await plain.reply(send, 204)
            return
        if method == "PUT":
            is_enabled = upm.read_change(await plain.read_body(receive, BODY_LIMIT))
            app = (await installing.switch_app(self._office, principal, app.id, is_enabled=is_enabled)).app
        await plain.reply(send, 200, upm.write_plugin(app, self._office.base_path), upm.PLUGIN)

    async def _app(self, key: str) -> App:
        app = await self._office.read(lambda uow: uow.apps.by_handle(AppKind.CONNECT, key))
        if app is None:
            message = f"No Connect app with the key {key!r} is installed here."
            raise Unknown(message, advice=f"GET {upm.ROOT} lists those that are.")
        return app

    async def _prove(self, scope: plain.Scope) -> Principal:
        """Prove that a user calls who administers."""
        scheme, credentials = auth.authorization(scope)
        pair = auth.basic(credentials) if scheme.lower() == "basic" else None
        if pair is None:
            message = "No user name and API token were sent."
            raise Unproven(message, advice=ADVICE)
        name, secret = pair
        origin = auth.origin_of(scope)
        with self._guesses.of(origin):
            principal = await self._office.read(_prove_user, name, secret, self._office.ports.now(), origin)
        principal.require(Permission.ADMINISTER)
        return principal

    def _check_token(self, principal: Principal, sealed: str) -> None:
        """Refuse what installs without a token that the list gave out to the same user, not long ago."""
        try:
            purpose, user_id, given_at = self._office.ports.unseal(sealed).split(" ")
            age = self._office.ports.now() - datetime.fromtimestamp(float(given_at), UTC)
            is_good = (purpose, user_id) == (PURPOSE, principal.user_id) and age < TOKEN_LIFE
        except (Misconfigured, ValueError):
            is_good = False
        if not is_good:
            message = "The parameter 'token' is not one that was given out here, or is too old."
            raise Forbidden(message, advice=f"GET {upm.ROOT} gives one in the header {upm.TOKEN_HEADER}.")


def _methods(segments: list[str]) -> tuple[str, ...] | None:
    match segments:
        case []:
            return ("GET", "POST")
        case ["settings"] | ["pending", _]:
            return ("GET",)
        case [name] if name.endswith(upm.KEY_SUFFIX):
            return ("DELETE", "GET", "PUT")
    return None


def _prove_user(uow: UnitOfWork, name: str, secret: str, now: datetime, origin: str) -> Principal:
    principal = prove(uow, secret, now, origin)
    if principal.user_id is None or principal.name != name:
        message = f"The token is not one of the user {name!r}."
        raise Unproven(message, advice=ADVICE)
    return principal
