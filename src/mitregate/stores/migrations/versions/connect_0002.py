"""Connect apps and Jenkins servers, and how the hosts fare that are called.

`handle` is what an app calls itself on the wire; `body` holds its installation as JSON, secrets sealed.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.add_column("apps", sa.Column("kind", TEXT, nullable=False, server_default="oauth"))
    op.add_column("apps", sa.Column("handle", TEXT))
    op.add_column("apps", sa.Column("body", TEXT))
    is_given = sa.text("handle IS NOT NULL")
    op.create_index(
        "apps_by_handle", "apps", ["kind", "handle"], unique=True, sqlite_where=is_given, postgresql_where=is_given
    )
    host = sa.Column("host", TEXT, primary_key=True)
    op.create_table("hosts", host, *(sa.Column(name, TEXT, nullable=False) for name in ("failing_since", "failed_at")))


def downgrade() -> None:
    op.drop_table("hosts")
    op.drop_index("apps_by_handle", "apps")
    for column in ("body", "handle", "kind"):
        op.drop_column("apps", column)
