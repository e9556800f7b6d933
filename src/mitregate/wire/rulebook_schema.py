"""The keys of a rulebook: what each of them means, for its reference and for editors, as JSON Schema."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, get_type_hints

import msgspec
from msgspec import Struct

from mitregate.core.catalogue import Template
from mitregate.core.conflicts import Conflicts
from mitregate.core.control import Matrix, Rule
from mitregate.core.feeds import Feed
from mitregate.core.reach import Reach
from mitregate.core.rulebook import FreezeRule, HolidaySet, Hours, Rulebook
from mitregate.core.scopes import Scope
from mitregate.core.services import Group, Service
from mitregate.core.times import Times
from mitregate.core.waiting import Waiting
from mitregate.core.workflow import Outcomes, Workflow

KEYS: dict[type[Struct], dict[str, str]] = {
    Rulebook: {
        "control": "Which deployments are change controlled.",
        "titles": (
            "Titles of changes by the product that deploys, such as `GitLab`, and `*` for all others. Each must have "
            "`{project}`, `{version}` and `{environment}`, and may have `{product}`."
        ),
        "workflow": "How changes move, and what their statuses mean.",
        "standard": "The catalogue of standard changes: what is approved beforehand. The first that fits counts.",
        "waiting": "How long deployments wait for a decision. The first that reaches a deployment counts.",
        "conflicts": "What follows if changes are planned for the same services at the same time.",
        "services": "The services that are deployed. If there are any, a submission is told which ones are not known.",
        "groups": "People who do something together.",
        "hours": "The hours in which deployments may start. Where several reach a deployment, any of them will do.",
        "holidays": "Sets of whole days, for freezes.",
        "freezes": "Times in which nothing that they reach may start, whatever was approved.",
        "feeds": "Calendars elsewhere that are read again and again; what their events say is frozen.",
    },
    Matrix: {
        "projects": "Rules for projects; the first that fits counts.",
        "runbooks": "The same for runs of runbooks: deployments with the property `runbook`.",
        "environments": "Rules for environments; the first that fits counts.",
        "unknown_services": (
            "What becomes of a gated deployment that names a service which is not listed: `report` tells its tool, "
            "`refuse` makes its gate invalid until the service is listed."
        ),
    },
    Workflow: {
        "plans_by_itself": "Whether an approved change goes through Planning by itself.",
        "starts_by_itself": "Whether it goes on to Implementing by itself, once its window is open.",
        "cab_from": "From which risk on the CAB must approve a normal change, too; never if left out.",
        "allow_status": "The status that opens the gate.",
        "prevent_status": "A status that shuts it for good.",
        "statuses": "What single statuses mean, where that is to be otherwise: `wait`, `proceed` or `stop`.",
        "outcomes": "Where a change goes when the last deployment that relies on it has ended.",
    },
    Outcomes: {
        "successful": "After it went well.",
        "failed": "After it failed.",
        "rolled_back": "After it was rolled back.",
        "cancelled": "After it was given up before it began.",
    },
    Template: {
        "name": "What it is called.",
        "reach": "Which deployments it is for; it must name something.",
        "description": "What it is for, in words.",
        "highest_risk": "Up to which risk it approves beforehand.",
        "each_day": "How many changes a day are opened of it; as many as there are if left out.",
        "until": "The last day on which any is.",
        "zone": "An IANA time zone, by which days are counted.",
    },
    Waiting: {
        "name": "What the rule is called.",
        "reach": "Whom it is for; everybody if left out.",
        "expires_after": "How long nobody may decide before a deployment is prevented for good: `7d`, `12h`.",
        "remind_before": "How long before that its change is told so: `1d`, `2h`.",
        "supersede": (
            "Whether a newer deployment of the same project to the same environment takes the place of those that wait."
        ),
    },
    Conflicts: {"more_approvals": "How many approvals more the change needs that was opened later."},
    Rule: {
        "name": "A name, or a pattern with `*`, `?` and `[…]`. Of environments the id will do as well.",
        "type": "Only environments of this type.",
        "control": (
            "`never`: no change is needed. `when_asked`: a deployment that asks to be gated is. `always`: where both "
            "sides say so, it is gated without asking."
        ),
    },
    Service: {
        "id": "The id by which tools name it, also as `b:…`.",
        "name": "What people call it.",
        "tier": "How critical it is: 1 the most, 4 the least.",
        "aliases": "Other ids of it.",
        "owner": "The group that owns it.",
        "approvers": "Groups and users who may approve its changes.",
        "depends_on": "Services that must not be changed at the same time.",
    },
    Group: {"name": "Its name.", "members": "Names of users."},
    Hours: {
        "name": "What they are called.",
        "when": "When they are.",
        "reach": "Whom they are for; everybody if left out.",
    },
    HolidaySet: {"name": "What freezes call it.", "days": "The days, such as `2026-12-25`."},
    FreezeRule: {
        "name": "What it is called.",
        "when": "When it holds.",
        "also": "Further times, each as `when`.",
        "holidays": "Sets of days on which it holds, too, in the zone of `when`.",
        "reach": "Whom it stops; everybody if left out.",
        "reason": "Why; it is shown to those who wait.",
        "spares_emergencies": "Whether emergency changes pass.",
    },
    Feed: {
        "name": "What it is called; no freeze may have the same name.",
        "url": "Where its iCalendar file is: `https://…`, `http://…` or `webcal://…`.",
        "every": "How often it is read: `5m` to `7d`.",
        "zone": "The zone of whole days, and of events that name none; the calendar's own if left out, or else UTC.",
        "reach": "Whom it stops; everybody if left out.",
        "reason": "Why; it is shown to those who wait, with the title of the event.",
        "spares_emergencies": "Whether emergency changes pass.",
    },
    Times: {
        "start": "When it begins; with a `rule`, when the first one begins. Without an offset it is a time in `zone`.",
        "end": "The last instant; a date alone means the whole day. Left open, it does not end by itself.",
        "length": "How long it lasts instead of an `end`: `8h`, `30m`, `1h30m`, `2d`.",
        "rule": "How it comes again: a rule of RFC 5545, such as `FREQ=WEEKLY;BYDAY=MO,TU,WE,TH`.",
        "zone": "An IANA time zone, such as `Europe/Berlin`.",
        "days": "Whole days in that zone.",
        "also": "Starts of further such spans.",
        "never": "Starts that the rule gives, and that are left out.",
        "note": "What it is; it is shown to those who wait.",
    },
    Reach: {
        "projects": "Names or patterns of projects.",
        "environments": "Names, ids or patterns of environments.",
        "types": "Types of environments.",
        "services": "Ids of services.",
    },
}
"""What each key means, by the type that it belongs to."""

DAY = r"^\d{4}-\d{2}-\d{2}$"
MOMENT = r"^\d{4}-\d{2}-\d{2}([Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)? ?(Z|z|[+-]\d{2}:\d{2})?)?$"

"""How an instant is written, as a regular expression."""

SHAPES: dict[Any, dict[str, Any]] = {
    tuple[Scope, ...] | None: {
        "type": "array",
        "items": {"enum": [*(scope.short for scope in Scope), *Scope]},
        "minItems": 1,
    },
    datetime | None: {"type": "string", "pattern": MOMENT},
    tuple[datetime, ...]: {"type": "array", "items": {"type": "string", "pattern": MOMENT}},
    date | None: {"type": "string", "pattern": DAY},
    tuple[date, ...]: {"type": "array", "items": {"type": "string", "pattern": DAY}},
}
"""Types that are written in other forms than in which they are kept."""


def schema() -> dict[str, Any]:
    """Describe a rulebook as JSON Schema, by which editors complete and check what is typed."""
    return describe(Rulebook, "Mitregate rulebook", KEYS)


def describe(root: type[Struct], title: str, described: Mapping[type[Struct], Mapping[str, str]]) -> dict[str, Any]:
    """Describe *root* as JSON Schema, with what each key of it, and of what is in it, means."""
    found: dict[str, Any] = msgspec.json.schema(root)
    for kind, keys in described.items():
        properties = found["$defs"][kind.__name__]["properties"]
        types = get_type_hints(kind)
        for name, said in keys.items():
            shape = SHAPES.get(types[name], properties[name])
            properties[name] = _without_null(shape) | {"description": said.replace("`", "")}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title, **found}


def _without_null(shape: dict[str, Any]) -> dict[str, Any]:
    """Describe what is written: what there is nothing to say about is left out, and never null."""
    kinds = [kind for kind in shape.get("anyOf", []) if kind != {"type": "null"}]
    return dict(kinds[0] if len(kinds) == 1 else shape)
