"""Settings: from the environment and a TOML file to one frozen value; every one is documented here.

The environment variable of a setting is `MITREGATE_` and its name in capitals; the TOML file has the name in small
letters. The environment wins. `MITREGATE_CONFIG` names the file.
"""

import os
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from mitregate.core.errors import Misconfigured

PREFIX = "MITREGATE_"
CONFIG = "MITREGATE_CONFIG"
TRUSTED_PROXIES = "MITREGATE_TRUSTED_PROXIES"

Positive = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Port = Annotated[int, Meta(ge=0, le=65535)]


def _doc(text: str, example: str) -> Meta:
    return Meta(description=text, examples=[example])


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    database: Annotated[
        str,
        _doc(
            "Where the data lives: `sqlite:///file.db` (relative), `sqlite:////path/file.db` (absolute) or a "
            "`postgresql://` URL.",
            "postgresql://mitregate:secret@db.example.com/mitregate",
        ),
    ] = "sqlite:///mitregate.db"
    base_url: Annotated[
        str,
        _doc(
            "The address at which people and tools reach this server; links and callbacks carry it. It may have a "
            "path. Without it, `http://`, or `https://` where there is a certificate, with host and port.",
            "https://gate.example.com",
        ),
    ] = ""
    host: Annotated[str, _doc("The address to listen on.", "0.0.0.0")] = "127.0.0.1"  # noqa: S104
    port: Annotated[Port, _doc("The port to listen on; 0 chooses a free one.", "8470")] = 8470
    tls_cert: Annotated[
        str,
        _doc(
            "The file with the certificate for https, in PEM form, and below it those of its issuers but the root. "
            "With it the server speaks https alone; SIGHUP makes it read both files again.",
            "/etc/mitregate/gate.pem",
        ),
    ] = ""
    tls_key: Annotated[
        str,
        _doc("The file with the private key of that certificate; it may be the same file.", "/etc/mitregate/gate.key"),
    ] = ""
    rate_limit: Annotated[
        Count,
        _doc(
            "Requests that each app may make of the Deployments API in a minute, counted by each process that serves; "
            "more are answered 429, as Jira does. 0 for any number: the keenest client that is known, Jenkins, keeps "
            "to 1000 a minute by itself, and a hundred builds that ask every five seconds make 1200.",
            "6000",
        ),
    ] = 0
    trusted_proxies: Annotated[
        str,
        _doc(
            "Networks of the reverse proxies that are believed when they say who calls, by `X-Forwarded-For` or "
            "`Forwarded`; a comma list. The audit log and the limit on wrong tokens then see the caller. From "
            "everybody else these headers are passed over.",
            "10.0.0.5,fd00::/8",
        ),
    ] = ""
    secret_key: Annotated[
        str,
        _doc(
            "The key that seals secrets in the database: a Fernet key, or several joined by commas, the newest "
            "first, to rotate. Without it, the key file is used.",
            "the output of `openssl rand -base64 32 | tr +/ -_`",
        ),
    ] = ""
    key_file: Annotated[
        str,
        _doc(
            "The file with that key; it is made when it is missing. Without it, `mitregate.key` beside an SQLite "
            "database; with PostgreSQL one of the two must be set, the same for every process.",
            "/etc/mitregate/key",
        ),
    ] = ""
    outbound_allow: Annotated[
        str,
        _doc(
            "Networks that callbacks may reach although they are internal; a comma list. Everything else that is not "
            "a public address is refused.",
            "10.20.0.0/16,127.0.0.0/8",
        ),
    ] = ""
    outbound_timeout: Annotated[
        Positive,
        _doc(
            "Seconds that one call to the outside may take. What a worker that died had begun is taken over by another "
            "one after six times that.",
            "10",
        ),
    ] = 10
    worker_concurrency: Annotated[Positive, _doc("Calls to the outside that one worker makes at once.", "100")] = 100
    url: Annotated[
        str,
        _doc(
            "For the CLI: the server to talk to. Without it, administrative commands work on the local database.",
            "https://gate.example.com",
        ),
    ] = ""
    token: Annotated[str, _doc("For the CLI: the API token to show to that server.", "mgt_…")] = ""
    client_id: Annotated[str, _doc("For the CLI: the client id of the app that submits and waits.", "01J…")] = ""
    client_secret: Annotated[str, _doc("For the CLI: the client secret that belongs to it.", "…")] = ""
    log_format: Annotated[str, _doc("How the log is written to standard error: `console` or `json`.", "json")] = (
        "console"
    )

    @property
    def public_url(self) -> str:
        """The base URL without a slash at its end."""
        scheme = "https" if self.tls_cert else "http"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.base_url or f"{scheme}://{host}:{self.port}").rstrip("/")


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        environ: the environment; this process' own by default.

    Raises:
        Misconfigured: the file cannot be read, or a setting is unknown or of the wrong form.
    """
    environ = os.environ if environ is None else environ
    values = _from_file(environ[CONFIG]) if environ.get(CONFIG) else {}
    known = {_variable(name): name for name in Settings.__struct_fields__}
    for variable, value in environ.items():
        if variable in known:
            values[known[variable]] = value
        elif variable.startswith(PREFIX) and variable != CONFIG and not variable.startswith(f"{PREFIX}TEST_"):
            raise _unknown(variable, known)
    try:
        settings = msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        said, _, name = str(error).rstrip("`").partition(" - at `$.")
        said = said.partition(",")[0]  # what was got instead may be a text, as all in the environment is
        message = f"The setting {_variable(name)} is not of the right form: {said[:1].lower()}{said[1:]}."
        advice = "Correct it in the environment or the settings file; the page on settings has an example of each."
        raise Misconfigured(message, advice=advice) from None
    return check(settings)


def _variable(name: str) -> str:
    return f"{PREFIX}{name.upper()}"


def _unknown(name: str, known: Iterable[str], where: str = "") -> Misconfigured:
    near = get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    return Misconfigured(
        f"There is no setting {name}{where}.", advice=f"{hint}Settings are: {', '.join(sorted(known))}."
    )


def _from_file(path: str) -> dict[str, object]:
    try:
        values = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else error
        message = f"The settings file {path} cannot be read: {said}."
        raise Misconfigured(message, advice=f"Correct it, or unset {CONFIG}.") from None
    for name in values:
        if name not in Settings.__struct_fields__:
            raise _unknown(name, Settings.__struct_fields__, where=f", which the file {path} has")
    return values


def check(settings: Settings) -> Settings:
    """Look at what the types alone do not tell, and give the settings back.

    Raises:
        Misconfigured: a setting is of the wrong form, or does not go with another.
    """
    for name in ("base_url", "url"):
        value: str = getattr(settings, name)
        if value and not value.startswith(("http://", "https://")):
            message = f"{PREFIX}{name.upper()} is {value!r}, which is not an http or https URL."
            raise Misconfigured(message, advice="Give it as in https://gate.example.com.")
        if not (value.isascii() and value.isprintable()) or set(value) & set(' "#<>?'):
            message = f"{PREFIX}{name.upper()} is {value!r}, which is more than a host and a path."
            raise Misconfigured(message, advice="Give it as in https://ci.example.com/gate.")
    if settings.log_format not in {"console", "json"}:
        message = f"{PREFIX}LOG_FORMAT is {settings.log_format!r}."
        raise Misconfigured(message, advice="Use console or json.")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        is_set, is_missing = ("CERT", "KEY") if settings.tls_cert else ("KEY", "CERT")
        message = f"{PREFIX}TLS_{is_set} is set, but {PREFIX}TLS_{is_missing} is not."
        raise Misconfigured(message, advice="Set both, be they the same file, or neither.")
    return settings
