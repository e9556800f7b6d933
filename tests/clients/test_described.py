"""What the server answers is what its descriptions say: the native API's own, and that of the Deployments API.

schemathesis makes requests up, good and bad ones, and compares each answer: its status, its type, its form; that
nothing is an error of the server's; that nothing is answered to those who prove nothing.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct
from openapi_spec_validator import OpenAPIV31SpecValidator
from openapi_spec_validator.readers import read_from_filename

from tests.acceptance.callers import FAMILIES, App, Person, deployment
from tests.acceptance.house import House, Server
from tests.clients.described import try_out
from tests.house.sources import ROOT

pytestmark = pytest.mark.timeout(300)  # hundreds of requests each, and each of them made up first

DEPLOYMENTS = ROOT / "docs/reference/deployments-api.openapi.yaml"

ONE = "/pipelines/{pipelineId}/environments/{environmentId}/deployments/{deploymentSequenceNumber}"

REMOVALS = ("removeApp", "removeToken", "removeUser")
"""What could remove the very user that is trying."""


FUZZING = ("--phases", "fuzzing")


class Site(Struct, frozen=True, kw_only=True):
    """A server, its administrator, the token of another one who may be removed, and an app."""

    server: Server
    person: Person
    expendable: str
    app: App


@pytest.fixture(scope="module")
def site(house: House) -> Site:
    """A server with some gates, changes and deliveries."""
    server = house.serve()
    person = house.first_user(server)
    app = house.app(person, "ci", "http://127.0.0.1:9/nobody-listens")
    app.submit(*(deployment(number) for number in range(1, 6)))
    user = person.ask("POST", "/api/v1/users", json={"name": "Grace", "role": "admin"}).expect(201).json
    token = person.ask("POST", "/api/v1/tokens", json={"label": "trial", "userId": user["id"]}).expect(201).json
    return Site(server=server, person=person, expendable=token["token"], app=app)


def described() -> dict[str, Any]:
    """Read the description of the Deployments API."""
    found, _ = read_from_filename(str(DEPLOYMENTS))
    return dict(found)


def test_the_description_is_one() -> None:
    """The description of the Deployments API is a valid OpenAPI document."""
    OpenAPIV31SpecValidator(described()).validate()


def test_the_deployments_api(site: Site, tmp_path: Path) -> None:
    """To an app the Deployments API, and the paths around it, answer as described."""
    base = FAMILIES[0]
    answers = try_out(str(DEPLOYMENTS), site.server.url, tmp_path, authorization=f"Bearer {site.app.token}")
    assert answers[f"POST {base}/bulk"] >= {202, 400, 401, 413}
    assert answers[f"DELETE {base}/bulkByProperties"] >= {202, 400, 401}
    assert answers[f"GET {base}{ONE}"] >= {200, 400, 401, 404}
    assert answers[f"DELETE {base}{ONE}"] >= {202, 400, 401}
    assert answers[f"GET {base}{ONE}/gating-status"] >= {200, 400, 401, 404}
    assert answers["POST /oauth/token"] >= {400, 401, 429}
    assert answers["GET /oauth/token/accessible-resources"] >= {200, 401}


def test_the_other_families_of_paths(site: Site, tmp_path: Path) -> None:
    """Under the other prefixes the operations answer as described, too."""
    document = described()
    families = [family.format(cloud_id=site.app.made["cloudId"]) for family in FAMILIES[1:]]
    paths = {
        path.replace(FAMILIES[0], family): without_names(found)
        for family in families
        for path, found in document["paths"].items()
        if path.startswith(FAMILIES[0])
    }
    (tmp_path / "families.json").write_text(json.dumps({**document, "paths": paths}), encoding="utf-8")
    phases = ("--phases", "examples,fuzzing")
    authorization = f"Bearer {site.app.token}"
    answers = try_out("families.json", site.server.url, tmp_path, *phases, authorization=authorization, examples=3)
    for family in families:
        assert answers[f"POST {family}/bulk"] >= {202}
        assert answers[f"GET {family}{ONE}/gating-status"] >= {404}


def without_names(described: Any) -> Any:
    """Leave the names of operations out of a part of the description, and what goes by them: each has to be unique."""
    if isinstance(described, list):
        return [without_names(each) for each in described]
    if not isinstance(described, dict):
        return described
    names = ("operationId", "links")
    return {name: without_names(found) for name, found in described.items() if name not in names}


def test_the_native_api(site: Site, tmp_path: Path) -> None:
    """To an administrator the native API answers as its own document says."""
    url = site.server.url
    kept = [part for name in REMOVALS for part in ("--exclude-operation-id", name)]
    answers = try_out(
        f"{url}/api/openapi.json", url, tmp_path, *kept, authorization=f"Bearer {site.person.token}", examples=5
    )
    failed = {operation for operation in answers if operation.startswith("GET ") and 200 not in answers[operation]}
    assert failed == set()
    assert answers["POST /api/v1/users"] >= {201, 400, 401}


def test_removals(site: Site, tmp_path: Path) -> None:
    """What removes users, tokens and apps answers as the document says."""
    url = site.server.url
    only = [part for name in REMOVALS for part in ("--include-operation-id", name)]
    answers = try_out(f"{url}/api/openapi.json", url, tmp_path, *only, authorization=f"Bearer {site.expendable}")
    for operation in ("DELETE /api/v1/users/{user_id}", "DELETE /api/v1/tokens/{token_id}"):
        assert answers[operation] >= {401, 404}


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("app", 403)])
def test_the_native_api_to_those_who_may_not(site: Site, tmp_path: Path, who: str, status: int) -> None:
    """To whom it is not for, the native API answers 401 and 403, as its document says."""
    url = site.server.url
    authorization = f"Bearer {site.app.token}" if who == "app" else ""
    answers = try_out(f"{url}/api/openapi.json", url, tmp_path, *FUZZING, authorization=authorization, examples=3)
    assert answers["GET /api/v1/changes/{key}"] == {status}


@pytest.mark.parametrize(("who", "status"), [("nobody", 401), ("person", 403)])
def test_the_deployments_api_to_those_who_may_not(site: Site, tmp_path: Path, who: str, status: int) -> None:
    """To whom it is not for, the Deployments API answers 401 and 403, as described."""
    authorization = f"Bearer {site.person.token}" if who == "person" else ""
    answers = try_out(str(DEPLOYMENTS), site.server.url, tmp_path, *FUZZING, authorization=authorization, examples=3)
    assert answers[f"POST {FAMILIES[0]}/bulk"] == {status}
