"""What a database says, as errors that a person can mend; no text of a user, no address and no password in them."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from dashboard.errors import (
    DashboardError,
    StoreBusy,
    StoreCorrupt,
    StoreFailed,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
)

_LOG = logging.getLogger(__name__)
_SQLITE: dict[int, type[DashboardError]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CANTOPEN: StoreReadOnly,
    sqlite3.SQLITE_PERM: StoreReadOnly,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
}
_POSTGRES: dict[str, type[DashboardError]] = {
    "25006": StoreReadOnly,
    "42501": StoreReadOnly,
    "53100": StoreFull,
    "55P03": StoreBusy,
    "57014": StoreBusy,
    "40P01": StoreBusy,
    "XX001": StoreCorrupt,
    "XX002": StoreCorrupt,
    "53300": StoreUnreachable,
    "57P01": StoreUnreachable,
    "57P02": StoreUnreachable,
    "57P03": StoreUnreachable,
}


@contextlib.contextmanager
def store_errors() -> Iterator[None]:
    """Raise what a database says in our own errors.

    Raises:
        StoreReadOnly, StoreBusy, StoreFull, StoreCorrupt, StoreUnreachable, StoreFailed: by the database's own code.
    """
    try:
        yield
    except OSError as error:  # the folder
        _LOG.warning("the store's folder: %s", error.strerror or type(error).__name__)
        raise StoreReadOnly from error
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) else None
        meaning, code = _meaning(cause)
        # what libpq says of a connection names host and user; of all else the message may hold people's texts
        said = " ".join(str(cause).split())[:300] if meaning is StoreUnreachable else ""
        _LOG.warning("the store: %s, code %s %s", type(cause or error).__name__, code, said)
        raise (meaning(reason=code or type(error).__name__) if meaning is StoreFailed else meaning()) from error


def _meaning(cause: BaseException | None) -> tuple[type[DashboardError], str]:
    """What an error of a driver means, and the code that it bears."""
    if isinstance(cause, sqlite3.Error):
        code = getattr(cause, "sqlite_errorcode", 0)
        return _SQLITE.get(code & 0xFF, StoreFailed), getattr(cause, "sqlite_errorname", type(cause).__name__)
    state = getattr(cause, "sqlstate", None) or ""
    # a connection that could not be made bears no code; class 08 are broken ones, 28 and 3D refused ones
    refused = state[:2] in {"08", "28", "3D"} or (not state and type(cause).__name__ == "OperationalError")
    return StoreUnreachable if refused else _POSTGRES.get(state, StoreFailed), state
