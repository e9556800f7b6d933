"""Embedded changes and the audit log in the database."""

from msgspec.structs import replace

from mitregate.core.audit import Entry
from mitregate.core.changes import Change, Comment
from mitregate.core.queries import AuditQuery, ChangeQuery
from mitregate.stores.ledger import Table
from mitregate.stores.rows import Values, body, change_of, comment_of, entry_of, instant, plain

DRAWN = 64
"""Numbers for changes that are drawn at once, at most."""


class ChangeTable(Table):
    """The embedded change requests."""

    def add(self, change: Change) -> Change:
        """Keep a new change; give it with its number."""
        numbers = self._ledger.numbers
        if not numbers:
            self._draw()
        number = numbers.popleft()
        values = _columns(change) | {"number": number, "created_at": instant(change.created_at)}
        self._write(self._q.add_change, values)
        return replace(change, number=number)

    def _draw(self) -> None:
        """Draw numbers for the flows to come: one each at first, then as many again each time.

        What is left over at the end of the transaction is lost on PostgreSQL: under load numbers have gaps.
        """
        ledger = self._ledger
        count = min(max(ledger.flows, ledger.drawn, 1), DRAWN)
        ledger.numbers.extend(row[0] for row in self._q.draw_numbers(self._connection, count=count))
        ledger.drawn += count

    def get(self, number: int) -> Change | None:
        """Read one change, locked against other transactions where these run beside this one."""
        row = self._q.change(self._connection, **plain(number=number))
        return change_of(row) if row else None

    def keep(self, change: Change) -> None:
        """Keep a change in place of its earlier revision (`change.revision`), one higher; `Stale` if that is gone."""
        kept = replace(change, revision=change.revision + 1)
        values = _columns(kept) | {"number": change.number, "earlier": change.revision}
        if not self._change(self._q.keep_change, values):
            self._overtaken(f"the change {change.key}")

    def page(self, query: ChangeQuery) -> list[Change]:
        """Read changes, newest first."""
        status = query.status.value if query.status is not None else None
        rows = self._page("changes_page", query.limit, plain(status=status, before=query.before))
        return [change_of(row) for row in rows]

    def add_comment(self, number: int, comment: Comment) -> None:
        """Add a remark to a change."""
        values = plain(number=number, author=comment.author, body=comment.body, at=instant(comment.at))
        self._write(self._q.add_comment, values)

    def comments(self, number: int) -> list[Comment]:
        """Read the remarks on a change, oldest first."""
        return [comment_of(row) for row in self._q.comments(self._connection, **plain(number=number))]


class AuditLog(Table):
    """The audit log."""

    def record(self, entry: Entry) -> None:
        """Append an entry."""
        values = plain(actor=entry.actor, origin=entry.origin, subject=entry.subject)
        values |= {"at": instant(entry.at), "action": entry.action.value, "detail": body(entry.detail)}
        self._write(self._q.record, values)

    def page(self, query: AuditQuery) -> list[tuple[int, Entry]]:
        """Read entries with their numbers, newest first."""
        rows = self._page("audit_page", query.limit, plain(subject=query.subject, before=query.before))
        return [entry_of(row) for row in rows]


def _columns(change: Change) -> Values:
    # But for the title all of our own making, or escaped in the body.
    return plain(title=change.title) | {
        "status": change.status.value,
        "revision": change.revision,
        "updated_at": instant(change.updated_at),
        "body": body(change),
    }
