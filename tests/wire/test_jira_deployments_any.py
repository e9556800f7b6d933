"""Reading a submission: what holds for every body there is."""

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from mitregate.core.deployments import Deployment
from mitregate.core.errors import Malformed, TooLarge
from mitregate.wire.jira_deployments import _loosely, read_properties, read_submission, route, write_submission
from mitregate.wire.jira_exact import read_exactly
from mitregate.wire.jira_validation import judge
from mitregate.wire.jira_values import Shared
from tests.wire.jira_bodies import APP, DEPLOYMENTS, JSON, SUBMITTED, bent, body, checked, deployment

SHARED = Shared(app_id=APP, properties={"a": "b"}, product=None)
PREFIXES = [b"/rest/deployments/0.1/", b"/ex/jira/c/rest/deployments/0.1/", b"/jira/deployments/0.1/cloud/", b""]
REQUESTS = st.fixed_dictionaries(
    {"deployments": st.lists(DEPLOYMENTS, min_size=1, max_size=2)},
    optional={
        "properties": st.just({"a": "b", "c": 5}),
        "providerMetadata": st.just({"product": "x"}),
    },
)


def answer(written: bytes) -> Any:
    """Read a body and write what is replied, or None if it is refused."""
    try:
        submission = read_submission(written, APP)
    except (Malformed, TooLarge):
        return None
    return checked(write_submission(submission), SUBMITTED)


def both(item: Any) -> tuple[Deployment | None, Any]:
    """Read a deployment fast, and tolerantly."""
    raw = json.dumps(item).encode()
    exact = None if b"\\u0000" in raw else read_exactly(Raw(raw), SHARED)
    return exact, judge(_loosely(raw), SHARED)


@given(DEPLOYMENTS)
def test_what_the_schema_allows_is_read_fast(item: dict[str, Any]) -> None:
    """A deployment as the schema has it is accepted by the fast reading, and the tolerant one makes the same of it."""
    exact, (judged, unknown) = both(item)
    assert isinstance(exact, Deployment)
    assert (judged, unknown) == (exact, [])


@given(bent())
@example(deployment(commands=[]))
@example(deployment(commands=[""]))
@example(deployment(associations=[""], issueKeys=None))
@example(deployment(associations=[{"associationType": "commit", "values": [{"commitHash": "", "repositoryId": "r"}]}]))
@example(deployment(lastUpdated="0001-01-01T00:00:00+14:00"))
@example(deployment(label="\U0001f600" * 255))
@example(deployment(label="\U0001f600" * 256))
@example(deployment(description="\U0001f600" * 255))
@example(deployment(description="\U0001f600" * 256))
@example(deployment(description="x" * 256 + "\ud83d"))
@example(deployment(description="x" * 256 + "\0"))
@example(deployment(displayName="\ud83d"))
@example(deployment(issueKeys=["A-1\n"]))
def test_both_readings_agree(item: Any) -> None:
    """Whatever the fast reading accepts, the tolerant one accepts as the same deployment."""
    exact, (judged, unknown) = both(item)
    if exact is not None:
        assert (judged, unknown) == (exact, [])


@given(bent(REQUESTS))
def test_no_request_breaks_it(request: Any) -> None:
    """Any near-miss of a request is answered by the schema without null, or refused; every deployment is answered."""
    answered = answer(json.dumps(request).encode())
    if answered is not None:
        told = len(answered["acceptedDeployments"]) + len(answered["rejectedDeployments"])
        assert told == len(request["deployments"])


@given(st.lists(JSON, max_size=3))
def test_no_deployment_breaks_it(items: list[Any]) -> None:
    """Any JSON in place of deployments is answered by the schema without null, or refused."""
    answered = answer(body(*items))
    assert (answered is None) == (not items)


@given(st.binary() | st.builds(lambda cut, junk: body(deployment())[:cut] + junk, st.integers(0, 300), st.binary()))
def test_no_bytes_break_it(written: bytes) -> None:
    """Any bytes at all are read or refused."""
    assert answer(written) is None or b"deployments" in written


@given(bent(), DEPLOYMENTS)
def test_deployments_are_judged_alone(first: Any, second: Any) -> None:
    """What becomes of a deployment does not depend on its neighbours."""
    together = read_submission(body(first, second), APP)
    one, two = read_submission(body(first), APP), read_submission(body(second), APP)
    assert together.accepted == one.accepted + two.accepted
    assert together.rejected == one.rejected + two.rejected
    assert together.unknown_associations == one.unknown_associations + two.unknown_associations


@given(st.binary())
def test_no_query_breaks_it(query: bytes) -> None:
    """Any query gives properties, none of them a control, or is refused."""
    try:
        properties = read_properties(query)
    except Malformed:
        return
    assert properties
    assert not [name for name in properties if name.startswith("_")]


@given(
    st.sampled_from(["GET", "POST", "DELETE", "PUT", ""]),
    st.sampled_from(PREFIXES),
    st.lists(st.sampled_from([b"pipelines", b"environments", b"deployments", b"bulk", b"%00"]) | st.binary(max_size=5)),
)
def test_no_path_breaks_it(method: str, prefix: bytes, segments: list[bytes]) -> None:
    """Any path is routed, unknown, or refused."""
    try:
        target = route(method, prefix + b"/".join(segments))
    except Malformed:
        target = None
    assert target is None or prefix
