"""Reach: which deployments a rule is about, by project, environment and service."""

from collections.abc import Iterable

from msgspec import Struct

from mitregate.core.control import is_like
from mitregate.core.deployments import Deployment, EnvironmentType
from mitregate.core.services import plain_id


class Subject(Struct, frozen=True, kw_only=True):
    """What rules look at in a deployment; `environments` are its environment's name and id, `services` plain ids."""

    project: str
    environments: tuple[str, ...]
    type: EnvironmentType
    services: frozenset[str] = frozenset()


class Reach(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom a rule is about: on every side that is given, one of the names or patterns must fit; none given, everybody.

    `types` are environment types, `services` ids in any form.
    """

    projects: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    types: tuple[EnvironmentType, ...] = ()
    services: tuple[str, ...] = ()

    def covers(self, subject: Subject) -> bool:
        """Tell whether the rule is about *subject*."""
        return (
            _fits(self.projects, (subject.project,))
            and _fits(self.environments, subject.environments)
            and (not self.types or subject.type in self.types)
            and (not self.services or not subject.services.isdisjoint(map(plain_id, self.services)))
        )


def subject_of(deployment: Deployment) -> Subject:
    """Say what rules look at in *deployment*."""
    environment = deployment.environment
    return Subject(
        project=deployment.project,
        environments=tuple({environment.display_name, environment.id}),
        type=environment.type,
        services=frozenset(map(plain_id, deployment.associations.services)),
    )


def _fits(patterns: tuple[str, ...], names: Iterable[str]) -> bool:
    return not patterns or any(is_like(name, pattern) for name in names for pattern in patterns)
