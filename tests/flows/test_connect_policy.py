"""Jira's policy for calling Connect apps back, proved with a clock that a test holds in its hands."""

import json
from base64 import urlsafe_b64decode
from datetime import timedelta
from itertools import pairwise

import pytest
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.gates import Gate
from mitregate.core.installations import Descriptor, Installation
from mitregate.core.jobs import Job, JobState
from mitregate.core.people import App, Principal, Scope
from mitregate.core.queries import AuditQuery
from mitregate.flows import deliver, review
from mitregate.flows.act import BY_ITSELF, begin
from mitregate.providers.connect import Connect
from mitregate.wire.http import Request
from tests.core.making import HOUR
from tests.flows.world import ANN, OPERATOR, World, principal_of, record, told

MINUTE = timedelta(minutes=1)
SECRET = "shared-secret-" * 3
BASE_URL = "https://ci.example.com/connect"


@pytest.fixture
def jira(world: World) -> World:
    """A world that tells Connect apps as it does when it serves."""
    world.providers["connect"] = Connect()
    return world


def installed(
    world: World,
    name: str = "ci",
    *,
    base_url: str = BASE_URL,
    secret: str | None = SECRET,
    callback: str | None = "/g",
) -> Principal:
    """Have a Connect app installed."""
    descriptor = Descriptor(
        key=name, name=name, base_url=base_url, scopes=frozenset(Scope), modules=frozenset(), callback=callback
    )
    installation = Installation(
        descriptor=descriptor,
        descriptor_url=f"{base_url}/descriptor.json",
        client_key="us",
        shared_secret=world.ports.seal(secret) if secret else None,
    )
    app = App(id=name, name=name, client_id=name, scopes=frozenset(Scope), connect=installation, created_at=world.now)
    world.transact(lambda uow: uow.apps.add(app))
    return principal_of(app)


def changed(world: World, app: Principal, installation: Installation) -> None:
    """Keep an app as it is installed now."""
    kept = world.read(lambda uow: uow.apps.get(app.app_id or ""))
    assert kept is not None
    world.transact(lambda uow: uow.apps.keep(replace(kept, connect=installation)))


def installation_of(world: World, app: Principal) -> Installation:
    """Look at how an app is installed."""
    kept = world.read(lambda uow: uow.apps.get(app.app_id or ""))
    assert kept is not None
    assert kept.connect is not None
    return kept.connect


def request_of(world: World) -> Request:
    """Lease what is due first, and see with which request it begins to be told."""
    (claimed,) = world.claim(1)
    prepared = world.read(lambda uow: deliver.prepare(begin(world.ports, uow, BY_ITSELF), claimed))
    assert not isinstance(prepared, Job | Gate)
    return next(prepared)


def work(world: World, span: timedelta, status: int = 503, **status_by_app: int) -> None:
    """Work for a while as the worker does: what is due is tried when it is due, and answered with *status*."""
    end = world.now + span
    while due := [job.due_at for job in world.jobs() if job.state is JobState.OPEN and job.due_at <= end]:
        world.now = max(world.now, min(due))
        (claimed,) = world.claim(1)
        world.deliver(claimed, status_by_app.get(claimed.job.lane, status))
    world.now = end


def job_of(world: World, app: Principal, number: int = 1) -> Job:
    """Look at the newest delivery of a deployment."""
    gate = world.gate(app, number)
    return [job for job in world.jobs() if job.gate_id == gate.id][-1]


def minutes_between_tries(world: World, job: Job) -> list[float]:
    """Say how long each further try of a job came after the one before it."""
    starts = [attempt.started_at for attempt in world.read(lambda uow: uow.jobs.attempts(job.id))]
    return [(later - earlier) / MINUTE for earlier, later in pairwise(starts)]


# --- whom it tells ---


