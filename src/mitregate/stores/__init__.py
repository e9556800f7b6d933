"""The stores: SQLite and PostgreSQL behind the port `Store`."""

from mitregate.ports import Store
from mitregate.stores.location import is_postgres, sqlite_path


def open_store(url: str, *, is_serving: bool = False) -> Store:
    """Open the database at *url*, which `schema.migrate` has made.

    Args:
        url: `sqlite:///file.db` (relative), `sqlite:////folder/file.db` (absolute), or `postgresql://…`.
        is_serving: whether this is a process that serves or works; on SQLite there can be one at a time.

    Raises:
        Misconfigured: the URL is wrong, the database cannot be reached, is not migrated, is of a newer version, or is
            served by another process.
    """
    if is_postgres(url):
        from mitregate.stores.postgres import PostgresStore  # noqa: PLC0415 - SQLite alone must not pay for the driver

        return PostgresStore(url)
    from mitregate.stores.sqlite import SqliteStore  # noqa: PLC0415

    return SqliteStore(sqlite_path(url), is_serving=is_serving)
