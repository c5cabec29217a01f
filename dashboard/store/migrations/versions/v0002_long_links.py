"""Texts that are too long for an address."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "long_links",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        sa.Column("packed", sa.LargeBinary, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
    )
    op.create_index("long_links_used", "long_links", ["used"])
