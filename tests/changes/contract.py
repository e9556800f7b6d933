"""Whether every request that we make of a Jira Cloud is one that its vendor describes: `make contract`.

Atlassian's descriptions are not part of this repository. The folder that holds them is given as an argument, or in the
environment as JIRA_OPENAPI; without one there is nothing to compare with, and that is said:

    jira-platform-v3.json         https://developer.atlassian.com/cloud/jira/platform/swagger-v3.v3.json
    jira-service-management.json  https://developer.atlassian.com/cloud/jira/service-desk/swagger.v3.json
"""

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator

from mitregate.changes.jira.acting import comment, move
from mitregate.changes.jira.checking import check
from mitregate.changes.jira.finding import find_title, recover
from mitregate.changes.jira.hooking import hook
from mitregate.changes.jira.opening import open_change
from mitregate.changes.jira.reading import find_number, sweep
from mitregate.core.connections import Remarks
from mitregate.core.errors import MitregateError
from tests.changes.jira_situations import NOON, SERVICE, TITLE, Scene, draft
from tests.fakes.jira.faults import loses_reply
from tests.fakes.jira.jira import Seen
from tests.fakes.jira.site import SUMMARY_ONLY

FILES = ("jira-platform-v3.json", "jira-service-management.json")
SETTING = "JIRA_OPENAPI"

UNDESCRIBED = re.compile(r"/rest/webhooks/1\.0/")
"""What Atlassian documents in words alone."""


def story() -> list[Seen]:
    """Have all conversations with a Jira Cloud, well and badly; gives the requests."""
    scene = Scene()
    jira, seen = scene.jira, list[Seen]()
    jira.gate.may.add("ADMINISTER")
    jira.converse(check(scene.access))
    seen += jira.log
    layout = scene.layout
    made = jira.converse(open_change(scene.access, layout, draft(services=(SERVICE,), requester="ada")))
    jira.site.projects["ITSM"].request_types[0].fields = SUMMARY_ONLY
    jira.faults.then(loses_reply().only("POST", "/request"))
    other = draft("Another", reference="another")
    try:
        jira.converse(open_change(scene.access, layout, other))
    except MitregateError:
        jira.converse(open_change(scene.access, layout, other, first_try=NOON))
    for number in range(120):
        jira.people.raise_change("ITSM", f"{TITLE} {number}")
    jira.converse(find_title(scene.access, layout, TITLE))
    jira.converse(recover(scene.access, layout, draft(reference="third"), first_try=NOON, last_try=NOON))
    jira.converse(find_number(scene.access, layout, made.key))
    jira.converse(sweep(scene.access, layout, [made.key, "ITSM-404"]))
    for remarks in (Remarks.INTERNAL, Remarks.PUBLIC):
        jira.converse(comment(scene.access, made.key, "See https://gate.example.com *now*", remarks, remarks=remarks))
    jira.converse(move(scene.access, layout, made.key, "Planning"))
    for renews in (False, True):
        jira.converse(hook(scene.access, layout, "https://gate.example.com/hooks/jira", "secret", renews=renews))
    return [*seen, *jira.log]


def complaints(document: dict[str, Any], seen: Seen) -> list[str] | None:
    """Say what a description objects to in a request; None if it does not describe the path."""
    operation = _operation(document, seen)
    if operation is None:
        return None
    said = [_resolved(document, one) for one in operation.get("parameters", [])]
    known = {one["name"] for one in said if one["in"] == "query"}
    found = [f"unknown in the query: {name}" for name in sorted(seen.query.keys() - known)]
    schema = _body_schema(document, operation, said)
    if not seen.body:
        return found
    if schema is None:
        return [*found, "takes no body"]
    shared: dict[str, Any] = {key: document[key] for key in ("components", "definitions") if key in document}
    whole = shared | schema
    errors = Draft7Validator(whole).iter_errors(json.loads(seen.body))
    return [*found, *(f"{error.json_path}: {error.message}" for error in errors)]


def _operation(document: dict[str, Any], seen: Seen) -> dict[str, Any] | None:
    # A path without a parameter goes before one with.
    for path, item in sorted(document["paths"].items(), key=lambda pair: pair[0].count("{")):
        shape = re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))
        if re.fullmatch(shape, seen.path) and seen.method.lower() in item:
            shared = item.get("parameters", [])
            operation: dict[str, Any] = item[seen.method.lower()]
            return {**operation, "parameters": [*shared, *operation.get("parameters", [])]}
    return None


def _body_schema(
    document: dict[str, Any], operation: dict[str, Any], said: list[dict[str, Any]]
) -> dict[str, Any] | None:
    for one in said:
        if one["in"] == "body":
            schema: dict[str, Any] = one["schema"]
            return schema
    body = _resolved(document, operation.get("requestBody", {}))
    described: dict[str, Any] | None = body.get("content", {}).get("application/json", {}).get("schema")
    return described


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    found = part
    for step in part.get("$ref", "").split("/")[1:]:
        found = document[step] if found is part else found[step]
    return found


def compare(folder: Path) -> Iterator[str]:
    """Compare all requests with the descriptions in a folder; gives a line for each kind of request."""
    documents = [json.loads((folder / name).read_text(encoding="utf-8")) for name in FILES]
    said: dict[str, set[str]] = {}
    for seen in story():
        name = f"{seen.method} {re.sub(r'(ITSM-|(?<=/))[0-9]+', '…', seen.path)}"
        if UNDESCRIBED.match(seen.path):
            said.setdefault(f"described in words  {name}", set())
            continue
        told = [complaints(document, seen) for document in documents]
        problems = next((one for one in told if one is not None), ["is not described"])
        said.setdefault(name, set()).update(problems)
    for name, objections in sorted(said.items()):
        yield f"{'WRONG' if objections else 'ok   '} {name}" + "".join(f"\n      {one}" for one in sorted(objections))


def main(arguments: list[str]) -> int:
    """Compare, and say what came of it."""
    where = arguments[0] if arguments else os.environ.get(SETTING, "")
    if not where or not all((Path(where) / name).is_file() for name in FILES):
        print(f"Nothing is compared: name the folder that holds {' and '.join(FILES)}, here or in {SETTING}.")
        return 0
    lines = list(compare(Path(where)))
    print("\n".join(lines))
    return int(any(line.startswith("WRONG") for line in lines))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
