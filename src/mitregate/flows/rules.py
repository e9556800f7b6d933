"""Rules: read and change the rulebook, and override a freeze for one deployment."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from mitregate.core.audit import Action
from mitregate.core.calendar import Calendar, Window
from mitregate.core.deployments import Deployment
from mitregate.core.differences import Difference, differences
from mitregate.core.errors import IllegalTransition, Malformed, Stale, Unknown
from mitregate.core.feeds import Condition, Feed, Readings
from mitregate.core.gates import Gate, Override, ReasonCode, Stage
from mitregate.core.people import Permission, Principal
from mitregate.core.rulebook import FreezeRule, Rulebook, freezes_of, problems, spans_of, spell_path
from mitregate.flows.act import Act
from mitregate.flows.feeds import subscribe
from mitregate.flows.settle import calendar_of, readings_for, settle
from mitregate.ports import KeptRules, UnitOfWork

REASON_LIMIT = 1000
"""Characters in the reason for an override, at most."""

SHOWN = 20
"""Problems that are told at once, at most."""


class Edition(Struct, frozen=True, kw_only=True):
    """A revision of the rules, and what it changed in the one before."""

    kept: KeptRules
    changed: tuple[Difference, ...]


class FreezeView(Struct, frozen=True, kw_only=True):
    """A freeze with the span of it that holds now, and the one that begins next, where there are.

    `reason` is why it holds now, if it does. Of a calendar that the rules subscribe to, `condition` is how that fares.
    """

    freeze: FreezeRule | Feed
    reason: str
    holds: Window | None
    next: Window | None
    condition: Condition | None = None


def check(book: Rulebook) -> Rulebook:
    """Refuse a rulebook that says what cannot be.

    Raises:
        Malformed: it has problems; all are named, with where they are.
    """
    found = problems(book)
    if found:
        said = [f"{spell_path(one.path)}: {one.message}" for one in found[:SHOWN]]
        more = f"\nAnd {len(found) - SHOWN} more." if len(found) > SHOWN else ""
        raise Malformed("\n".join(said) + more, advice="Correct it; nothing has been changed.")
    return book


def replace_all(act: Act, book: Rulebook, revision: int | None = None) -> tuple[KeptRules, tuple[Difference, ...]]:
    """Put *book* in place of the rules as they are; every gate that waits is decided on anew.

    Args:
        act: the use case under way.
        book: the rules as they shall be.
        revision: the revision that they were made from, if that is known.

    Returns:
        The rules as they are kept, and what changed; nothing is written if nothing does.

    Raises:
        Forbidden: the principal does not administer.
        Malformed: the rules say what cannot be.
        Stale: somebody changed the rules since that revision.
    """
    act.principal.require(Permission.ADMINISTER)
    return _keep(act, check(book), revision)


def revision(uow: UnitOfWork, number: int | None, principal: Principal) -> KeptRules:
    """Read the rules as they are, or were at the revision *number*.

    Raises:
        Forbidden: the principal may not view.
        Unknown: there is no such revision.
    """
    principal.require(Permission.VIEW)
    current = uow.rules.current()
    if number is None or number == current.revision:
        return current
    found = uow.rules.page(1, number + 1) if 0 < number < current.revision else []
    if found:
        return found[0]
    if number == 0:
        return KeptRules()
    message = f"There is no revision {number} of the rules; they are at {current.revision}."
    raise Unknown(message, advice="`GET /api/v1/rules/history` lists the revisions.")


def history(uow: UnitOfWork, limit: int, before: int | None, principal: Principal) -> list[Edition]:
    """Read revisions, newest first, each with what it changed.

    Raises:
        Forbidden: the principal may not view.
    """
    principal.require(Permission.VIEW)
    found = uow.rules.page(limit + 1, before)
    earlier = [*found, KeptRules()][1:]
    return [
        Edition(kept=kept, changed=differences(one.book, kept.book)) for kept, one in zip(found, earlier, strict=False)
    ][:limit]


def freezes(uow: UnitOfWork, now: datetime, principal: Principal) -> list[FreezeView]:
    """Read all freezes, each with when it holds, and after them the calendars that are subscribed to.

    Raises:
        Forbidden: the principal may not view.
    """
    principal.require(Permission.VIEW)
    book = uow.rules.current().book
    conditions = {one.name: one for one in uow.feeds.conditions()} if book.feeds else {}
    readings = readings_for(uow, book)
    both: tuple[FreezeRule | Feed, ...] = (*book.freezes, *book.feeds)
    return [_view(book, one, now, readings, conditions.get(one.name)) for one in both]


def _view(
    book: Rulebook, freeze: FreezeRule | Feed, now: datetime, readings: Readings, condition: Condition | None
) -> FreezeView:
    holds, then = spans_of(book, freeze, now, readings=readings)
    at_now = Calendar(freezes=freezes_of(book, freeze, readings=readings)).freezes_now(now)
    why = next((one.reason for one, span in at_now if span == holds), freeze.reason)
    is_fed = isinstance(freeze, Feed)
    return FreezeView(freeze=freeze, reason=why, holds=holds, next=then, condition=condition if is_fed else None)


def add_freeze(act: Act, freeze: FreezeRule) -> KeptRules:
    """Add a freeze, which holds at once for all that wait.

    Raises:
        Forbidden: the principal may not plan.
        Malformed: the freeze says what cannot be, or there is one of that name.
    """
    act.principal.require(Permission.PLAN)
    book = act.uow.rules.lock().book
    return _keep(act, check(replace(book, freezes=(*book.freezes, freeze))), None)[0]


def replace_part(act: Act, change: Callable[[Rulebook], Rulebook]) -> tuple[KeptRules, tuple[Difference, ...]]:
    """Put what *change* makes of the rules in their place; for flows that know who may do that.

    Raises:
        Malformed: the rules would say what cannot be.
    """
    return _keep(act, check(change(act.uow.rules.lock().book)), None)


def remove_freeze(act: Act, name: str) -> KeptRules:
    """Remove the freeze of that name; what it held back may go at once.

    Raises:
        Forbidden: the principal may not plan.
        Unknown: there is no such freeze.
    """
    act.principal.require(Permission.PLAN)
    book = act.uow.rules.lock().book
    left = tuple(freeze for freeze in book.freezes if freeze.name != name)
    if len(left) == len(book.freezes):
        raise Unknown(f"There is no freeze {name!r}.", advice="`mitregate freeze list` shows the freezes.")
    return _keep(act, replace(book, freezes=left), None)[0]


def override(act: Act, gate_id: str, reason: str) -> Gate:
    """Let one deployment start in spite of the freezes that hold it now; when they come again they hold it.

    Raises:
        Forbidden: the principal may not override.
        IllegalTransition: the gate does not wait any more, or no freeze holds it.
        Malformed: no reason is given, or too long a one.
        Unknown: there is no such gate.
    """
    act.principal.require(Permission.OVERRIDE)
    reason = reason.strip()
    if not 0 < len(reason) <= REASON_LIMIT:
        raise Malformed(f"An override needs a reason of at most {REASON_LIMIT} characters.", advice="Say why.")
    gate, deployment = _held(act, gate_id)
    gate = settle(act, gate, deployment)
    change = act.ports.changes.look(act.uow, gate.change_key, deployment) if gate.change_key is not None else None
    frozen = calendar_of(act, gate, deployment, change).freezes_now(act.now)
    names = tuple(dict.fromkeys(freeze.name for freeze, _ in frozen))
    if not any(why.code is ReasonCode.FROZEN for why in gate.verdict.reasons):
        raise IllegalTransition("No freeze holds this deployment.", advice="Look at why it waits: `mitregate status`.")
    earlier = gate.override.freezes if gate.override is not None else ()
    freezes = tuple(dict.fromkeys((*earlier, *names)))
    leave = Override(freezes=freezes, actor=act.principal.name, at=act.now, reason=reason)
    act.record(Action.GATE_OVERRIDDEN, gate.id, {"freezes": ", ".join(names), "reason": reason})
    if gate.change_key is not None:
        text = f"{act.principal.name} overrode {', '.join(names)}: {reason}"
        act.ports.changes.comment(act.uow, gate.change_key, text, act.now)
    overridden = replace(gate, override=leave)
    act.uow.gates.keep(overridden)
    return settle(act, replace(overridden, revision=overridden.revision + 1), deployment)


def _held(act: Act, gate_id: str) -> tuple[Gate, Deployment]:
    """Read a gate that waits, under lock, with its deployment."""
    found = act.uow.gates.get(gate_id)
    if found is None:
        raise Unknown(f"There is no gate {gate_id!r}.", advice="`mitregate status` shows the gates that wait.")
    gate = act.uow.gates.of(found.key)
    deployment = act.uow.deployments.get(found.key)
    if gate is None or gate.id != gate_id or deployment is None or gate.stage is not Stage.HELD:
        raise IllegalTransition("This deployment does not wait any more.", advice="Nothing needs to be done.")
    return gate, deployment


def require_revision(current: KeptRules, revision: int | None) -> None:
    """Refuse what was made from another revision of the rules than the *current* one; `Stale` says whose that is."""
    if revision is not None and revision != current.revision:
        by = f" by {current.actor}" if current.actor else ""
        message = f"The rules are not at revision {revision}, but at {current.revision}{by}."
        raise Stale(message, advice="Look at them as they are now, then change them again.")


def _keep(act: Act, book: Rulebook, revision: int | None) -> tuple[KeptRules, tuple[Difference, ...]]:
    current = act.uow.rules.lock()
    require_revision(current, revision)
    changed = differences(current.book, book)
    if not changed:
        return current, ()
    kept = KeptRules(revision=current.revision + 1, book=book, at=act.now, actor=act.principal.name)
    act.uow.rules.keep(kept)
    subscribe(act, book)
    act.uow.gates.wake_all(act.now)
    said = {f"{one.step.value} {one.section} {one.name}": one.after or one.before for one in changed}
    act.record(Action.RULES_CHANGED, str(kept.revision), said)
    return kept, changed
