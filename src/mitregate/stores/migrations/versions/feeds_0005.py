"""Calendars that the rules subscribe to: how each fares, and what it said when it was last read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("name", TEXT, primary_key=True),
        *(sa.Column(name, TEXT, nullable=False) for name in ("url", "zone", "due_at", "error", "etag", "modified")),
        *(sa.Column(name, TEXT) for name in ("read_at", "failing_since", "times")),
    )


def downgrade() -> None:
    op.drop_table("feeds")
