"""Reference: the OpenAPI document, and a page that shows it without any script."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from litestar import get
from litestar.response import Template
from msgspec import Struct

from mitregate.web import api_server
from mitregate.web.counter import Desk, refusals
from mitregate.web.document import Json, make_document
from mitregate.web.office import Office
from mitregate.web.rendering import render
from mitregate.web.routes import make_api


class Field(Struct, frozen=True, kw_only=True):
    """A field of a body or an answer, or a parameter: `shape` names its schema, `place` says where a parameter goes."""

    name: str
    type: str
    is_required: bool
    description: str
    shape: str
    place: str = ""


class Shape(Struct, frozen=True, kw_only=True):
    """A schema with a name."""

    name: str
    description: str
    fields: tuple[Field, ...]
    words: tuple[str, ...]


class Reply(Struct, frozen=True, kw_only=True):
    """An answer that an operation can give; `shape` names its schema."""

    status: str
    description: str
    shape: str


class Operation(Struct, frozen=True, kw_only=True):
    """A method on a path; `body` names the schema of what is sent."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    tag: str
    is_open: bool
    parameters: tuple[Field, ...]
    body: str
    replies: tuple[Reply, ...]


@get(
    "/api/openapi.json",
    operation_id="openapi",
    summary="Describe this API",
    description="This very document, as OpenAPI 3.1.",
    tags=["Server"],
    responses=refusals(),
)
async def show_document(office: Desk) -> dict[str, Any]:
    """Give the OpenAPI document."""
    return document_of(office)


@get("/api/docs", include_in_schema=False)
async def show_reference(office: Desk) -> Template:
    """Show the document as a page."""
    document = document_of(office)
    operations = tuple(_operations(document))
    return render(
        "reference.html",
        visitor=None,
        info=document["info"],
        tags=document["tags"],
        operations=operations,
        shapes=tuple(_shapes(document)),
        token=document["components"]["securitySchemes"]["bearer"]["description"],
    )


ROUTES = (show_document, show_reference)


def document_of(office: Office) -> Json:
    """Give the OpenAPI document of a server; it is made once."""
    return _made(office.about.version, office.ports.base_url)


@cache
def _made(version: str, base_url: str) -> Json:
    return make_document([make_api(), *api_server.PROBES, show_document], version, base_url)


def _operations(document: Json) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method, found in item.items():
            content = found.get("requestBody", {}).get("content", {})
            yield Operation(
                id=found["operationId"],
                method=method.upper(),
                path=path,
                summary=found["summary"],
                description=found["description"],
                tag=found["tags"][0],
                is_open="security" not in found,
                parameters=tuple(_parameter(each) for each in found.get("parameters", [])),
                body=_shape_in(content),
                replies=tuple(
                    Reply(status=status, description=each["description"], shape=_shape_in(each.get("content", {})))
                    for status, each in sorted(found["responses"].items())
                ),
            )


def _shapes(document: Json) -> Iterator[Shape]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        needed = schema.get("required", [])
        fields = (
            Field(
                name=field,
                type=spell_type(found),
                is_required=field in needed,
                description=found.get("description", ""),
                shape=_shape_of(found),
            )
            for field, found in schema.get("properties", {}).items()
        )
        yield Shape(
            name=name,
            description=schema.get("description", ""),
            fields=tuple(fields),
            words=tuple(schema.get("enum", ())),
        )


def spell_type(schema: Json) -> str:
    """Write the type of a value in words."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "oneOf" in schema:
        return " or ".join(dict.fromkeys(spell_type(each) for each in schema["oneOf"] if each.get("type") != "null"))
    if schema.get("type") == "array":
        return f"list of {spell_type(schema['items'])}" if "items" in schema else "list"
    return str(schema.get("format") or schema.get("type", "anything"))


def _parameter(found: Json) -> Field:
    return Field(
        name=found["name"],
        type=spell_type(found["schema"]),
        is_required=found["required"],
        description=found.get("description", ""),
        shape=_shape_of(found["schema"]),
        place=found["in"],
    )


def _shape_in(content: Json) -> str:
    for media in content.values():
        return _shape_of(media["schema"])
    return ""


def _shape_of(schema: Json) -> str:
    named = spell_type(schema).rpartition(" ")[2]
    return named if named[:1].isupper() else ""
