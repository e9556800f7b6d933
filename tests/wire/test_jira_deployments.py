"""Reading a submission: what is accepted, and how real senders are forgiven."""

import json
from pathlib import Path
from typing import Any

import pytest

from mitregate.core.deployments import (
    Associations,
    Commit,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.wire.jira_deployments import read_submission
from tests.wire.jira_bodies import APP, NOON, deployment, read

SAMPLES = Path(__file__).parents[1] / "samples"


def sample(case: str) -> Deployment:
    """Read a sample, which must be accepted whole."""
    submission = read_submission((SAMPLES / case / "body.json").read_bytes(), APP)
    assert (submission.rejected, submission.unknown_issue_keys, submission.unknown_associations) == ((), (), ())
    assert len(submission.accepted) == 1
    return submission.accepted[0]


def taken(**changes: Any) -> Deployment:
    """Read a deployment with some fields changed, which must be accepted."""
    submission = read(deployment(**changes))
    assert submission.rejected == ()
    return submission.accepted[0]


def test_a_deployment_is_read_field_by_field() -> None:
    """Every field of a submitted deployment arrives, with the app in its key."""
    asked = deployment(commands=[{"command": "initiate_deployment_gating"}])
    submission = read(asked, properties={"source": "test"}, providerMetadata={"product": "Acme 1"})
    assert submission.accepted == (
        Deployment(
            key=DeploymentKey(app_id=APP, pipeline_id="p1", environment_id="e1", sequence_number=7),
            update_sequence_number=100,
            display_name="Ferry 7",
            url="https://ci.example/jobs/7",
            description="Ferry 7 to production",
            last_updated=NOON,
            state=State.PENDING,
            pipeline=Pipeline(id="p1", display_name="harbour/ferry", url="https://ci.example/pipelines/1"),
            environment=Environment(id="e1", display_name="production", type=EnvironmentType.PRODUCTION),
            label="v7",
            duration=60,
            associations=Associations(issues=("FERRY-1",)),
            asks_for_gating=True,
            properties={"source": "test"},
            product="Acme 1",
        ),
    )


def test_gitlab_asks_for_a_gate() -> None:
    """A blocked GitLab deployment is read with its services, its issues, its command and its line breaks."""
    read_back = sample("gitlab/blocked")
    assert (read_back.state, read_back.asks_for_gating, read_back.product) == (
        State.PENDING,
        True,
        "GitLab 18.6.1-ee",
    )
    assert read_back.associations == Associations(
        issues=("FERRY-17", "FERRY-21"), services=("b:ZmVycnk=", "b:cXVheQ==")
    )
    assert "\n" in read_back.description


def test_gitlab_has_no_pipeline() -> None:
    """A GitLab deployment without a job is kept under a pipeline of its own, named after the environment."""
    read_back = sample("gitlab/without_job")
    assert read_back.pipeline == Pipeline(id="none", display_name="harbour/tide-tables/staging", url="")
    assert (read_back.key.pipeline_id, read_back.url, read_back.last_updated) == ("none", "", NOON)


def test_jenkins_hashes_its_pipeline() -> None:
    """A Jenkins deployment is read with its negative pipeline id, its nanoseconds and its properties."""
    read_back = sample("jenkins/gated")
    assert read_back.key.pipeline_id == "-1290177344"
    assert read_back.last_updated == NOON.replace(microsecond=123457)
    assert read_back.properties["source"] == "jenkins"
    assert read_back.asks_for_gating


def test_github_counts_in_properties() -> None:
    """A GitHub for Jira deployment's numeric properties become text, and fields beside the schema are passed over."""
    read_back = sample("github-for-jira/numeric_properties")
    assert read_back.properties == {"gitHubInstallationId": "4400121", "repositoryId": "90210"}
    assert read_back.associations.commits == (Commit(repository_id="90210", hash="77aa01fe"),)


def test_circleci_sends_strings() -> None:
    """A CircleCI deployment's numbers are read from strings, and its empty keys are dropped."""
    read_back = sample("circleci/strings")
    assert (read_back.key.sequence_number, read_back.update_sequence_number) == (731, 1769860800)
    assert (read_back.associations, read_back.last_updated) == (Associations(), NOON)


def test_highwaythree_sends_long_numbers() -> None:
    """A HighwayThree deployment's number of more than 32 bits is read, and nothing in it need be said."""
    read_back = sample("highwaythree/empty_keys")
    assert read_back.key.sequence_number == 11223344556
    assert (read_back.display_name, read_back.description, read_back.label) == ("", "", "")
    assert read_back.key.pipeline_id == "pier/ropes Build and ship"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("x" * 255, "x" * 255),
        ("x" * 256, "x" * 254 + "…"),
        ("\U0001f600" * 255, "\U0001f600" * 255),
        ("\U0001f600" * 300, "\U0001f600" * 254 + "…"),
        ("first\n          second" * 20, ("first\n          second" * 20)[:254] + "…"),
    ],
    ids=["longest", "longer", "longest-emoji", "longer-emoji", "lines"],
)
@pytest.mark.parametrize("more", [{}, {"updateSequenceNumber": "100"}], ids=["exact", "tolerant"])
def test_a_long_description_is_cut(written: str, kept: str, more: dict[str, Any]) -> None:
    """Of a description 255 characters are kept, the last of which says that there was more, however it was read."""
    assert taken(description=written, **more).description == kept


