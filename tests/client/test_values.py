"""Deployments as values: what they become on the wire, and that they come back the same."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from mitregate.client import (
    GATING,
    Association,
    Commit,
    Deployment,
    Environment,
    EnvironmentType,
    Key,
    Pipeline,
    State,
)
from mitregate.client.values import Submitted, write_body
from mitregate.wire.jira_deployments import read_submission, write_deployment

AT = datetime(2026, 2, 3, 9, 41, 7, tzinfo=UTC)

LEAST = Deployment(
    deployment_sequence_number=42,
    update_sequence_number=1,
    display_name="Shop 1.4.2",
    url="https://ci.example.com/42",
    last_updated=AT,
    state=State.PENDING,
    pipeline=Pipeline(id="shop", display_name="acme/shop", url="https://ci.example.com"),
    environment=Environment(id="eu", display_name="Europe", type=EnvironmentType.PRODUCTION),
)

MOST = msgspec.structs.replace(
    LEAST,
    description="two\nlines",
    label="1.4.2",
    duration=90,
    associations=(
        Association.issues("SHOP-318", "SHOP-319"),
        Association.services("b:c2hvcA=="),
        Association.commits(Commit(repository_id="shop", hash="8f3a1c5d")),
    ),
    commands=(GATING,),
)


def told(submitted: Submitted, **more: Any) -> dict[str, Any]:
    """Write a body; give it decoded."""
    body: dict[str, Any] = json.loads(write_body(submitted, more.get("properties"), more.get("product")))
    return body


def test_the_least() -> None:
    """What is required is written under the API's names, and what was not said is left out."""
    assert told(LEAST) == {
        "deployments": [
            {
                "schemaVersion": "1.0",
                "deploymentSequenceNumber": 42,
                "updateSequenceNumber": 1,
                "displayName": "Shop 1.4.2",
                "url": "https://ci.example.com/42",
                "description": "",
                "lastUpdated": "2026-02-03T09:41:07Z",
                "state": "pending",
                "pipeline": {"id": "shop", "displayName": "acme/shop", "url": "https://ci.example.com"},
                "environment": {"id": "eu", "displayName": "Europe", "type": "production"},
                "associations": [],
            }
        ]
    }


def test_the_most() -> None:
    """All else is written as the API has it."""
    (deployment,) = told(MOST)["deployments"]
    assert (deployment["label"], deployment["duration"], deployment["description"]) == ("1.4.2", 90, "two\nlines")
    assert deployment["commands"] == [{"command": "initiate_deployment_gating"}]
    assert deployment["associations"] == [
        {"associationType": "issueIdOrKeys", "values": ["SHOP-318", "SHOP-319"]},
        {"associationType": "serviceIdOrKeys", "values": ["b:c2hvcA=="]},
        {"associationType": "commit", "values": [{"repositoryId": "shop", "commitHash": "8f3a1c5d"}]},
    ]
    assert Association.repositories("shop").values == ({"repositoryId": "shop"},)


def test_several_with_properties() -> None:
    """Several are submitted at once, with properties and the name of what submits."""
    body = told([LEAST, MOST], properties={"team": "red"}, product="deployer 3")
    assert [deployment.get("label") for deployment in body["deployments"]] == [None, "1.4.2"]
    assert (body["properties"], body["providerMetadata"]) == ({"team": "red"}, {"product": "deployer 3"})


@pytest.mark.parametrize("deployment", [LEAST, MOST], ids=["least", "most"])
def test_a_server_reads_what_was_meant(deployment: Deployment) -> None:
    """What is written is accepted by our server's own reading, and what that gives back is the same value."""
    submission = read_submission(write_body(deployment, None, None), "app")
    assert submission.rejected == ()
    (accepted,) = submission.accepted
    assert (accepted.key.pipeline_id, accepted.asks_for_gating) == ("shop", deployment is MOST)
    again = msgspec.json.decode(write_deployment(accepted), type=Deployment)
    if deployment is MOST:
        issues, *others = MOST.associations or ()
        renamed = msgspec.structs.replace(issues, association_type="issueKeys")
        assert again == msgspec.structs.replace(MOST, associations=(renamed, *others))
    else:
        assert again == LEAST


def test_the_next_report() -> None:
    """The next report has the next number and the time it was given, and asks for nothing again."""
    later = datetime(2026, 2, 3, 10, tzinfo=UTC)
    next_one = MOST.updated(State.IN_PROGRESS, at=later)
    assert (next_one.state, next_one.update_sequence_number, next_one.last_updated) == ("in_progress", 2, later)
    assert (next_one.commands, next_one.label, next_one.associations) == (None, MOST.label, MOST.associations)
    assert MOST.updated(State.FAILED, at=later, update_sequence_number=99).update_sequence_number == 99
    assert read_submission(write_body(next_one, None, None), "app").rejected == ()


def test_a_key_in_words() -> None:
    """A key can be shown to people."""
    assert str(Key(pipeline_id="p", environment_id="e", deployment_sequence_number=1)) == "p → e #1"
