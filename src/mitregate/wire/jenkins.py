"""What the Jenkins plugin 2.x sends to its web-trigger, and what it reads of the replies.

Everything comes as `POST <webhook URL>?jenkins_server_uuid=<uuid>` with a JSON Web Token as its body: HS256 with the
secret of that server, the request itself as JSON text in the claim `request_body_json`. Sources:
https://github.com/jenkinsci/atlassian-jira-software-cloud-plugin (`JenkinsAppApi`, `SiteValidator`) and the app that it
speaks to, https://github.com/atlassian/jenkins-for-jira (`app/src/webtrigger`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import parse_qs

import msgspec
from msgspec import Raw, Struct

from mitregate.core.errors import Malformed, Unproven
from mitregate.wire.connect_jwt import verify_plain
from mitregate.wire.jira_values import Numeral, clean, cut, is_keepable, shown, whole_number

T = TypeVar("T")

PATH = "/jenkins/web-trigger"
PARAMETER = "jenkins_server_uuid"

ISSUER = "jenkins-plugin"
AUDIENCE = "jenkins-forge-app"

SUCCESS = b'{"success":true}'
"""The reply to a ping and to settings."""

SETTINGS = ("ipAddress", "autoBuildEnabled", "autoBuildRegex", "autoDeploymentsEnabled", "autoDeploymentsRegex")
"""What the plugin tells of its settings."""


class Ping(Struct, frozen=True):
    """Somebody presses *Test connection*."""


class PluginConfig(Struct, frozen=True, kw_only=True):
    """The plugin's settings were saved, or Jenkins has started; settings that are not set are left out."""

    config: dict[str, str]


class StatusQuery(Struct, frozen=True, kw_only=True):
    """A build asks for its gating status."""

    pipeline_id: str
    environment_id: str
    build_number: int


class DeploymentEvent(Struct, frozen=True, kw_only=True):
    """A deployment is told of; `payload` is the body of a submission to the Deployments API."""

    payload: bytes


class BuildEvent(Struct, frozen=True, kw_only=True):
    """A build is told of; `payload` is the body of a submission to Jira's builds API."""

    payload: bytes


Message = Ping | PluginConfig | StatusQuery | DeploymentEvent | BuildEvent
"""What the plugin may want."""


# --- requests ---


def read_server(query_string: bytes) -> str:
    """Read which Jenkins server an address belongs to.

    Raises:
        Malformed: it does not say.
    """
    try:
        values = parse_qs(query_string.decode("latin-1"), max_num_fields=20).get(PARAMETER)
    except ValueError:
        values = None
    if not values:
        raise Malformed(
            f"The webhook URL does not say which Jenkins server it belongs to: it has no {PARAMETER!r}.",
            advice="Paste the whole webhook URL into Jenkins, with all that follows its question mark.",
        )
    return values[0]


def read_token(token: str, secrets: Sequence[str], now: datetime) -> Message:
    """Read the body of a request, if it proves that its sender has one of the *secrets*.

    Args:
        token: the body as text, whose length the caller has bounded.
        secrets: those of the server: several while one replaces another.
        now: the time here; a token may not be of the future.

    Raises:
        Unproven: the body is no token, is signed with another secret, or its time is not now.
        Malformed: the request in it is none that is known.
    """
    try:
        claims = verify_plain(token, secrets, now=now, issuer=ISSUER, audience=AUDIENCE)
    except Unproven as error:
        advice = (
            "Compare the secret in Jenkins with the one that belongs to this webhook URL, and the clocks of both "
            f"machines: here it is {now:%Y-%m-%d %H:%M:%S %Z}."
        )
        raise Unproven(error.message, advice=advice) from None
    text = claims.get("request_body_json")
    if not isinstance(text, str):
        raise Malformed("The token has no text in its claim 'request_body_json'.")
    return _read(text)


class _Request(Struct, rename="camel"):
    request_type: Any = None
    event_type: Any = None
    payload: Raw = Raw(b"null")
    deployment_id: Any = None
    pipeline_id: Any = None
    environment_id: Any = None


_REQUESTS = msgspec.json.Decoder(_Request)
_OBJECTS = msgspec.json.Decoder(dict[str, Any])


def _read(text: str) -> Message:
    request = _decoded(_REQUESTS, text)
    match request.request_type:
        case "ping":
            return Ping()
        case "pluginConfig":
            return PluginConfig(config=_config(_decoded(_OBJECTS, text)))
        case "gatingStatus":
            return StatusQuery(
                pipeline_id=_id(request.pipeline_id, "pipelineId"),
                environment_id=_id(request.environment_id, "environmentId"),
                build_number=_build_number(request.deployment_id, "deploymentId"),
            )
        case "event":
            return _event(request)
    known = "event, gatingStatus, ping and pluginConfig"
    raise Malformed(f"The request type {_shown(request.request_type)} is not known here; known are {known}.")


def _event(request: _Request) -> Message:
    payload = bytes(request.payload)
    match request.event_type:
        case "deployment":
            return DeploymentEvent(payload=payload)
        case "build":
            return BuildEvent(payload=payload)
    known = "deployment and build"
    raise Malformed(f"The event type {_shown(request.event_type)} is not known here; known are {known}.")


def _config(request: dict[str, Any]) -> dict[str, str]:
    given = {name: request.get(name) for name in SETTINGS}
    flags = {name: "true" if value else "false" for name, value in given.items() if isinstance(value, bool)}
    texts = {name: cut(clean(value)) for name, value in given.items() if isinstance(value, str) and value}
    return {name: (flags | texts)[name] for name in SETTINGS if name in flags | texts}


def _id(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value or not is_keepable(value):
        raise Malformed(f"'{name}' must be text that is not empty, not {_shown(value)}.")
    return value


def _build_number(value: Any, name: str) -> int:
    is_written = isinstance(value, int) and not isinstance(value, bool)
    number = whole_number(str(value) if is_written else value)
    if number is None:
        raise Malformed(f"'{name}' must be the number of a build, not {_shown(value)}.")
    return number


def _shown(value: Any) -> str:
    return shown(Numeral(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else value)


def _decoded(decoder: msgspec.json.Decoder[T], text: str) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Malformed("The request in the token is not a JSON object as the plugin sends it.") from None
