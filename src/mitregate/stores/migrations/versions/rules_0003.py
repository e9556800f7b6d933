"""The rulebook, each revision a row of its own: what held at any time can be read later."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "rulebooks",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(sa.Column(name, TEXT, nullable=False) for name in ("at", "actor", "body")),
    )


def downgrade() -> None:
    op.drop_table("rulebooks")
