"""The first schema.

Instants are UTC in text of fixed width, `2026-03-01T22:00:00.000000Z`, and all text sorts by its bytes, so that one SQL
text compares it on both engines. A `body` holds the whole value as JSON; the columns beside it are there to find it by.
Gates, changes, jobs and the audit log refer to deployments and apps by name alone: they stay when these are removed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
BIG = sa.BigInteger()
COUNTED = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = ("app_id", "pipeline_id", "environment_id", "sequence_number")


def text(name: str, *, null: bool = False) -> sa.Column[str]:
    """Make a column of text."""
    return sa.Column(name, TEXT, nullable=null)


def big(name: str) -> sa.Column[int]:
    """Make a column of 64-bit signed integers."""
    return sa.Column(name, BIG, nullable=False)


def counted(name: str) -> sa.Column[int]:
    """Make a primary key that the database counts up and never uses twice."""
    return sa.Column(name, COUNTED, sa.Identity(), primary_key=True)


def key() -> list[sa.Column[str] | sa.Column[int]]:
    """Make the four columns that identify a deployment."""
    return [*map(text, KEY[:3]), big(KEY[3])]


def upgrade() -> None:
    make_people()
    make_deployments()
    make_gates()
    make_changes()
    make_jobs()


def make_people() -> None:
    """Make apps, users, tokens, and the facts about this installation."""
    op.create_table("meta", sa.Column("name", TEXT, primary_key=True), text("value"))
    op.create_table(
        "apps",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
        sa.Column("client_id", TEXT, nullable=False, unique=True),
        *map(text, ("secret_hash", "scopes")),
        text("callback_url", null=True),
        text("signing_secret", null=True),
        text("created_at"),
    )
    op.create_table(
        "users",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("name", TEXT, nullable=False, unique=True),
        *map(text, ("role", "created_at")),
    )
    op.create_table(
        "tokens",
        sa.Column("id", TEXT, primary_key=True),
        sa.Column("hash", TEXT, nullable=False, unique=True),
        text("kind"),
        sa.Column("app_id", TEXT, sa.ForeignKey("apps.id", ondelete="CASCADE")),
        sa.Column("user_id", TEXT, sa.ForeignKey("users.id", ondelete="CASCADE")),
        *map(text, ("label", "created_at")),
        text("expires_at", null=True),
    )
    index("tokens_of_app", "tokens", "app_id", where="app_id IS NOT NULL")
    index("tokens_of_user", "tokens", "user_id", where="user_id IS NOT NULL")
    index("tokens_expire", "tokens", "expires_at", where="expires_at IS NOT NULL")


def make_deployments() -> None:
    """Make the deployments, and their properties apart, which they are found by."""
    op.create_table(
        "deployments",
        *key(),
        big("update_sequence_number"),
        *map(text, ("state", "updated_at", "body")),
        sa.PrimaryKeyConstraint(*KEY),
        sa.ForeignKeyConstraint(["app_id"], ["apps.id"], ondelete="CASCADE"),
    )
    op.create_table(
        "deployment_properties",
        *key(),
        *map(text, ("name", "value")),
        sa.PrimaryKeyConstraint(*KEY, "name"),
        sa.ForeignKeyConstraint(KEY, [f"deployments.{column}" for column in KEY], ondelete="CASCADE"),
    )
    index("properties_found", "deployment_properties", "app_id", "name", "value")


def make_gates() -> None:
    """Make the gates; every list of them has an index, so that a page costs the same however long history grows."""
    op.create_table(
        "gates",
        counted("seq"),
        sa.Column("id", TEXT, nullable=False, unique=True),
        *key(),
        sa.Column("is_current", sa.Integer, nullable=False),
        *map(text, ("stage", "status")),
        text("change_key", null=True),
        text("since"),
        text("wake_at", null=True),
        text("created_at"),
        big("revision"),
        text("body"),
        sqlite_autoincrement=True,
    )
    index("gates_current", "gates", *KEY, where="is_current = 1", unique=True)
    index("gates_wake", "gates", "wake_at", "seq", where="stage = 'held' AND wake_at IS NOT NULL")
    index("gates_of_change", "gates", "change_key", "seq", where="change_key IS NOT NULL")
    for column in ("app_id", "pipeline_id", "environment_id", "stage", "status"):
        index(f"gates_by_{column}", "gates", column, "seq")


def make_changes() -> None:
    """Make the changes with their remarks, and the audit log."""
    op.create_table(
        "changes",
        counted("number"),
        *map(text, ("title", "status")),
        big("revision"),
        *map(text, ("created_at", "updated_at", "body")),
        sqlite_autoincrement=True,
    )
    index("changes_by_status", "changes", "status", "number")
    op.create_table(
        "change_comments",
        counted("seq"),
        sa.Column("number", BIG, sa.ForeignKey("changes.number"), nullable=False),
        *map(text, ("author", "body", "at")),
        sqlite_autoincrement=True,
    )
    index("comments_of_change", "change_comments", "number", "seq")
    op.create_table(
        "audit",
        counted("seq"),
        *map(text, ("at", "actor", "origin", "action", "subject", "detail")),
        sqlite_autoincrement=True,
    )
    index("audit_of_subject", "audit", "subject", "seq")


def make_jobs() -> None:
    """Make the outbox and the tries; the indexes on times hold open jobs alone."""
    op.create_table(
        "jobs",
        counted("seq"),
        sa.Column("id", TEXT, nullable=False, unique=True),
        *map(text, ("provider", "lane", "gate_id", "payload", "state")),
        *map(big, ("rung", "attempts")),
        *map(text, ("due_at", "created_at")),
        text("finished_at", null=True),
        text("note"),
        text("lease", null=True),
        text("leased_until", null=True),
        sqlite_autoincrement=True,
    )
    index("jobs_due", "jobs", "due_at", "seq", where="state = 'open'")
    index("jobs_leased", "jobs", "leased_until", where="leased_until IS NOT NULL")
    index("jobs_of_gate", "jobs", "gate_id", "lane", "seq")
    index("jobs_by_state", "jobs", "state", "seq")
    op.create_table(
        "attempts",
        counted("seq"),
        sa.Column("job_id", TEXT, sa.ForeignKey("jobs.id"), nullable=False),
        big("number"),
        text("started_at"),
        big("duration_ms"),
        text("outcome"),
        sqlite_autoincrement=True,
    )
    index("attempts_of_job", "attempts", "job_id", "seq")


def index(name: str, table: str, *columns: str, where: str | None = None, unique: bool = False) -> None:
    """Make an index, over the rows alone that *where* describes."""
    condition = sa.text(where) if where is not None else None
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def downgrade() -> None:
    for table in ("attempts", "jobs", "audit", "change_comments", "changes", "gates"):
        op.drop_table(table)
    for table in ("deployment_properties", "deployments", "tokens", "users", "apps", "meta"):
        op.drop_table(table)
