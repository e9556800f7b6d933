"""Relate: which change a deployment waits for, found in the order of domain.md §3; and how risky it is."""

from datetime import datetime

from msgspec import Struct

from mitregate.core.catalogue import Template, choose
from mitregate.core.changes import ChangeType
from mitregate.core.control import UnknownServices
from mitregate.core.deployments import Deployment
from mitregate.core.gates import place_of
from mitregate.core.matching import TYPE, How, supplied
from mitregate.core.reach import subject_of
from mitregate.core.risk import REMEMBERED, Assessment, assess
from mitregate.core.rulebook import Rulebook, services_named
from mitregate.core.verdicts import Reason, ReasonCode
from mitregate.flows.act import Act
from mitregate.ports import UnitOfWork, Wish

__all__ = ["REMEMBERED", "Related", "assessment_of", "faults_of", "relate", "wish_for"]


class Related(Struct, frozen=True, kw_only=True):
    """The change of a deployment, how it was found, and why it is not what was asked for, if it is not."""

    key: str
    how: How
    note: str = ""


def relate(act: Act, deployment: Deployment) -> Related:
    """Find the change of *deployment*, or open one; from then on no other one is looked at for it.

    A number that is supplied counts even if there is no such change: a second one is never made beside it. Nor does
    one that gets that number later, for nobody meant that one. A change that was opened for another app's deployments
    is not there for this one: it could raise the risk of what that app was allowed, or keep its change from ending.
    """
    system = act.ports.changes
    found = known(act, deployment)
    assessment = assessment_of(act.uow, deployment)
    if found is not None:
        is_there = system.join(act.uow, found.key, deployment, assessment, act.now)
        return found if is_there else Related(key=found.key, how=How.MISSING)
    wish = wish_for(act.uow, deployment, assessment, act.now)
    key = system.open(act.uow, deployment, wish, act.principal.name, act.now)
    return Related(key=key, how=How.CREATED, note=wish.note)


def known(act: Act, deployment: Deployment) -> Related | None:
    """Find the change of *deployment* among those that are there, by rules 1 to 3; None if one is to be opened."""
    number = supplied(deployment)
    if number is not None:
        return Related(key=number, how=How.SUPPLIED)
    for key in deployment.associations.issues:
        if act.ports.changes.is_open(act.uow, key, deployment):
            return Related(key=key.upper(), how=How.ASSOCIATED)
    found = act.ports.changes.find(act.uow, deployment)
    return Related(key=found[0], how=found[1]) if found is not None else None


def assessment_of(uow: UnitOfWork, deployment: Deployment) -> Assessment:
    """Assess how risky *deployment* is, by its services, its environment, and how it went there before."""
    services = services_named(uow.rules.current().book, deployment.associations.services)
    history = uow.gates.history(place_of(deployment.key, deployment.project))
    return assess(services, deployment.environment.type, history)


def wish_for(uow: UnitOfWork, deployment: Deployment, assessment: Assessment, now: datetime) -> Wish:
    """Say what a change for *deployment* is to be: of which type, and opened of which template of the catalogue."""
    asked = deployment.properties.get(TYPE, "").strip().casefold()
    if asked == ChangeType.EMERGENCY:
        return Wish(type=ChangeType.EMERGENCY, assessment=assessment)
    if asked == ChangeType.NORMAL:
        return Wish(assessment=assessment)
    opened = uow.changes.opened_of

    def count(template: Template, since: datetime) -> int:
        return opened(template.name, since)

    choice = choose(uow.rules.current().book.standard, subject_of(deployment), assessment.risk, now, count)
    if choice.template is not None:
        return Wish(type=ChangeType.STANDARD, template=choice.template.name, assessment=assessment)
    notes = [f"Not a standard change by {one}." for one in choice.passed]
    if asked == ChangeType.STANDARD and not notes:
        notes.append("A standard change was asked for, but none of the catalogue is for this deployment.")
    elif asked not in {"", ChangeType.STANDARD}:
        notes.append(f"There is no type of change {asked[:50]!r}; this is a normal one.")
    return Wish(assessment=assessment, note=" ".join(notes))


def faults_of(book: Rulebook, deployment: Deployment) -> tuple[Reason, ...]:
    """Say what is wrong with what *deployment* refers to, by the rules of *book*."""
    if book.control.unknown_services is not UnknownServices.REFUSE:
        return ()
    unknown = services_named(book, (one for one in deployment.associations.services if one.strip())).unknown
    if not unknown:
        return ()
    names = ", ".join(map(repr, unknown))
    return (
        Reason(
            code=ReasonCode.UNKNOWN_SERVICE,
            message=f"The deployment names services that are not known here: {names}.",
            remedy="An administrator must add them to the services of the rulebook, or the pipeline name others.",
        ),
    )
