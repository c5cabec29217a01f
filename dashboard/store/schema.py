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
    Column("note", Text, nullable=False),
    Column("expected", Text, nullable=False),
    Column("control", Text, nullable=False),
    Column("language", String(10), nullable=False),
    Column("page", String(40), nullable=False),
    Column("query", Text, nullable=False),
    Column("model", String(300), nullable=False),
    Column("excerpt", String(300), nullable=False),
    Column("searched", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Index("saved_views_changed", "changed"),
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
