"""OAuth 2.0 client credentials, and what Jira's clients ask of a site: `/oauth/token`, `/_edge/tenant_info`, `/status`.

RFC 6749 §4.4; https://developer.atlassian.com/cloud/jira/software/integrate-jsw-cloud-with-onpremises-tools/. The body
may be JSON or a form, whatever it says that it is: `curl -d` calls everything a form. The audience is not asked for.

Clients behind Atlassian's gateway look up the sites that their token reaches, of which there is one here:
https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote

import msgspec
import structlog
from msgspec import Struct

from mitregate.core.errors import Malformed, MitregateError, Unproven
from mitregate.core.people import Principal
from mitregate.core.scopes import Scope
from mitregate.flows.admit import ACCESS_LIFE, grant_access
from mitregate.web import auth, plain
from mitregate.web.jira_outcry import cry_out
from mitregate.web.office import Office
from mitregate.web.problems import headers_of, message_of, status_of
from mitregate.web.throttle import Throttle
from mitregate.wire.jira_others import write_failure

BODY_LIMIT = 16 * 1024
FORM = "application/x-www-form-urlencoded"
BRACKETS = (b"{", b"[")
"""What begins JSON, and no form of ours."""

GRANT = "client_credentials"

log = structlog.get_logger()


class Grant(Struct, frozen=True, kw_only=True):
    """What a client asks for; unknown fields, such as the audience, are passed over."""

    grant_type: str = ""
    client_id: str = ""
    client_secret: str = ""


class Resource(Struct, frozen=True, kw_only=True, rename="camel"):
    """A site that a token reaches, and what may be done there."""

    id: str
    url: str
    name: str
    scopes: tuple[Scope, ...]
    avatar_url: str


class UnsupportedGrant(Malformed):
    """Only the grant type client_credentials is supported."""


ERRORS: dict[type[MitregateError], str] = {
    UnsupportedGrant: "unsupported_grant_type",
    Unproven: "invalid_client",
    Malformed: "invalid_request",
    MitregateError: "temporarily_unavailable",
}
"""The words of RFC 6749 §5.2, by class of error; the first that fits."""


class Site:
    """The paths that concern the site as a whole."""

    def __init__(self, office: Office) -> None:
        """Stand before *office*."""
        self._office = office
        self._guesses = Throttle(office.ports.now)

    async def tenant_info(self, scope: plain.Scope, _receive: plain.Receive, send: plain.Send) -> None:
        """Answer `GET /_edge/tenant_info`: the cloud id of this site."""
        if not await _is_method(scope, send, "GET"):
            return
        await plain.reply(send, 200, msgspec.json.encode({"cloudId": self._office.about.cloud_id}))

    async def status(self, scope: plain.Scope, _receive: plain.Receive, send: plain.Send) -> None:
        """Answer `GET /status`: that this site runs, as Jira says it."""
        if not await _is_method(scope, send, "GET"):
            return
        await plain.reply(send, 200, b'{"state":"RUNNING"}')

    async def resources(self, scope: plain.Scope, _receive: plain.Receive, send: plain.Send) -> None:
        """Answer `GET /oauth/token/accessible-resources`: this site, to any token that is good here."""
        if not await _is_method(scope, send, "GET"):
            return
        try:
            who = await auth.identify(self._office, scope)
        except MitregateError as error:
            await cry_out(send, error, write_failure)
        else:
            await plain.reply(send, 200, msgspec.json.encode([self._resource(who)]))

    def _resource(self, who: Principal) -> Resource:
        url = self._office.ports.base_url
        return Resource(
            id=self._office.about.cloud_id,
            url=url,
            name="Mitregate",
            scopes=tuple(sorted(who.scopes)),
            avatar_url=f"{url}/static/icon.svg",
        )

    async def token(self, scope: plain.Scope, receive: plain.Receive, send: plain.Send) -> None:
        """Answer `POST /oauth/token`: an access token for client credentials."""
        if not await _is_method(scope, send, "POST"):
            return
        headers = {"cache-control": "no-store", "pragma": "no-cache"}
        try:
            body = await self._grant(scope, receive)
        except MitregateError as error:
            word = next(word for kind, word in ERRORS.items() if isinstance(error, kind))
            body = {"error": word, "error_description": f"{message_of(error)} {error.advice()}"}
            status = status_of(error)
            if status >= 500:
                log.warning("token.unsettled", error=type(error).__name__, detail=error.message)
            await plain.reply(send, status, msgspec.json.encode(body), headers={**headers, **headers_of(error)})
        else:
            await plain.reply(send, 200, msgspec.json.encode(body), headers=headers)

    async def _grant(self, scope: plain.Scope, receive: plain.Receive) -> dict[str, str | int]:
        asked = _read(scope, await plain.read_body(receive, BODY_LIMIT))
        if asked.grant_type != GRANT:
            raise UnsupportedGrant(None, advice=f"Send grant_type={GRANT}.")
        if not asked.client_id or not asked.client_secret:
            message = "The client_id or the client_secret is missing."
            raise Malformed(message, advice="Send both in the body, as JSON or as a form.")
        origin = Principal(name=asked.client_id, origin=auth.origin_of(scope))
        with self._guesses.of(origin.origin):
            app, made = await self._office.transact(origin, grant_access, asked.client_id, asked.client_secret)
        return {
            "access_token": made.secret,
            "token_type": "Bearer",
            "expires_in": round(ACCESS_LIFE.total_seconds()),
            "scope": " ".join(sorted(app.scopes)),
        }


def _read(scope: plain.Scope, body: bytes) -> Grant:
    kind = auth.header(scope, b"content-type").partition(";")[0].strip().lower()
    try:
        is_form = kind == FORM and not body.lstrip().startswith(BRACKETS)
        fields = _read_form(body) if is_form else msgspec.json.decode(body, type=dict[str, object])
        asked = msgspec.convert({**_read_basic(scope), **fields}, Grant)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        message = f"The body cannot be read: {error}."
        raise Malformed(message, advice=f"Send JSON, or a form as {FORM}.") from None
    return asked


def _read_form(body: bytes) -> Mapping[str, object]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=20))


def _read_basic(scope: plain.Scope) -> Mapping[str, str]:
    """Read client credentials from the Authorization header, where RFC 6749 §2.3.1 allows them too."""
    scheme, credentials = auth.authorization(scope)
    pair = auth.basic(credentials) if scheme.lower() == "basic" else None
    return {"client_id": unquote(pair[0]), "client_secret": unquote(pair[1])} if pair is not None else {}


async def _is_method(scope: plain.Scope, send: plain.Send, method: str) -> bool:
    if scope["method"] == method:
        return True
    body = msgspec.json.encode({"error": "method_not_allowed", "error_description": f"Use {method}."})
    await plain.reply_allowed(scope, send, [method], body)
    return False
