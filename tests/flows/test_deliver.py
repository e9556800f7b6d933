from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest
from msgspec.structs import replace

from mitregate.core.announcements import Announcement, Detail, Receiver
from mitregate.core.changes import Transition
from mitregate.core.deployments import State
from mitregate.core.errors import Forbidden, IllegalTransition, Misconfigured, Unknown
from mitregate.core.gates import Gate, GatingStatus
from mitregate.core.jobs import Job, JobState, Outcome, Result
from mitregate.flows import deliver, withdraw
from mitregate.flows.act import BY_ITSELF, begin
from mitregate.wire.http import Conversation
from tests.core.making import HOUR, MICROSECOND, NOW, at
from tests.flows.waiting import Waiting
from tests.flows.world import ADMIN, ANN, CALLBACK, OPERATOR, World, record, told

FIRST, SECOND = timedelta(seconds=10), timedelta(minutes=5)


def states(world: World) -> list[tuple[str, str]]:
    """List what each job is to tell, and how it stands."""
    return told(world.jobs())


def prepare(world: World, number: int = 0) -> Conversation[Outcome] | Job | Gate:
    """Prepare a job that is due."""
    claimed = world.claim()[number]
    return world.read(lambda uow: deliver.prepare(begin(world.ports, uow, BY_ITSELF), claimed))


def test_a_verdict_is_delivered(waiting: Waiting) -> None:
    """A delivery tells the verdict with its change and reasons to the app's callback, with the secret in the clear."""
    world = waiting.world
    (claimed,) = world.claim()
    assert world.deliver(claimed, 204) == Outcome(result=Result.DONE, detail="HTTP 204", status=204)
    gate, (job,) = world.gate(waiting.app), world.jobs()
    announced = Announcement(
        key=gate.key,
        status=GatingStatus.AWAITING,
        since=NOW,
        reasons=gate.verdict.reasons,
        details=(Detail(key=waiting.key, link=f"https://gate.example.com/changes/{waiting.key}"),),
    )
    app = world.read(lambda uow: uow.apps.get(gate.key.app_id))
    assert app is not None
    receiver = Receiver(url=CALLBACK, secret=world.ports.unseal(app.signing_secret or ""))
    assert world.postman.told == [(job.id, announced, receiver)]
    assert (job.state, job.attempts, job.finished_at, job.note) == (JobState.DONE, 1, NOW, "HTTP 204")
    assert world.claim() == []


def test_a_gate_is_told_in_order(waiting: Waiting) -> None:
    """Of one gate's verdicts the next is due only when the one before it has been told or given up."""
    waiting.approve()
    world = waiting.world
    for status in ("awaiting", "allowed"):
        (claimed,) = world.claim()
        assert world.claim() == []
        assert told([claimed.job]) == [(status, "open")]
        world.deliver(claimed)
    assert [announced.status for _, announced, _ in world.postman.told] == ["awaiting", "allowed"]


def test_a_ladder_is_climbed_to_its_end(waiting: Waiting) -> None:
    """A receiver that is down is tried again rung by rung; then the delivery is dead, on record, and can be retried."""
    world = waiting.world
    for pause in (FIRST, SECOND):
        (claimed,) = world.claim()
        world.deliver(claimed, 503)
        (job,) = world.jobs()
        assert (job.state, job.due_at) == (JobState.OPEN, world.now + pause)
        world.now = job.due_at
    (claimed,) = world.claim()
    world.deliver(claimed, 503)
    (job,) = world.jobs()
    assert (job.state, job.attempts, job.finished_at) == (JobState.DEAD, 3, world.now)
    assert (world.actions(job.id), world.claim()) == (["delivery.dead"], [])
    assert [attempt.number for attempt in world.read(lambda uow: uow.jobs.attempts(job.id))] == [1, 2, 3]
    retried = world.do(OPERATOR, deliver.retry, job.id)
    assert (retried.state, retried.rung, retried.due_at) == (JobState.OPEN, 0, world.now)
    (claimed,) = world.claim()
    world.deliver(claimed)
    assert states(world) == [("awaiting", "done")]
    assert world.actions(job.id) == ["delivery.dead", "delivery.retried"]


