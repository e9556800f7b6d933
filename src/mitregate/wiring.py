"""The composition root: the only real clock, randomness and ids, and the house put together of all its rooms.

The web room is imported where it is needed: its framework takes time to load, and not every command has use for it.
"""

import asyncio
import gc
import getpass
import secrets
import signal
import ssl
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import structlog
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from msgspec import Struct
from msgspec.structs import replace

from mitregate import __version__, reader
from mitregate.changes.embedded import Embedded
from mitregate.core.people import Permission, Principal
from mitregate.flows import admit
from mitregate.flows.act import begin
from mitregate.outbound import LARGEST_BODY, Outbound, parse_networks
from mitregate.ports import Ports, Store
from mitregate.providers.connect import Connect
from mitregate.providers.webhook import Webhook
from mitregate.settings import TRUSTED_PROXIES, Settings
from mitregate.stores import open_store
from mitregate.stores.sealing import Seal, read_key
from mitregate.wire.http import Reply, Request
from mitregate.worker import Worker

if TYPE_CHECKING:
    from mitregate.web.plain import Asgi

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, as ULIDs use it, in lower case."""

LEASE_CALLS = 6
"""How many calls to the outside fit into the time for which a worker keeps a job; by default that is a minute."""

log = structlog.get_logger()


class House(Struct, frozen=True, kw_only=True):
    """Everything that one process works with."""

    settings: Settings
    store: Store
    ports: Ports
    installation: admit.Installation


class Ids:
    """Ids that sort by the time they were made: ULIDs, rising even within a millisecond."""

    def __init__(self) -> None:
        """Begin anew."""
        self._lock = threading.Lock()
        self._last = 0

    def __call__(self) -> str:
        """Make an id of 26 letters and digits."""
        fresh = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
        with self._lock:
            self._last = number = max(fresh, self._last + 1)
        return "".join(ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def now() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def new_key() -> str:
    """Make a private RSA key of 2048 bits, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def local_principal() -> Principal:
    """Say who works on the local database: whoever may read it may do everything."""
    return Principal(name=f"local:{getpass.getuser()}", origin="local", permissions=frozenset(Permission))


def make_ports(settings: Settings) -> Ports:
    """Put the world together as the flows see it."""
    seal = Seal(read_key(settings.secret_key, settings.key_file, settings.database))
    return Ports(
        now=now,
        new_id=Ids(),
        new_secret=lambda: secrets.token_urlsafe(32),
        new_key=new_key,
        seal=seal.close,
        unseal=seal.open,
        base_url=settings.public_url,
        changes=Embedded(),
        providers={Connect.name: Connect(), Webhook.name: Webhook()},
    )


@asynccontextmanager
async def open_house(
    settings: Settings, *, is_serving: bool = False, offer_setup: bool = False
) -> AsyncIterator[House]:
    """Open the database and put the house together.

    Args:
        settings: the settings.
        is_serving: whether this process will serve or work, of which an SQLite database admits only one.
        offer_setup: whether this process will show a set-up token; it makes one shown elsewhere worthless.

    Raises:
        Misconfigured: the database is not migrated, is served already, or the key is missing.
        StoreError: the database cannot be reached.
    """
    store = open_store(settings.database, is_serving=is_serving)
    try:
        # Only now: in a folder where there is no database, no key shall be made either.
        ports = make_ports(settings)
        installation = await store.transact(lambda uow: admit.settle_in(begin(ports, uow), offer_setup=offer_setup))
        yield House(settings=settings, store=store, ports=ports, installation=installation)
    finally:
        await store.close()


def doors_of(house: House, outbound: Outbound) -> "tuple[Asgi, Callable[[], None]]":
    """Open the doors of a house: the ASGI app, and what sends waiting callers home when the server stops.

    Args:
        house: the house.
        outbound: what apps are called with while they are installed.
    """
    from mitregate.web.app import make_app
    from mitregate.web.office import About, Office

    about = About(
        version=__version__,
        cloud_id=house.installation.cloud_id,
        database=house.settings.database.partition(":")[0].replace("postgres", "postgresql", 1)[:10],
    )
    office = Office(store=house.store, ports=house.ports, about=about, talker=outbound)
    app = make_app(
        office,
        rate_limit=house.settings.rate_limit,
        trusted_proxies=parse_networks(house.settings.trusted_proxies, TRUSTED_PROXIES),
    )
    return app, office.waiters.release


