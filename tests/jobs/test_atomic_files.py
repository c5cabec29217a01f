"""The disk: files are whole or not there; a full disk is told and costs nothing that was finished."""

import errno
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from dashboard.errors import JobDiskFull, JobDiskRefused
from dashboard.jobs import atomic_files
from dashboard.jobs.atomic_files import disk_errors, is_whole, write_signed, write_whole
from tests.made.jobs import Held, expected, made_spec, until

ROOT = Path(__file__).parents[2]


def failing(file):
    file.write(b"half")
    raise ValueError("in the middle")


def test_a_file_is_replaced_whole_or_stays(tmp_path):
    path = tmp_path / "state.json"
    write_whole(path, lambda file: file.write(b"old"))
    with pytest.raises(ValueError, match="in the middle"):
        write_whole(path, failing)
    assert path.read_bytes() == b"old"
    write_whole(path, lambda file: file.write(b"new"))
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_signed_file_tells_any_change(tmp_path):
    path = write_signed(tmp_path, "part", ".bin", lambda file: file.write(b"content"))
    assert is_whole(path)
    for changed in (b"conTent", b"conten", b"content\0", b""):
        path.write_bytes(changed)
        assert not is_whole(path)
    with pytest.raises(ValueError, match="in the middle"):
        write_signed(tmp_path, "other", ".bin", failing)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (errno.ENOSPC, JobDiskFull),
        (errno.EDQUOT, JobDiskFull),
        (errno.EACCES, JobDiskRefused),
        (errno.EROFS, JobDiskRefused),
        (errno.EIO, JobDiskRefused),
    ],
)
def test_what_the_system_says_of_a_disk_becomes_advice_without_paths(code, kind):
    with pytest.raises(kind) as error, disk_errors():
        raise OSError(code, "its words", "/secret/path")
    assert error.value.facts in ({}, {"reason": "its words"})


def test_a_file_that_another_reads_is_tried_again(tmp_path, monkeypatch):
    """As on Windows, where the file cannot be replaced in that moment."""
    monkeypatch.setattr(atomic_files, "_TRY_SECONDS", 0.001)
    refused = [PermissionError(errno.EACCES, "in use")] * 3
    replace = Path.replace

    def sometimes(self, target):
        if refused:
            raise refused.pop()
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", sometimes)
    write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"
    refused += [PermissionError(errno.EACCES, "not yours")] * 100
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "file", lambda file: file.write(b"newer"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_fails_the_job_keeps_what_is_finished_and_is_told_even_if_that_cannot_be_written(
    open_runner, monkeypatch
):
    held = Held()
    runner = open_runner(held)
    spec = made_spec()
    runner.start(spec)
    held.let.release()
    held.reached()
    held.reached()

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic_files.os, "fsync", full)
        held.let.release()
        failed = until(runner, spec.id, "failed")
    assert isinstance(failed.error, JobDiskFull)
    assert failed.done == 3
    held.let.release(10)
    runner.resume(spec.id)
    until(runner, spec.id, "finished")
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())


def test_a_job_that_cannot_be_put_down_is_not_begun_and_not_claimed(open_runner, monkeypatch):
    runner = open_runner()

    def full(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(atomic_files.os, "fsync", full)
        with pytest.raises(JobDiskFull):
            runner.start(made_spec())

    def only_the_specification(path, write):
        return full(path) if "state" in path.name else atomic_files.write_whole(path, write)

    with monkeypatch.context() as patch:
        patch.setattr("dashboard.jobs.folder.write_whole", only_the_specification)
        # the error is held, and with it what its frames hold: only a claim that was given back is free
        with pytest.raises(JobDiskFull) as held:
            runner.start(made_spec())
    runner.start(made_spec())
    until(runner, made_spec().id, "finished")
    assert held.value.facts == {}


@pytest.mark.skipif(sys.platform == "win32", reason="the system has no limit on the size of a file")
def test_a_real_limit_on_files_is_met_with_advice(tmp_path):
    """In a process of its own whose files may have 20 kB: parts of 30 kB do not fit."""
    code = f"""
import os, resource
from pathlib import Path
from tests.made.jobs import made_runner, made_spec, until
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
work = lambda spec, items, job: [{{"n": os.urandom(30_000 * items[0])}}]
runner = made_runner(Path({str(tmp_path)!r}), work)
runner.start(made_spec(items=[0, 1], chunk=1))
found = until(runner, made_spec(items=[0, 1], chunk=1).id, "failed", "finished")
print(found.state, type(found.error).__name__, found.done)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["failed", "JobDiskFull", "1"], done.stderr
    assert not list(tmp_path.rglob("*.part"))
