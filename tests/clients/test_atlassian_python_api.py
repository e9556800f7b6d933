"""atlassian-python-api as it is on PyPI: all five operations, with every way it has to prove who is calling.

Of the Python clients of Jira on PyPI it is the one that knows the Deployments API.
"""

import itertools
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import pytest
import requests
from atlassian.jira import JiraSoftware

from tests.acceptance.callers import IDS, App, Person, deployment, progressed
from tests.acceptance.house import House

numbers = itertools.count(1)


@pytest.fixture(scope="module")
def person(house: House) -> Person:
    """The first user of a server."""
    return house.first_user(house.serve())


@pytest.fixture(scope="module")
def app(house: House, person: Person) -> App:
    """An app that has a token."""
    app = house.app(person, "ci")
    app.log_in()
    return app


def by_client_secret(app: App) -> Mapping[str, Any]:
    """Client id and secret by Basic, where a person at Jira has an address and an API token."""
    return {"username": app.made["clientId"], "password": app.made["clientSecret"]}


def by_token(app: App) -> Mapping[str, Any]:
    """An access token."""
    return {"token": app.token}


def by_oauth(app: App) -> Mapping[str, Any]:
    """An access token, by the OAuth library underneath."""
    token = {"access_token": app.token, "token_type": "Bearer"}
    return {"oauth2": {"client_id": app.made["clientId"], "token": token}}


WAYS = (by_client_secret, by_token, by_oauth)


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def client(app: App, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client that proves itself in one of the ways."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # it insists on https else, even on loopback
    return JiraSoftware(app.url, **request.param(app))


def key_of(wanted: Mapping[str, Any]) -> tuple[str | int, ...]:
    """Name a deployment; the client does not quote what it puts into a path."""
    ids = (quote(wanted[part]["id"], safe="") for part in ("pipeline", "environment"))
    return (*ids, wanted["deploymentSequenceNumber"])


def refused(call: Callable[..., object], *arguments: Any, **named: Any) -> requests.Response:
    """Insist that the client raises an error over a reply of ours; give that."""
    with pytest.raises(requests.HTTPError) as raised:
        call(*arguments, **named)
    assert raised.value.response is not None
    return raised.value.response


def test_every_operation(client: Any, person: Person) -> None:
    """A deployment is submitted, waits, is read, allowed, ends and is deleted, in whatever way the caller is proved."""
    for ids in (ids for ids in IDS if ".." not in ids):
        wanted = deployment(next(numbers), pipeline=ids[0], environment=ids[1])
        key = key_of(wanted)
        assert len(client.submit_deployments(data={"deployments": [wanted]})["acceptedDeployments"]) == 1
        status = client.get_deployment_gating_status_by_key(*key)
        assert (status["pipelineId"], status["environmentId"], status["gatingStatus"]) == (*ids, "awaiting")
        person.approve(status["details"][0]["issueKey"])
        assert client.get_deployment_gating_status_by_key(*key)["gatingStatus"] == "allowed"
        client.submit_deployments(data={"deployments": [progressed(wanted, "successful")]})
        assert client.get_deployment_by_key(*key)["state"] == "successful"
        assert client.delete_deployment_by_key(*key) is None
        assert refused(client.get_deployment_by_key, *key).status_code == 404


def test_deletion_by_properties(client: Any) -> None:
    """Its own method names no property, which is a 400 that says so; with a query beside it, it deletes."""
    wanted = deployment(next(numbers))
    client.submit_deployments(data={"deployments": [wanted], "properties": {"accountId": "harbour-1"}})
    reply = refused(client.delete_deployments_by_property, update_sequence_number=1)
    assert (reply.status_code, "?accountId=account-123" in reply.json()[0]["message"]) == (400, True)
    client.delete("rest/deployments/0.1/bulkByProperties", params={"accountId": "harbour-1"})
    assert refused(client.get_deployment_by_key, *key_of(wanted)).status_code == 404


def test_those_who_may_not(app: App, person: Person) -> None:
    """No proof and a wrong one are a 401, a person's token is a 403, each with a message."""
    wrong = {"username": app.made["clientId"], "password": "guessed"}
    for proof, status in (({}, 401), (wrong, 401), ({"token": "guessed"}, 401), ({"token": person.token}, 403)):
        client: Any = JiraSoftware(app.url, **proof)
        reply = refused(client.submit_deployments, data={"deployments": [deployment()]})
        assert (reply.status_code, bool(reply.json()[0]["message"])) == (status, True)
