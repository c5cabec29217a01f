"""Jobs of earlier versions, which lay elsewhere: none of them is lost."""

from pathlib import Path

import pandas as pd
import pytest

from dashboard.jobs.atomic_files import PART
from dashboard.jobs.folder import JobFolder
from dashboard.jobs.migration import move_jobs
from dashboard.jobs.quota import job_folders
from dashboard.jobs.runner import JobRunner
from tests.made.jobs import LIMIT, expected, made_spec, squares, until


@pytest.fixture
def old(tmp_path):
    """A folder with one finished job."""
    return with_job(tmp_path / "old")


def with_job(folder):
    runner = JobRunner(folder, LIMIT)
    runner.register("squares", squares)
    runner.start(made_spec())
    until(runner, made_spec().id, "finished")
    return folder


def rows(folder):
    return JobRunner(folder, LIMIT).frame(made_spec().id)


def test_a_job_has_its_rows_in_the_new_folder_and_leaves_nothing_behind(old, tmp_path):
    move_jobs(old, tmp_path / "data" / "jobs")
    pd.testing.assert_frame_equal(rows(tmp_path / "data" / "jobs"), expected())
    assert not old.exists()


def test_a_job_is_copied_to_another_disk(old, tmp_path, monkeypatch):
    rename = Path.rename

    def within_a_disk(self, target):
        if old in self.parents:
            raise OSError(18, "Invalid cross-device link")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", within_a_disk)
    move_jobs(old, tmp_path / "new")
    pd.testing.assert_frame_equal(rows(tmp_path / "new"), expected())
    assert not old.exists()


def test_a_job_that_another_process_works_in_stays_until_it_is_free(old, tmp_path):
    lock = JobFolder(old, made_spec().id).claim()
    move_jobs(old, tmp_path / "new")
    pd.testing.assert_frame_equal(rows(old), expected())
    lock.release()
    move_jobs(old, tmp_path / "new")
    pd.testing.assert_frame_equal(rows(tmp_path / "new"), expected())


def test_a_job_that_is_there_already_is_not_replaced(old, tmp_path):
    new = with_job(tmp_path / "new")
    left = next((new / made_spec().id).glob("*.parquet")).stat().st_mtime_ns
    move_jobs(old, new)
    assert next((new / made_spec().id).glob("*.parquet")).stat().st_mtime_ns == left
    assert [path.suffix for path in new.iterdir() if path.suffix == PART] == []
    pd.testing.assert_frame_equal(rows(old), expected())


def test_where_the_disk_refuses_the_job_stays_and_the_log_says_so(old, tmp_path, caplog):
    (tmp_path / "new").write_text("a file where the folder should be")
    move_jobs(old, tmp_path / "new")
    pd.testing.assert_frame_equal(rows(old), expected())
    assert str(old) in caplog.text


def test_a_job_that_the_disk_refuses_keeps_no_other_from_moving(old, tmp_path, monkeypatch, caplog):
    refused, other = made_spec(), made_spec(items=4)
    runner = JobRunner(old, LIMIT)
    runner.register("squares", squares)
    runner.start(other)
    until(runner, other.id, "finished")
    rename = Path.rename

    def refusing(path, target):
        if path.name.startswith(refused.id):
            raise PermissionError("refused")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    monkeypatch.setattr("shutil.copytree", lambda *_: (_ for _ in ()).throw(PermissionError("refused")))
    refused_first = sorted(job_folders(old), key=lambda job: job.id != refused.id)
    monkeypatch.setattr("dashboard.jobs.migration.job_folders", lambda _: refused_first)
    move_jobs(old, tmp_path / "new")
    assert (tmp_path / "new" / other.id).is_dir()
    assert refused.id in caplog.text
    pd.testing.assert_frame_equal(rows(old), expected())


def test_the_folder_of_a_server_that_keeps_both_in_one_is_left_alone(old, caplog):
    lock = JobFolder(old, made_spec().id).claim()
    move_jobs(old, old)
    lock.release()
    assert not caplog.text
    pd.testing.assert_frame_equal(rows(old), expected())
