"""The rulebook in the database, each revision a row."""

from datetime import datetime

from mitregate.ports import KeptRules
from mitregate.stores.ledger import Table
from mitregate.stores.rows import body, instant, instant_if, plain, rules_of


class RuleTable(Table):
    """The rulebook, with all that it ever was."""

    def current(self) -> KeptRules:
        """Read it as it is now; where transactions run beside this one, it stays so until this one has ended."""
        if self._ledger.rules is None:
            # Else a gate could be opened by rules that somebody has just replaced, unseen by whom wakes all gates.
            self._q.share_rules(self._connection)
            self._ledger.rules = self._read()
        return self._ledger.rules

    def lock(self) -> KeptRules:
        """Read it to change it: nobody decides by it any more until this transaction has ended."""
        self._q.lock_rules(self._connection)
        self._ledger.rules = self._read()
        return self._ledger.rules

    def keep(self, kept: KeptRules) -> None:
        """Keep a new revision, one higher than the current one; `Stale` if somebody else was faster."""
        self._ledger.rules = None
        values = plain(revision=kept.revision, at=instant_if(kept.at), actor=kept.actor, body=body(kept.book))
        if not self._change(self._q.keep_rules, values):
            self._overtaken("the rules")

    def at(self, moment: datetime) -> KeptRules:
        """Read it as it was at *moment*."""
        row = self._q.rules_at(self._connection, at=instant(moment))
        return rules_of(row) if row else KeptRules()

    def page(self, limit: int, before: int | None = None) -> list[KeptRules]:
        """Read revisions, newest first, those below *before* if it is given."""
        return [rules_of(row) for row in self._page("page_rules", limit, {"before": before})]

    def _read(self) -> KeptRules:
        row = self._q.rules(self._connection)
        return rules_of(row) if row else KeptRules()
