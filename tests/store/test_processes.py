"""Real processes: one is killed while it saves, two share a store, two open a new one at once."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dashboard.errors import SavedViewChanged
from tests.made.saved import EVERYBODY, VIEW, content

ROOT = Path(__file__).parents[2]
KILLS = 8


@pytest.fixture
def process(address, tmp_path):
    """Starts processes that save views; none of them outlives the test."""
    started = []

    def start(name, count=0):
        command = [sys.executable, "-m", "tests.made.store_process", address or "-", tmp_path / "store", name, count]
        started.append(subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_what_was_acknowledged_survives_a_kill(store, address, process):
    chance = random.Random(0)
    acknowledged = []
    for kill in range(KILLS):
        saver = process(f"process {kill}")
        acknowledged.append(saver.stdout.readline())  # it saves by now
        time.sleep(chance.uniform(0, 0.15))
        saver.kill()
        acknowledged += saver.stdout.read().splitlines(keepends=True)
    ids = {line.strip() for line in acknowledged if line.endswith("\n")}  # the last one may be cut off
    assert len(ids) > KILLS
    there = {view.id: view for view in store.views.find(EVERYBODY).views}
    assert ids <= there.keys()
    # and what is there is whole, also what was not acknowledged any more: at most one of each process
    assert len(there) <= len(ids) + KILLS
    assert {(view.content.note, view.content.tags) for view in there.values()} == {("n" * 3000, VIEW.tags)}
    if not address:
        with store.database.reading() as connection:
            assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"


def test_two_processes_make_a_store_and_save_into_it_at_once(store, process):
    both = [process("one", 40), process("two", 40)]
    ids = [line for each in both for line in each.communicate(timeout=120)[0].split()]
    assert [each.returncode for each in both] == [0, 0]
    assert len(set(ids)) == 80
    assert {view.id for view in store.views.find(EVERYBODY).views} == set(ids)


def test_of_two_who_change_a_version_one_is_told(store, address, opened):
    """Many times, in threads of two stores: whoever is told has written nothing."""
    from concurrent.futures import ThreadPoolExecutor

    others = [opened(address), opened(address)]
    saved = store.views.save(VIEW, EVERYBODY)

    def change(which, version):
        try:
            return others[which].views.change(saved.id, version, content(title=f"{which} {version}"), EVERYBODY)
        except SavedViewChanged:
            return None

    for version in range(1, 16):
        with ThreadPoolExecutor(2) as pool:
            ends = list(pool.map(change, (0, 1), (version, version)))
        (winner,) = [end for end in ends if end is not None]
        assert store.views.get(saved.id, EVERYBODY) == winner
        assert winner.version == version + 1
