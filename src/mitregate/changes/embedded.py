"""The embedded change system: changes live in our own database, and no server is needed (domain.md §4).

A change is opened in the transaction that opens its gate. Once its approvals are complete it walks by itself through
planning to Awaiting implementation, and inside its window on to Implementing, as far as the operator's workflow has it
so. Several deployments may rely on one change; how the last of them ends moves it on.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from mitregate.core.approvals import Tally, tally
from mitregate.core.audit import SYSTEM
from mitregate.core.binding import accepted, plan_of
from mitregate.core.catalogue import approves
from mitregate.core.changes import FIRST, Change, ChangeType, Comment, Status, move, number_of
from mitregate.core.concern import concerning, services_of
from mitregate.core.conflicts import Conflict, concerned, is_planned, mark_of, overlap
from mitregate.core.deployments import Deployment, State
from mitregate.core.errors import Unknown
from mitregate.core.gates import Gate, Standing
from mitregate.core.matching import How, describe, mark, title
from mitregate.core.profiles import IMAGINED, Profile, given_on, profile_of
from mitregate.core.reach import subject_of
from mitregate.core.risk import COUNTED, Assessment
from mitregate.core.rulebook import Rulebook, services_by_id
from mitregate.core.workflow import approvals_needed, class_of, last_steps, moves_by_itself, needs, walk
from mitregate.ports import UnitOfWork, Wish

NEIGHBOURS = 100
"""Changes that are looked at together in search of conflicts."""


class Embedded:
    """Changes in our own database."""

    def find(self, uow: UnitOfWork, deployment: Deployment) -> tuple[str, How] | None:
        """Find the open change that a deployment shares with others: deployed before, or of exactly the same title."""
        named = title(deployment, uow.rules.current().book.titles)
        found = uow.changes.open_for(mark(deployment), named, deployment.key.app_id)
        if found is None or not found[0].is_open:
            return None
        change, is_marked = found
        return change.key, How.REDEPLOYED if is_marked else How.TITLED

    def is_open(self, uow: UnitOfWork, change_key: str, deployment: Deployment) -> bool:
        """Say whether a deployment may rely on the change of that key, and something can still come of it."""
        change = _find_for(uow, change_key, deployment)
        return change is not None and change.is_open

    def open(self, uow: UnitOfWork, deployment: Deployment, wish: Wish, requested_by: str, now: datetime) -> str:
        """Open a change for a deployment, in the transaction at hand; give its key."""
        change = uow.changes.add(_draft(uow.rules.current().book, deployment, wish, requested_by, now))
        uow.changes.mark(change.number, _marks(change, deployment))
        if wish.note:
            _say(uow, change.number, wish.note, now)
        return change.key

    def join(
        self, uow: UnitOfWork, change_key: str, deployment: Deployment, assessment: Assessment, now: datetime
    ) -> bool:
        """Let one more deployment rely on a change, if it is open; say whether there is such a change for it."""
        change = _find_for(uow, change_key, deployment)
        if change is None or not change.is_open:
            return change is not None
        joined = concerning(change, deployment, assessment)
        uow.changes.mark(change.number, _marks(joined, deployment))
        if joined != change:
            self._say_otherwise(uow, change, joined, now)
        where = deployment.environment.display_name or deployment.environment.id
        _say(uow, change.number, f"{deployment.display_name} to {where} relies on this change, too.", now)
        return True

    def fetch(self, uow: UnitOfWork, change_keys: Collection[str]) -> None:
        """Read several changes in one go, before each is asked for."""
        uow.changes.fetch({number for key in change_keys if (number := _number(key)) is not None})

    def look(self, uow: UnitOfWork, change_key: str, deployment: Deployment) -> Standing | None:
        """Say how a change stands, without moving it; None if it cannot be found."""
        change = _find(uow, change_key)
        if change is None:
            return None
        book = uow.rules.current().book
        return standing(book, change, _tally(uow, book, change, deployment))

    def advance(self, uow: UnitOfWork, change_key: str, deployment: Deployment, now: datetime) -> Standing | None:
        """Let a change take the steps that it takes by itself, and say how it stands; None if it cannot be found."""
        change = _find(uow, change_key)
        if change is None:
            return None
        book = uow.rules.current().book
        given = _tally(uow, book, change, deployment)
        moved = walk(book.workflow, change, given, now)
        if moved is not change:
            uow.changes.keep(moved)
            _say(uow, change.number, f"Moved from {change.status.value} to {moved.status.value}.", now)
        return standing(book, moved, given)

    def describe(
        self, uow: UnitOfWork, change_key: str, deployment: Deployment, assessment: Assessment, now: datetime
    ) -> None:
        """Let a change say what its deployment says of itself by now: nobody shall approve what they did not read.

        Of several deployments the one that has relied on it for longest speaks; of a change that was prepared, none.
        """
        change = _find(uow, change_key)
        if change is None or not change.is_open:
            return
        described = concerning(change, deployment, assessment)
        if (
            not change.is_prepared
            and next((gate.key for gate in uow.gates.sharing(change.key) if gate.relies), None) == deployment.key
        ):
            named = title(deployment, uow.rules.current().book.titles)
            is_taken = named != change.title and uow.changes.is_titled(named, change.app_id)
            described = replace(
                described,
                title=named,
                description=describe(deployment),
                is_twin=is_taken or (change.is_twin and named == change.title),
            )
        uow.changes.mark(change.number, _marks(described, deployment))
        if described != change:
            self._say_otherwise(uow, change, described, now)
            _say(uow, change.number, "The deployment was submitted anew, and describes itself otherwise.", now)

    def finish(self, uow: UnitOfWork, change_key: str, outcome: State, now: datetime, note: str = "") -> None:
        """Tell a change that a deployment which relied on it has ended, after its gate was kept so."""
        # Locked before the others are looked at: of two that end at the same time, one is the last.
        change = _find(uow, change_key)
        if change is None:
            return
        text = note or f"The deployment ended: {outcome.value}."
        if change.is_open:
            others = uow.gates.sharing(change.key)
            relying = sum(gate.relies for gate in others)
            if relying:
                text += f" {relying} more {'relies' if relying == 1 else 'rely'} on this change."
            else:
                text += self._close(uow, change, _lasting(others, outcome), now)
        _say(uow, change.number, text, now)

    def profile(self, uow: UnitOfWork, change_key: str, deployment: Deployment | None) -> Profile | None:
        """Say what is to be explained of a change, for one deployment that relies on it; None if it cannot be found."""
        change = _find(uow, change_key)
        return _profile(uow, change, deployment) if change is not None else None

    def imagine(
        self, uow: UnitOfWork, change_key: str | None, deployment: Deployment, wish: Wish, now: datetime
    ) -> tuple[Standing, Profile] | None:
        """Say how a change would stand once a deployment relied on it, and what it would be; writes nothing."""
        book = uow.rules.current().book
        change = _find_for(uow, change_key, deployment) if change_key else _draft(book, deployment, wish, "", now)
        if change is None:
            return None
        if change_key is not None and change.is_open:
            change = concerning(change, deployment, wish.assessment)
        change = replace(change, window=wish.window) if is_planned(wish.window) else change
        given = _tally(uow, book, change, deployment)
        moved = walk(book.workflow, change, given, now)
        profile = _profile(uow, moved, deployment)
        return replace(standing(book, moved, given), key=profile.key), profile

    def conflicts(self, uow: UnitOfWork, change_key: str) -> tuple[Conflict, ...]:
        """Give the open changes that would touch the same services at the same time."""
        change = _find(uow, change_key)
        return tuple(_conflicts(uow, uow.rules.current().book, change)) if change is not None else ()

    def touch(self, uow: UnitOfWork, change_key: str, now: datetime) -> None:
        """Let those be decided anew whose change conflicts with this one, where the rules make something of that."""
        book = uow.rules.current().book
        change = _find(uow, change_key) if book.conflicts.more_approvals else None
        for conflict in _conflicts(uow, book, change) if change is not None else ():
            uow.gates.wake_those_of(conflict.key, now)

    def comment(self, uow: UnitOfWork, change_key: str, text: str, now: datetime) -> None:
        """Leave a remark by Mitregate on a change."""
        if _find(uow, change_key) is not None:
            _say(uow, number_of(change_key), text, now)

    def _say_otherwise(self, uow: UnitOfWork, change: Change, said: Change, now: datetime) -> None:
        """Keep what a change came to say; those that rely on it are decided anew, and those that conflict with it."""
        uow.changes.keep(replace(said, updated_at=now))
        uow.gates.wake_those_of(change.key, now)
        if said.services != change.services:
            self.touch(uow, change.key, now)

    def _close(self, uow: UnitOfWork, change: Change, outcome: State, now: datetime) -> str:
        """Move a change on which no deployment relies any more, and say so."""
        book = uow.rules.current().book
        if change.is_prepared and outcome is State.CANCELLED:
            return " The change stays open, as it was prepared by hand."
        moved = change
        for step in last_steps(book.workflow, change.status, outcome):
            moved = move(moved, step, now)
        if moved is change:
            return " The change stays open."
        self.touch(uow, change.key, now)
        uow.changes.keep(moved)
        return f" Moved from {change.status.value} to {moved.status.value}."


def standing(book: Rulebook, change: Change, given: Tally) -> Standing:
    """Say how *change* stands by the rules of *book*, with its approvals as they were counted."""
    return Standing(
        key=change.key,
        status=change.status.value,
        status_class=class_of(book.workflow, change.status),
        is_declined=change.status is Status.DECLINED,
        moves_by_itself=moves_by_itself(book.workflow, change.status),
        is_emergency=change.type is ChangeType.EMERGENCY,
        window=change.window,
        approvals=given,
    )


def _draft(book: Rulebook, deployment: Deployment, wish: Wish, requested_by: str, now: datetime) -> Change:
    """Make the change that is opened for a deployment, without its number."""
    return Change(
        number=0,
        title=title(deployment, book.titles),
        description=describe(deployment),
        app_id=deployment.key.app_id,
        type=wish.type,
        template=wish.template,
        risk=wish.assessment.risk,
        risk_why=wish.assessment.why,
        services=services_of(deployment),
        status=FIRST[wish.type],
        window=wish.window,
        requested_by=requested_by,
        created_at=now,
        updated_at=now,
    )


def _profile(uow: UnitOfWork, change: Change, deployment: Deployment | None) -> Profile:
    book = uow.rules.current().book
    found = profile_of(change, change.key if change.number else IMAGINED, _conflicts(uow, book, change))
    if deployment is None and not (change.is_prepared and change.is_open):
        return found
    seen = accepted(change, deployment, book.titles) if deployment is not None else frozenset({plan_of(change)})
    is_preapproved, more = _extent(uow, book, change, deployment)
    asked = needs(book.workflow, change, is_preapproved=is_preapproved, more=more)
    given = tally(change.approvals, seen, sum(need.count for need in asked))
    return replace(found, tally=given, needs=asked, given=given_on(change, seen))


def _find(uow: UnitOfWork, change_key: str) -> Change | None:
    number = _number(change_key)
    return uow.changes.get(number) if number is not None else None


def _number(change_key: str) -> int | None:
    try:
        return number_of(change_key)
    except Unknown:
        return None


def _find_for(uow: UnitOfWork, change_key: str, deployment: Deployment) -> Change | None:
    """Find a change that *deployment* may rely on: one of its own app, or one that was prepared for anybody's."""
    change = _find(uow, change_key)
    return change if change is not None and change.app_id in {"", deployment.key.app_id} else None


