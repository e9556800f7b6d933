"""Bodies of the Deployments API for tests: made by hand, made by hypothesis, and the schemas of the replies.

The schemas are ours, after https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/.
"""

import json
import string
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import jsonschema
from hypothesis import strategies as st

from mitregate.core.deployments import EnvironmentType, State
from mitregate.wire.jira_deployments import Rejected, Submission, read_submission

APP = "app-1"
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


def deployment(**changes: Any) -> dict[str, Any]:
    """A deployment exactly as the schema has it, with some fields changed."""
    return {
        "schemaVersion": "1.0",
        "deploymentSequenceNumber": 7,
        "updateSequenceNumber": 100,
        "displayName": "Ferry 7",
        "url": "https://ci.example/jobs/7",
        "description": "Ferry 7 to production",
        "lastUpdated": "2026-01-31T12:00:00Z",
        "label": "v7",
        "duration": 60,
        "state": "pending",
        "pipeline": {"id": "p1", "displayName": "harbour/ferry", "url": "https://ci.example/pipelines/1"},
        "environment": {"id": "e1", "displayName": "production", "type": "production"},
        "associations": [{"associationType": "issueKeys", "values": ["FERRY-1"]}],
    } | changes


def without(*names: str) -> dict[str, Any]:
    """A deployment that lacks some fields."""
    return {name: value for name, value in deployment().items() if name not in names}


def body(*deployments: Any, **fields: Any) -> bytes:
    """A request's body."""
    return json.dumps({"deployments": list(deployments)} | fields).encode()


def read(*deployments: Any, **fields: Any) -> Submission:
    """Read a request of these deployments."""
    return read_submission(body(*deployments, **fields), APP)


def rejected(item: Any) -> Rejected:
    """Read a request of one deployment, which must be rejected."""
    submission = read(item)
    assert submission.accepted == ()
    return submission.rejected[0]


# --- made by hypothesis ---

NUMBERS = st.integers(-(2**63), 2**63 - 1)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=255)
LONG_TEXTS = TEXTS | st.builds(lambda text, times: text * times, TEXTS, st.integers(2, 300))
URLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=300)
ISSUE_KEYS = st.from_regex(r"\A[A-Z][A-Z0-9_]{0,9}-[0-9]{1,6}\Z")
NAMES = TEXTS.filter(bool)
COMMITS = st.fixed_dictionaries({"commitHash": NAMES, "repositoryId": NAMES})
OFFSETS = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(NOON.replace(year=1, tzinfo=None), NOON.replace(year=9999, tzinfo=None), timezones=OFFSETS).map(
    datetime.isoformat
)


