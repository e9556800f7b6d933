"""Changes that are found again: by title, by what they deploy, by the services they concern; and how deployments ended.

The table of marks holds those of open changes alone, so it stays small. Of changes that are open already and have the
same title, the newest is the one that is found by it.
"""

import hashlib
import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
OVER = ("Resolved", "Failed", "Declined", "Canceled", "Closed")
BATCH = 1000


def upgrade() -> None:
    op.add_column("gates", sa.Column("place", TEXT, nullable=False, server_default=""))
    op.add_column("changes", sa.Column("app_id", TEXT, nullable=False, server_default=""))
    op.add_column("changes", sa.Column("is_open", sa.Integer, nullable=False, server_default="0"))
    op.add_column("changes", sa.Column("twin", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("changes", sa.Column("template", TEXT, nullable=True))
    op.create_table(
        "change_marks",
        sa.Column("mark", TEXT, nullable=False),
        sa.Column("number", sa.BigInteger(), sa.ForeignKey("changes.number"), nullable=False),
        sa.PrimaryKeyConstraint("mark", "number"),
    )
    op.create_table("tracks", sa.Column("place", TEXT, primary_key=True), sa.Column("outcomes", TEXT, nullable=False))
    place_gates()
    rewrite_changes()
    index("gates_at_place", "gates", "place", "seq", where="stage = 'held'")
    index("changes_open", "changes", "title", "app_id", "twin", where="is_open = 1", unique=True)
    index("changes_of_template", "changes", "template", "created_at", where="template IS NOT NULL")
    index("marks_of_change", "change_marks", "number")


def place_gates() -> None:
    """Say of each gate that waits which others it shares project and environment with."""
    connection = op.get_bind()
    gates = sa.table("gates", *map(sa.column, ("seq", "stage", "place", "app_id", "environment_id", "body")))
    held = sa.select(gates.c.seq, gates.c.app_id, gates.c.environment_id, gates.c.body).where(gates.c.stage == "held")
    for row in connection.execute(held).fetchall():
        same = [row.app_id, json.loads(row.body)["project"], row.environment_id]
        text = json.dumps(same, ensure_ascii=False, separators=(",", ":"))
        place = hashlib.sha256(text.encode()).hexdigest()[:32]
        connection.execute(sa.update(gates).where(gates.c.seq == row.seq).values(place=place))


def rewrite_changes() -> None:
    """Say of each change whose it is and whether it is open, and of each approval which digests it was given for."""
    connection = op.get_bind()
    changes = sa.table("changes", *map(sa.column, ("number", "title", "status", "app_id", "is_open", "twin", "body")))
    gates = sa.table("gates", *map(sa.column, ("seq", "app_id", "change_key")))
    titles: set[tuple[str, str]] = set()
    last: int | None = None
    while True:
        rows = sa.select(changes.c.number, changes.c.title, changes.c.status, changes.c.body)
        older = rows if last is None else rows.where(changes.c.number < last)
        found = connection.execute(older.order_by(changes.c.number.desc()).limit(BATCH)).fetchall()
        for row in found:
            first = sa.select(gates.c.app_id).where(gates.c.change_key == f"CHG-{row.number}").order_by(gates.c.seq)
            app_id = connection.execute(first.limit(1)).scalar() or ""
            is_open, is_twin = row.status not in OVER, (row.title, app_id) in titles
            if is_open:
                titles.add((row.title, app_id))
            body = json.loads(row.body)
            body |= {"app_id": app_id, "is_twin": is_twin}
            for approval in body.get("approvals", ()):
                approval["digests"] = [approval.pop("digest")]
            values = {
                "app_id": app_id,
                "is_open": int(is_open),
                "twin": row.number if is_twin or not app_id else 0,
                "body": json.dumps(body, ensure_ascii=False, separators=(",", ":")),
            }
            connection.execute(sa.update(changes).where(changes.c.number == row.number).values(**values))
        if len(found) < BATCH:
            return
        last = found[-1].number


def index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    """Make an index, over the rows alone that *where* describes."""
    condition = sa.text(where) if where is not None else None
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    connection = op.get_bind()
    changes = sa.table("changes", *map(sa.column, ("number", "body")))
    for row in connection.execute(sa.select(changes.c.number, changes.c.body)).fetchall():
        body = json.loads(row.body)
        for approval in body.get("approvals", ()):
            approval["digest"] = (approval.pop("digests") or [""])[0]
        values = {"body": json.dumps(body, ensure_ascii=False, separators=(",", ":"))}
        connection.execute(sa.update(changes).where(changes.c.number == row.number).values(**values))
    op.drop_table("tracks")
    op.drop_table("change_marks")
    for name, table in (("changes_of_template", "changes"), ("changes_open", "changes"), ("gates_at_place", "gates")):
        op.drop_index(name, table)
    for column in ("template", "twin", "is_open", "app_id"):
        op.drop_column("changes", column)
    op.drop_column("gates", "place")
