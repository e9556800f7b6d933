"""The unit of work over a plain connection: the same for both engines."""

from typing import Any

from mitregate.ports import Touched
from mitregate.stores.dialect import Texts
from mitregate.stores.ledger import Ledger, Table
from mitregate.stores.rows import plain
from mitregate.stores.unit_changes import AuditLog, ChangeTable
from mitregate.stores.unit_deployments import DeploymentTable
from mitregate.stores.unit_feeds import FeedTable
from mitregate.stores.unit_gates import GateTable
from mitregate.stores.unit_jobs import JobTable
from mitregate.stores.unit_people import AppTable, HostTable, PeopleTables
from mitregate.stores.unit_rules import RuleTable


class Unit(Table):
    """The store inside one transaction; made once for a connection and opened anew for every flow."""

    def __init__(self, connection: Any, texts: Texts) -> None:
        ledger = Ledger()
        super().__init__(connection, texts, ledger)
        self.apps = AppTable(connection, texts, ledger)
        self.people = PeopleTables(connection, texts, ledger)
        self.deployments = DeploymentTable(connection, texts, ledger)
        self.gates = GateTable(connection, texts, ledger)
        self.changes = ChangeTable(connection, texts, ledger)
        self.jobs = JobTable(connection, texts, ledger)
        self.rules = RuleTable(connection, texts, ledger)
        self.feeds = FeedTable(connection, texts, ledger)
        self.hosts = HostTable(connection, texts, ledger)
        self.audit = AuditLog(connection, texts, ledger)

    def renew(self, flows: int = 1) -> None:
        """Begin a transaction of so many flows: nothing is remembered of the one before."""
        self._ledger.renew(flows)

    def open(self) -> None:
        """Begin a flow: nothing is touched or read yet."""
        self._ledger.clear()

    @property
    def has_written(self) -> bool:
        """Whether the flow has changed anything."""
        return self._ledger.has_written

    @property
    def was_overtaken(self) -> bool:
        """Whether the flow met a change by somebody else, so that it should be run again."""
        return self._ledger.was_overtaken

    @property
    def touched(self) -> Touched:
        """What the flow has touched."""
        return Touched(gates=frozenset(self._ledger.gates), work=self._ledger.work)

    def meta(self, name: str) -> str | None:
        """Read a fact about this installation, such as its cloud id."""
        value: str | None = self._q.meta(self._connection, **plain(name=name))
        return value

    def set_meta(self, name: str, value: str) -> None:
        """Keep a fact about this installation."""
        self._write(self._q.set_meta, plain(name=name, value=value))
