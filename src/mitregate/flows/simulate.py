"""Simulate: explain a deployment that is not there yet, by the very functions that decide on one. Nothing is written.

It is told what would come of it if it were submitted at some instant, with everything else as it is by now: the rules,
the changes that are open, and how deployments went there before.
"""

from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.calendar import Window
from mitregate.core.changes import ChangeType
from mitregate.core.control import Control, control, rules_for
from mitregate.core.deployments import (
    RUNBOOK,
    Associations,
    Commit,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.core.errors import Malformed
from mitregate.core.explanations import Explanation, Ruling, bounds_of
from mitregate.core.gates import Gate, Grounds, Standing
from mitregate.core.matching import NUMBER, TYPE, How
from mitregate.core.profiles import Profile
from mitregate.core.telling import headline, when, why_gated, why_ungated
from mitregate.flows.act import Act
from mitregate.flows.ask import require_view
from mitregate.flows.explain import for_app, named_of, relation_of, unknown_services
from mitregate.flows.locate import app_named
from mitregate.flows.relate import Related, assessment_of, known, wish_for
from mitregate.flows.settle import calendar_of, judge
from mitregate.flows.submit import new_gate
from mitregate.flows.supersede import WAITS, rivals

NEAR = timedelta(days=3653)
"""How far from now the instant may be: what comes again is computed until then, and nobody plans for longer."""

NOBODYS = "No app is named, so of the changes that are open only those prepared by hand were looked at."
"""What is said where it is not known whose changes a deployment could share."""


class Sketch(Struct, frozen=True, kw_only=True):
    """A deployment that is not there yet.

    `environment_id` is given where the tool calls its environment otherwise in ids, `app` is the id or name of the app
    that would submit it, `change` the number that it would name, and `kind` the type of change that it would ask for.
    `window` is what its change would be planned for.
    """

    project: str
    environment: str
    environment_id: str = ""
    type: EnvironmentType = EnvironmentType.UNMAPPED
    version: str = ""
    product: str = ""
    services: tuple[str, ...] = ()
    commits: tuple[Commit, ...] = ()
    is_runbook: bool = False
    asks_for_gating: bool = True
    app: str = ""
    change: str = ""
    kind: ChangeType | None = None
    window: Window = Window()


class _Outlook(Struct, frozen=True, kw_only=True):
    """What would come of a deployment that needs a change: which one, how that would stand, and what it would be."""

    related: Related
    standing: Standing | None
    profile: Profile | None


def simulate(act: Act, sketch: Sketch) -> Explanation:
    """Explain what would come of a deployment that were submitted at the instant of *act*.

    Raises:
        Forbidden: the principal may not view, or is an app that may not read.
        Malformed: the instant lies too far away.
        Unknown: there is no such app.
    """
    require_view(act.principal)
    if abs(act.now - act.ports.now()) > NEAR:
        raise Malformed("The instant lies more than ten years away.", advice="Give a nearer one.")
    app = app_named(act.uow, sketch.app, act.principal)
    deployment = imagine(sketch, act.now, app.id if app is not None else "")
    wanted = control(deployment, act.uow.rules.current().book.control)
    found = _ungated(act, deployment) if wanted is None else _gated(act, deployment, wanted, sketch.window)
    return replace(
        found,
        named=replace(found.named, state=None),
        unknown_services=unknown_services(act, deployment),
    )


def imagine(sketch: Sketch, now: datetime, app_id: str) -> Deployment:
    """Make the deployment that *sketch* is of, as the app of that id would submit it."""
    said = {RUNBOOK: "true" if sketch.is_runbook else "", NUMBER: sketch.change, TYPE: sketch.kind or ""}
    environment_id = sketch.environment_id or sketch.environment
    return Deployment(
        key=DeploymentKey(app_id=app_id, pipeline_id="", environment_id=environment_id, sequence_number=0),
        update_sequence_number=0,
        display_name=sketch.version,
        url="",
        description="",
        last_updated=now,
        state=State.PENDING,
        pipeline=Pipeline(id="", display_name=sketch.project, url=""),
        environment=Environment(id=environment_id, display_name=sketch.environment, type=sketch.type),
        associations=Associations(services=sketch.services, commits=sketch.commits),
        asks_for_gating=sketch.asks_for_gating,
        properties={name: value for name, value in said.items() if value},
        product=sketch.product or None,
    )


def _ungated(act: Act, deployment: Deployment) -> Explanation:
    rules = act.uow.rules.current()
    left, right = (rule.said if rule is not None else "" for rule in rules_for(deployment, rules.book.control))
    grounds = Grounds(revision=rules.revision, left=left, right=right)
    named = named_of(deployment)
    return Explanation(
        headline=headline(named.said, None, is_imagined=True),
        named=named,
        ruling=Ruling(
            control=None,
            grounds=grounds,
            in_force=rules.revision,
            why=why_ungated(None, grounds, deployment.state, is_runbook=deployment.is_runbook),
            is_runbook=deployment.is_runbook,
        ),
    )


def _gated(act: Act, deployment: Deployment, wanted: Control, window: Window) -> Explanation:
    outlook = _outlook(act, deployment, window) if wanted is Control.REQUIRED else None
    new = new_gate(act, "", deployment, wanted, outlook.related if outlook is not None else None)
    standing = outlook.standing if outlook is not None else None
    profile = outlook.profile if outlook is not None else None
    gate = judge(act, new, deployment, standing)
    calendar = calendar_of(act, gate, deployment, standing)
    named = named_of(deployment)
    relation = relation_of(gate)
    if relation is not None and relation.how is How.CREATED and not deployment.key.app_id:
        relation = replace(relation, passed=" ".join(filter(None, (relation.passed, NOBODYS))))
    return Explanation(
        headline=headline(named.said, gate, is_imagined=True),
        named=named,
        ruling=Ruling(
            control=wanted,
            grounds=gate.grounds,
            in_force=gate.grounds.revision,
            why=why_gated(wanted, gate.grounds, is_runbook=deployment.is_runbook),
            is_runbook=deployment.is_runbook,
        ),
        gate=gate,
        relation=relation,
        change=for_app(profile) if profile is not None and act.principal.app_id is not None else profile,
        when=tuple(when(gate, profile.window if profile is not None else Window(), calendar, act.now)),
        bounds=bounds_of(calendar, act.now) if wanted is Control.REQUIRED else None,
        supersedes=tuple(map(_place_taken, _superseded(act, gate, deployment))),
    )


def _outlook(act: Act, deployment: Deployment, window: Window) -> _Outlook:
    """Say which change the deployment would get, as `relate.relate` goes about it, and how that would stand."""
    found = known(act, deployment)
    wish = replace(wish_for(act.uow, deployment, assessment_of(act.uow, deployment), act.now), window=window)
    key = found.key if found is not None else None
    imagined = act.ports.changes.imagine(act.uow, key, deployment, wish, act.now)
    if imagined is None:
        return _Outlook(related=Related(key=key or "", how=How.MISSING), standing=None, profile=None)
    standing, profile = imagined
    related = found or Related(key=profile.key, how=How.CREATED, note=wish.note)
    return _Outlook(related=related, standing=standing, profile=profile)


def _superseded(act: Act, gate: Gate, deployment: Deployment) -> list[Gate]:
    """Give the gates whose place it would take; it is a newer one than all that wait there."""
    return [other for other in rivals(act, gate, deployment) if other.verdict.status in WAITS]


def _place_taken(gate: Gate) -> str:
    return f"{gate.project} {gate.version}, number {gate.key.sequence_number} of {gate.key.pipeline_id}"
