"""Concern: what a change says of itself once a deployment relies on it: its services, and how risky it is."""

from msgspec.structs import replace

from mitregate.core.changes import Change
from mitregate.core.deployments import Deployment
from mitregate.core.risk import Assessment, higher
from mitregate.core.services import plain_id


def services_of(deployment: Deployment) -> tuple[str, ...]:
    """Give the plain ids of the services that *deployment* names, without repetition."""
    return tuple(dict.fromkeys(plain_id(one) for one in deployment.associations.services if one.strip()))


def concerning(change: Change, deployment: Deployment, assessment: Assessment) -> Change:
    """Give *change* as it is when it concerns *deployment* as well: its services, and a risk that never falls."""
    services = tuple(dict.fromkeys((*change.services, *services_of(deployment))))
    risk = higher(change.risk, assessment.risk)
    why = change.risk_why if risk is change.risk else assessment.why
    return replace(change, services=services, risk=risk, risk_why=why)
