"""Asking: who must still approve a change, in words, and who may not (domain.md §5)."""

from collections.abc import Collection

from mitregate.core.approvals import Decision, Tally
from mitregate.core.changes import Change, ChangeType, Status
from mitregate.core.errors import Forbidden
from mitregate.core.people import Permission, Principal
from mitregate.core.profiles import Profile


def progress(tally: Tally) -> str:
    """Say how far the approvals of a change have come."""
    stale = f", {tally.stale} stale" if tally.stale else ""
    return f"{tally.met} of {tally.needed}{stale}" if tally.needed or tally.stale else "none needed"


def wanted(profile: Profile) -> str:
    """Say who must still approve a change; nothing if nobody, or if nothing is known that waits for it."""
    tally = profile.tally
    if tally is None or tally.is_complete:
        return ""
    left = tally.needed - tally.met
    given = list(dict.fromkeys(one.actor for one in profile.given if one.counts))
    who = "Another person" if given else "Somebody"
    if profile.type is ChangeType.EMERGENCY:
        said = f"Somebody with the permission {Permission.OVERRIDE.value!r} must approve it"
    elif left > 1:
        said = f"{left} {'other persons' if given else 'persons'} must approve it, each once"
    elif profile.status == Status.AWAITING_CAB:
        said = f"{who} must approve it for the CAB"
    else:
        said = f"{who} must approve it"
    done = f"; done by {', '.join(given)}" if given else ""
    return f"{said}{done}.{_stale(profile)}"


def objection(principal: Principal, change: Change, digests: Collection[str]) -> Forbidden | None:
    """Say why *principal*, who may decide, may not approve *change* as it is; None if nothing stands against it.

    An approval that would count for nothing is refused, and that of an emergency by who may not override freezes.

    Args:
        principal: who would approve.
        change: the change.
        digests: all that is to be seen of it now (`binding.shown`).
    """
    name = principal.name
    if change.type is ChangeType.EMERGENCY and Permission.OVERRIDE not in principal.permissions:
        message = (
            f"{name} may not approve {change.key}: it is an emergency, which passes freezes, so whoever approves it "
            f"needs the permission {Permission.OVERRIDE.value!r}."
        )
        return Forbidden(message, advice="Ask a change manager or an administrator to approve it.")
    given = [one for one in change.approvals if one.actor == name and one.decision is Decision.APPROVE]
    if not any(set(digests) <= set(one.digests) for one in given):
        return None
    if change.status is Status.AWAITING_CAB:
        message = f"{name} has approved {change.key} at the peer review, and one person counts once."
        return Forbidden(message, advice="Another person must approve it for the CAB.")
    message = f"{name} has approved {change.key} already, and one person counts once."
    return Forbidden(message, advice="If it needs more approvals, another person must give them.")


def _stale(profile: Profile) -> str:
    counted = {one.actor for one in profile.given if one.counts}
    approved = (one.actor for one in profile.given if one.decision is Decision.APPROVE)
    names = [name for name in dict.fromkeys(approved) if name not in counted]
    if not names:
        return ""
    return f" The approval by {', '.join(names)} was given to something else, and is asked for again."
