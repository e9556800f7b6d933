"""What the tests of the rules share: each run begins with nothing computed."""

import sys

import pytest


@pytest.fixture(scope="session", autouse=True)
def _empty_caches() -> None:
    """Forget what was computed before: mutants of rules live in forks of a process in which all tests have run."""
    rooms = [vars(module) for name, module in sys.modules.items() if name.startswith("mitregate.core.")]
    kept = [one for room in rooms for one in room.values() if hasattr(one, "cache_clear")]
    assert kept
    for one in kept:
        one.cache_clear()
