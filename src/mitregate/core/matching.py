"""Matching says which change a deployment waits for (domain.md §3).

The rules, the first that answers wins: (1) a change number supplied with the deployment, (2) the change of an earlier
deployment of the same version, if still open, (3) an open change of exactly the same title, (4) a new change. Once
related, only that change is ever looked at for this deployment.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from string import Formatter
from types import MappingProxyType

import msgspec

from mitregate.core.deployments import Deployment
from mitregate.core.errors import Malformed

FALLBACK_PRODUCT = "Mitregate"
"""The leading word of a title when the sending tool did not say what it is."""

TITLE = '{product}: Deploy "{project}" version {version} to "{environment}"'
"""The title of a change, after Octopus' (domain.md §3)."""

TITLE_ADVICE = "Write {project}, {version} and {environment} in it, and {product} if wanted, as they stand here."

TITLE_LIMIT = 255
"""Characters in a title, at most: what Jira accepts as a summary."""


FIELDS = frozenset({"product", "project", "version", "environment"})
"""What a title may speak of."""

ANY_PRODUCT = "*"
"""Stands for every product that has no title of its own."""


NUMBER = "changeRequest"
"""The property by which a submission names the change of its deployments; no other one is looked for or made then."""

NUMBERS = (
    NUMBER,
    "Octopus.JiraServiceManagement.ChangeRequest.Number",
    "Octopus.JiraServiceManagement.ChangeRequest.IssueNumber",
)
"""Names of that property, in the order in which they are looked for; the others are variables of Octopus."""

TYPE = "changeType"
"""The property by which a submission says which type of change it wants: `normal`, `standard` or `emergency`."""


class How(StrEnum):
    """How the change of a gate was found; a number that was supplied may be `missing`."""

    SUPPLIED = "supplied"
    MISSING = "missing"
    ASSOCIATED = "associated"
    REDEPLOYED = "redeployed"
    TITLED = "titled"
    CREATED = "created"


def supplied(deployment: Deployment) -> str | None:
    """Give the number that *deployment* names as its change, if it does, in upper case and without spaces around."""
    given = (deployment.properties.get(name, "").strip().upper() for name in NUMBERS)
    return next((number for number in given if number), None)


def mark(deployment: Deployment) -> str:
    """Give what *deployment* shares with those that deploy the same again: app, project, environment and version."""
    key = deployment.key
    same = (key.app_id, deployment.project, key.environment_id, deployment.version)
    return f"deploys {hashlib.sha256(msgspec.json.encode(same)).hexdigest()[:32]}"


def title(deployment: Deployment, templates: Mapping[str, str] = MappingProxyType({})) -> str:
    """Make the title of the change for *deployment*; line breaks are folded and the whole is cut to `TITLE_LIMIT`.

    Args:
        deployment: what is to be deployed.
        templates: titles by product, in any case, and for `*`; Octopus' where there is none.
    """
    first = (deployment.product or "").split(maxsplit=1)
    product = first[0] if first else FALLBACK_PRODUCT
    by_product = {name.casefold(): template for name, template in templates.items()}
    text = by_product.get(product.casefold(), by_product.get(ANY_PRODUCT, TITLE)).format(
        product=product,
        project=deployment.project,
        version=deployment.version,
        environment=deployment.environment.display_name,
    )
    return " ".join(text.split())[:TITLE_LIMIT].rstrip()


def check_title(template: str) -> None:
    """Refuse a template of titles that cannot be filled in, or that gives one title to what must not share a change.

    Raises:
        Malformed: it has braces that do not fit, a field that is not known, or lacks one that tells changes apart.
    """
    try:
        parts = list(Formatter().parse(template))
    except ValueError as error:
        raise Malformed(f"The title {template!r} cannot be filled in: {error}.", advice=TITLE_ADVICE) from None
    fields = {name for _, name, _, _ in parts if name is not None}
    plain = all(not spec and conversion is None for _, name, spec, conversion in parts if name is not None)
    if not fields <= FIELDS or not plain:
        raise Malformed(f"The title {template!r} has fields that are not known.", advice=TITLE_ADVICE)
    if missing := sorted({"project", "version", "environment"} - fields):
        raise Malformed(f"The title {template!r} lacks {', '.join(missing)}.", advice=TITLE_ADVICE)


def describe(deployment: Deployment) -> str:
    """Make the description of the change for *deployment*: what goes where, with the links and associations given."""
    related = deployment.associations
    hashes = [commit.hash for commit in related.commits if commit.hash]
    lines = [
        deployment.description,
        f"Deployment: {deployment.display_name} {deployment.url}",
        f"Pipeline: {deployment.pipeline.display_name} {deployment.pipeline.url}",
        f"Environment: {deployment.environment.display_name} ({deployment.environment.type.value})",
        f"Issues: {', '.join(related.issues)}" if related.issues else "",
        f"Services: {', '.join(related.services)}" if related.services else "",
        f"Commits: {', '.join(hashes)}" if hashes else "",
    ]
    return "\n".join(line.rstrip() for line in lines if line.strip())
