"""Values to keep, each with a word or two that the test cares about."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from mitregate.core.audit import Action, Entry
from mitregate.core.changes import Change
from mitregate.core.control import Control
from mitregate.core.deployments import (
    Associations,
    Commit,
    Deployment,
    DeploymentKey,
    Environment,
    EnvironmentType,
    Pipeline,
    State,
)
from mitregate.core.gates import PENDING, Gate
from mitregate.core.installations import Descriptor, Installation, Lifecycle, Module
from mitregate.core.jobs import Job
from mitregate.core.people import App, Role, Scope, Token, TokenKind, User
from mitregate.ports import UnitOfWork

Kept = App | User | Token | Deployment | Gate | Job | Entry

NOW = datetime.now(UTC)
AGO = NOW - timedelta(minutes=1)
LATER = NOW + timedelta(hours=1)


def app(name: str = "app", **others: Any) -> App:
    """An app whose id is its name."""
    given: dict[str, Any] = {
        "id": name,
        "name": name,
        "client_id": f"client of {name}",
        "secret_hash": "5e",
        "created_at": NOW,
    }
    return App(**given | {"scopes": frozenset(Scope)} | others)


def installation(app_key: str = "com.example.ci") -> Installation:
    """A Connect app that is installed."""
    descriptor = Descriptor(
        key=app_key,
        name="CI",
        base_url="https://ci.example.com/connect",
        scopes=frozenset(Scope),
        modules=frozenset(Module),
        lifecycle={Lifecycle.INSTALLED: "/installed"},
        callback="/gate",
    )
    return Installation(
        descriptor=descriptor,
        descriptor_url="https://ci.example.com/connect/descriptor.json",
        client_key="us",
        shared_secret="sealed",
    )


def user(name: str = "ann", **others: Any) -> User:
    """A user whose id is the name."""
    given: dict[str, Any] = {"id": name, "name": name, "role": Role.APPROVER, "created_at": NOW}
    return User(**given | others)


def token(name: str = "token", **others: Any) -> Token:
    """A token whose hash is made of its id."""
    given: dict[str, Any] = {"id": name, "hash": f"#{name}", "kind": TokenKind.API, "created_at": NOW}
    return Token(**given | others)


def key(number: int = 1, **others: Any) -> DeploymentKey:
    """A key of the app called app."""
    given: dict[str, Any] = {
        "app_id": "app",
        "pipeline_id": "pipe",
        "environment_id": "prod",
        "sequence_number": number,
    }
    return DeploymentKey(**given | others)


def deployment(number: int = 1, update: int = 1, **others: Any) -> Deployment:
    """A deployment with everything in it."""
    given: dict[str, Any] = {
        "key": key(number),
        "update_sequence_number": update,
        "display_name": "Deploy",
        "url": "https://ci.example.com/1",
        "description": "Line one\nline two",
        "last_updated": NOW,
        "state": State.PENDING,
        "pipeline": Pipeline(id="pipe", display_name="group/project", url="https://ci.example.com"),
        "environment": Environment(id="prod", display_name="Production", type=EnvironmentType.PRODUCTION),
        "label": "1.2.3",
        "duration": 60,
        "associations": Associations(
            issues=("ABC-1",), services=("s",), commits=(Commit(repository_id="r", hash="c"),)
        ),
        "asks_for_gating": True,
        "product": "GitLab",
    }
    return Deployment(**given | others)


def gate(name: str = "gate", number: int = 1, **others: Any) -> Gate:
    """A gate that waits, with the given id, before deployment *number*."""
    given: dict[str, Any] = {
        "id": name,
        "key": key(number),
        "control": Control.REQUIRED,
        "change_key": "CHG-1",
        "verdict": PENDING,
        "since": NOW,
        "project": "group/project",
        "version": "1.2.3",
        "environment": "Production",
        "environment_type": EnvironmentType.PRODUCTION,
        "url": "https://ci.example.com/1",
        "created_at": NOW,
    }
    return Gate(**given | others)


def change(title: str = "Deploy", **others: Any) -> Change:
    """A change that has no number yet."""
    given: dict[str, Any] = {"number": 0, "title": title, "description": "Why", "requested_by": "app"}
    return Change(**given | {"created_at": NOW, "updated_at": NOW} | others)


def job(name: str = "job", **others: Any) -> Job:
    """A job that is due, in a lane of the gate called gate."""
    given: dict[str, Any] = {"id": name, "provider": "webhook", "lane": "lane", "gate_id": "gate", "payload": "{}"}
    return Job(**given | {"due_at": AGO, "created_at": AGO} | others)


def entry(subject: str = "gate", **others: Any) -> Entry:
    """An audit entry."""
    given: dict[str, Any] = {
        "at": NOW,
        "actor": "ann",
        "origin": "10.0.0.1",
        "action": Action.GATE_OPENED,
        "subject": subject,
    }
    return Entry(**given | {"detail": {"status": "awaiting"}} | others)


def keep(*values: Kept) -> Callable[[UnitOfWork], None]:
    """Make a flow that keeps new *values*, in their order."""

    def flow(uow: UnitOfWork) -> None:
        for value in values:
            match value:
                case App():
                    uow.apps.add(value)
                case User():
                    uow.people.add_user(value)
                case Token():
                    uow.people.add_token(value)
                case Deployment():
                    uow.deployments.keep(value, NOW)
                case Gate():
                    uow.gates.add(value)
                case Job():
                    uow.jobs.add(value)
                case Entry():
                    uow.audit.record(value)

    return flow
