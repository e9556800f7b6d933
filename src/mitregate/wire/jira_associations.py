"""What a deployment says it concerns, read tolerantly: `issueKeys`, and `associations` of five types.

There are at most three associations, with at most 500 values together; a type that is not known is reported back and
not kept (https://developer.atlassian.com/cloud/jira/software/rest/api-group-deployments/).
"""

import re
from typing import Any

from mitregate.core.deployments import Associations, Commit
from mitregate.wire.jira_fields import Fields
from mitregate.wire.jira_values import (
    ASSOCIATIONS_LIMIT,
    ISSUE_ID_OR_KEY,
    ISSUE_KEY,
    ISSUE_KEYS_LIMIT,
    TEXT_LIMIT,
    VALUES_LIMIT,
    UnknownAssociation,
    clean,
    is_keepable,
    shown,
)

_ISSUE_KEY = re.compile(ISSUE_KEY)
_ISSUE_ID_OR_KEY = re.compile(ISSUE_ID_OR_KEY)


def read_associations(deployment: Fields) -> tuple[Associations, list[UnknownAssociation]]:
    """Read what *deployment* concerns, noting what is wrong; give the associations of unknown type apart."""
    if not deployment.has("issueKeys") and not deployment.has("associations"):
        deployment.problems.append("one of 'issueKeys' or 'associations' is required")
    issues = _issues(deployment, "issueKeys", deployment.items("issueKeys", ISSUE_KEYS_LIMIT), _ISSUE_KEY)
    services: list[str] = []
    commits: list[Commit] = []
    unknown: list[UnknownAssociation] = []
    total = 0
    opened = deployment.open_all("associations", deployment.items("associations", ASSOCIATIONS_LIMIT))
    for association in opened:
        association.required("values", may_be_null=True)
        values = association.items("values", VALUES_LIMIT)
        total += len(values)
        match association.required("associationType"):
            case "issueKeys" | "issueIdOrKeys":
                issues += _issues(association, "values", values, _ISSUE_ID_OR_KEY)
            case "serviceIdOrKeys":
                services += _services(association, values)
            case "commit" | "repository" as kind:
                commits += _commits(association, values, is_commit=kind == "commit")
            case str() as kind:
                unknown.append(_unknown(kind, values))
            case None:
                pass
            case other:
                association.note("associationType", f"must be a string, not {shown(other)}")
    if total > VALUES_LIMIT:
        deployment.note("associations", f"have more than {VALUES_LIMIT} values in total ({total})")
    if unknown and len(unknown) == len(opened) and not issues:
        deployment.problems.append("none of its associations is of a type that is known here")
    return _folded(issues, services, commits), unknown


def _folded(issues: list[str], services: list[str], commits: list[Commit]) -> Associations:
    return Associations(
        issues=tuple(dict.fromkeys(issues)),
        services=tuple(dict.fromkeys(services)),
        commits=tuple(dict.fromkeys(commits)),
    )


def _issues(fields: Fields, name: str, values: list[Any], shape: re.Pattern[str]) -> list[str]:
    for value in values:
        if not isinstance(value, str) or not shape.match(value):
            fields.note(name, f"has {shown(value)}, which is no issue key")
    return [value for value in values if isinstance(value, str)]


def _services(association: Fields, values: list[Any]) -> list[str]:
    for value in values:
        if not isinstance(value, str):
            association.note("values", f"must be strings, not {shown(value)}")
        elif len(value) > TEXT_LIMIT:
            association.note("values", f"has a service id longer than {TEXT_LIMIT} characters ({len(value)})")
        elif not is_keepable(value):
            association.note("values", "has a NUL character or half of a surrogate pair")
    return [value for value in values if isinstance(value, str)]


def _commits(association: Fields, values: list[Any], *, is_commit: bool) -> list[Commit]:
    return [
        Commit(
            repository_id=entity.text("repositoryId", may_be_empty=False),
            hash=entity.text("commitHash", may_be_empty=False) if is_commit else None,
        )
        for entity in association.open_all("values", values)
    ]


def _unknown(kind: str, values: list[Any]) -> UnknownAssociation:
    """Keep of an unknown association what can be said back: strings, and objects of strings."""
    said = [_said(value) for value in values]
    return UnknownAssociation(
        association_type=clean(kind[:TEXT_LIMIT]), values=tuple(value for value in said if value is not None)
    )


def _said(value: Any) -> str | dict[str, str] | None:
    if isinstance(value, str):
        return clean(value[:TEXT_LIMIT])
    if isinstance(value, dict):
        return {clean(name): clean(text[:TEXT_LIMIT]) for name, text in value.items() if isinstance(text, str)}
    return None
