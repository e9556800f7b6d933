"""The ledger of one flow, and what the tables of a unit of work share."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from mitregate.core.changes import Change
from mitregate.core.deployments import Deployment, DeploymentKey
from mitregate.core.errors import Stale
from mitregate.core.feeds import Readings
from mitregate.core.people import App, AppKind, Token, User
from mitregate.ports import KeptRules
from mitregate.stores.dialect import Texts


class Ledger:
    """What one flow has done so far, and what it has found where others write, too.

    What it has locked stays as it is until the transaction ends, unless by the flow itself: the `changes`, which need
    not be read again, and the `revisions` of gates, which need not be compared by the database.

    Beyond the flow, for as long as the transaction lasts, it holds the apps and tokens that were read and the numbers
    that were drawn for changes: on PostgreSQL each question costs a round trip that the whole batch has to wait for.
    SQLite can say whether the database has changed; there what was read holds until it has.
    """

    def __init__(self) -> None:
        self.renew(0)
        self.clear()

    def renew(self, flows: int) -> None:
        """Begin a transaction of so many flows."""
        self.flows = flows
        self.apps: dict[str, App | None] = {}
        self.handles: dict[tuple[AppKind, str], App] = {}
        self.holders: dict[str, tuple[Token, App | User | None]] = {}
        self.rules: KeptRules | None = None
        self.readings: Readings | None = None
        self.numbers: deque[int] = deque()
        self.drawn = 0

    def forget(self) -> None:
        """Forget apps, tokens and rules: they are about to change."""
        self.apps.clear()
        self.handles.clear()
        self.rules = None
        self.readings = None
        self.holders.clear()

    def clear(self) -> None:
        """Begin a flow."""
        self.has_written = False
        self.was_overtaken = False
        self.work = False
        self.gates: set[str] = set()
        self.found: dict[DeploymentKey, Deployment | None] = {}
        self.changes: dict[int, Change] = {}
        self.revisions: dict[str, int] = {}
        self.ungated: set[DeploymentKey] = set()


class Table:
    """One noun of a unit of work."""

    def __init__(self, connection: Any, texts: Texts, ledger: Ledger) -> None:
        self._connection = connection
        self._texts = texts
        self._q = texts.q
        self._ledger = ledger

    def _write(self, query: Callable[..., Any], values: Mapping[str, object]) -> None:
        """Run a statement that changes something and has nothing to tell: PostgreSQL is not even waited for."""
        query(self._connection, **values)
        self._ledger.has_written = True

    def _change(self, query: Callable[..., Any], values: Mapping[str, object]) -> bool:
        """Run a statement that changes one row and returns something of it; say whether there was such a row."""
        is_there = query(self._connection, **values) is not None
        self._ledger.has_written |= is_there
        return is_there

    def _overtaken(self, what: str) -> NoReturn:
        """Tell that somebody else was faster; the store runs the flow again."""
        self._ledger.was_overtaken = True
        raise Stale(f"Somebody else changed {what} in the meantime.")

    def _page(self, name: str, limit: int, conditions: Mapping[str, str | float | None]) -> list[Any]:
        """Run the query of a page, narrowed to the conditions that are not None."""
        given = {name: value for name, value in conditions.items() if value is not None}
        query = self._texts.narrowed(name, frozenset({*given, "limit"}))
        return list(query(self._connection, limit=limit, **given))
