from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mitregate.core.calendar import LAST
from mitregate.core.errors import Malformed
from mitregate.core.reach import Reach, subject_of
from mitregate.core.waiting import Patience, Waiting, check_waiting, patience, waiting_for
from tests.core.making import MICROSECOND, NOW, at, deployment

SUBJECT = subject_of(deployment())


def rule(expires_after: str = "", *remind_before: str) -> Waiting:
    """Make a rule for all deployments."""
    return Waiting(name="all", expires_after=expires_after, remind_before=remind_before)


@pytest.mark.parametrize(
    ("asked", "rule", "ends_at", "reminders"),
    [
        pytest.param(NOW, rule(), None, [], id="no end"),
        pytest.param(NOW, rule("", "1h"), None, [], id="no end to remind of"),
        pytest.param(None, rule("2d", "1h"), None, [], id="nobody is asked"),
        pytest.param(NOW, rule("2d"), at(48), [], id="no reminders"),
        pytest.param(NOW, rule("2d", "1h", "1d"), at(48), [at(24), at(47)], id="reminders in order"),
        pytest.param(NOW, rule("2d", "24h", "1d"), at(48), [at(24)], id="one that is said twice"),
        pytest.param(NOW, rule("2h", "119m", "2h", "3h"), at(2), [at(1 / 60)], id="none before it began"),
        pytest.param(LAST - timedelta(days=2), rule("2d", "1d"), LAST, [LAST - timedelta(days=1)], id="the last end"),
        pytest.param(LAST - timedelta(days=2) + MICROSECOND, rule("2d", "1d"), None, [], id="later than all time"),
    ],
)
def test_a_wait_ends(
    asked: datetime | None, rule: Waiting, ends_at: datetime | None, reminders: list[datetime]
) -> None:
    """A wait ends so long after somebody was asked as the rule says, with reminders so long before that, in order."""
    assert patience(rule, asked) == Patience(ends_at=ends_at, reminders=tuple(reminders))


def test_the_first_rule_that_reaches_counts() -> None:
    """Of the rules that reach a deployment the first one says how long it waits."""
    elsewhere = Waiting(name="bank", reach=Reach(projects=("bank",)), supersede=True)
    assert waiting_for([elsewhere, rule("1d"), rule("2d")], SUBJECT) == rule("1d")


@pytest.mark.parametrize("rules", [[], [Waiting(name="x", reach=Reach(projects=("bank",)), supersede=True)]])
def test_without_a_rule_one_waits_for_ever(rules: list[Waiting]) -> None:
    """Where no rule reaches a deployment it waits without an end, and nothing takes its place."""
    assert waiting_for(rules, SUBJECT) == Waiting(name="-")
    assert patience(waiting_for(rules, SUBJECT), NOW) == Patience()
    assert not waiting_for(rules, SUBJECT).supersede


@pytest.mark.parametrize("rule", [rule(), rule("1m"), rule("7d", "1d", "1h"), rule("1h", "59m"), rule("2m", "1m")])
def test_rules_that_can_be_carried_out(rule: Waiting) -> None:
    """An end with or without reminders that lie before it, or no end at all, is a rule."""
    check_waiting(rule)


@pytest.mark.parametrize(
    ("rule", "message", "advice"),
    [
        (rule("", "1h"), "There is no end to remind of.", "Give expires_after, or leave the reminders out."),
        (rule("0m"), "It would expire at once.", "Give a length such as 7d."),
        (rule("soon"), "'soon' is no length of time.", "Write it as in 8h, 30m, 1h30m or 2d."),
        (rule("1d", "soon"), "'soon' is no length of time.", "Write it as in 8h, 30m, 1h30m or 2d."),
        *[
            (
                rule("1h", "30m", text),
                f"The reminder {text!r} would not lie between the beginning and the end.",
                "Give less than 1h, and more than nothing.",
            )
            for text in ("1h", "60m", "2h", "0m")
        ],
    ],
)
def test_rules_that_cannot_be_carried_out(rule: Waiting, message: str, advice: str) -> None:
    """What would end at once, or remind of nothing or too early, is refused, with what to do instead."""
    with pytest.raises(Malformed) as refusal:
        check_waiting(rule)
    assert (refusal.value.message, refusal.value.advice()) == (message, advice)


lengths = st.integers(0, 3 * 24 * 60).map(lambda minutes: f"{minutes}m")


@given(lengths, st.lists(lengths, max_size=4), st.integers(0, 5 * 24 * 60))
def test_reminders_lie_between_the_beginning_and_the_end(end: str, before: list[str], minutes: int) -> None:
    """Whatever rule is accepted, all its reminders lie after the beginning and before the end, in order, each once."""
    rule = Waiting(name="x", expires_after=end, remind_before=tuple(before))
    try:
        check_waiting(rule)
    except Malformed:
        return
    asked_at = NOW + timedelta(minutes=minutes)
    found = patience(rule, asked_at)
    assert found.ends_at is not None
    assert all(asked_at < reminder < found.ends_at for reminder in found.reminders)
    assert sorted(set(found.reminders)) == list(found.reminders)
    assert len(found.reminders) == len(set(before))
