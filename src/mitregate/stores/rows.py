"""Rows ↔ values of the domain.

Instants are kept as UTC in text of fixed width, which sorts as time does. Text may hold any character but NUL, which
PostgreSQL cannot keep, and lone surrogates, which are no characters.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeAlias, TypeVar

import msgspec
from msgspec.structs import replace

from mitregate.core.audit import Action, Entry
from mitregate.core.changes import Change, Comment
from mitregate.core.deployments import Deployment, DeploymentKey, State
from mitregate.core.errors import Malformed, StoreError
from mitregate.core.feeds import Condition, Reading, Readings
from mitregate.core.gates import Gate, Stage
from mitregate.core.installations import Installation, JenkinsServer
from mitregate.core.jobs import Attempt, Job, JobState, Outcome
from mitregate.core.people import App, AppKind, EarlierSecret, Role, Scope, Token, TokenKind, User
from mitregate.core.rulebook import Rulebook
from mitregate.core.times import Times
from mitregate.ports import Claim, KeptRules

T = TypeVar("T")
Row = Sequence[Any]
Values: TypeAlias = dict[str, str | float | None]

EDGES = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
LOWEST, HIGHEST = -(2**63), 2**63 - 1

_encode = msgspec.json.Encoder().encode
_DEPLOYMENT = msgspec.json.Decoder(Deployment)
_GATE = msgspec.json.Decoder(Gate)
_CHANGE = msgspec.json.Decoder(Change)
_OUTCOME = msgspec.json.Decoder(Outcome)
_SCOPES = msgspec.json.Decoder(frozenset[Scope])
_INSTALLATION = msgspec.json.Decoder(Installation)
_JENKINS = msgspec.json.Decoder(JenkinsServer)
_EARLIER = msgspec.json.Decoder(tuple[EarlierSecret, ...])
_RULEBOOK = msgspec.json.Decoder(Rulebook)
_STATES = msgspec.json.Decoder(tuple[State, ...])
_TIMES = msgspec.json.Decoder(tuple[Times, ...])
_DETAIL = msgspec.json.Decoder(dict[str, str])


def plain(**values: str | float | None) -> Values:
    """Pass on what goes into columns, if both engines can keep it.

    Raises:
        Malformed: text with a NUL or a lone surrogate in it, or a number of more than 64 bits.
    """
    for name, value in values.items():
        if isinstance(value, str):
            if not value.isascii():
                _refuse_surrogates(value)
            if "\0" in value:
                raise Malformed(f"The {name.replace('_', ' ')} must not contain the character NUL.")
        elif value is not None and not LOWEST <= value <= HIGHEST:
            raise Malformed(f"The {name.replace('_', ' ')} must be a signed 64-bit number.")
    return values


def body(value: object) -> str:
    """Write a value as JSON.

    Raises:
        Malformed: it holds a lone surrogate.
    """
    try:
        return _encode(value).decode()
    except UnicodeEncodeError:
        raise Malformed("Text must not contain lone surrogates.") from None


def instant(at: datetime) -> str:
    """Write an instant in UTC; one that lies beyond the calendar's edge in UTC is put on that edge.

    Raises:
        Malformed: it has no offset from UTC, so nobody knows which instant it is.
    """
    if at.tzinfo is UTC:
        return _utc(at)
    if at.tzinfo is None:
        raise Malformed("An instant needs an offset from UTC.")
    try:
        moved = at.astimezone(UTC)
    except OverflowError:
        moved = EDGES[at.year != 1]
    return _utc(moved)


@lru_cache(maxsize=64)  # one flow writes the same instant many times
def _utc(at: datetime) -> str:
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def instant_if(at: datetime | None) -> str | None:
    """Write an instant, if there is one."""
    return None if at is None else instant(at)


def moment(text: str) -> datetime:
    """Read an instant."""
    return datetime.fromisoformat(text)


def moment_if(text: str | None) -> datetime | None:
    """Read an instant, if there is one."""
    return None if text is None else datetime.fromisoformat(text)


def key_values(key: DeploymentKey) -> Values:
    """Take a deployment's key apart."""
    return plain(
        app_id=key.app_id,
        pipeline_id=key.pipeline_id,
        environment_id=key.environment_id,
        sequence_number=key.sequence_number,
    )


def key_of(row: Row) -> DeploymentKey:
    """Read a deployment's key."""
    app_id, pipeline_id, environment_id, sequence_number = row
    return DeploymentKey(
        app_id=app_id, pipeline_id=pipeline_id, environment_id=environment_id, sequence_number=sequence_number
    )


def states_of(text: str) -> tuple[State, ...]:
    """Read how deployments ended."""
    return _read(_STATES, text)