@pytest.mark.parametrize("field", ["displayName", "description"])
def test_a_character_cut_in_two_is_dropped(field: str) -> None:
    """Half of a surrogate pair at the end of a name or description, where JavaScript has cut an emoji, is no fault."""
    read_back = taken(**{field: "Ship it \U0001f680\ud83d"})
    assert (read_back.display_name if field == "displayName" else read_back.description) == "Ship it \U0001f680"


@pytest.mark.parametrize(
    "field", ["schemaVersion", "label", "duration", "issueKeys", "associations", "commands", "futureField"]
)
def test_null_is_as_good_as_absent(field: str) -> None:
    """Null in an optional field is no fault."""
    assert taken(**{field: None}).key.sequence_number == 7


@pytest.mark.parametrize(
    ("written", "number"),
    [("5", 5), ("-5", -5), ("9223372036854775807", 2**63 - 1), ("-9223372036854775808", -(2**63)), (100.0, 100)],
    ids=repr,
)
@pytest.mark.parametrize("field", ["deploymentSequenceNumber", "updateSequenceNumber", "duration"])
def test_numbers_may_be_spelled(field: str, written: object, number: int) -> None:
    """A whole number of 64 bits may come as a string or with an empty fraction."""
    read_back = taken(**{field: written})
    known = {
        "deploymentSequenceNumber": read_back.key.sequence_number,
        "updateSequenceNumber": read_back.update_sequence_number,
        "duration": read_back.duration,
    }
    assert known[field] == number


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00",
        "2026-01-31T12:00:00.000000000000Z",
        "2026-01-31T14:30:00+02:30",
        "2026-01-31T14:30:00.0+0230",
        "2026-01-30T23:00:00-13:00",
    ],
)
def test_instants_are_read_in_utc(written: str) -> None:
    """Any offset and any fraction is understood; without an offset the time is UTC."""
    read_back = taken(lastUpdated=written).last_updated
    assert read_back == NOON
    assert read_back.utcoffset() == NOON.utcoffset()


def test_associations_of_all_types_are_kept_once() -> None:
    """Issues by key and by id, services, commits and repositories are kept, and repetitions are folded."""
    submission = read(
        deployment(
            issueKeys=["A-1", "A-1", ""],
            associations=[
                {"associationType": "issueIdOrKeys", "values": ["10001", "A-1"]},
                {"associationType": "commit", "values": [{"commitHash": "c0", "repositoryId": "r"}] * 2},
                {"associationType": "repository", "values": [{"repositoryId": "r"}]},
            ],
        )
    )
    assert submission.accepted[0].associations == Associations(
        issues=("A-1", "10001"), commits=(Commit(repository_id="r", hash="c0"), Commit(repository_id="r"))
    )


@pytest.mark.parametrize("kind", ["commit", "repository", "serviceIdOrKeys"])
@pytest.mark.parametrize("values", [[], None, [""]], ids=repr)
def test_associations_may_be_empty(kind: str, values: object) -> None:
    """An association of a known type with no values is no fault."""
    assert taken(associations=[{"associationType": kind, "values": values}]).associations == Associations()


def test_one_bad_deployment_does_not_spoil_the_rest() -> None:
    """Each deployment is judged by itself, in the request's order, also twice the same."""
    submission = read(deployment(), deployment(state="done"), 5, deployment(updateSequenceNumber=101), deployment())
    assert [each.update_sequence_number for each in submission.accepted] == [100, 101, 100]
    assert [each.sequence_number for each in submission.rejected] == [7, 0]


def test_unknown_associations_are_reported() -> None:
    """An association of an unknown type is listed and not kept, beside one that is known."""
    strange = {"associationType": "ats:thing", "values": ["x", {"id": "y", "none": None}, None, 3]}
    submission = read(deployment(associations=[strange, {"associationType": "issueKeys", "values": ["A-1"]}]))
    assert submission.accepted[0].associations == Associations(issues=("A-1",))
    assert [(each.association_type, each.values) for each in submission.unknown_associations] == [
        ("ats:thing", ("x", {"id": "y"}))
    ]


def test_a_hundred_are_taken() -> None:
    """A request may hold a hundred deployments."""
    assert len(read(*[deployment()] * 100).accepted) == 100


@pytest.mark.parametrize(
    ("written", "understood"),
    [
        (None, {}),
        ({}, {}),
        ({"a": None, "b": "x"}, {"b": "x"}),
        (
            {"a": 12345678901234567890123, "b": 1.5, "c": True, "d": ""},
            {"a": "12345678901234567890123", "b": "1.5", "c": "true", "d": ""},
        ),
        ({"a": "x" * 255} | {str(n): None for n in range(9)}, {"a": "x" * 255}),
    ],
    ids=["null", "empty", "null-within", "numbers", "longest"],
)
def test_properties_become_text(written: object, understood: dict[str, str]) -> None:
    """Properties that are numbers become text, and nulls are dropped."""
    assert read(deployment(), properties=written).accepted[0].properties == understood


@pytest.mark.parametrize("metadata", [None, {}, {"product": None}, {"product": 5}, {"product": "\0"}], ids=repr)
def test_the_product_only_informs(metadata: object) -> None:
    """A product that is no text is no product, and no fault."""
    assert read(deployment(), providerMetadata=metadata).accepted[0].product is None


def test_what_is_ignored_may_be_odd() -> None:
    """Fields that are not read may hold anything, even what is no text."""
    odd = json.dumps({"deployments": [deployment(x="\ud800"), deployment(x="\0")], "y": "\udfff"}).encode()
    assert len(read_submission(odd, APP).accepted) == 2
