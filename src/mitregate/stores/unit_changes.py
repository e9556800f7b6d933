"""Embedded changes and the audit log in the database."""

from collections.abc import Collection, Iterable
from datetime import datetime

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
        values = _columns(replace(change, number=number)) | {"created_at": instant(change.created_at)}
        self._write(self._q.add_change, values)
        return self._locked(replace(change, number=number))

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
        if number in self._ledger.changes:
            return self._ledger.changes[number]
        row = self._q.change(self._connection, **plain(number=number))
        return self._locked(change_of(row)) if row else None

    def fetch(self, numbers: Collection[int]) -> None:
        """Read several changes in one go, locked likewise, before each is asked for."""
        if len(numbers) > 1:
            rows = self._q.changes_of_numbers(self._connection, **plain(numbers=body(sorted(numbers))))
            for row in list(rows):
                self._locked(change_of(row))

    def keep(self, change: Change) -> None:
        """Keep a change in place of its earlier revision (`change.revision`), one higher; `Stale` if that is gone."""
        kept = replace(change, revision=change.revision + 1)
        known = self._ledger.changes.get(change.number)
        if known is not None and known.revision == change.revision:
            self._write(self._q.keep_locked_change, _columns(kept))
        elif not self._change(self._q.keep_change, _columns(kept) | {"earlier": change.revision}):
            self._overtaken(f"the change {change.key}")
        self._locked(kept)

        if not kept.is_open:
            self._write(self._q.remove_marks, plain(number=change.number))

    def open_for(self, mark: str, title: str, app_id: str) -> tuple[Change, bool] | None:
        """Read the open change that bears *mark*, or else one of *title*; say whether it was by the mark; locked."""
        row = self._q.open_change(self._connection, **plain(mark=mark, title=title, app_id=app_id))
        return (self._locked(change_of(row[:2])), bool(int(row[2]))) if row else None

    def is_titled(self, title: str, app_id: str) -> bool:
        """Say whether the app has an open change that is found by *title*."""
        return self._q.has_open_change(self._connection, **plain(title=title, app_id=app_id)) is not None

    def mark(self, number: int, marks: Iterable[str]) -> None:
        """Let a change that is open be found by *marks*, and by those that it has, until it is over."""
        self._write(self._q.add_marks, plain(number=number) | {"marks": body(tuple(marks))})

    def beside(self, number: int, marks: Iterable[str], limit: int, after: int = 0) -> list[Change]:
        """Read other open changes that bear one of *marks*, oldest first, those above the number *after*."""
        values = plain(number=number, limit=limit, after=after) | {"marks": body(tuple(marks))}
        return [change_of(row) for row in self._q.changes_beside(self._connection, **values)]

    def opened_of(self, template: str, since: datetime) -> int:
        """Count the changes that were opened of *template* at *since* or later, after all who counted them before."""
        self._q.take_turns(self._connection, **plain(what=f"template {template}"))
        values = plain(template=template) | {"since": instant(since)}
        return int(self._q.changes_of_template(self._connection, **values))

    def page(self, query: ChangeQuery) -> list[Change]:
        """Read changes, newest first."""
        status = query.status.value if query.status is not None else None
        name = "open_changes_page" if query.is_open else "changes_page"
        rows = self._page(name, query.limit, plain(status=status, before=query.before))
        return [change_of(row) for row in rows]

    def add_comment(self, number: int, comment: Comment) -> None:
        """Add a remark to a change."""
        values = plain(number=number, author=comment.author, body=comment.body, at=instant(comment.at))
        self._write(self._q.add_comment, values)

    def comments(self, number: int) -> list[Comment]:
        """Read the remarks on a change, oldest first."""
        return [comment_of(row) for row in self._q.comments(self._connection, **plain(number=number))]

    def _locked(self, change: Change) -> Change:
        self._ledger.changes[change.number] = change
        return change


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
        "number": change.number,
        "app_id": change.app_id,
        "twin": change.number if change.is_twin or change.is_prepared else 0,
        "is_open": int(change.is_open),
        "template": change.template or None,
        "status": change.status.value,
        "revision": change.revision,
        "updated_at": instant(change.updated_at),
        "body": body(change),
    }