def deployment_of(row: Row) -> Deployment:
    """Read a deployment."""
    return _read(_DEPLOYMENT, row[0])


def gate_of(row: Row) -> Gate:
    """Read a gate; it wakes when the column says, which may be sooner than what it was kept with."""
    gate = _read(_GATE, row[0])
    wake_at = moment_if(row[1])
    if wake_at == gate.verdict.wake_at or gate.stage is not Stage.HELD:
        return gate
    return replace(gate, verdict=replace(gate.verdict, wake_at=wake_at))


def change_of(row: Row) -> Change:
    """Read a change; its number is the database's, not the body's."""
    return replace(_read(_CHANGE, row[1]), number=row[0])


def comment_of(row: Row) -> Comment:
    """Read a remark."""
    return Comment(author=row[0], body=row[1], at=moment(row[2]))


def entry_of(row: Row) -> tuple[int, Entry]:
    """Read an audit entry with its number."""
    seq, at, actor, origin, action, subject, detail = row
    entry = Entry(
        at=moment(at),
        actor=actor,
        origin=origin,
        action=Action(action),
        subject=subject,
        detail=_read(_DETAIL, detail),
    )
    return seq, entry


def app_of(row: Row) -> App:
    """Read an app."""
    app_id, name, client_id, secret_hash, scopes, callback_url, signing_secret, created_at, kind, body = row
    return App(
        id=app_id,
        name=name,
        client_id=client_id,
        secret_hash=secret_hash,
        earlier_secrets=_read(_EARLIER, body) if kind == AppKind.OAUTH and body is not None else (),
        scopes=_read(_SCOPES, scopes),
        callback_url=callback_url,
        signing_secret=signing_secret,
        connect=_read(_INSTALLATION, body) if kind == AppKind.CONNECT else None,
        jenkins=_read(_JENKINS, body) if kind == AppKind.JENKINS else None,
        created_at=moment(created_at),
    )


def rules_of(row: Row) -> KeptRules:
    """Read a revision of the rulebook."""
    return KeptRules(revision=row[0], at=moment(row[1]), actor=row[2], book=_rulebook(row[3]))


@lru_cache(maxsize=8)
def _rulebook(text: str) -> Rulebook:
    return _read(_RULEBOOK, text)


@lru_cache(maxsize=4)
def readings_of(rows: tuple[Row, ...]) -> Readings:
    """Read what calendars said; for the same rows it is the same value, of which much is computed."""
    return tuple(Reading(name=name, url=url, zone=zone, times=_read(_TIMES, times)) for name, url, zone, times in rows)


def condition_of(row: Row) -> Condition:
    """Read how a calendar fares."""
    name, url, zone, due_at, read_at, failing_since, error, etag, modified = row
    return Condition(
        name=name,
        url=url,
        zone=zone,
        due_at=moment(due_at),
        read_at=moment_if(read_at),
        failing_since=moment_if(failing_since),
        error=error,
        etag=etag,
        modified=modified,
    )


def user_of(row: Row) -> User:
    """Read a user."""
    return User(id=row[0], name=row[1], role=Role(row[2]), created_at=moment(row[3]))


def token_of(row: Row) -> Token:
    """Read a token."""
    token_id, hashed, kind, app_id, user_id, label, created_at, expires_at = row
    return Token(
        id=token_id,
        hash=hashed,
        kind=TokenKind(kind),
        app_id=app_id,
        user_id=user_id,
        label=label,
        created_at=moment(created_at),
        expires_at=moment_if(expires_at),
    )


def job_of(row: Row) -> Job:
    """Read a job from the first twelve columns of *row*."""
    job_id, provider, lane, gate_id, payload, state, rung, attempts, due_at, created_at, finished_at, note = row[:12]
    return Job(
        id=job_id,
        provider=provider,
        lane=lane,
        gate_id=gate_id,
        payload=payload,
        state=JobState(state),
        rung=rung,
        attempts=attempts,
        due_at=moment(due_at),
        created_at=moment(created_at),
        finished_at=moment_if(finished_at),
        note=note,
    )


def claim_of(row: Row, lease: str) -> Claim:
    """Read a job that was just leased."""
    return Claim(job=job_of(row), lease=lease, leased_until=moment(row[12]))


def attempt_of(row: Row) -> Attempt:
    """Read a try."""
    return Attempt(number=row[0], started_at=moment(row[1]), duration_ms=row[2], outcome=_read(_OUTCOME, row[3]))


def _read(decoder: "msgspec.json.Decoder[T]", text: str) -> T:
    try:
        return decoder.decode(text)
    except msgspec.MsgspecError as error:
        raise StoreError(f"The database holds a record that this version cannot read: {error}") from error


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Malformed("Text must not contain lone surrogates.") from None