def test_only_the_app_that_submitted_is_told(jira: World) -> None:
    """Of two apps with the same ids each is told of its own deployment, at its own callback, by the name it knows."""
    one = installed(jira, "one", base_url="https://one.example.com/app")
    installed(jira, "two", base_url="https://two.example.com")
    jira.submit(one, record(one))
    request = request_of(jira)
    assert request.url == "https://one.example.com/app/g"
    claims = json.loads(urlsafe_b64decode(request.headers["authorization"].split(".")[1] + "=="))
    assert claims["iss"] == "us"
    assert jira.claim() == []


def test_who_did_not_ask_is_not_told(jira: World) -> None:
    """An app whose descriptor has no callback is told nothing; one that is disabled is told nothing any more."""
    mute = installed(jira, "mute", callback=None)
    jira.submit(mute, record(mute))
    assert jira.jobs() == []
    app = installed(jira)
    jira.submit(app, record(app))
    changed(jira, app, replace(installation_of(jira, app), is_enabled=False))
    (claimed,) = jira.claim()
    withdrawn = jira.deliver(claimed)
    assert isinstance(withdrawn, Job)
    assert withdrawn.note == "The app does not want to be told any more."
    jira.submit(app, record(app, number=2))
    assert jira.claim() == []


# --- how often it tries ---


def test_a_delivery_is_tried_six_times(jira: World) -> None:
    """While its host takes what others are told, a delivery gets five more tries, each after 5 to 15 minutes."""
    app, neighbour = installed(jira), installed(jira, "neighbour")
    jira.submit(app, record(app))
    for number in range(1, 10):
        jira.submit(neighbour, record(neighbour, number=number))
        work(jira, 10 * MINUTE, 503, neighbour=204)
    job = job_of(jira, app)
    assert (job.state, job.attempts, job.note) == (JobState.DEAD, 6, "HTTP 503: The receiver is in trouble.")
    pauses = minutes_between_tries(jira, job)
    assert all(5 <= pause <= 15 for pause in pauses)
    assert len(set(pauses)) == 5


def test_news_hasten_what_waits(jira: World) -> None:
    """A newer status is told within moments once the app is back, after the one that had waited for its next try."""
    app = installed(jira)
    jira.submit(app, record(app))
    work(jira, MINUTE, 503)
    jira.do(ANN, review.approve, jira.gate(app).change_key or "")
    work(jira, MINUTE, 204)
    assert told(jira.jobs()) == [("awaiting", "done"), ("allowed", "done")]


@pytest.mark.parametrize("status", [302, 400, 401, 403, 404, 410, 422])
def test_a_refusal_is_final_and_shown(jira: World, status: int) -> None:
    """What an app refuses is dead at once: it says why in words, is on record, and a person can retry it."""
    app = installed(jira)
    jira.submit(app, record(app))
    work(jira, 2 * HOUR, status)
    job = job_of(jira, app)
    assert (job.state, job.attempts) == (JobState.DEAD, 1)
    assert job.note.startswith(f"HTTP {status}: The ")
    (entry,) = [entry for _, entry in jira.read(lambda uow: uow.audit.page(AuditQuery(subject=job.id)))]
    assert (entry.action, entry.detail) == (Action.DELIVERY_DEAD, {"gate": job.gate_id, "detail": job.note})
    jira.do(OPERATOR, deliver.retry, job.id)
    work(jira, MINUTE, 204)
    assert (job_of(jira, app).state, job_of(jira, app).attempts) == (JobState.DONE, 2)


# --- hosts that keep failing ---


def given_up(jira: World) -> Principal:
    """Have an app whose host has failed for more than half an hour."""
    app = installed(jira)
    jira.submit(app, record(app))
    work(jira, HOUR, 503)
    return app


def test_a_host_that_keeps_failing_is_given_up(jira: World) -> None:
    """With the first failure that comes half an hour after the first one, a delivery is dead, and says since when."""
    app = given_up(jira)
    job = job_of(jira, app)
    pauses = minutes_between_tries(jira, job)
    assert (job.state, job.attempts) == (JobState.DEAD, len(pauses) + 1)
    assert sum(pauses[:-1]) < 30 <= sum(pauses)
    assert job.note == (
        "HTTP 503: The receiver is in trouble. Nothing but failures has come from there since 2024-05-06 12:00:00 UTC, "
        "so it is not tried again by itself."
    )
    (entry,) = [entry for _, entry in jira.read(lambda uow: uow.audit.page(AuditQuery(subject=job.id)))]
    assert entry.detail["detail"] == job.note


