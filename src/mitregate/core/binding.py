"""Binding: what an approval of a change holds for (domain.md §5).

An approver sees the change, and the deployments that wait for it. A change that was prepared by hand can be approved
before there is any: then the approval holds for the deployments that it was prepared for, as long as the change itself
says the same.
"""

from collections.abc import Iterable, Mapping

from mitregate.core.approvals import digest, digest_of_plan
from mitregate.core.changes import Change
from mitregate.core.deployments import Deployment
from mitregate.core.matching import title


def plan_of(change: Change) -> str:
    """Give the digest of all that a change says by itself."""
    return digest_of_plan(change.title, change.description, change.window, change.covers)


def accepted(change: Change, deployment: Deployment, titles: Mapping[str, str]) -> frozenset[str]:
    """Give the digests of which an approval must hold one, to hold for *deployment*.

    Args:
        change: the change.
        deployment: what relies on it.
        titles: the titles of changes by product; a change prepared under just that title is for it.
    """
    seen = digest(deployment, change.description, change.window)
    return frozenset({seen, plan_of(change)} if is_prepared_for(change, deployment, titles) else {seen})


def is_prepared_for(change: Change, deployment: Deployment, titles: Mapping[str, str]) -> bool:
    """Tell whether *change* was prepared by hand for *deployment* among others: by what it covers, or by its title."""
    if not change.is_prepared:
        return False
    if change.covers is not None:
        return change.covers.includes(deployment)
    return change.title == title(deployment, titles)


def shown(change: Change, deployments: Iterable[Deployment]) -> tuple[str, ...]:
    """Give the digests of all that an approver of *change* sees: of the *deployments* that wait, and of a plan."""
    seen = dict.fromkeys(digest(deployment, change.description, change.window) for deployment in deployments)
    return (*seen, plan_of(change)) if change.is_prepared else tuple(seen)
