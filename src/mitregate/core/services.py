"""Services: what is deployed, how critical it is, who owns it and who may approve its changes (domain.md §1).

Jira names a service by an ARI, or by `b:` and the ARI in base64
(https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-service-registry/); other tools by any name. All
forms of one name are one service.
"""

import binascii
from base64 import b64decode
from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta, Struct

Tier = Annotated[int, Meta(ge=1, le=4)]
"""How critical a service is: 1 the most, 4 the least."""

ServiceId = Annotated[str, Meta(min_length=1, max_length=255)]

ENCODED = "b:"


class Group(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People who do something together; `members` are names of users."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    members: tuple[str, ...] = ()


class Service(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A service.

    `aliases` are other ids by which tools name it, `owner` is a group, `approvers` are groups and users, `depends_on`
    ids of services that must not be changed at the same time.
    """

    id: ServiceId
    name: str = ""
    tier: Tier
    aliases: tuple[str, ...] = ()
    owner: str = ""
    approvers: tuple[str, ...] = ()
    depends_on: tuple[str, ...] = ()

    @property
    def ids(self) -> frozenset[str]:
        """Every id of it, in the form in which ids are compared."""
        return frozenset(map(plain_id, (self.id, *self.aliases)))


class Found(Struct, frozen=True, kw_only=True):
    """The services that ids name, without repetition, and the ids that name none."""

    known: tuple[Service, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def tier(self) -> int | None:
        """The tier of the most critical of them; None if none is known."""
        return min((service.tier for service in self.known), default=None)


def plain_id(service_id: str) -> str:
    """Give the form in which ids are compared: decoded if it begins with `b:`, else as it is, without spaces around."""
    text = service_id.strip()
    if not text.startswith(ENCODED):
        return text
    encoded = text.removeprefix(ENCODED).rstrip("=")
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def by_id(services: Iterable[Service]) -> dict[str, Service]:
    """List *services* under each of their ids."""
    return {one: service for service in services for one in service.ids}


def find(services: Mapping[str, Service], ids: Iterable[str]) -> Found:
    """Find the services that *ids* name, in that order, among those of `by_id`."""
    wanted = dict.fromkeys(ids)
    known = dict.fromkeys(service for one in wanted if (service := services.get(plain_id(one))) is not None)
    return Found(known=tuple(known), unknown=tuple(one for one in wanted if plain_id(one) not in services))
