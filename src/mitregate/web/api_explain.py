"""Explanations over the native API: of a deployment that is there, and of one that is not there yet."""

from datetime import datetime
from typing import Annotated

from litestar import get
from litestar.params import QueryParameter
from msgspec.structs import replace

from mitregate.core.calendar import planned
from mitregate.core.changes import ChangeType
from mitregate.core.deployments import Commit, EnvironmentType
from mitregate.core.errors import Malformed
from mitregate.core.explanations import Explanation
from mitregate.core.gates import Gate
from mitregate.core.people import Principal
from mitregate.flows import locate, simulate
from mitregate.flows.act import begin
from mitregate.flows.explain import explain
from mitregate.flows.locate import Wanted
from mitregate.flows.simulate import Sketch
from mitregate.ports import UnitOfWork
from mitregate.web.counter import SECURED, Asker, Desk, Id, refusals
from mitregate.web.explain_views import ExplanationOut, explanation_out
from mitregate.web.holding import explained
from mitregate.web.office import Office

TAG = ["Explanations"]


@get(
    "/gates/{gate_id:str}/explanation",
    operation_id="explainGate",
    summary="Explain a gate",
    description=(
        "Why a deployment may start, waits or stopped: by which rules it is gated, which change it got and how that "
        "was found, what would open it, when at the earliest, and what happened to it. An app is not told who decided."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(401, 403, 404),
)
async def explain_gate(office: Desk, principal: Asker, gate_id: Id) -> ExplanationOut:
    """Explain a gate."""
    return explanation_out(await explained(office, principal, gate_id), office.ports.base_url)


@get(
    "/explanation",
    operation_id="explainDeployment",
    summary="Explain a deployment",
    description=(
        "The same, of a deployment by its ids, be it gated or not. If several apps have one, the app must be named."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def explain_deployment(
    *,
    office: Desk,
    principal: Asker,
    pipeline_id: Annotated[str, QueryParameter(name="pipelineId", description="Its pipeline.")],
    environment_id: Annotated[str, QueryParameter(name="environmentId", description="Its environment.")],
    sequence_number: Annotated[
        int, QueryParameter(name="deploymentSequenceNumber", description="Its deployment sequence number.")
    ],
    app_id: Annotated[str, QueryParameter(name="appId", description="The id or the name of its app.")] = "",
) -> ExplanationOut:
    """Explain a deployment."""
    wanted = Wanted(pipeline_id=pipeline_id, environment_id=environment_id, sequence_number=sequence_number, app=app_id)
    found = await office.read(locate.find, wanted, principal)
    if isinstance(found, Gate):
        return explanation_out(await explained(office, principal, found.id), office.ports.base_url)
    said = await office.read(lambda uow: explain(begin(office.ports, uow, principal), found))
    return explanation_out(said, office.ports.base_url)


Name = Annotated[str, QueryParameter(description="The name of its project, or of its runbook.")]
Where = Annotated[str, QueryParameter(description="The name of its environment.")]
WhereId = Annotated[
    str, QueryParameter(name="environmentId", description="The id of its environment, if that is another.")
]
WhereType = Annotated[EnvironmentType, QueryParameter(name="type", description="The type of its environment.")]
Version = Annotated[str, QueryParameter(description="What is deployed.")]
Product = Annotated[str, QueryParameter(description="The tool that deploys, such as GitLab.")]
Services = Annotated[list[str] | None, QueryParameter(description="A service; may be repeated.")]
Commits = Annotated[list[str] | None, QueryParameter(description="A commit, as REPOSITORY@HASH; may be repeated.")]
IsRunbook = Annotated[bool, QueryParameter(description="Whether it is the run of a runbook.")]
Asks = Annotated[bool, QueryParameter(description="Whether it asks to be gated.")]
AppName = Annotated[
    str, QueryParameter(name="appId", description="The id or the name of its app; the only one there is, if left out.")
]
Number = Annotated[str, QueryParameter(description="The change request that it names.")]
Type = Annotated[
    ChangeType | None, QueryParameter(name="changeType", description="The type of change that it asks for.")
]
Start = Annotated[
    datetime | None, QueryParameter(name="plannedStart", description="When the window of its change would open.")
]
End = Annotated[datetime | None, QueryParameter(name="plannedEnd", description="The last instant of that window.")]
Moment = Annotated[datetime | None, QueryParameter(description="When it would be submitted; now by default.")]


@get(
    "/simulation",
    operation_id="simulate",
    summary="Simulate a deployment",
    description=(
        "The same, of a deployment that is not there yet: what would come of it if it were submitted now, or at an "
        "instant, with all else as it is. Nothing is kept. Its change is called `CHG-new` if one would be opened."
    ),
    tags=TAG,
    security=SECURED,
    responses=refusals(400, 401, 403, 404),
)
async def show_simulation(
    *,
    office: Desk,
    principal: Asker,
    project: Name,
    environment: Where,
    environment_id: WhereId = "",
    environment_type: WhereType = EnvironmentType.UNMAPPED,
    version: Version = "",
    product: Product = "",
    service: Services = None,
    commit: Commits = None,
    runbook: IsRunbook = False,
    asks: Asks = True,
    app_id: AppName = "",
    change: Number = "",
    change_type: Type = None,
    planned_start: Start = None,
    planned_end: End = None,
    at: Moment = None,
) -> ExplanationOut:
    """Explain a deployment that is not there yet."""
    sketch = Sketch(
        project=project,
        environment=environment,
        environment_id=environment_id,
        type=environment_type,
        version=version,
        product=product,
        services=tuple(service or ()),
        commits=tuple(map(_commit, commit or ())),
        is_runbook=runbook,
        asks_for_gating=asks,
        app=app_id,
        change=change,
        kind=change_type,
        window=planned(planned_start, planned_end),
    )
    return explanation_out(await _simulated(office, principal, sketch, at), office.ports.base_url)


async def _simulated(office: Office, principal: Principal, sketch: Sketch, at: datetime | None) -> Explanation:
    instant = planned(at, None).start or office.ports.now()

    def flow(uow: UnitOfWork) -> Explanation:
        return simulate.simulate(replace(begin(office.ports, uow, principal), now=instant), sketch)

    return await office.read(flow)


def _commit(text: str) -> Commit:
    repository, _, commit = text.rpartition("@")
    if not (repository and commit):
        raise Malformed(f"The commit {text!r} has no repository.", advice="Write it as REPOSITORY@HASH.")
    return Commit(repository_id=repository, hash=commit)


ROUTES = (explain_gate, explain_deployment, show_simulation)
