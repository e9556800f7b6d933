"""The paths and queries of the Deployments API."""

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed
from mitregate.wire.jira_deployments import Operation, Target, WrongMethod, read_properties, route
from tests.wire.jira_bodies import NUMBERS, TEXTS

FAMILIES = [
    (b"/rest/deployments/0.1/", None),
    (b"/jira/deployments/0.1/cloud/c-1/", "c-1"),
    (b"/ex/jira/c-1/rest/deployments/0.1/", "c-1"),
]
ONE = b"pipelines/p%2F1/environments/e%201/deployments/-7"


@pytest.mark.parametrize(("prefix", "cloud_id"), FAMILIES, ids=["site", "on-premises", "gateway"])
@pytest.mark.parametrize("ending", [b"", b"/", b"?a=/b/"], ids=["bare", "slash", "query"])
def test_five_operations_in_three_families(prefix: bytes, cloud_id: str | None, ending: bytes) -> None:
    """All operations are found in all forms of the path, with a slash or a query behind them too."""
    aims = {
        operation: route(method, prefix + path + ending)
        for operation, method, path in [
            (Operation.SUBMIT, "POST", b"bulk"),
            (Operation.DELETE_BY_PROPERTIES, "DELETE", b"bulkByProperties"),
            (Operation.READ, "GET", ONE),
            (Operation.DELETE, "DELETE", ONE),
            (Operation.GATING_STATUS, "GET", ONE + b"/gating-status"),
        ]
    }
    assert aims == {
        Operation.SUBMIT: Target(operation=Operation.SUBMIT, cloud_id=cloud_id),
        Operation.DELETE_BY_PROPERTIES: Target(operation=Operation.DELETE_BY_PROPERTIES, cloud_id=cloud_id),
    } | {
        operation: Target(
            operation=operation, cloud_id=cloud_id, pipeline_id="p/1", environment_id="e 1", sequence_number=-7
        )
        for operation in (Operation.READ, Operation.DELETE, Operation.GATING_STATUS)
    }


@given(TEXTS, TEXTS, NUMBERS, TEXTS)
def test_any_id_finds_its_way(pipeline_id: str, environment_id: str, number: int, cloud_id: str) -> None:
    """Ids with any characters, percent-encoded, arrive as they were, and so does every 64-bit number."""
    cloud, pipeline, environment = (quote(text, safe="+") for text in (cloud_id, pipeline_id, environment_id))
    path = f"/jira/deployments/0.1/cloud/{cloud}/pipelines/{pipeline}/environments/{environment}/deployments/{number}"
    assert route("GET", path.encode()) == Target(
        operation=Operation.READ,
        cloud_id=cloud_id,
        pipeline_id=pipeline_id,
        environment_id=environment_id,
        sequence_number=number,
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (b"", ""),
        (b"a+b", "a+b"),
        (b"a%2Fb", "a/b"),
        (b"a%252Fb", "a%2Fb"),
        (b"%C3%A4", "ä"),
        (b"\xc3\xa4", "ä"),
        (b"%zz", "%zz"),
    ],
    ids=repr,
)
def test_a_segment_is_decoded_once(written: bytes, meant: str) -> None:
    """A segment is decoded after the path was taken apart, once, and a plus stays a plus."""
    target = route("GET", b"/rest/deployments/0.1/pipelines/" + written + b"/environments/e/deployments/1")
    assert isinstance(target, Target)
    assert target.pipeline_id == meant


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", b"bulk", ("POST",)),
        ("POST", b"bulkByProperties", ("DELETE",)),
        ("PUT", ONE, ("GET", "DELETE")),
        ("DELETE", ONE + b"/gating-status", ("GET",)),
    ],
    ids=["bulk", "by-properties", "one", "gating-status"],
)
def test_a_wrong_method_learns_the_right_ones(method: str, path: bytes, allowed: tuple[str, ...]) -> None:
    """A path that exists, asked with another method, gives the methods it has."""
    assert route(method, b"/rest/deployments/0.1/" + path) == WrongMethod(allowed=allowed)


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"/",
        b"rest/deployments/0.1/bulk",
        b"/rest/deployments/0.2/bulk",
        b"/rest/deployments/0.1",
        b"/rest/deployments/0.1/bulk/x",
        b"/rest/deployments%2F0.1/bulk",
        b"/jira/deployments/0.1/bulk",
        b"/rest/deployments/0.1/pipelines/a/b/environments/e/deployments/1",
        b"/rest/builds/0.1/bulk",
    ],
)
def test_other_paths_are_not_ours(path: bytes) -> None:
    """A path that is none of the API's is left to others."""
    assert route("POST", path) is None


@pytest.mark.parametrize(
    "number",
    [b"", b"x", b"1.0", b"+1", b"1e3", b"9223372036854775808", b"-9223372036854775809", b"%D9%A3", b"9" * 5000],
)
def test_a_sequence_number_is_a_number(number: bytes) -> None:
    """A sequence number that is no whole number of 64 bits is refused."""
    with pytest.raises(Malformed, match="whole number of 64 bits"):
        route("GET", b"/rest/deployments/0.1/pipelines/p/environments/e/deployments/" + number + b"/gating-status")


@pytest.mark.parametrize("pipeline", [b"%FF", b"\xff", b"%ED%A0%80", b"a%00b"], ids=repr)
def test_an_id_is_text(pipeline: bytes) -> None:
    """An id that is not UTF-8, or that no database keeps, is refused."""
    with pytest.raises(Malformed):
        route("GET", b"/rest/deployments/0.1/pipelines/" + pipeline + b"/environments/e/deployments/1")


@pytest.mark.parametrize(
    ("query", "properties"),
    [
        (b"accountId=account-123&createdBy=user-456", {"accountId": "account-123", "createdBy": "user-456"}),
        (b"_updateSequenceNumber=5&a=b", {"a": "b"}),
        (b"a=b+c%20d%2B%C3%A4", {"a": "b c d+ä"}),
        (b"a", {"a": ""}),
        (b"a=b&a=b", {"a": "b"}),
    ],
    ids=repr,
)
def test_properties_are_read_from_the_query(query: bytes, properties: dict[str, str]) -> None:
    """Each parameter of the query is a property, but for the controls."""
    assert read_properties(query) == properties


@given(st.dictionaries(TEXTS.filter(lambda name: not name.startswith("_")), TEXTS, min_size=1, max_size=5))
def test_any_property_finds_its_way(properties: dict[str, str]) -> None:
    """Properties with any characters, percent-encoded, arrive as they were."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in properties.items())
    assert read_properties(query.encode()) == properties


@pytest.mark.parametrize("query", [b"", b"&&", b"_x=1", b"a=b&a=c", b"a=%FF", b"a=\xff", b"a=%00", b"a%00=b"], ids=repr)
def test_a_deletion_must_say_of_what(query: bytes) -> None:
    """A query without properties, with a contradiction or with what is no text deletes nothing."""
    with pytest.raises(Malformed):
        read_properties(query)
