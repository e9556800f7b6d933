"""Hints: what one process tells the others of a commit, in the payload of a NOTIFY."""

from mitregate.ports import Touched

NAMED = 100
"""Gates that a hint names, at most; beyond that it says "some"."""

LONGEST = 7000
"""Characters of gate ids in a hint, at most: a payload holds less than 8000 bytes."""


def hint(token: str, touched: Touched) -> str:
    """Write what a commit touched as the payload of a NOTIFY, which holds less than 8000 bytes."""
    gates = touched.gates
    names = ",".join(sorted(gates)) if gates is not None and len(gates) <= NAMED else "*"
    if len(names) > LONGEST:
        names = "*"
    return f"{token} {int(touched.work)} {names}"


def read_hint(token: str, payload: str) -> Touched | None:
    """Read such a payload; None if it was written with *token*, that is by oneself."""
    author, _, rest = payload.partition(" ")
    work, _, names = rest.partition(" ")
    if author == token:
        return None
    gates = None if names == "*" else frozenset(filter(None, names.split(",")))
    return Touched(gates=gates, work=work != "0")
