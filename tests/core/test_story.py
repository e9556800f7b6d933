"""The story of a deployment: what is said of each entry of the audit log, and in which order."""

import msgspec
import pytest

from mitregate.core.announcements import sample
from mitregate.core.audit import Action, Entry
from mitregate.core.jobs import Job, JobState
from mitregate.core.story import OF_CHANGES, SAID, STARTS, VARIANTS, Event, said_of, story
from tests.core.making import NOW, at

DECIDED = {
    "status": "allowed",
    "reasons": "approved",
    "change": "CHG-7",
    "change_status": "Implementing",
    "approvals": "1 of 1",
}


def job(state: JobState, hours: float | None) -> Job:
    """Make a delivery that ended so many hours after `NOW`."""
    return Job(
        id="job",
        provider="webhook",
        lane="ci",
        gate_id="gate",
        payload=msgspec.json.encode(sample()).decode(),
        state=state,
        due_at=NOW,
        created_at=NOW,
        finished_at=at(hours) if hours is not None else None,
        note="HTTP 500",
    )


@pytest.mark.parametrize(
    ("action", "detail", "said"),
    [
        (
            Action.GATE_OPENED,
            {"status": "awaiting", "reasons": "change_pending"},
            "Its gate was opened, awaiting: change pending.",
        ),
        (
            Action.GATE_DECIDED,
            DECIDED,
            "It became allowed: approved; CHG-7 stood in 'Implementing', with 1 of 1 approvals.",
        ),
        (
            Action.GATE_DECIDED,
            {
                "status": "awaiting",
                "reasons": "frozen window_not_open",
                "change": "X-1",
                "planned_start": at(1).isoformat(),
            },
            (
                "It became awaiting: frozen, window not open; X-1 stood in '', planned from 2024-05-06 13:00:00 UTC to "
                "any time."
            ),
        ),
        (Action.GATE_STARTED, {}, "It started, as it was allowed to."),
        (
            Action.GATE_STARTED_UNALLOWED,
            {"status": "awaiting"},
            "It started WITHOUT being allowed to, as it was awaiting.",
        ),
        (Action.GATE_FINISHED, {"state": "successful"}, "It ended: successful."),
        (Action.GATE_WITHDRAWN, {}, "It was withdrawn, as its deployment was deleted."),
        (Action.GATE_WITHDRAWN, {"other": "b"}, "It was withdrawn, as the job b has taken its number."),
        (
            Action.GATE_OVERRIDDEN,
            {"freezes": "year end", "reason": "The site is down."},
            "It was let pass in spite of year end: The site is down.",
        ),
        (
            Action.GATE_CONTESTED,
            {"job": "a", "other": "b"},
            "The jobs a and b both claimed it, and cannot be told apart.",
        ),
        (
            Action.GATE_REMINDED,
            {"ends_at": at(1).isoformat()},
            "Whoever is to decide was reminded: it is prevented at 2024-05-06 13:00:00 UTC.",
        ),
        (Action.GATE_ENDED, {"why": "expired", "successor": ""}, "Its wait was ended: expired."),
        (
            Action.GATE_ENDED,
            {"why": "superseded", "successor": "shop 2, number 9 of p"},
            "Its wait was ended: superseded by shop 2, number 9 of p.",
        ),
        (Action.CHANGE_PREPARED, {"title": "Move house"}, "CHG-7 was prepared: Move house."),
        (
            Action.CHANGE_APPROVED,
            {"step": "Approve", "comment": "Fine {by} me", "digest": "5e"},
            "CHG-7 was approved (Approve). “Fine {by} me”",
        ),
        (Action.CHANGE_DECLINED, {"comment": ""}, "CHG-7 was declined."),
        (
            Action.CHANGE_MOVED,
            {"from": "Planning", "to": "Pending", "comment": "Later"},
            "CHG-7 was moved from Planning to Pending. “Later”",
        ),
        (Action.CHANGE_MOVED, {"type": "emergency"}, "CHG-7 was made emergency."),
        (
            Action.CHANGE_PLANNED,
            {"start": "", "end": at(2).isoformat()},
            "CHG-7 was planned: from any time to 2024-05-06 14:00:00 UTC.",
        ),
        (Action.DELIVERY_RETRIED, {}, "delivery.retried CHG-7"),
        (Action.DELIVERY_DEAD, {"gate": "g", "x": ""}, "delivery.dead CHG-7 (gate: g)"),
    ],
)
def test_every_deed_has_words(action: Action, detail: dict[str, str], said: str) -> None:
    """Each action on a gate or a change is told in a sentence, with what the audit log has of it."""
    assert said_of(action, "CHG-7", detail) == said


def test_the_words_cover_all_that_is_done_to_gates_and_changes() -> None:
    """No action on a gate or a change is without words."""
    wanted = {action for action in Action if action.value.startswith(("gate.", "change."))}
    assert set(SAID) == wanted
    assert {action for action, _ in VARIANTS} <= wanted
    assert wanted >= OF_CHANGES | STARTS


def test_a_story_is_told_in_order_of_time() -> None:
    """Entries, deliveries and what else happened are told in order; of the same instant as they were written."""
    opened = Entry(at=NOW, actor="ci", action=Action.GATE_OPENED, subject="gate", detail={"status": "awaiting"})
    approved = Entry(
        at=at(1),
        actor="ann",
        action=Action.CHANGE_APPROVED,
        subject="CHG-7",
        detail={"step": "Approve", "comment": "ok"},
    )
    decided = Entry(at=at(1), actor="mitregate", action=Action.GATE_DECIDED, subject="gate", detail=DECIDED)
    jobs = [job(JobState.DONE, 2), job(JobState.DEAD, 0.5), job(JobState.OPEN, None), job(JobState.WITHDRAWN, 3)]
    rules = Event(at=at(0.7), said="Rules.", actor="root")
    told = story([opened, approved, decided], jobs, [rules], is_app=False)
    assert [(one.at, one.actor) for one in told] == [
        (NOW, "ci"),
        (at(0.5), ""),
        (at(0.7), "root"),
        (at(1), "ann"),
        (at(1), "mitregate"),
        (at(2), ""),
    ]
    assert told[1].said == "Its app could not be told that it is awaiting: HTTP 500"
    assert told[5].said == "Its app was told that it is awaiting."
    assert told[3].said.endswith("“ok”")


def test_an_app_is_not_told_who_decided_and_why() -> None:
    """Of what people do to a change an app is told that it was done, without a name or a comment."""
    for action in OF_CHANGES:
        done = Entry(at=NOW, actor="ann", action=action, subject="CHG-7", detail={"comment": "Secret"})
        (event,) = story([done], (), (), is_app=True)
        assert event.actor == ""
        assert "Secret" not in event.said
    done = Entry(at=NOW, actor="ann", action=Action.GATE_FINISHED, subject="gate")
    assert story([done], (), (), is_app=True)[0].actor == "ann"
