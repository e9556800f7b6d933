"""The OpenAPI document and the page that shows it."""

import json
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from litestar.routes import HTTPRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from mitregate.web.native import make_native
from tests.web.stage import BASE_URL, Stage


@pytest.fixture
async def document(stage: Stage) -> Any:
    """The document as it is served."""
    reply = await stage.client().get("/api/openapi.json")
    assert reply.status_code == 200
    return reply.json()


def operations(document: Any) -> list[tuple[str, str, Any]]:
    """List path, method and description of every operation."""
    return [(path, method, each) for path, item in document["paths"].items() for method, each in item.items()]


async def test_the_document_is_valid(document: Any) -> None:
    """The document is OpenAPI 3.1, and names this server."""
    assert document["openapi"].startswith("3.1")
    OpenAPIV31SpecValidator(document).validate()
    assert document["servers"] == [{"url": BASE_URL}]
    assert document["info"]["version"] == "1.2.3"


async def test_every_route_is_in_the_document(stage: Stage, document: Any) -> None:
    """Every route of the API and every probe stands in the document, and nothing else does."""
    routes = (route for route in make_native(stage.office).routes if isinstance(route, HTTPRoute))
    served = {
        (re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path), method.lower())
        for route in routes
        for method in route.methods
        if method != "OPTIONS" and re.match(r"/(api/v1|api/openapi|healthz|readyz)", route.path)
    }
    assert served == {(path, method) for path, method, _ in operations(document)}


async def test_every_operation_is_described(document: Any) -> None:
    """Every operation has an id of its own, a summary, a description, a known tag, and says what every parameter is."""
    found = operations(document)
    tags = {tag["name"] for tag in document["tags"]}
    assert len({each["operationId"] for _, _, each in found}) == len(found)
    for path, method, each in found:
        assert each["summary"], (path, method)
        assert each["description"].endswith("."), (path, method)
        assert set(each["tags"]) <= tags
        assert all(parameter["description"] for parameter in each.get("parameters", [])), (path, method)
    assert all(schema.get("description") or "enum" in schema for schema in document["components"]["schemas"].values())


async def test_every_operation_says_how_it_refuses(document: Any) -> None:
    """Every operation that asks for a token says so and answers 401; every refusal is problem details."""
    open_to_all = set()
    for path, _, each in operations(document):
        if each.get("security") != [{"bearer": []}]:
            open_to_all.add(path)
        else:
            assert "401" in each["responses"]
        for status, response in each["responses"].items():
            if not status.startswith(("2", "3")):
                assert list(response["content"]) == ["application/problem+json"], (path, status)
    probes = {"/healthz", "/readyz"}
    schemas = {"/api/v1/rules/schema", "/api/v1/settings/schema"}
    assert open_to_all == {"/api/v1/about", "/api/v1/setup", "/api/openapi.json", *schemas, *probes}
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"


async def test_a_body_that_may_be_left_out_is_not_required(document: Any) -> None:
    """A decision needs no body, and if there is one it is never null."""
    for step in ("approve", "decline"):
        body = document["paths"][f"/api/v1/changes/{{key}}/{step}"]["post"]["requestBody"]
        assert body["required"] is False
        assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Judgement"}


async def test_the_document_knows_no_null_in_answers(document: Any) -> None:
    """What is answered never has a null in it, by its schema."""
    for name, schema in document["components"]["schemas"].items():
        if schema.get("additionalProperties") is not False:
            assert '"null"' not in json.dumps(schema), name


async def test_answers_are_as_the_document_says(stage: Stage, document: Any) -> None:
    """What the server answers is valid by the schema that the document gives for it."""
    gate = await stage.submit()
    await stage.client("approver").post("/api/v1/changes/CHG-1/approve")
    await stage.client("admin").post("/api/v1/freezes", json={"name": "x", "reason": "y"})
    client = stage.client("admin")
    for path, route in {
        "/api/v1/gates": "/api/v1/gates",
        f"/api/v1/gates/{gate.id}": "/api/v1/gates/{gate_id}",
        "/api/v1/changes": "/api/v1/changes",
        "/api/v1/changes/CHG-1": "/api/v1/changes/{key}",
        "/api/v1/freezes": "/api/v1/freezes",
        "/api/v1/rules/history": "/api/v1/rules/history",
        "/api/v1/simulation?project=shop&environment=eu": "/api/v1/simulation",
        f"/api/v1/gates/{gate.id}/explanation": "/api/v1/gates/{gate_id}/explanation",
        "/api/v1/explanation?pipelineId=pipe&environmentId=prod&deploymentSequenceNumber=1": "/api/v1/explanation",
        "/api/v1/deliveries": "/api/v1/deliveries",
        "/api/v1/audit": "/api/v1/audit",
        "/api/v1/apps": "/api/v1/apps",
        "/api/v1/users": "/api/v1/users",
        "/api/v1/tokens": "/api/v1/tokens",
        "/api/v1/me": "/api/v1/me",
        "/api/v1/about": "/api/v1/about",
    }.items():
        content = document["paths"][route]["get"]["responses"]["200"]["content"]
        schema = content["application/json"]["schema"] | {"components": document["components"]}
        answered = (await client.get(path)).json()
        assert answered
        Draft202012Validator(schema).validate(answered)
    refused = (await client.get("/api/v1/gates/none")).json()
    schema = document["components"]["schemas"]["Problem"]
    Draft202012Validator(schema).validate(refused)


async def test_the_page_shows_every_operation_and_schema(stage: Stage, document: Any) -> None:
    """The page names every operation and schema, without a script, and every link in it leads somewhere."""
    page = (await stage.client().get("/api/docs")).text
    for path, _, each in operations(document):
        assert f'id="{each["operationId"]}"' in page
        assert path in page
    for name in document["components"]["schemas"]:
        assert f'id="shape-{name}"' in page
    assert "<script" not in page
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(re.findall(r'id="([^"]+)"', page))