def test_a_host_that_was_given_up_gets_one_try_for_each_delivery(jira: World) -> None:
    """Each further delivery is tried once and is dead; so is one that a person retries; days change nothing."""
    app = given_up(jira)
    for number, pause in ((2, MINUTE), (3, HOUR), (4, 48 * HOUR)):
        jira.submit(app, record(app, number=number))
        work(jira, pause, 503)
        job = job_of(jira, app, number)
        assert (job.state, job.attempts) == (JobState.DEAD, 1)
    jira.do(OPERATOR, deliver.retry, job_of(jira, app, 4).id)
    work(jira, 2 * HOUR, 503)
    assert (job_of(jira, app, 4).state, job_of(jira, app, 4).attempts) == (JobState.DEAD, 2)


def test_one_success_restores_the_tries(jira: World) -> None:
    """Once the host has taken something, a delivery that fails is tried again as any other."""
    app = given_up(jira)
    jira.do(OPERATOR, deliver.retry, job_of(jira, app).id)
    work(jira, MINUTE, 204)
    assert job_of(jira, app).state is JobState.DONE
    jira.submit(app, record(app, number=2))
    work(jira, MINUTE, 503)
    job = job_of(jira, app, 2)
    assert (job.state, job.rung) == (JobState.OPEN, 1)
    assert 5 * MINUTE <= job.due_at - job.created_at <= 15 * MINUTE
    work(jira, 20 * MINUTE, 204)
    assert job_of(jira, app, 2).state is JobState.DONE


def test_hosts_fail_each_for_itself(jira: World) -> None:
    """What one host is given up for holds for every app there, and for no other host or port."""
    given_up(jira)
    beside = installed(jira, "beside", base_url="https://CI.example.com:443/other")
    elsewhere = installed(jira, "elsewhere", base_url="https://ci.example.com:8443/connect")
    for app in (beside, elsewhere):
        jira.submit(app, record(app))
    work(jira, MINUTE, 503)
    assert job_of(jira, beside).state is JobState.DEAD
    assert job_of(jira, elsewhere).state is JobState.OPEN


def test_refusals_count_neither_way(jira: World) -> None:
    """A host that refuses one app for good is not failing; one that fails is not well because it refuses another."""
    app, refused = installed(jira), installed(jira, "refused")

    def refuse(*numbers: int) -> None:
        for number in numbers:
            jira.submit(refused, record(refused, number=number))
            work(jira, 5 * MINUTE, 503, refused=404)

    refuse(*range(1, 13))
    jira.submit(app, record(app))
    refuse(13, 14)
    assert job_of(jira, app).state is JobState.OPEN
    refuse(*range(15, 25))
    assert "Nothing but failures has come from there since" in job_of(jira, app).note


def test_our_own_faults_are_no_failures_of_a_host(jira: World) -> None:
    """An app with which no secret is shared is to be told by the whole ladder, and its host is not given up for it."""
    app = installed(jira, secret=None)
    jira.submit(app, record(app))
    work(jira, 2 * HOUR)
    job = job_of(jira, app)
    assert (job.state, job.attempts) == (JobState.DEAD, 6)
    assert job.note.endswith("`mitregate app install` with the address of its descriptor agrees on one.")
    assert jira.read(lambda uow: uow.hosts.streak("ci.example.com")) is None
    changed(jira, app, replace(installation_of(jira, app), shared_secret=jira.ports.seal(SECRET)))
    jira.do(OPERATOR, deliver.retry, job.id)
    work(jira, MINUTE, 204)
    assert job_of(jira, app).state is JobState.DONE
