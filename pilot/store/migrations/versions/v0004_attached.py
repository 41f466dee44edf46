"""Spaces of documents that are attached to databases."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "attached",
        sa.Column("source", sa.String(200), primary_key=True),
        sa.Column("space", sa.String(32), primary_key=True),
    )


def downgrade() -> None:
    op.drop_table("attached")
