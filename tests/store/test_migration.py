"""Stores of every earlier schema become those of today with all that was in them, and a backup is kept."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, make_url, text

from dashboard.errors import StoreNewer
from dashboard.store.migration import STEPS
from dashboard.store.schema import METADATA, NEWEST, VERSION_TABLE
from tests.made.saved import EVERYBODY, VIEW, content

EARLIER = sorted((Path(__file__).parent / "schemas").glob("*.sql"))
"""Stores as earlier versions made them, one file a schema, in SQL that both databases read."""


def run_sql(address, folder, source):
    """Have a plain driver run SQL on a database that no store has opened."""
    if address:
        engine = create_engine(make_url(address).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.exec_driver_sql(source.replace("%", "%%"))
        engine.dispose()
        return
    folder.mkdir()
    with closing(sqlite3.connect(folder / "store.sqlite3")) as connection:
        connection.executescript(source)


def revisions():
    config = Config()
    config.set_main_option("script_location", str(STEPS))
    return ScriptDirectory.from_config(config)


def test_there_is_a_store_of_every_earlier_schema():
    steps = [step.revision for step in revisions().walk_revisions()]
    assert revisions().get_current_head() == NEWEST
    assert {path.stem for path in EARLIER} == set(steps) - {NEWEST}


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.stem)
def test_an_earlier_store_is_opened_with_all_that_is_in_it(address, opened, tmp_path, path):
    run_sql(address, tmp_path / "store", path.read_text(encoding="utf-8"))
    store = opened(address)
    found = {view.id: view for view in store.views.find(EVERYBODY).views}
    assert found.keys() == {"a" * 26, "b" * 26}
    assert found["a" * 26].content == VIEW
    assert found["b" * 26].content.title == "'; DROP TABLE saved_views; -- ñ 日本 100%"
    assert store.views.restore("c" * 26, EVERYBODY).content.title == "deleted"
    assert store.links.get(store.links.put("text")) == "text"
    # the backup is the store as it was
    if address:
        with store.database.reading() as connection:
            names = [name for name in inspect(connection).get_table_names() if name.startswith(f"before_{path.stem}")]
            (kept,) = [name for name in names if name.endswith("saved_views")]
            assert connection.scalar(text(f"SELECT count(*) FROM {kept}")) == 3
    else:
        (backup,) = (tmp_path / "store" / "backups").iterdir()
        assert backup.name.startswith(f"before_{path.stem}_")
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("SELECT count(*) FROM saved_views").fetchone() == (3,)
            assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() == (path.stem,)
    # and the next start changes nothing any more
    opened(address).views.find(EVERYBODY)
    assert len(list((tmp_path / "store" / "backups").glob("*"))) == (0 if address else 1)


def test_a_new_store_has_the_tables_that_the_code_reads(store):
    store.views.save(VIEW, EVERYBODY)
    with store.database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert context.get_current_revision() == NEWEST
        assert compare_metadata(context, METADATA) == []


def test_a_store_of_a_later_version_is_left_as_it_is(store, address, opened, tmp_path):
    saved = store.views.save(VIEW, EVERYBODY)
    with store.database.writing() as connection:
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    later = opened(address)
    for call in (lambda: later.views.find(EVERYBODY), lambda: later.views.save(VIEW, EVERYBODY)):
        with pytest.raises(StoreNewer) as error:
            call()
        assert error.value.facts == {"revision": "9999", "newest": NEWEST}
    assert not (tmp_path / "store" / "backups").exists()
    assert store.views.find(EVERYBODY).views == (saved,)


def test_a_step_that_fails_leaves_the_store_as_it_was(address, opened, tmp_path):
    source = EARLIER[0].read_text(encoding="utf-8") + "\nCREATE TABLE long_links (id VARCHAR(26));"
    run_sql(address, tmp_path / "store", source)
    store = opened(address)
    for _ in range(2):
        with pytest.raises(Exception, match="StoreFailed"):
            store.views.save(content(), EVERYBODY)
    assert list((tmp_path / "store" / "backups").glob("*")) == []
    if address:
        engine = create_engine(make_url(address).set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            assert connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) == EARLIER[0].stem
            connection.execute(text("DROP TABLE long_links"))
        engine.dispose()
    else:
        with closing(sqlite3.connect(tmp_path / "store" / "store.sqlite3")) as connection:
            assert connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone() == (EARLIER[0].stem,)
            connection.execute("DROP TABLE long_links")
    assert store.views.find(EVERYBODY).total == 2
