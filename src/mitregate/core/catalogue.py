"""The catalogue of standard changes: what is approved beforehand, and within which limits (domain.md §4)."""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from mitregate.core.reach import Reach, Subject
from mitregate.core.recurrence import zone_of
from mitregate.core.risk import Risk


class Template(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A kind of change that is approved beforehand.

    `reach` says which deployments it is for, and must name something. Its limits: the risk may be at most
    `highest_risk`; at most `each_day` changes a day are opened of it, by the calendar of `zone`; none after the day
    `until`. What is beyond them is a normal change.
    """

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    reach: Reach
    description: str = ""
    highest_risk: Risk = Risk.MEDIUM
    each_day: Annotated[int, Meta(ge=1, le=10000)] | None = None
    until: date | None = None
    zone: str = "UTC"


class Choice(Struct, frozen=True, kw_only=True):
    """The template that a change is opened of, if any, and why each other one that is for it was passed over."""

    template: Template | None = None
    passed: tuple[str, ...] = ()


def approves(template: Template, subject: Subject, risk: Risk) -> bool:
    """Tell whether what *template* approves beforehand includes *subject* at that *risk*, whatever the day."""
    return template.reach.covers(subject) and template.highest_risk.is_at_least(risk)


def choose(
    templates: Sequence[Template],
    subject: Subject,
    risk: Risk,
    now: datetime,
    opened: Callable[[Template, datetime], int],
) -> Choice:
    """Choose the first of *templates* within whose limits a change for *subject* can be opened.

    Args:
        templates: the catalogue.
        subject: what is to be deployed, and where.
        risk: how risky it is.
        now: when the change is opened.
        opened: says how many changes were opened of a template since an instant.
    """
    passed: list[str] = []
    for template in templates:
        if not template.reach.covers(subject):
            continue
        obstacle = _obstacle(template, risk, now, opened)
        if obstacle is None:
            return Choice(template=template, passed=tuple(passed))
        passed.append(f"{template.name!r}: {obstacle}")
    return Choice(passed=tuple(passed))


def _obstacle(template: Template, risk: Risk, now: datetime, opened: Callable[[Template, datetime], int]) -> str | None:
    local = now.astimezone(zone_of(template.zone))
    if not template.highest_risk.is_at_least(risk):
        return f"the risk is {risk.value}, and at most {template.highest_risk.value} is approved beforehand"
    if template.until is not None and local.date() > template.until:
        return f"it was approved until {template.until.isoformat()}"
    if template.each_day is not None:
        # Where clocks are set back over midnight, a day has two of them, and begins with the first.
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if opened(template, midnight) >= template.each_day:
            return f"{template.each_day} of {template.each_day} were opened today"
    return None
