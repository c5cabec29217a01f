"""Texts that are too long for an address, kept under an id that nobody guesses."""

from __future__ import annotations

import hashlib
import re
import time
import zlib

from sqlalchemy import delete, func, insert, select, update

from dashboard.errors import LongLinksFull, LongLinkTooLong, LongLinkUnknown
from dashboard.store.database import Database
from dashboard.store.schema import LONG_LINKS, new_id

MOST_BYTES = 4 << 20
"""Of one text."""
MOST_LINKS = 10_000
MOST_PACKED_BYTES = 512 << 20
"""Of all of them, compressed."""
UNUSED_DAYS = 365
"""When there is no more room, texts that nobody has opened for so long make some."""
_ID = re.compile(r"[a-z2-7]{26}")
_DAY = 86_400


class LongLinks:
    """The long links of one database. Every method raises as `dashboard.store.failures.store_errors`."""

    unused_days = UNUSED_DAYS

    def __init__(self, database: Database) -> None:
        """Nothing is opened yet."""
        self._database = database

    def put(self, text: str) -> str:
        """Keep a text; the same one always has the same id.

        Raises:
            LongLinkTooLong, LongLinksFull.
            UnicodeEncodeError: half a character, which no text of a browser has.
        """
        data = text.encode()
        if len(data) > MOST_BYTES:
            raise LongLinkTooLong(size=round(len(data) / 1e6, 1), limit=round(MOST_BYTES / 1e6, 1))
        digest, packed, today = hashlib.sha256(data).hexdigest(), zlib.compress(data, 9), int(time.time())
        columns = LONG_LINKS.c
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
                connection.exec_driver_sql(f"LOCK TABLE {LONG_LINKS.name} IN SHARE ROW EXCLUSIVE MODE")
            there: str | None = connection.scalar(select(columns.id).where(columns.digest == digest))
            if there is not None:
                return there
            count, nbytes = connection.execute(select(func.count(), func.sum(func.length(columns.packed)))).one()
            if count >= MOST_LINKS or (nbytes or 0) + len(packed) > MOST_PACKED_BYTES:
                old = columns.used < today - UNUSED_DAYS * _DAY
                if not connection.execute(delete(LONG_LINKS).where(old)).rowcount:
                    raise LongLinksFull(limit=MOST_LINKS)
            link_id = new_id()
            connection.execute(insert(LONG_LINKS).values(id=link_id, digest=digest, packed=packed, used=today))
        return link_id

    def get(self, link_id: str) -> str:
        """The text of an id. Raises LongLinkUnknown."""
        if not _ID.fullmatch(link_id):
            raise LongLinkUnknown()
        columns = LONG_LINKS.c
        with self._database.reading() as connection:
            row = connection.execute(select(columns.packed, columns.used).where(columns.id == link_id)).one_or_none()
        if row is None:
            raise LongLinkUnknown()
        if row.used < time.time() - _DAY:
            with self._database.writing() as connection:
                connection.execute(update(LONG_LINKS).where(columns.id == link_id).values(used=int(time.time())))
        return zlib.decompressobj().decompress(row.packed, MOST_BYTES).decode()