def test_a_receiver_may_ask_for_patience(waiting: Waiting) -> None:
    """A receiver that asks for a longer pause than the rung's gets it."""
    (claimed,) = waiting.world.claim()
    waiting.world.deliver(claimed, 503, retry_after=HOUR)
    assert waiting.world.jobs()[0].due_at == at(1)


def test_a_receiver_may_be_gone(waiting: Waiting) -> None:
    """A receiver that refuses for good is not tried again, and what comes later is still told."""
    world = waiting.world
    (claimed,) = world.claim()
    world.deliver(claimed, 410)
    waiting.approve()
    (claimed,) = world.claim()
    world.deliver(claimed)
    assert states(world) == [("awaiting", "dead"), ("allowed", "done")]


def test_news_do_not_wait_behind_a_long_pause(waiting: Waiting) -> None:
    """A new verdict puts the one before it back to the foot of its ladder, so that both are told soon, in order."""
    world = waiting.world
    (claimed,) = world.claim()
    world.deliver(claimed, 503, retry_after=100 * HOUR)
    waiting.approve()
    assert [(job.rung, job.due_at) for job in world.jobs()] == [(0, NOW), (0, NOW)]


# --- an `allowed` that no longer holds ---


def declined_meanwhile(waiting: Waiting) -> None:
    """Bring the change to its end."""
    waiting.move(Transition.FAIL)


def changed_meanwhile(waiting: Waiting) -> None:
    """Deploy something else."""
    waiting.world.submit(waiting.app, record(waiting.app, 2, label="2.0"))


def over_meanwhile(waiting: Waiting) -> None:
    """Let the window end, and nobody notice."""
    waiting.world.now = at(2) + MICROSECOND


def started_meanwhile(waiting: Waiting) -> None:
    """Start."""
    waiting.world.submit(waiting.app, record(waiting.app, 2, State.IN_PROGRESS))


def deleted_meanwhile(waiting: Waiting) -> None:
    """Delete."""
    waiting.world.do(waiting.app, withdraw.delete, record(waiting.app).key)


def removed_meanwhile(waiting: Waiting) -> None:
    """Remove the app."""
    waiting.world.do(ADMIN, withdraw.remove_app, waiting.app.app_id or "")


@pytest.mark.parametrize(
    ("meanwhile", "note"),
    [
        (declined_meanwhile, "It is no longer allowed, but prevented."),
        (changed_meanwhile, "It is no longer allowed, but awaiting."),
        (over_meanwhile, "It is no longer allowed: the time for it is over."),
        (started_meanwhile, "The deployment has started or is gone."),
        (deleted_meanwhile, "The deployment has started or is gone."),
        (removed_meanwhile, "The deployment has started or is gone."),
    ],
)
def test_nothing_is_allowed_that_no_longer_is(
    waiting: Waiting, meanwhile: Callable[[Waiting], None], note: str
) -> None:
    """Before an `allowed` is told the gate is read again; one that no longer holds is withdrawn, not sent."""
    world = waiting.world
    waiting.plan(None, at(2))
    waiting.approve()
    world.deliver(world.claim()[0])
    (claimed,) = world.claim()
    meanwhile(waiting)
    prepared = world.read(lambda uow: deliver.prepare(begin(world.ports, uow, BY_ITSELF), claimed))
    assert isinstance(prepared, Job)
    assert (prepared.state, prepared.finished_at, prepared.note) == (JobState.WITHDRAWN, world.now, note)
    world.transact(lambda uow: deliver.withdraw(uow, claimed, prepared))
    assert [job.state for job in world.jobs() if job.id == claimed.job.id] in ([JobState.WITHDRAWN], [])
    assert [announced.status for _, announced, _ in world.postman.told] == ["awaiting"]


def test_at_its_very_end_it_is_still_allowed(waiting: Waiting) -> None:
    """At the planned end an `allowed` is still told."""
    world = waiting.world
    waiting.plan(None, at(2))
    waiting.approve()
    world.deliver(world.claim()[0])
    world.now = at(2)
    outcome = world.deliver(world.claim()[0])
    assert isinstance(outcome, Outcome)
    assert world.postman.told[-1][1].good_until == at(2)


def test_an_overtaken_warning_is_told_all_the_same(waiting: Waiting) -> None:
    """What is not an `allowed` is told in its order even if the gate has opened since."""
    waiting.approve()
    assert isinstance(waiting.world.deliver(waiting.world.claim()[0]), Outcome)


# --- who holds the lease ---


