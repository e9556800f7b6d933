"""The document: what the native API is, as OpenAPI 3.1, made from the routes themselves."""

from http import HTTPStatus
from inspect import getdoc
from typing import Any

from litestar import Litestar
from litestar.di import Provide
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag
from litestar.types import ControllerRouterHandler
from msgspec import Struct

from mitregate.web import (
    bodies,
    calendar_views,
    change_views,
    connect_views,
    counter,
    explain_views,
    jenkins_views,
    people_views,
    rules_views,
    settings_views,
    views,
)
from mitregate.web.counter import BEARER

Json = dict[str, Any]

DESCRIPTION = (
    "Gates, change requests, deliveries, and those who may enter. Deployments themselves are submitted over the Jira "
    "Deployments API, which is not described here. Names are in camel case, times in RFC 3339 (UTC), fields without a "
    "value are left out. Lists come in pages: send `next` of one page as `cursor` of the next. Errors are problem "
    "details (RFC 9457)."
)

TAGS = [
    Tag(name="Gates", description="Where deployments wait, why, and for how long."),
    Tag(name="Explanations", description="Why a deployment may start, waits or stopped, and what would come of one."),
    Tag(name="Changes", description="What people approve, decline and plan."),
    Tag(name="Settings", description="Settings as code: the rules, the apps and the users as one document."),
    Tag(name="Rules", description="Which deployments need a change, and when nothing may start."),
    Tag(name="Calendar", description="Planned changes and freezes, for programs that show calendars."),
    Tag(name="Deliveries", description="How verdicts reach those who asked."),
    Tag(name="Audit", description="Who did what."),
    Tag(name="Apps", description="The tools that submit deployments."),
    Tag(name="Users", description="The people who decide."),
    Tag(name="Tokens", description="What people and their programs prove themselves by."),
    Tag(name="Server", description="The server itself."),
]

HOW_TO_PROVE = (
    "For people, an API token (`POST /api/v1/tokens`, or the page after the first set-up); for apps, an access token "
    "from `POST /oauth/token`."
)


def make_document(routes: list[ControllerRouterHandler], version: str, base_url: str) -> Json:
    """Describe *routes*.

    Args:
        routes: the route handlers and routers to describe.
        version: the version of the server.
        base_url: where the server is reached.

    Returns:
        The OpenAPI document, as JSON's own types.
    """
    # An app of its own, because the framework would add pages of its own to the one that serves.
    app = Litestar(
        routes,
        dependencies={name: Provide(lambda: None, sync_to_thread=False) for name in ("office", "principal", "guesses")},
        openapi_config=OpenAPIConfig(
            title="Mitregate",
            version=version,
            description=DESCRIPTION,
            license=License(name="Apache-2.0", identifier="Apache-2.0"),
            servers=[Server(url=base_url)],
            tags=TAGS,
            components=Components(
                security_schemes={BEARER: SecurityScheme(type="http", scheme="bearer", description=HOW_TO_PROVE)}
            ),
        ),
        logging_config=None,
    )
    document: Json = app.openapi_schema.to_schema()
    for item in document["paths"].values():
        for operation in item.values():
            _tidy(operation)
    for name, schema in document["components"]["schemas"].items():
        _describe(name, schema)
    return document


def _tidy(operation: Json) -> None:
    """Say of an operation what the framework does not know: refusals it makes up, bodies that may be left out."""
    responses: Json = operation["responses"]
    if list(responses.get("400", {}).get("content", {})) == ["application/json"]:
        del responses["400"]
    sent = operation.get("requestBody", {})
    if _is_left_out(sent):
        sent["required"] = False
    for status, response in responses.items():
        if status.startswith("2"):
            response["description"] = HTTPStatus(int(status)).phrase
            _is_left_out(response)


def _is_left_out(body: Json) -> bool:
    """Tell whether a body may be left out, for which the framework makes up a null that is never sent; take that away.

    A reply without a body is another one: its status says so.
    """
    is_left_out = False
    for media in body.get("content", {}).values():
        kinds = [each for each in media["schema"].get("oneOf", []) if each != {"type": "null"}]
        if kinds:
            media["schema"], is_left_out = kinds[0], True
    return is_left_out


def _describe(name: str, schema: Json) -> None:
    """Add to a schema what its type says of itself, which the framework leaves out."""
    for module in (
        views,
        change_views,
        explain_views,
        people_views,
        connect_views,
        jenkins_views,
        rules_views,
        calendar_views,
        settings_views,
        bodies,
        counter,
    ):
        kind = getattr(module, name, None)
        if isinstance(kind, type) and issubclass(kind, Struct):
            schema["description"] = (getdoc(kind) or "").partition("\n")[0]
            if issubclass(kind, bodies.Body):
                schema["additionalProperties"] = False
