"""The comparison of our requests with the vendor's descriptions would notice what does not fit."""

import json
from pathlib import Path

import pytest

from tests.changes.contract import FILES, compare, complaints, main, story
from tests.changes.jira_situations import NOON
from tests.fakes.jira.jira import Seen

DESCRIPTION = {
    "components": {
        "schemas": {
            "Wish": {"type": "object", "properties": {"number": {"type": "integer"}}, "additionalProperties": False}
        }
    },
    "paths": {
        "/rest/api/3/thing/{id}": {
            "parameters": [{"name": "id", "in": "path"}],
            "post": {
                "parameters": [{"name": "expand", "in": "query"}],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wish"}}}},
            },
            "get": {},
        }
    },
}

REQUESTS = [
    ("POST", "/rest/api/3/thing/1", {"expand": ["x"]}, {"number": 1}, []),
    ("POST", "/rest/api/3/thing/1", {"what": ["x"]}, {"number": 1}, ["unknown in the query: what"]),
    ("POST", "/rest/api/3/thing/1", {}, {"number": "1"}, ["$.number: '1' is not of type 'integer'"]),
    ("GET", "/rest/api/3/thing/1", {}, {"number": 1}, ["takes no body"]),
    ("PUT", "/rest/api/3/thing/1", {}, {}, None),
    ("GET", "/rest/api/3/thing", {}, None, None),
]


@pytest.mark.parametrize(("method", "path", "query", "body", "said"), REQUESTS)
def test_what_does_not_fit_is_noticed(
    method: str, path: str, query: dict[str, list[str]], body: object, said: list[str] | None
) -> None:
    """A request that is not described as it is made is told apart from one that is."""
    raw = b"" if body is None else json.dumps(body).encode()
    seen = Seen(method=method, path=path, query=query, headers={}, body=raw, by=None, status=200, at=NOON)
    assert complaints(DESCRIPTION, seen) == said


def test_all_conversations_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All that is asked is compared: with a description of nothing, nothing fits; without one that is said."""
    for name in FILES:
        (tmp_path / name).write_text('{"paths": {}}')
    asked = {(seen.method, seen.path) for seen in story()}
    assert ("POST", "/rest/api/3/issue/bulkfetch") in asked
    lines = list(compare(tmp_path))
    assert len(lines) > 20
    assert all("is not described" in line or "described in words" in line for line in lines)
    assert main([str(tmp_path)]) == 1
    assert "WRONG" in capsys.readouterr().out
    assert main([str(tmp_path / "nowhere")]) == 0
    assert "Nothing is compared" in capsys.readouterr().out