def test_a_withdrawn_job_cannot_be_finished(waiting: Waiting) -> None:
    """A try that ends after its job was withdrawn is not kept; the job stays withdrawn."""
    world = waiting.world
    (claimed,) = world.claim()
    started_meanwhile(waiting)
    outcome = Outcome(result=Result.LATER, detail="too late")
    assert not world.do(BY_ITSELF, deliver.finish, claimed, outcome, NOW, FIRST)
    assert (states(world), world.actions(claimed.job.id)) == ([("awaiting", "withdrawn")], [])
    assert world.read(lambda uow: uow.jobs.attempts(claimed.job.id)) == []


def test_busy_lanes_wait(world: World) -> None:
    """A lane that is full is left out, and holds up no other."""
    one, other = world.app("one"), world.app("other")
    world.submit(one, record(one))
    world.submit(other, record(other))
    assert [claimed.job.lane for claimed in world.claim(busy=[one.app_id or ""])] == [other.app_id]
    assert [claimed.job.lane for claimed in world.claim()] == [one.app_id]


# --- what is wrong with the configuration ---


def test_a_missing_provider_can_come_back(waiting: Waiting) -> None:
    """Where a provider is not installed its deliveries fail with advice, and are tried again until it is."""
    world = waiting.world
    provider = world.providers.pop("webhook")
    (claimed,) = world.claim()
    with pytest.raises(Misconfigured, match="not installed") as failure:
        world.deliver(claimed)
    outcome = Outcome(result=Result.LATER, detail=failure.value.message)
    assert world.do(BY_ITSELF, deliver.finish, claimed, outcome, world.now, FIRST)
    (job,) = world.jobs()
    assert job.state is JobState.OPEN
    world.providers["webhook"] = provider
    world.now = job.due_at
    world.deliver(world.claim()[0])
    assert states(world) == [("awaiting", "done")]


def test_a_callback_may_go(waiting: Waiting) -> None:
    """A delivery to an app without a callback is withdrawn."""
    world = waiting.world
    (claimed,) = world.claim()
    elsewhere = replace(claimed, job=replace(claimed.job, lane=world.app("mute", None).app_id or ""))
    prepared = world.read(lambda uow: deliver.prepare(begin(world.ports, uow, BY_ITSELF), elsewhere))
    assert isinstance(prepared, Job)
    assert (prepared.state, prepared.note) == (JobState.WITHDRAWN, "The app does not want to be told any more.")


# --- retrying by hand ---


def test_an_open_delivery_can_be_hastened(waiting: Waiting) -> None:
    """Retrying a delivery that waits for its next try makes it due at once."""
    world = waiting.world
    world.deliver(world.claim()[0], 503)
    (job,) = world.jobs()
    retried = world.do(OPERATOR, deliver.retry, job.id)
    assert (retried.rung, retried.due_at) == (0, world.now)


def test_what_was_withdrawn_is_checked_again(waiting: Waiting) -> None:
    """A delivery that was withdrawn can be retried, and is withdrawn again while nothing is to be told."""
    world = waiting.world
    started_meanwhile(waiting)
    (job,) = world.jobs()
    assert world.do(OPERATOR, deliver.retry, job.id).state is JobState.OPEN
    assert isinstance(world.deliver(world.claim()[0]), Job)
    assert (states(world), world.postman.told) == ([("awaiting", "withdrawn")], [])


def test_only_operators_retry(waiting: Waiting) -> None:
    """Who may not operate retries nothing; what is done or does not exist cannot be retried."""
    world = waiting.world
    (job,) = world.jobs()
    for who in (ANN, waiting.app):
        with pytest.raises(Forbidden):
            world.do(who, deliver.retry, job.id)
    with pytest.raises(Unknown):
        world.do(OPERATOR, deliver.retry, "nothing")
    world.deliver(world.claim()[0])
    with pytest.raises(IllegalTransition):
        world.do(OPERATOR, deliver.retry, job.id)
    assert world.actions(job.id) == []


def test_a_job_carries_its_own_verdict(waiting: Waiting) -> None:
    """What a job tells is written in it, and does not change with the gate."""
    before = waiting.world.jobs()[0].payload
    waiting.approve()
    assert waiting.world.jobs()[0].payload == before
    assert msgspec.json.decode(before, type=Announcement).status is GatingStatus.AWAITING
