"""What a check of the doctor finds."""

from enum import StrEnum

from msgspec import Struct


class Mark(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a check found, and what to do about it."""

    mark: Mark
    message: str
    advice: str = ""


def fine(message: str) -> Finding:
    """Find nothing to complain of."""
    return Finding(mark=Mark.OK, message=message)


def odd(message: str, advice: str) -> Finding:
    """Find something that works, but perhaps not as it is meant to."""
    return Finding(mark=Mark.WARN, message=message, advice=advice)


def broken(message: str, advice: str) -> Finding:
    """Find something that must be put right."""
    return Finding(mark=Mark.FAIL, message=message, advice=advice)