def _say(uow: UnitOfWork, number: int, text: str, now: datetime) -> None:
    uow.changes.add_comment(number, Comment(author=SYSTEM, body=text, at=now))


def _tally(uow: UnitOfWork, book: Rulebook, change: Change, deployment: Deployment) -> Tally:
    """Count the approvals of a change that hold for a deployment, and those that it needs."""
    is_preapproved, more = _extent(uow, book, change, deployment)
    needed = approvals_needed(book.workflow, change, is_preapproved=is_preapproved, more=more)
    return tally(change.approvals, accepted(change, deployment, book.titles), needed)


def _extent(uow: UnitOfWork, book: Rulebook, change: Change, deployment: Deployment | None) -> tuple[bool, int]:
    """Say whether a change is approved beforehand for a deployment, and how many more its conflicts ask for."""
    # Only what it was opened for: else whoever names its number would pass without anybody's approval, and any limit.
    is_preapproved = (
        change.type is ChangeType.STANDARD
        and deployment is not None
        and change.title == title(deployment, book.titles)
        and any(
            template.name == change.template and approves(template, subject_of(deployment), change.risk)
            for template in book.standard
        )
    )
    more = book.conflicts.more_approvals
    first = next(_conflicts(uow, book, change), None) if more else None
    more = more if first is not None and first.is_earlier else 0
    return is_preapproved, more