async def local_call(house: House, request: Request) -> Reply:
    """Carry out a request to the native API in this process, without a socket, as the local user."""
    async with open_outbound(house.settings) as outbound:
        return await _call(doors_of(house, outbound)[0], request)


async def _call(app: "Asgi", request: Request) -> Reply:
    path, _, query = request.url.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in request.headers.items()],
        "client": None,
        "server": ("mitregate", 80),
        "state": {},
        "mitregate.principal": local_principal(),
    }
    inbox = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        for message in inbox:
            return message
        return await asyncio.Future()  # whoever asks in this process does not hang up while they wait for the answer

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return Reply(status=sent[0]["status"], headers=headers, body=b"".join(part.get("body", b"") for part in sent[1:]))


async def serve(settings: Settings, on_start: Callable[[House], None] = lambda _house: None) -> None:
    """Serve, and work, until SIGINT or SIGTERM.

    Args:
        settings: the settings.
        on_start: called with the house when the server listens; its settings tell the port.
    """
    from mitregate.web.server import bind, make_server

    tls = _read_certificate(settings)
    stop = _stop_on_signals()
    with bind(settings.host, settings.port) as listener:
        port: int = listener.getsockname()[1]
        if not settings.base_url:
            settings = replace(settings, port=port)
        async with (
            open_house(settings, is_serving=True, offer_setup=True) as house,
            open_outbound(settings) as outbound,
        ):
            app, release = doors_of(house, outbound)
            server = make_server(app, release, tls=tls)
            jobs = (server.serve([listener]), _work(house, outbound, stop), stop.wait())
            tasks = [asyncio.create_task(job) for job in jobs]
            await server.listening.wait()
            # What was loaded until here stays; the garbage collector need not go through it again and again.
            gc.freeze()
            on_start(house)
            # Whichever ends first, by a signal or by a fault, ends the others; a fault is raised again.
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            server.should_exit = True
            stop.set()
            await asyncio.gather(*tasks)


async def work(settings: Settings, on_start: Callable[[House], None] = lambda _house: None) -> None:
    """Work, without serving, until SIGINT or SIGTERM."""
    stop = _stop_on_signals()
    async with open_house(settings, is_serving=True) as house, open_outbound(settings) as outbound:
        on_start(house)
        await _work(house, outbound, stop)


@asynccontextmanager
async def open_outbound(settings: Settings, largest_body: int = LARGEST_BODY) -> AsyncIterator[Outbound]:
    """Get ready to call the outside, as far as the settings allow."""
    allow, timeout = parse_networks(settings.outbound_allow), float(settings.outbound_timeout)
    outbound = Outbound(allow=allow, timeout=timeout, largest_body=largest_body)
    try:
        yield outbound
    finally:
        await outbound.close()


async def _work(house: House, outbound: Outbound, stop: asyncio.Event) -> None:
    settings = house.settings
    worker = Worker(
        store=house.store,
        ports=house.ports,
        talker=outbound,
        concurrency=settings.worker_concurrency,
        lease=timedelta(seconds=settings.outbound_timeout * LEASE_CALLS),
    )
    async with open_outbound(settings, reader.LARGEST_BODY) as wide:
        calendars = reader.Reader(store=house.store, ports=house.ports, talker=wide)
        await asyncio.gather(worker.run(stop), calendars.run(stop))


def _read_certificate(settings: Settings) -> ssl.SSLContext | None:
    """Read the certificate for https, if there is one, and from now on read it again at each SIGHUP."""
    if not settings.tls_cert:
        return None
    from mitregate.web.certificates import Certificate

    certificate = Certificate(settings.tls_cert, settings.tls_key)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, certificate.renew)
    return certificate.context


def _stop_on_signals() -> asyncio.Event:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, stop.set)
    return stop


def set_up_logging(log_format: str) -> None:
    """Write the log to standard error, for people (`console`) or machines (`json`)."""
    is_json = log_format == "json"
    # A plain traceback: the renderer's own choice prints local variables too, and among these are tokens.
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    render: Any = structlog.processors.JSONRenderer() if is_json else console
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if is_json else _printable,
            render,
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # as it is when something is said
        cache_logger_on_first_use=False,
    )


def _printable(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Replace what a terminal would obey instead of showing: paths, among others, come from outside."""
    for name, value in event.items():
        if isinstance(value, str) and not value.isprintable():
            event[name] = "".join(letter if letter.isprintable() else "\ufffd" for letter in value)
    return event


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine of this module to its end, on uvloop where there is one."""
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        runner.run(main)


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop
