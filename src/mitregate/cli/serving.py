"""What runs for long, and what prepares for it: `serve`, `worker`, `migrate`."""

import asyncio
import os
import sys
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import msgspec
import typer
from msgspec.structs import replace

from mitregate import __version__, settings
from mitregate.cli.options import AsJson
from mitregate.cli.terminal import program, say, show, show_json
from mitregate.core.errors import Misconfigured
from mitregate.stores.location import is_postgres

if TYPE_CHECKING:
    from mitregate.wiring import House

Host = Annotated[str | None, typer.Option(help="The address to listen on, in place of the setting.")]
Port = Annotated[
    int | None,
    typer.Option(help="The port to listen on, in place of the setting; 0 takes a free one.", min=0, max=65535),
]

TlsCert = Annotated[
    str | None,
    typer.Option(help="The file with the certificate for https, in PEM form, in place of the setting.", metavar="FILE"),
]
TlsKey = Annotated[
    str | None, typer.Option(help="The file with its private key, in place of the setting.", metavar="FILE")
]

WELCOME = """
Mitregate {version} serves at {url}   (Ctrl-C stops it)

  The gates that wait      {url}/
  The API, with its docs   {url}/api/docs
"""

FIRST_USER = """
  Nobody has been set up yet. Open this once, to become the administrator and to get an API token:

    {url}/setup?token={token}
"""

FIRST_DEPLOYMENT = """
  To submit a first deployment, from this directory in another terminal:

    {elsewhere}{program} app add shop        # prints two lines that begin with `export`: run them, too
    {program} submit --pipeline shop --environment production --environment-type production \\
      --sequence 1 --label 1.0

  The same with curl:

    TOKEN=$(curl -s {url}/oauth/token -d grant_type=client_credentials -d client_id=$MITREGATE_CLIENT_ID \\
      -d client_secret=$MITREGATE_CLIENT_SECRET | sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')
    curl {url}/rest/deployments/0.1/bulk -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' -d '
      {{"deployments": [{{"deploymentSequenceNumber": 2, "updateSequenceNumber": 1, "state": "pending",
        "displayName": "shop 2", "label": "1.1", "description": "", "url": "https://ci.example.com/2",
        "lastUpdated": "2026-01-31T12:00:00Z", "issueKeys": ["SHOP-1"],
        "pipeline": {{"id": "shop", "displayName": "shop", "url": "https://ci.example.com"}},
        "environment": {{"id": "production", "displayName": "production", "type": "production"}},
        "commands": [{{"command": "initiate_deployment_gating"}}]}}]}}'

  `{program} status` shows why it waits, and `{program} change approve CHG-1` lets it go.
"""


def serve(
    *,
    host: Host = None,
    port: Port = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring a PostgreSQL database up to date first; SQLite always is.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Serve the APIs and the pages, and do the worker's part, until Ctrl-C or SIGTERM.

    A database of SQLite's is made and brought up to date by itself. With a certificate it speaks https alone, and reads
    its files again at SIGHUP. With --json, one line says where it serves.
    """
    from mitregate import wiring

    here = settings.load()
    given = {"host": host, "port": port, "tls_cert": tls_cert, "tls_key": tls_key}
    here = settings.check(replace(here, **{name: value for name, value in given.items() if value is not None}))
    wiring.set_up_logging(here.log_format)
    if migrate or not is_postgres(here.database):
        bring_up_to_date(here.database)
    wiring.run(wiring.serve(here, on_start=_introduce_as_json if json else _introduce))


def worker(*, json: AsJson = False) -> None:
    """Do the worker's part alone, beside processes that serve, until Ctrl-C or SIGTERM.

    It opens and closes gates at the edges of their windows, and delivers. With --json, one line says that it has begun.
    """
    from mitregate import wiring

    here = settings.load()
    wiring.set_up_logging(here.log_format)

    def introduce(_house: "House") -> None:
        if json:
            _write_line({"working": True, "pid": os.getpid()})
        else:
            say(f"Mitregate {__version__} works (Ctrl-C stops it).")

    wiring.run(wiring.work(here, on_start=introduce))


def migrate(*, json: AsJson = False) -> None:
    """Make the database, or bring it up to date; harmless to repeat."""
    here = settings.load()
    bring_up_to_date(here.database)
    from mitregate.stores.dialect import HEAD

    if json:
        show_json({"version": HEAD})
    else:
        show(f"The database is up to date: version {HEAD}.")


def bring_up_to_date(database: str) -> None:
    """Migrate the database at that URL, if it is not up to date.

    Raises:
        Misconfigured: it cannot be reached, or is of a newer version.
    """
    if not asyncio.run(_is_usable(database)):
        # Imported only here: SQLAlchemy takes memory that a server whose database is up to date would never give back.
        from mitregate.stores import schema

        schema.migrate(database)


async def _is_usable(database: str) -> bool:
    """Tell whether the database can be used as it is; if not, migrating mends it or says why."""
    from mitregate.stores import open_store

    try:
        store = open_store(database)
    except Misconfigured:
        return False
    await store.close()
    return True


def _introduce(house: "House") -> None:
    """Say to people where to look and how to begin."""
    url = house.settings.public_url
    token = house.installation.setup_token
    words = WELCOME + (FIRST_USER + FIRST_DEPLOYMENT if token else "")
    said = words.format(
        version=__version__,
        url=url,
        token=quote(token or "", safe=""),
        program=program(),
        # Given as options, host and port are not known to other commands.
        elsewhere=f"MITREGATE_BASE_URL={url} " if settings.load().public_url != url else "",
    )
    sys.stderr.write(said + "\n")
    sys.stderr.flush()


def _introduce_as_json(house: "House") -> None:
    url, token = house.settings.public_url, house.installation.setup_token
    known = {"url": url, "pid": os.getpid(), "setupToken": token}
    _write_line({name: value for name, value in known.items() if value is not None})


def _write_line(record: dict[str, object]) -> None:
    sys.stdout.write(msgspec.json.encode(record).decode() + "\n")
    sys.stdout.flush()