def _conflicts(uow: UnitOfWork, book: Rulebook, change: Change) -> Iterator[Conflict]:
    if not change.services or not is_planned(change.window):
        return
    ids = concerned(services_by_id(book), change.services)
    for other in _beside(uow, change, tuple(map(mark_of, ids))):
        if is_planned(other.window) and overlap(change.window, other.window):
            yield Conflict(
                key=other.key,
                title=other.title,
                status=other.status.value,
                window=other.window,
                services=tuple(one for one in other.services if one in ids),
                # One that is not there yet would be the latest.
                is_earlier=not change.number or other.number < change.number,
            )


def _beside(uow: UnitOfWork, change: Change, marks: tuple[str, ...]) -> Iterator[Change]:
    last = 0
    while found := uow.changes.beside(change.number, marks, NEIGHBOURS, last):
        yield from found
        if len(found) < NEIGHBOURS:
            return
        last = found[-1].number


def _marks(change: Change, deployment: Deployment) -> tuple[str, ...]:
    return (mark(deployment), *map(mark_of, change.services))


def _lasting(gates: Iterable[Gate], outcome: State) -> State:
    """Say how it ended in all: by the last deployment that did anything, if the last one of all did not."""
    earlier = [gate.outcome for gate in gates if gate.outcome in COUNTED]
    return earlier[-1] if outcome is State.CANCELLED and earlier and earlier[-1] is not None else outcome
