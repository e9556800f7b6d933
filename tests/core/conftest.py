"""What the tests of the rules share: each run begins with nothing computed."""

import pytest

from mitregate.core import calendar, recurrence, rulebook, rules


@pytest.fixture(scope="session", autouse=True)
def _empty_caches() -> None:
    """Forget what was computed before: mutants of rules live in forks of a process in which all tests have run."""
    for kept in (calendar._year, recurrence._starts, rulebook._made, rules.read_rule):
        kept.cache_clear()
