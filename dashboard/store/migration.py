"""Tables of an earlier version become those of this one: a backup first, then Alembic's steps, all of them or none."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text

from dashboard.errors import StoreNewer
from dashboard.store.schema import METADATA, NEWEST, VERSION_TABLE

STEPS = Path(__file__).parent / "migrations"
_LOCK = 7_105_281_903
"""Of PostgreSQL: held by the one process that looks at the revision and migrates. Any number, always the same."""


def migrate(engine: Engine, backups: Path, revision: str = NEWEST) -> None:
    """Bring the tables up to `revision`.

    What there is is kept first: SQLite's file in `backups`, PostgreSQL's tables beside the new ones as
    ``before_<revision>_<time>_<table>``. Several processes may do this at once.

    Raises:
        StoreNewer: a later version of the dashboard has made the database.
    """
    with engine.begin() as connection:
        if _revision(connection) == revision:
            return
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        found = _revision(connection)
        if found == revision:
            return
        config = Config()
        config.set_main_option("script_location", str(STEPS).replace("%", "%%"))
        config.attributes["connection"] = connection
        with contextlib.ExitStack() as undo:
            if found is not None:
                _check(found, config)
                undo.callback(_back_up(connection, backups, found))
            command.upgrade(config, revision)
            undo.pop_all()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _check(found: str, config: Config) -> None:
    known = {step.revision for step in ScriptDirectory.from_config(config).walk_revisions()}
    if found not in known:
        raise StoreNewer(revision=found, newest=NEWEST)


def _back_up(connection: Connection, backups: Path, revision: str) -> Callable[[], None]:
    """Keep all there is; gives what takes the copy away again where a step fails, which leaves the store as it was."""
    stem = f"before_{revision}_{datetime.now(UTC):%Y%m%d%H%M%S}"
    if connection.dialect.name == "sqlite":
        copy = backups / f"{stem}.sqlite3"
        _copy(connection, copy)
        return copy.unlink
    for table in METADATA.tables.keys() & set(inspect(connection).get_table_names()):
        connection.execute(text(f"CREATE TABLE {stem}_{table} AS TABLE {table}"))
    return lambda: None  # it goes with the transaction


def _copy(connection: Connection, path: Path) -> None:
    """The file as it was committed last: the writer's lock is held, and another connection reads."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    source = sqlite3.connect(f"{Path(str(connection.engine.url.database)).absolute().as_uri()}?mode=ro", uri=True)
    with contextlib.closing(source), contextlib.closing(sqlite3.connect(part)) as copy:
        source.backup(copy)
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(path)
