"""The test bed's own promises: a database per test, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from tests.postgres import running_postgres

ROOT = Path(__file__).parents[2]


def test_databases_are_fresh(postgres_database: str) -> None:
    """A test's database answers, is empty, and stores text as UTF-8."""
    with psycopg.connect(postgres_database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert (tables, encoding) == ((0,), ("UTF8",))


def test_a_durable_server_syncs() -> None:
    """A server for benchmarks writes through to disk as a production server does."""
    with running_postgres(durable=True) as url, psycopg.connect(url) as connection:
        settings = connection.execute(
            "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
        ).fetchone()
    assert settings == ("on", "on")


def test_a_killed_run_leaves_no_server() -> None:
    """When the process that asked for a server is killed, the server ends by itself."""
    story = (
        "from tests.postgres import running_postgres\nwith running_postgres() as url: print(url, flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", story],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "MITREGATE_TEST_POSTGRES"},
    ) as run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        psycopg.connect(url).close()
        run.send_signal(signal.SIGKILL)
    assert ends(url)


def ends(url: str) -> bool:
    """Tell whether the server at *url* stops answering within ten seconds."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return True
        time.sleep(0.05)
    return False
