"""Values of the domain for tests, each with defaults so that a test names only what it is about."""

from datetime import UTC, datetime, timedelta

from msgspec.structs import replace

from mitregate.core.approvals import Tally
from mitregate.core.calendar import Calendar, Freeze, Window
from mitregate.core.changes import Change, StatusClass
from mitregate.core.control import Control
from mitregate.core.deployments import (
    Associations,
    Commit,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.core.gates import PENDING, Gate, Standing

NOW = datetime(2024, 5, 6, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)

STATUS_OF = {
    StatusClass.WAIT: "Planning",
    StatusClass.PROCEED: "Implementing",
    StatusClass.STOP: "Closed",
}


def at(hours: float) -> datetime:
    """Give an instant that many hours after `NOW`."""
    return NOW + hours * HOUR


def window(start: float | None, end: float | None) -> Window:
    """Make a window between two instants in hours after `NOW`; None leaves a side open."""
    return Window(start=at(start) if start is not None else None, end=at(end) if end is not None else None)


def freezes(*spans: tuple[float | None, float | None]) -> Calendar:
    """Make a calendar of freezes, each between two instants in hours after `NOW`."""
    return Calendar(freezes=tuple(Freeze(name=f"freeze {i}", window=window(*span)) for i, span in enumerate(spans)))


def approved(met: int = 1, *, stale: int = 0) -> Tally:
    """Make a tally of *met* approvals, where one is needed."""
    return Tally(met=met, needed=1, stale=stale)


def standing(
    status_class: StatusClass = StatusClass.PROCEED,
    span: tuple[float | None, float | None] = (None, None),
    approvals: Tally | None = approved(),  # noqa: B008 - a frozen value
    *,
    is_declined: bool = False,
    moves_by_itself: bool = False,
) -> Standing:
    """Say how a change stands; if nothing is named, it is approved and being implemented, with no window."""
    return Standing(
        key="CHG-7",
        status=STATUS_OF[status_class],
        status_class=status_class,
        is_declined=is_declined,
        moves_by_itself=moves_by_itself,
        window=window(*span),
        approvals=approvals,
    )


KEY = DeploymentKey(app_id="app", pipeline_id="shop", environment_id="prod-1", sequence_number=1)


def deployment(number: int = 1, *, label: str | None = "1.0", state: State = State.PENDING) -> Deployment:
    """Make a record of the deployment `KEY`; *number* is its update sequence number."""
    return Deployment(
        key=KEY,
        update_sequence_number=number,
        display_name="Release 1",
        url="https://ci.example.com/1",
        description="Ship it",
        last_updated=NOW,
        state=state,
        pipeline=Pipeline(id="shop", display_name="Shop", url="https://ci.example.com/shop"),
        environment=Environment(id="prod-1", display_name="Production", type=EnvironmentType.PRODUCTION),
        label=label,
        associations=Associations(
            issues=("SHOP-1",),
            services=("b:checkout",),
            commits=(Commit(repository_id="r1", hash="abc"), Commit(repository_id="r2", hash="def")),
        ),
        asks_for_gating=True,
        properties={"team": "blue"},
        product="Jenkins",
    )


def gate(*, control: Control = Control.REQUIRED, change_key: str | None = "CHG-7") -> Gate:
    """Make a held gate of the deployment `KEY`."""
    return Gate(
        id="gate",
        key=KEY,
        control=control,
        change_key=change_key,
        verdict=PENDING,
        since=NOW,
        project="Shop",
        version="1.0",
        environment="Production",
        environment_type=EnvironmentType.PRODUCTION,
        url="https://ci.example.com/1",
        created_at=NOW,
    )


def with_commits(record: Deployment, *commits: Commit) -> Deployment:
    """Give *record* with other commits."""
    return replace(record, associations=replace(record.associations, commits=commits))


def change() -> Change:
    """Make a change in peer review, with no window, that a deployment asked for."""
    return Change(
        number=7,
        title="Deploy",
        description="It",
        app_id="app",
        requested_by="ci",
        created_at=NOW,
        updated_at=NOW,
    )
