"""Matching says which change a deployment waits for (domain.md §3).

The rules, the first that answers wins: (1) a change number supplied with the deployment, (2) the change of an earlier
deployment of the same version, if still open, (3) an open change of exactly the same title, (4) a new change. Rule 4
stands here; the others come before it.
"""

from mitregate.core.deployments import Deployment

FALLBACK_PRODUCT = "Mitregate"
"""The leading word of a title when the sending tool did not say what it is."""

TITLE = '{product}: Deploy "{project}" version {version} to "{environment}"'
"""The title of a change, after Octopus' (domain.md §3)."""

TITLE_LIMIT = 255
"""Characters in a title, at most: what Jira accepts as a summary."""


def title(deployment: Deployment) -> str:
    """Make the title of the change for *deployment*; line breaks are folded and the whole is cut to `TITLE_LIMIT`."""
    product = (deployment.product or "").split(maxsplit=1)
    text = TITLE.format(
        product=product[0] if product else FALLBACK_PRODUCT,
        project=deployment.project,
        version=deployment.version,
        environment=deployment.environment.display_name,
    )
    return " ".join(text.split())[:TITLE_LIMIT].rstrip()


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
