"""The database behind the store: connections, transactions, and the first look, which brings its tables up to date."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from dashboard.errors import SettingInvalid
from dashboard.settings import ALLOWED, without_password
from dashboard.store.failures import store_errors
from dashboard.store.migration import migrate

FILE = "store.sqlite3"
BUSY_SECONDS = 5
"""How long a transaction waits for those of others."""
ANSWER_SECONDS = 15
"""How long PostgreSQL may work on one statement."""


class Database:
    """One database; nothing is opened before it is asked."""

    def __init__(self, address: str, folder: Path) -> None:
        """Say where it is.

        Args:
            address: ``postgresql://…``; empty: SQLite in `folder`.
            folder: of the file, and of its backups.

        Raises:
            SettingInvalid: it is no address.
        """
        self.folder = folder
        self.url = _server(address) if address else URL.create("sqlite", database=str(folder / FILE))
        self._engine: Engine | None = None
        self._opening = threading.Lock()

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with. Raises as `store_errors`."""
        with store_errors(), self._open().begin() as connection:
            yield connection

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction; when it ends without an error, all of it is on the disk. Raises as `store_errors`."""
        with store_errors(), self._open().execution_options(writes=True).begin() as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back; the next use opens anew."""
        with self._opening:
            if self._engine is not None:
                self._engine.dispose()
            self._engine = None

    def _open(self) -> Engine:
        """The engine with its tables up to date; what failed is tried again by the next who asks."""
        with self._opening:
            if self._engine is None:
                engine = _sqlite(self.url, self.folder) if _is_sqlite(self.url) else _postgres(self.url)
                try:
                    migrate(engine, self.folder / "backups")
                except BaseException:
                    engine.dispose()
                    raise
                self._engine = engine
            return self._engine


def _server(address: str) -> URL:
    try:
        return make_url(address).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):  # their texts have the address in them
        shown = without_password(address)
        raise SettingInvalid(setting="database", value=shown, reason=ALLOWED["database"][1]) from None


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"


def _sqlite(url: URL, folder: Path) -> Engine:
    # people's texts: for the server's own user alone
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS})
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    """Readers beside a writer (WAL), and no commit that is not on the disk (FULL)."""
    connection.isolation_level = None  # `_begin` begins: the driver would do so too late for tables
    cursor = connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    """A writer takes its lock at once: one that reads first could find it gone and would have to start again."""
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres(url: URL) -> Engine:
    limits = f"-c lock_timeout={BUSY_SECONDS}s -c statement_timeout={ANSWER_SECONDS}s"
    options = url.query.get("options", "")
    return create_engine(
        url.difference_update_query(["options"]),
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={"connect_timeout": BUSY_SECONDS, "options": f"{limits} {options}".strip()},
    )