def associations_of(kind: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Associations of one type."""
    return st.fixed_dictionaries(
        {"associationType": st.just(kind), "values": st.lists(values, max_size=6, unique_by=repr)}
    )


ASSOCIATIONS = st.one_of(
    associations_of("issueKeys", ISSUE_KEYS),
    associations_of("issueIdOrKeys", ISSUE_KEYS | st.text(string.digits, min_size=1, max_size=9)),
    associations_of("serviceIdOrKeys", NAMES),
    associations_of("commit", COMMITS),
    associations_of("repository", st.fixed_dictionaries({"repositoryId": NAMES})),
)


def _with_command(item: dict[str, Any], *, asks: bool) -> dict[str, Any]:
    commands = [{"command": "initiate_deployment_gating"}]
    return item | {"commands": commands, "state": "pending"} if asks else item


DEPLOYMENTS = st.builds(
    _with_command,
    st.fixed_dictionaries(
        {
            "deploymentSequenceNumber": NUMBERS,
            "updateSequenceNumber": NUMBERS,
            "displayName": TEXTS,
            "url": URLS,
            "description": LONG_TEXTS,
            "lastUpdated": INSTANTS,
            "state": st.sampled_from([state.value for state in State]),
            "pipeline": st.fixed_dictionaries({"id": TEXTS, "displayName": TEXTS, "url": URLS}),
            "environment": st.fixed_dictionaries(
                {
                    "id": TEXTS,
                    "displayName": TEXTS,
                    "type": st.sampled_from([kind.value for kind in EnvironmentType]),
                }
            ),
            "associations": st.lists(ASSOCIATIONS, max_size=3, unique_by=lambda a: a["associationType"]),
        },
        optional={
            "schemaVersion": st.sampled_from(["1.0", None]),
            "label": TEXTS | st.none(),
            "duration": NUMBERS | st.none(),
            "issueKeys": st.lists(ISSUE_KEYS, max_size=5) | st.none(),
        },
    ),
    asks=st.booleans(),
)
"""Deployments exactly as the schema has them, but for descriptions of any length."""

WILD_TEXTS = st.text(st.characters(codec=None), max_size=20) | st.sampled_from(
    ["", "\0", "\ud800", "5", "-0", "100.0", "2026-01-31T12:00:00", "0001-01-01T00:00:00+14:00", "pending", "1.0"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WILD_TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WILD_TEXTS, inner, max_size=4),
    max_leaves=8,
)


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for name, item in inner for found in _paths(item, (*path, name)))]


def _changed(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    if not path:
        return change
    copy = value.copy()
    if change is Ellipsis and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _changed(value[path[0]], path[1:], change)
    return copy


@st.composite
def bent(draw: st.DrawFn, straight: st.SearchStrategy[Any] = DEPLOYMENTS) -> Any:
    """Something well-formed in which a few places are left out or replaced by anything at all."""
    value = draw(straight)
    for _ in range(draw(st.integers(0, 3))):
        paths = [path for path in _paths(value) if path]
        if paths:
            value = _changed(value, draw(st.sampled_from(paths)), draw(JSON | st.just(...)))
    return value


# --- the replies ---


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


def _array(items: Any, **limits: int) -> dict[str, Any]:
    return {"type": "array", "items": items} | limits


TEXT = {"type": "string", "maxLength": 255}
URL = {"type": "string", "maxLength": 2000}
INT64 = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
KEY = _object({"pipelineId": TEXT, "environmentId": TEXT, "deploymentSequenceNumber": INT64})
ERRORS = _array(_object({"message": {"type": "string"}}, errorTraceId={"type": "string"}), minItems=1)
ISSUE_KEY = {"type": "string", "pattern": "^\\w{1,255}-\\d{1,255}$"}
ENTITY = {"type": "object", "additionalProperties": TEXT}
ASSOCIATION = _object({"associationType": TEXT, "values": _array({"anyOf": [TEXT, ENTITY]})})

SUBMITTED = _object(
    {
        "acceptedDeployments": _array(KEY),
        "rejectedDeployments": _array(_object({"key": KEY, "errors": ERRORS})),
        "unknownIssueKeys": _array(ISSUE_KEY),
        "unknownAssociations": _array(ASSOCIATION),
    }
)
DEPLOYMENT = _object(
    {
        "deploymentSequenceNumber": INT64,
        "updateSequenceNumber": INT64,
        "displayName": TEXT,
        "url": URL,
        "description": TEXT,
        "lastUpdated": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$"},
        "state": {"enum": [state.value for state in State]},
        "pipeline": _object({"id": TEXT, "displayName": TEXT, "url": URL}),
        "environment": _object(
            {"id": TEXT, "displayName": TEXT, "type": {"enum": [kind.value for kind in EnvironmentType]}}
        ),
        "schemaVersion": {"const": "1.0"},
    },
    label=TEXT,
    duration=INT64,
    issueKeys=_array(ISSUE_KEY, minItems=1, maxItems=100),
    associations=_array(ASSOCIATION, minItems=1, maxItems=3),
    commands=_array(_object({"command": {"const": "initiate_deployment_gating"}}), minItems=1),
)
GATING_STATUS = _object(
    {
        "deploymentSequenceNumber": INT64,
        "pipelineId": TEXT,
        "environmentId": TEXT,
        "updatedTimestamp": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$"},
        "gatingStatus": {"enum": ["allowed", "prevented", "awaiting", "invalid"]},
        "details": _array(_object({"type": {"const": "issue"}, "issueKey": TEXT, "issueLink": URL})),
    }
)


def checked(written: bytes, schema: dict[str, Any]) -> Any:
    """Read a written body, which must keep to *schema*; none of the schemas lets null through."""
    read_back = json.loads(written)
    jsonschema.Draft202012Validator(schema).validate(read_back)
    assert not [path for path in _paths(read_back) if _at(read_back, path) is None]
    return read_back


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for name in path:
        value = value[name]
    return value
