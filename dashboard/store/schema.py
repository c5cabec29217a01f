"""The tables as this version reads and writes them; how they came about is in the migrations."""

from __future__ import annotations

import base64
import secrets

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

NEWEST = "0002"
"""The last revision in ``migrations/versions``."""
VERSION_TABLE = "logitscope_schema"
"""Holds the revision that a database is at; it may hold tables of others as well."""
METADATA = MetaData()
SAVED_VIEWS = Table(
    "saved_views",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("version", Integer, nullable=False),
    Column("author", String(600), nullable=False),
    Column("author_name", String(300), nullable=False),
    Column("shared", Boolean, nullable=False),
    # microseconds since 1970, UTC: both databases order and keep them exactly
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("deleted", BigInteger, nullable=True),
    Column("title", Text, nullable=False),
    # the title without case and accents
    Column("sorting", String(200), nullable=False),
    Column("language", String(10), nullable=False),
    Column("page", String(40), nullable=False),
    Column("model", String(300), nullable=False),
    Column("excerpt", String(300), nullable=False),
    Column("digest", String(64), nullable=False),
    # what is long stands behind what is searched: SQLite reads a row from its beginning
    *(Column(name, Text, nullable=False) for name in ("searched", "note", "expected", "control", "query")),
    # all that a list without a search looks at
    Index("saved_views_listed", "deleted", "changed", "id", "author", "shared"),
    Index("saved_views_by_title", "deleted", "sorting", "id", "author", "shared"),
    Index("saved_views_digest", "digest"),
)
VIEW_TAGS = Table(
    "view_tags",
    METADATA,
    Column("view_id", String(26), ForeignKey("saved_views.id", ondelete="CASCADE"), primary_key=True),
    Column("tag", String(50), primary_key=True),
    Index("view_tags_tag", "tag"),
)
LONG_LINKS = Table(
    "long_links",
    METADATA,
    Column("id", String(26), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("packed", LargeBinary, nullable=False),
    Column("used", BigInteger, nullable=False),
    Index("long_links_used", "used"),
)


def new_id() -> str:
    """An id that nobody guesses: 128 bits in base32, 26 characters of a link."""
    return base64.b32encode(secrets.token_bytes(16)).decode().rstrip("=").lower()
