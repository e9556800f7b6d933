"""Bodies: what the native API is sent; a field that is not known here is refused."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from mitregate.core.changes import ChangeType, Transition
from mitregate.core.matching import TITLE_LIMIT
from mitregate.core.people import Role, Scope
from mitregate.flows.admit import NAME_LIMIT

_LENGTH = {"extra": {"min_length": 1, "max_length": NAME_LIMIT}}
"""For the document alone: the flow that keeps a name checks it, and says more."""

Name = Annotated[str, Meta(description=f"1 to {NAME_LIMIT} printable characters.", extra_json_schema=_LENGTH)]

Remark = Annotated[str, Meta(description="Why; it is kept with the decision.")]


Seen = Annotated[
    str | None,
    Meta(description="The `digest` of the change as it was shown; if it is another by now, the decision is refused."),
]


class Body(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What all bodies share: names in camel case, and nothing unknown."""


class SetUp(Body, frozen=True, kw_only=True):
    """The first user of an installation."""

    token: Annotated[str, Meta(description="The one-time token that the server printed when it started.")]
    name: Annotated[
        str, Meta(description="The name of the first user, who becomes an administrator.", extra_json_schema=_LENGTH)
    ]


class NewApp(Body, frozen=True, kw_only=True):
    """An app to be added."""

    name: Name
    scopes: Annotated[
        frozenset[Scope] | None, Meta(description="What it may do with its deployments; everything by default.")
    ] = None
    callback_url: Annotated[str | None, Meta(description="Where to tell it verdicts, by signed webhooks.")] = None


class AppChange(Body, frozen=True, kw_only=True):
    """What is to change about an app; what is left out stays as it is."""

    scopes: Annotated[frozenset[Scope] | UnsetType, Meta(description="What it may do with its deployments.")] = UNSET
    callback_url: (
        Annotated[str | None, Meta(description="Where to tell it verdicts; null for nowhere any more.")] | UnsetType
    ) = UNSET


class SecretRenewal(Body, frozen=True, kw_only=True):
    """How a client secret is to be replaced."""

    old_until: (
        Annotated[datetime, Meta(description="How long the old one is good; until it is ended if left out.")] | None
    ) = None
    at_once: Annotated[
        bool, Meta(description="Refuse the old one, and the access tokens of the app, from now on, as after a leak.")
    ] = False


class AppToInstall(Body, frozen=True, kw_only=True):
    """A Connect app to be installed."""

    descriptor_url: Annotated[str, Meta(description="Where it describes itself, often …/atlassian-connect.json.")]


class NewJenkins(Body, frozen=True, kw_only=True):
    """A Jenkins server to be added."""

    name: Name
    callback_url: Annotated[
        str | None, Meta(description="Where to tell it verdicts as well, by signed webhooks; the plugin needs none.")
    ] = None


class Rotation(Body, frozen=True, kw_only=True):
    """How a secret is to be replaced."""

    at_once: Annotated[
        bool, Meta(description="Refuse the old secret from now on, not only when Jenkins has used the new one.")
    ] = False


class NewUser(Body, frozen=True, kw_only=True):
    """A user to be added."""

    name: Name
    role: Role


class UserChange(Body, frozen=True, kw_only=True):
    """What is to change about a user."""

    role: Role


class NewToken(Body, frozen=True, kw_only=True):
    """An API token to be made."""

    label: Annotated[str, Meta(description="What it is for.", extra_json_schema={"extra": {"max_length": NAME_LIMIT}})]
    user_id: Annotated[str | None, Meta(description="Whose it is; one's own by default.")] = None
    days: (
        Annotated[int, Meta(ge=1, le=3650, description="How many days it is good for; for ever by default.")] | None
    ) = None


class Judgement(Body, frozen=True, kw_only=True):
    """A decision on a change."""

    comment: Remark = ""
    seen: Seen = None


class Move(Body, frozen=True, kw_only=True):
    """A step in the change workflow."""

    transition: Annotated[Transition, Meta(description="One of those that the change lists as possible now.")]
    comment: Remark = ""
    seen: Seen = None


class Plan(Body, frozen=True, kw_only=True):
    """A change window; a side that is left out is open."""

    start: Annotated[datetime | None, Meta(description="When the window opens, with an offset from UTC.")] = None
    end: Annotated[datetime | None, Meta(description="The last instant of the window, with an offset from UTC.")] = None


class Covers(Body, frozen=True, kw_only=True):
    """Which deployments a change is prepared for: names or patterns with `*`, `?` and `[…]`."""

    project: Annotated[str, Meta(description="The project, or a pattern.", extra_json_schema=_LENGTH)]
    environment: Annotated[
        str, Meta(description="The environment's name or id, or a pattern.", extra_json_schema=_LENGTH)
    ]
    version: Annotated[str, Meta(description="The version, or a pattern.", extra_json_schema=_LENGTH)]


class NewChange(Body, frozen=True, kw_only=True):
    """A change that is prepared by hand, before there is a deployment for it."""

    title: Annotated[
        str,
        Meta(
            description="What it is called; a deployment whose change would have exactly this title finds it.",
            extra_json_schema={"extra": {"min_length": 1, "max_length": TITLE_LIMIT}},
        ),
    ]
    description: Annotated[str, Meta(description="What is to be approved.")] = ""
    type: Annotated[
        Literal["normal", "emergency"], Meta(description="A standard change is opened by a deployment alone.")
    ] = "normal"
    services: Annotated[tuple[str, ...], Meta(description="Ids of the services that it concerns.")] = ()
    covers: (
        Annotated[Covers, Meta(description="Which deployments an approval holds for that names it by its number.")]
        | None
    ) = None
    planned_start: Annotated[datetime | None, Meta(description="When its window opens, with an offset from UTC.")] = (
        None
    )
    planned_end: Annotated[
        datetime | None, Meta(description="The last instant of its window, with an offset from UTC.")
    ] = None


class NewType(Body, frozen=True, kw_only=True):
    """Another type for a change."""

    type: Annotated[ChangeType, Meta(description="`emergency`, or `normal` again.")]
    comment: Remark = ""


class Reasoned(Body, frozen=True, kw_only=True):
    """An act that needs a reason."""

    reason: Annotated[str, Meta(description="Why; it is kept with the gate, the change and the audit log.")]


class NewComment(Body, frozen=True, kw_only=True):
    """A remark on a change."""

    text: Annotated[str, Meta(description="What is said.", extra_json_schema={"extra": {"min_length": 1}})]
