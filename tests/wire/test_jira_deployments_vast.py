"""Reading a submission of millions of values: refused or passed over, they never become millions of objects."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.errors import Malformed, MitregateError, TooLarge
from mitregate.wire.jira_deployments import MODEST, read_submission
from tests.wire.jira_bodies import APP, DEPLOYMENTS, body, deployment, read

LIMIT = 8 * 1024 * 1024
PADDING: dict[str, Any] = {"x": [0] * (MODEST + 1)}
"""A field that nobody knows, with more values than are made into objects."""


def filled(head: bytes, part: bytes, tail: bytes) -> bytes:
    """Fill a body of 8 MiB with the same part over and over."""
    return head + part * ((LIMIT - len(head) - len(tail)) // len(part)) + tail


def many_names(end: bytes) -> bytes:
    """Write hundreds of thousands of fields."""
    return b"".join(b'"%d":1,' % number for number in range(500_000)) + end


VALUES = b'{"deployments":[{"associations":[{"associationType":"issueKeys","values":["a"'
VAST: dict[str, tuple[bytes, type[MitregateError] | None]] = {
    "deployments": (filled(b'{"deployments":[{}', b",{}", b"]}"), TooLarge),
    "numbers": (filled(b'{"deployments":[1', b",1", b"]}"), TooLarge),
    "within": (filled(b'{"deployments":[{"x":[[]', b",[]", b"]}]}"), TooLarge),
    "values": (filled(VALUES, b',"a"', b"]}]}]}"), TooLarge),
    "properties": (b'{"deployments":[1],"properties":{' + many_names(b'"a":1}}'), TooLarge),
    "metadata": (b'{"deployments":[1],"providerMetadata":{' + many_names(b'"a":1}}'), TooLarge),
    "beside": (filled(b'{"x":[1', b",1", b'],"deployments":[1]}'), None),
    "fields": (b"{" + many_names(b'"deployments":[1]}'), None),
    "array": (filled(b"[1", b",1", b"]"), Malformed),
    "object": (filled(b'{"deployments":{"x":[1', b",1", b"]}}"), Malformed),
    "nothing": (filled(b'{"x":[1', b",1", b"]}"), Malformed),
    "half": (filled(b'{"x":"\\ud800","deployments":[1', b",1", b"]}"), Malformed),
    "cut": (filled(b'{"deployments":[1', b",1", b""), Malformed),
    "text": (filled(b'{"deployments":["', "😀".encode(), b'"]}'), None),
}


@pytest.mark.parametrize("case", VAST)
def test_a_vast_body_takes_little_memory(case: str) -> None:
    """However many values a body of 8 MiB holds, reading it takes no more than five times its size."""
    written, refusal = VAST[case]
    assert len(written) <= LIMIT
    tracemalloc.start()
    try:
        if refusal is None:
            assert len(read_submission(written, APP).rejected) == 1
        else:
            with pytest.raises(refusal):
                read_submission(written, APP)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak <= 5 * LIMIT + 1024 * 1024


@given(st.lists(DEPLOYMENTS | st.sampled_from([None, 5, {}, []]), min_size=1, max_size=3))
def test_a_vast_request_is_read_as_any_other(deployments: list[Any]) -> None:
    """What else a request holds, however much, changes nothing in how its deployments are read."""
    others: dict[str, Any] = {"properties": {"a": 1, "b": None}, "providerMetadata": {"product": "x"}}
    assert read(*deployments, **others, **PADDING) == read(*deployments, **others)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (json.dumps(PADDING).encode(), "'deployments' is required."),
        (body(**PADDING), "'deployments' must hold at least one deployment."),
        (json.dumps({"deployments": None, **PADDING}).encode(), "'deployments' must be an array."),
        (body(5, properties=[], **PADDING), "'properties' must be an object, not an array."),
        (body(5, properties={"_a": ""}, **PADDING), "The property name '_a' may neither hold ':' nor begin with '_'."),
    ],
    ids=["absent", "nothing", "null", "properties", "control"],
)
def test_a_vast_request_is_refused_as_any_other(written: bytes, message: str) -> None:
    """What is wrong with a request as a whole is told in a vast one, too."""
    with pytest.raises(Malformed) as refused:
        read_submission(written, APP)
    assert refused.value.message == message


def test_the_most_that_the_schema_admits_is_read() -> None:
    """A hundred deployments with five hundred commits each, whose ids are long, are a request as any other."""
    commits = [{"commitHash": f"{number:040x}", "repositoryId": "r," * 3} for number in range(500)]
    associations = [{"associationType": "commit", "values": commits}]
    written = body(*(deployment(deploymentSequenceNumber=number, associations=associations) for number in range(100)))
    assert written.count(b",") > MODEST
    submission = read_submission(written, APP)
    assert (len(submission.accepted), submission.rejected) == (100, ())
    assert len(submission.accepted[99].associations.commits) == 500


@pytest.mark.parametrize("extra", [{}, PADDING], ids=["modest", "vast"])
def test_one_too_many_is_refused(extra: dict[str, Any]) -> None:
    """The hundred-and-first deployment is too many, and the hundredth is not, whatever else there is."""
    assert len(read(*[5] * 100, **extra).rejected) == 100
    with pytest.raises(TooLarge):
        read(*[5] * 101, **extra)
