"""What every room's tests share: a PostgreSQL server, a browser's path, and the rule that CI skips nothing."""

import os
from collections.abc import Iterator

import hypothesis
import pytest

from tests.chromium import find_chromium
from tests.postgres import fresh_database, running_postgres

IS_CI = os.environ.get("CI", "") not in {"", "0", "false"}

# A slow example on a busy machine is no failure. Under CI hypothesis brings its own, repeatable profile.
hypothesis.settings.register_profile("here", deadline=None, print_blob=True)
hypothesis.settings.load_profile("ci" if IS_CI else "here")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server that lives as long as the tests of this process: the URL of its database `postgres`."""
    with running_postgres() as url:
        yield url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """An empty PostgreSQL database for one test: its URL."""
    with fresh_database(postgres_url) as url:
        yield url


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of this machine's Chromium; its absence is a failure, told in words."""
    return find_chromium()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run that skipped anything: a part that is missing there is an error."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if IS_CI and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("\nTests were skipped, and CI skips nothing: this run has failed.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
