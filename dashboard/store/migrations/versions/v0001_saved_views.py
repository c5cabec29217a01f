"""Saved views and their tags."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "saved_views",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("author", sa.String(600), nullable=False),
        sa.Column("author_name", sa.String(300), nullable=False),
        sa.Column("shared", sa.Boolean, nullable=False),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.BigInteger, nullable=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("sorting", sa.String(200), nullable=False),
        sa.Column("language", sa.String(10), nullable=False),
        sa.Column("page", sa.String(40), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("excerpt", sa.String(300), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("searched", "note", "expected", "control", "query")),
    )
    op.create_index("saved_views_listed", "saved_views", ["deleted", "changed", "id", "author", "shared"])
    op.create_index("saved_views_by_title", "saved_views", ["deleted", "sorting", "id", "author", "shared"])
    op.create_index("saved_views_digest", "saved_views", ["digest"])
    op.create_table(
        "view_tags",
        sa.Column("view_id", sa.String(26), sa.ForeignKey("saved_views.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tag", sa.String(50), primary_key=True),
    )
    op.create_index("view_tags_tag", "view_tags", ["tag"])
