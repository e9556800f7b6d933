"""The case that measures how long a verdict takes: in this process, without any database."""

import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import msgspec
from msgspec import Struct

from benchmarks.figures import Figure
from mitregate.core.approvals import Tally
from mitregate.core.calendar import Window
from mitregate.core.changes import StatusClass
from mitregate.core.control import Control
from mitregate.core.deployments import Deployment, DeploymentKey, Environment, EnvironmentType, Pipeline, State
from mitregate.core.feeds import UNREAD
from mitregate.core.gates import PENDING, Gate, Standing, decide
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, Hours, Rulebook
from mitregate.core.times import Times
from mitregate.flows.settle import calendar_by

TARGET_US = 50

SLICE = 200
"""Verdicts that are timed at once."""

TUESDAY = datetime(2026, 3, 3, 22, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
BERLIN = "Europe/Berlin"


def recurs(start: str, length: str, rule: str, zone: str = "Europe/Berlin") -> Times:
    """Say when something comes again; *start* is a local time."""
    return Times(start=datetime.fromisoformat(start), length=length, rule=rule, zone=zone)


BOOK = Rulebook(
    freezes=(
        FreezeRule(name="weekend", when=recurs("2026-01-02T18:00", "62h", "FREQ=WEEKLY;BYDAY=FR")),
        FreezeRule(
            name="month end",
            when=recurs("2026-01-31", "1d", "FREQ=MONTHLY;BYMONTHDAY=-1"),
            reach=Reach(types=(EnvironmentType.PRODUCTION,)),
        ),
        FreezeRule(name="year end", when=recurs("2025-12-20", "16d", "FREQ=YEARLY", "America/New_York")),
    ),
    hours=(
        Hours(name="nights", when=recurs("2026-01-01T22:00", "8h", "FREQ=DAILY")),
        Hours(
            name="noon",
            when=recurs("2026-01-06T12:00", "2h", "FREQ=WEEKLY;BYDAY=TU,TH", "Europe/London"),
            reach=Reach(projects=("harbour/*",)),
        ),
    ),
)
"""Three freezes and two hours, all of which reach the gate and come again."""

DEPLOYMENT = Deployment(
    key=DeploymentKey(app_id="0" * 26, pipeline_id="pipeline-00", environment_id="production", sequence_number=10**9),
    update_sequence_number=1,
    display_name="Deployment 4711 of lock-keeper",
    url="https://gitlab.example.com/harbour/lock-keeper/-/jobs/4711",
    description="Deploys the lock keeper to production",
    last_updated=TUESDAY,
    state=State.PENDING,
    pipeline=Pipeline(id="pipeline-00", display_name="harbour/lock-keeper", url=""),
    environment=Environment(id="production", display_name="production", type=EnvironmentType.PRODUCTION),
    label="v1.4711",
    asks_for_gating=True,
)

GATE = Gate(
    id="0" * 26,
    key=DEPLOYMENT.key,
    control=Control.REQUIRED,
    change_key="CHG-4711",
    verdict=PENDING,
    since=TUESDAY,
    project=DEPLOYMENT.project,
    version=DEPLOYMENT.version,
    environment="production",
    environment_type=EnvironmentType.PRODUCTION,
    url=DEPLOYMENT.url,
    created_at=TUESDAY,
)


class Situation(Struct, frozen=True, kw_only=True):
    """When a verdict is asked for, and in which window its approved change lies."""

    name: str
    now: datetime
    window: Window

    @property
    def change(self) -> Standing:
        """The change, as it stands."""
        is_open = self.window.position(self.now) == "open"
        return Standing(
            key="CHG-4711",
            status="Implementing" if is_open else "Awaiting implementation",
            status_class=StatusClass.PROCEED if is_open else StatusClass.WAIT,
            moves_by_itself=True,
            window=self.window,
            approvals=Tally(met=1, needed=1),
        )


SITUATIONS = (
    Situation(name="open", now=TUESDAY, window=Window(start=TUESDAY - HOUR, end=TUESDAY + 2 * HOUR)),
    Situation(name="not yet", now=TUESDAY, window=Window(start=TUESDAY + 24 * HOUR, end=TUESDAY + 30 * HOUR)),
    # On a Friday at night: after the weekend hours begin on Monday at night.
    Situation(
        name="frozen", now=TUESDAY + 72 * HOUR, window=Window(start=TUESDAY + 48 * HOUR, end=TUESDAY + 240 * HOUR)
    ),
)


def verdicts(rounds: int, slices: int) -> Iterator[Figure]:
    """Measure, in turn, verdicts, verdicts with the making of their calendar, and what it costs to read a gate."""
    for situation in SITUATIONS:
        works = _works(situation.change, situation.now)
        told = [_times(works, slices) for _ in range(rounds)]
        for place, name in enumerate(("decide", "calendar and decide")):
            yield Figure(
                name=f"{name}, {situation.name}",
                engine="none",
                unit="µs",
                values=tuple(times[place] for times in told),
                ceilings=tuple(times[-1] for times in told),
                target=TARGET_US,
                note="3 freezes and 2 hours that recur; the ceiling is the decoding of the gate",
            )


def _works(change: Standing, now: datetime) -> tuple[Callable[[], object], ...]:
    text, decoder = msgspec.json.encode(GATE), msgspec.json.Decoder(Gate)
    calendar = calendar_by(BOOK, UNREAD, GATE, DEPLOYMENT, change)
    return (
        lambda: decide(GATE, change, calendar, now),
        lambda: decide(GATE, change, calendar_by(BOOK, UNREAD, GATE, DEPLOYMENT, change), now),
        lambda: decoder.decode(text),
    )


def _times(works: tuple[Callable[[], object], ...], slices: int) -> list[float]:
    """Give the microseconds of processor time that each work takes: the median of slices that take turns."""
    taken: list[list[float]] = [[] for _ in works]
    for _ in range(slices):
        for work, times in zip(works, taken, strict=True):
            began = time.thread_time()
            for _ in range(SLICE):
                work()
            times.append((time.thread_time() - began) / SLICE * 1e6)
    return [statistics.median(times) for times in taken]
