"""Changes that are found again: by title, by what they deploy, by the services they concern; and how deployments ended.

The table of marks holds those of open changes alone, so it stays small. Of changes that are open already and have the
same title, the newest is the one that is found by it.

What an approval is bound to holds the pipeline and the sequence number of a deployment no more. So that nobody has to
approve again what waits, an approval that holds for it is bound anew. Back again, none holds, and all are asked for.
"""

import binascii
import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

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
        connection.execute(sa.update(gates).where(gates.c.seq == row.seq).values(place=hashed(same)[:32]))


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
            deployed = list(deployments_of(row.number)) if is_open else []
            bind_anew(body, deployed)
            body["services"] = mark(row.number, deployed)
            values = {
                "app_id": app_id,
                "is_open": int(is_open),
                "twin": row.number if is_twin or not app_id else 0,
                "body": encoded(body),
            }
            connection.execute(sa.update(changes).where(changes.c.number == row.number).values(**values))
        if len(found) < BATCH:
            return
        last = found[-1].number


def deployments_of(number: int) -> Iterator[dict[str, Any]]:
    """Read the deployments that wait for a change, or are under way by it."""
    key = ("app_id", "pipeline_id", "environment_id", "sequence_number")
    gates = sa.table("gates", *map(sa.column, (*key, "seq", "stage", "change_key")))
    deployments = sa.table("deployments", *map(sa.column, (*key, "body")))
    same = sa.and_(*(gates.c[name] == deployments.c[name] for name in key))
    bodies = sa.select(deployments.c.body).select_from(gates.join(deployments, same)).order_by(gates.c.seq)
    rely = gates.c.stage.in_(("held", "started"))
    for row in op.get_bind().execute(bodies.where(gates.c.change_key == f"CHG-{number}", rely)):
        yield json.loads(row.body)


def bind_anew(change: dict[str, Any], deployed: list[dict[str, Any]]) -> None:
    """Bind the approvals of *change* that hold for one of *deployed* to what they are bound to from now on."""
    renewed: dict[str, str] = {}
    for deployment in deployed:
        key, commits = deployment["key"], deployment["associations"]["commits"]
        judged = [
            deployment["pipeline"]["display_name"] or deployment["pipeline"]["id"],
            deployment["environment"],
            deployment["label"] or deployment["display_name"],
            sorted({(commit["repository_id"], commit["hash"] or "") for commit in commits}),
            change["description"],
            change["window"],
        ]
        renewed[hashed([key, *judged])] = hashed([key["app_id"], key["environment_id"], *judged])
    for approval in change["approvals"]:
        given = approval.pop("digest")
        approval["digests"] = [renewed.get(given, given)]


def mark(number: int, deployed: list[dict[str, Any]]) -> list[str]:
    """Let a change be found by the services that *deployed* concern; give their plain ids."""
    marks = sa.table("change_marks", *map(sa.column, ("mark", "number")))
    named = [one for deployment in deployed for one in deployment["associations"]["services"] if one.strip()]
    services = list(dict.fromkeys(map(plain, named)))
    for service in services:
        text = f"concerns {hashlib.sha256(service.encode()).hexdigest()[:32]}"
        op.get_bind().execute(sa.insert(marks).values(mark=text, number=number))
    return services


def plain(service: str) -> str:
    """Give the id of a service without the base64 around it, if that is what Jira's `b:` says."""
    text = service.strip()
    if not text.startswith("b:"):
        return text
    inner = text.removeprefix("b:").rstrip("=")
    try:
        return b64decode(inner + "=" * (-len(inner) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return text


def encoded(value: object) -> str:
    """Write JSON as the program does."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def hashed(value: object) -> str:
    """Hash a value as the program does."""
    return hashlib.sha256(encoded(value).encode()).hexdigest()


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
        values = {"body": encoded(body)}
        connection.execute(sa.update(changes).where(changes.c.number == row.number).values(**values))
    op.drop_table("tracks")
    op.drop_table("change_marks")
    for name, table in (("changes_of_template", "changes"), ("changes_open", "changes"), ("gates_at_place", "gates")):
        op.drop_index(name, table)
    for column in ("template", "twin", "is_open", "app_id"):
        op.drop_column("changes", column)
    op.drop_column("gates", "place")
