"""A store that is read-only, locked, full, damaged or not there is said to be so; nothing is overwritten."""

import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, event, make_url, text

from dashboard.errors import (
    SettingInvalid,
    StoreBusy,
    StoreCorrupt,
    StoreFull,
    StoreReadOnly,
    StoreUnreachable,
)
from dashboard.store import database
from dashboard.store.store import Store
from tests.made.saved import EVERYBODY, VIEW, content

ROOT = Path(__file__).parents[2]
AS_ANOTHER = """
import os, sys, tempfile
from pathlib import Path
from dashboard.errors import DashboardError
from dashboard.store.store import Store
from tests.made.saved import EVERYBODY, VIEW
with tempfile.TemporaryDirectory() as folder:  # all that is needed is loaded, wherever this Python is
    Store("", Path(folder)).views.save(VIEW, EVERYBODY)
if os.geteuid() == 0:
    os.setuid(65534)
for call in (lambda views: views.save(VIEW, EVERYBODY), lambda views: views.find(EVERYBODY)):
    try:
        call(Store("", Path(sys.argv[1])).views)
    except DashboardError as error:
        print(type(error).__name__)
"""
"""As a user who may read a store and not write it: root may write everything."""


@pytest.fixture
def readable():
    """A folder that other users can reach, for a process that is not root's."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "store"


def state(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name == database.FILE}


@pytest.mark.skipif(os.name == "nt", reason="folders of Windows have no such bits")
def test_a_store_that_may_not_be_written_is_said_to_be_so(readable):
    store = Store("", readable)
    store.views.save(VIEW, EVERYBODY)
    store.database.close()
    for path in readable.iterdir():
        path.chmod(0o444)
    readable.chmod(0o555)
    kept = state(readable)
    command = [sys.executable, "-c", AS_ANOTHER, str(readable)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    readable.chmod(0o755)
    assert done.stdout.split() == ["StoreReadOnly"] * 2, done.stderr[-500:]
    assert state(readable) == kept


def test_a_folder_that_cannot_be_made_is_said_to_be_so(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreReadOnly):
        Store("", tmp_path / "file" / "store").views.find(EVERYBODY)


def test_a_locked_store_is_waited_for_and_said_to_be_busy(store, address, opened, monkeypatch):
    saved = store.views.save(VIEW, EVERYBODY)
    monkeypatch.setattr(database, "BUSY_SECONDS", 1)
    other = opened(address)
    other.views.find(EVERYBODY)
    with store.database.writing() as connection:
        if address:
            connection.execute(text("LOCK TABLE saved_views IN ACCESS EXCLUSIVE MODE"))
        began = time.monotonic()
        with pytest.raises(StoreBusy):
            other.views.save(VIEW, EVERYBODY)
        assert 0.9 <= time.monotonic() - began < 10
    assert other.views.find(EVERYBODY).views == (saved,)
    other.views.save(VIEW, EVERYBODY)


def test_a_full_disk_is_said_and_nothing_is_lost(opened):
    """SQLite is told that the disk holds no more pages than it has: it says what it says of a full disk."""
    store = opened()
    saved = store.views.save(VIEW, EVERYBODY)
    store.database.close()
    engine = store.database._open()

    def full(connection, _):
        connection.execute("PRAGMA max_page_count = 1")

    event.listen(engine, "connect", full)
    engine.dispose()
    for _ in range(2):
        with pytest.raises(StoreFull):
            for number in range(100):
                store.views.save(content(title=str(number), note="n" * 9000), EVERYBODY)
    store.database.close()
    found = store.views.find(EVERYBODY).views
    assert saved in found
    assert {len(view.content.note) for view in found} <= {9000, len(VIEW.note)}


@pytest.mark.parametrize("damage", ["not a database", "cut off", "overwritten"])
def test_a_damaged_store_is_said_to_be_so_and_left_as_it_is(opened, tmp_path, damage):
    store = opened()
    for number in range(50):
        store.views.save(content(title=str(number), note="n" * 5000), EVERYBODY)
    store.database.close()
    path = tmp_path / "store" / database.FILE
    data = path.read_bytes()
    path.write_bytes(
        {
            "not a database": b"no database at all " * 500,
            "cut off": data[: len(data) // 3],
            "overwritten": data[:8192] + b"\xff" * (len(data) - 8192),
        }[damage]
    )
    damaged = path.read_bytes()
    for call in (lambda: store.views.find(EVERYBODY), lambda: store.views.save(VIEW, EVERYBODY)):
        with pytest.raises(StoreCorrupt):
            call()
    assert path.read_bytes() == damaged
    # the operator brings the backup back: no restart is needed
    store.database.close()
    path.write_bytes(data)
    assert store.views.find(EVERYBODY).total == 50


def test_a_server_that_does_not_answer_is_said_not_to(opened):
    store = opened("postgresql://user:secret@127.0.0.1:1/none")
    for call in (lambda: store.views.find(EVERYBODY), lambda: store.views.save(VIEW, EVERYBODY)):
        with pytest.raises(StoreUnreachable) as error:
            call()
        assert "secret" not in str(error.value)


def test_a_server_that_refuses_us_is_said_to(opened, postgres_address, caplog):
    url = make_url(postgres_address)
    for wrong in (url.set(password="wrong-secret"), url.set(database="no_such_database")):
        with pytest.raises(StoreUnreachable):
            opened(wrong.render_as_string(hide_password=False)).views.find(EVERYBODY)
    assert "secret" not in caplog.text
    assert str(url.password) not in caplog.text


def test_a_server_whose_tables_may_not_be_written_is_said_to_be_so(opened, postgres_address):
    store = opened(postgres_address)
    saved = store.views.save(VIEW, EVERYBODY)
    reading = make_url(postgres_address).update_query_dict({"options": "-c default_transaction_read_only=on"})
    reader = opened(reading.render_as_string(hide_password=False))
    assert reader.views.find(EVERYBODY).views == (saved,)
    with pytest.raises(StoreReadOnly):
        reader.views.save(VIEW, EVERYBODY)


def test_a_server_that_was_started_again_is_used_again(store, address, postgres_server):
    """All connections are broken at once, as by a restart."""
    saved = store.views.save(VIEW, EVERYBODY)
    if address:
        engine = create_engine(make_url(postgres_server).set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            ended = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
            connection.execute(ended, {"name": make_url(address).database})
        engine.dispose()
    else:
        store.database.close()
    assert store.views.find(EVERYBODY).views == (saved,)


@pytest.mark.parametrize("address", ["postgresql://user:secret@host:port/name", "postgresql://u:secret@[::1/name"])
def test_an_address_that_is_none_is_refused_without_its_password(tmp_path, address):
    with pytest.raises(SettingInvalid) as error:
        Store(address, tmp_path)
    assert "secret" not in str(error.value.facts)
    assert error.value.__suppress_context__


def test_others_on_this_machine_do_not_read_it(opened, tmp_path):
    opened().views.save(VIEW, EVERYBODY)
    if os.name != "nt":
        assert (tmp_path / "store").stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(tmp_path / "store" / database.FILE)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
