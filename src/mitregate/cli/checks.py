"""What the doctor checks: one small function for each thing that must be right."""

import asyncio
import os
import platform
import shutil
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from mitregate import settings, wiring
from mitregate.cli.desk import decoded, path
from mitregate.cli.findings import Finding, broken, fine, odd
from mitregate.cli.records import About
from mitregate.client import ONCE, AsyncClient, Site, error_of
from mitregate.core.errors import Misconfigured, MitregateError, Unreachable
from mitregate.flows import install_keys
from mitregate.ports import UnitOfWork
from mitregate.settings import Settings
from mitregate.stores import open_store, sqlite
from mitregate.stores.location import is_postgres, sqlite_path
from mitregate.stores.sealing import Seal, key_path, read_key
from mitregate.web.certificates import open_context, read_about
from mitregate.wire.addresses import parse_networks
from mitregate.wire.http import Request

T = TypeVar("T")

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right shows an earlier time."""

DRIFT = timedelta(seconds=2)
"""How far two clocks may differ before windows open noticeably early or late."""

RENEWAL = timedelta(days=14)
"""How long before its end a certificate should have been renewed."""

LEAST_FREE = 512 * 1024 * 1024
"""Bytes that should be free on the disk."""

SERVE = "Run `mitregate serve`; it makes it."


def python() -> Finding:
    """Say which Python runs this; one that is too old would not have come this far."""
    return fine(f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}.")


def sqlite_library(here: Settings) -> Finding:
    """Look at the SQLite library, and which module brings it."""
    found = f"SQLite {sqlite.version()}, from the module {sqlite.DRIVER.__name__.partition('.')[0]}."
    try:
        sqlite.require_sound(sqlite.DRIVER.sqlite_version_info)
    except Misconfigured as error:
        if is_postgres(here.database):
            return odd(found, f"It is not in use. {error.message}")
        raise
    return fine(found)


def disk(here: Settings) -> Finding:
    """Look at the disk where the data is kept."""
    if is_postgres(here.database):
        return fine("Nothing is kept on this machine's disk.")
    folder = _nearest(sqlite_path(here.database).absolute().parent)
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        return broken(
            f"{folder} is no folder that can be written to.", "Give this user the right, or move the database."
        )
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE:
        return odd(f"{free // 2**20} MiB are free in {folder}.", "Make room: a full disk stops every decision.")
    return fine(f"{folder} can be written to; {free // 2**30} GiB are free.")


def database(here: Settings) -> Finding:
    """Look whether the database can be reached and is up to date."""
    if not is_postgres(here.database) and not sqlite_path(here.database).exists():
        return odd(f"The database {sqlite_path(here.database)} is not there yet.", SERVE)
    _read(here, lambda uow: uow.apps.all())
    kind = "PostgreSQL" if is_postgres(here.database) else f"SQLite, {sqlite_path(here.database).absolute()}"
    return fine(f"{kind}: it answers and is up to date.")


def key(here: Settings) -> Finding:
    """Look whether the key that seals secrets is there, and opens those in the database."""
    where = key_path(here.key_file, here.database)
    if not here.secret_key and where is None:
        read_key(here.secret_key, here.key_file, here.database)
    if here.secret_key or where is None:
        where_said = "MITREGATE_SECRET_KEY"
    elif not where.exists():
        return _key_is_missing(here, where)
    else:
        where_said = str(where.absolute())
        if where.stat().st_mode & 0o077:
            return odd(f"Others on this machine can read the key in {where}.", f"Run: chmod 600 {where}")
    seal = Seal(read_key(here.secret_key, here.key_file, here.database))
    opened = [seal.open(secret) for secret in _sealed(here)]
    known = f"{len(opened)} secrets in the database were opened with it" if opened else "no secret needs it yet"
    return fine(f"The key is in {where_said}; {known}.")


def _key_is_missing(here: Settings, where: Path) -> Finding:
    sealed = _sealed(here)
    if sealed:
        message = f"The key file {where} is missing, and {len(sealed)} secrets in the database need it."
        return broken(message, "Bring it back from a backup; without it, add these apps again.")
    return odd(f"The key file {where} is not there yet.", "It is made when it is needed; keep a copy of it then.")


def _sealed(here: Settings) -> list[str]:
    """Read the sealed secrets; none if there is no database yet."""
    if not is_postgres(here.database) and not sqlite_path(here.database).exists():
        return []
    apps, keys = _read(here, lambda uow: (uow.apps.all(), install_keys.sealed(uow)))
    return [secret for app in apps for secret in app.sealed] + list(keys)


def apps(here: Settings) -> Finding:
    """Look whether there is a Connect app that does not know what it shares with us, or of which we do not know it."""
    if not is_postgres(here.database) and not sqlite_path(here.database).exists():
        return fine("There is no app yet.")
    found = _read(here, lambda uow: uow.apps.all())
    installed = [(app.name, app.connect) for app in found if app.connect is not None]
    odd_ones = [name for name, connect in installed if connect.shared_secret is None or connect.offered_secrets]
    if odd_ones:
        message = f"The last installation did not come to a known end of: {', '.join(odd_ones)}."
        return odd(message, "Install them again with `mitregate app install`.")
    return fine(f"There are {len(found)}, of which {len(installed)} are Connect apps.")


def users(here: Settings) -> Finding:
    """Look whether there is anybody who can decide."""
    if not is_postgres(here.database) and not sqlite_path(here.database).exists():
        return odd("There is no user yet.", "`mitregate serve` shows how to become the first one.")
    found = _read(here, lambda uow: uow.people.users())
    if not found:
        advice = "`mitregate serve` shows how to become the first one; or run `mitregate user add NAME --role admin`."
        return odd("There is no user yet.", advice)
    return fine("There is one user." if len(found) == 1 else f"There are {len(found)} users.")


def base_url(here: Settings) -> Finding:
    """Look at the address that links and callbacks carry."""
    url = here.public_url
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not host:
        return broken(f"MITREGATE_BASE_URL is {url!r}, which names no host.", "Give it as in https://gate.example.com.")
    if host in {"0.0.0.0", "::"}:  # noqa: S104
        return odd(f"Links lead to {url}, which nobody can open.", "Set MITREGATE_BASE_URL to the address people use.")
    try:
        socket.getaddrinfo(host, parts.port)
    except (OSError, UnicodeError):
        return odd(f"The name {host} in MITREGATE_BASE_URL cannot be resolved here.", "Check it for a slip.")
    if parts.scheme == "http" and not _is_loopback(host):
        advice = "Put a proxy with TLS before it, and set MITREGATE_BASE_URL to its https address: tokens pass here."
        return odd(f"{url} is not encrypted.", advice)
    return fine(f"Links lead to {url}.")


def outbound(here: Settings) -> Finding:
    """Look at the list of internal networks that callbacks may reach."""
    networks = parse_networks(here.outbound_allow)
    if any(network.prefixlen == 0 for network in networks):
        return odd("Callbacks may reach every address.", "Narrow MITREGATE_OUTBOUND_ALLOW down to what is needed.")
    allowed = ", ".join(map(str, networks))
    return fine(f"Callbacks may reach public addresses{f' and {allowed}' if allowed else ' only'}.")


def tls(here: Settings) -> Finding:
    """Look at the certificate for https, if the server has one of its own."""
    if not here.tls_cert:
        return fine("The server speaks plain HTTP.")
    open_context(here.tls_cert, here.tls_key)
    found, now = read_about(here.tls_cert), wiring.now()
    renew = "Put a new one in its place, and send the server SIGHUP."
    if now > found.ends:
        return broken(f"The certificate in {here.tls_cert} has ended, {found.ends:%Y-%m-%d %H:%M} UTC.", renew)
    if now < found.begins:
        advice = "Look at this machine's clock, or wait."
        return broken(f"The certificate in {here.tls_cert} begins {found.begins:%Y-%m-%d %H:%M} UTC.", advice)
    if found.ends - now < RENEWAL:
        return odd(f"The certificate in {here.tls_cert} ends soon, {found.ends:%Y-%m-%d %H:%M} UTC.", renew)
    host = urlsplit(here.public_url).hostname or ""
    if not found.is_for(host):
        advice = "Clients refuse it, unless something before the server has a certificate for that name."
        return odd(f"The certificate is for {', '.join(found.hosts) or 'no host'}, not for {host}.", advice)
    return fine(f"The certificate for {host} is good until {found.ends:%Y-%m-%d %H:%M} UTC.")


def proxies(here: Settings) -> Finding:
    """Look at the list of proxies that are believed when they say who calls."""
    networks = parse_networks(here.trusted_proxies, settings.TRUSTED_PROXIES)
    if any(network.prefixlen == 0 for network in networks):
        advice = f"Narrow {settings.TRUSTED_PROXIES} down to your proxies: now every caller can choose an address."
        return odd("Everybody is believed who they say they are.", advice)
    if not networks:
        return fine("No proxy is believed: whoever connects is taken for the caller.")
    return fine(f"Believed to say who calls: {', '.join(map(str, networks))}.")


def certificates(_here: Settings) -> Finding:
    """Look whether https receivers can be proved at all."""
    if not ssl.create_default_context().get_ca_certs() and not ssl.get_default_verify_paths().capath:
        return odd("No certificate authorities are known here.", "Install the package ca-certificates.")
    return fine("Certificate authorities are installed.")


def clock(here: Settings) -> Finding:
    """Look at this machine's clock, and compare it with the server's, if that answers."""
    now = wiring.now()
    if now < EARLIEST:
        return broken(f"The clock shows {now:%Y-%m-%d %H:%M:%S} UTC.", "Set it, and let NTP keep it.")
    try:
        there = asyncio.run(_about(here.public_url)).time
    except MitregateError:
        return fine(f"It shows {now:%Y-%m-%d %H:%M:%S} UTC.")
    if abs(there - now) > DRIFT:
        return odd(f"It differs from the server's by {abs(there - now)}.", "Let NTP keep both.")
    return fine("It shows the same time as the server's.")


def port(here: Settings) -> Finding:
    """Look whether the port is free, or our own server answers there."""
    if here.port == 0:
        return fine("A free port is taken at every start.")
    where = f"{here.host} port {here.port}"
    family = socket.AF_INET6 if ":" in here.host else socket.AF_INET
    try:
        socket.create_server((here.host, here.port), family=family).close()
    except OSError as error:
        return _who_listens(here, where, error)
    return fine(f"{where} is free; `mitregate serve` would listen there.")


def _who_listens(here: Settings, where: str, error: OSError) -> Finding:
    host = "127.0.0.1" if here.host in {"0.0.0.0", "::"} else here.host  # noqa: S104
    url = f"http://{f'[{host}]' if ':' in host else host}:{here.port}"
    try:
        # The certificate is for the name that people use, seldom for the address to listen on.
        found = asyncio.run(_about(here.public_url if here.tls_cert else url))
    except MitregateError:
        message = f"Cannot listen on {where}: {error.strerror}."
        return broken(message, "Stop what listens there, or set MITREGATE_HOST and MITREGATE_PORT.")
    return fine(f"Mitregate {found.version} answers on {where}.")


def server(here: Settings) -> Finding:
    """Look whether the server that the CLI is told to talk to answers."""
    if not here.url:
        return fine("MITREGATE_URL is not set: commands work on the local database.")
    try:
        found = asyncio.run(_about(here.url.rstrip("/")))
    except Unreachable as error:
        return broken(error.message, "Check MITREGATE_URL, and that the server runs there.")
    return fine(f"Mitregate {found.version} answers at {here.url}.")


ALL: Mapping[str, Callable[[Settings], Finding]] = {
    "sqlite": sqlite_library,
    "disk": disk,
    "database": database,
    "key": key,
    "users": users,
    "apps": apps,
    "base url": base_url,
    "outbound": outbound,
    "certificates": certificates,
    "tls": tls,
    "proxies": proxies,
    "clock": clock,
    "port": port,
    "server": server,
}
"""All checks that need the settings, by name, in the order in which they are shown."""


async def _about(url: str) -> About:
    """Ask a server what it is, which everybody may."""
    async with AsyncClient(Site.mitregate(url), None, retries=ONCE) as client:
        reply = await client.send(Request(method="GET", url=path("about")))
    if reply.status != 200:
        raise error_of(reply)
    return decoded(reply.body, About)


def _read(here: Settings, flow: Callable[[UnitOfWork], T]) -> T:
    async def opened() -> T:
        store = open_store(here.database)
        try:
            return await store.read(flow)
        finally:
            await store.close()

    return asyncio.run(opened())


def _nearest(folder: Path) -> Path:
    """Give the folder, or the nearest one above it that is there."""
    return next(place for place in (folder, *folder.parents) if place.exists())


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
