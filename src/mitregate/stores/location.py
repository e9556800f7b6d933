"""Where the data lives: URLs of databases."""

from pathlib import Path

from mitregate.core.errors import Misconfigured

SQLITE = "sqlite:///"
POSTGRES = ("postgresql://", "postgres://")

ADVICE = "Write sqlite:///file.db, sqlite:////folder/file.db, or postgresql://user:password@host/database."


def is_postgres(url: str) -> bool:
    """Tell whether *url* names a PostgreSQL database, rather than a file of SQLite's.

    Raises:
        Misconfigured: it names neither.
    """
    if url.startswith(POSTGRES):
        return True
    if not url.startswith(SQLITE):
        scheme = url.partition(":")[0]  # the rest may hold a password
        raise Misconfigured(f"A database URL cannot begin with {scheme!r}.", advice=ADVICE)
    return False


def sqlite_path(url: str) -> Path:
    """Give the path of a file of SQLite's.

    Raises:
        Misconfigured: *url* names no file, or a database in memory, which would not outlive the process.
    """
    path = url.removeprefix(SQLITE)
    if not path or ":memory:" in path or "?" in path or path.endswith("/"):
        raise Misconfigured(f"The database URL {url!r} does not name a file.", advice=ADVICE)
    return Path(path)
