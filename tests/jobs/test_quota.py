"""Bounds: bytes and number of jobs on the disk, and who goes first."""

import logging
import os

import pytest

from dashboard.errors import JobsFull, JobUnknown
from tests.made.jobs import Held, made_spec, squares, until


def finished(runner, *specs):
    for age, spec in enumerate(specs):
        runner.start(spec)
        until(runner, spec.id, "finished")
        # an hour between them: clocks of file systems may be coarse
        when = 1_700_000_000 + 3600 * age
        os.utime(runner._root / spec.id / "state.json", (when, when))


def kept(tmp_path):
    return {path.name for path in (tmp_path / "jobs").iterdir() if path.is_dir()}


def test_the_oldest_finished_job_goes_first_and_that_is_said(open_runner, tmp_path, caplog):
    runner = open_runner(most=3)
    old, middle, young, new = (made_spec(items=count) for count in (1, 2, 3, 4))
    finished(runner, old, middle, young)
    with caplog.at_level(logging.INFO):
        assert runner.start(new).removed == 1
    assert kept(tmp_path) == {middle.id, young.id, new.id}
    assert old.id in caplog.text
    until(runner, new.id, "finished")
    assert runner.status(new.id).removed == 1, "it is still said later"
    with pytest.raises(JobUnknown):
        runner.status(old.id)
    assert not list((tmp_path / "jobs").glob(f"{old.id}*")), "its lock goes too"


def test_finished_jobs_go_before_older_ones_that_can_be_resumed(open_runner, tmp_path):
    held = Held()
    runner = open_runner(held, most=2)
    cancelled, done, new = made_spec(items=9), made_spec(items=3), made_spec(items=4)
    runner.start(cancelled)
    held.reached()
    runner.cancel(cancelled.id)
    until(runner, cancelled.id, "cancelled")
    os.utime(tmp_path / "jobs" / cancelled.id / "state.json", (1_600_000_000, 1_600_000_000))
    held.let.release(10)
    finished(runner, done)
    runner.start(new)
    assert kept(tmp_path) == {cancelled.id, new.id}
    until(runner, new.id, "finished")


def test_where_nothing_may_go_a_job_is_refused_and_nothing_is_removed(open_runner, tmp_path):
    held = Held()
    runner = open_runner(held, most=2)
    running, waiting, new = made_spec(items=1), made_spec(items=2), made_spec(items=3)
    runner.start(running)
    runner.start(waiting)
    with pytest.raises(JobsFull) as error:
        runner.start(new)
    assert error.value.facts["jobs"] == 2
    assert kept(tmp_path) == {running.id, waiting.id}
    held.let.release(10)
    until(runner, waiting.id, "finished")


def test_bytes_are_bounded(open_runner, tmp_path):
    """Each job has a text of 100 kB that does not compress away: its specification."""
    runner = open_runner(lambda spec, items, job: [{"n": len(item)} for item in items], limit=350_000)
    specs = [made_spec(items=[str(count) * 100_000]) for count in range(5)]
    finished(runner, *specs[:3])
    assert runner.start(specs[3]).removed == 1
    until(runner, specs[3].id, "finished")
    assert kept(tmp_path) == {spec.id for spec in specs[1:4]}
    assert sum(path.stat().st_size for path in (tmp_path / "jobs").rglob("*") if path.is_file()) <= 350_000


def test_a_job_that_outgrows_the_bound_removes_others_then_stops_with_what_it_has(open_runner, tmp_path):
    def noise(spec, items, job):
        return [{"noise": os.urandom(20_000)} for _ in items]

    runner = open_runner(noise, limit=250_000)
    small, large = made_spec(items=2, chunk=1), made_spec(items=30, chunk=1)
    finished(runner, small)
    runner.start(large)
    failed = until(runner, large.id, "failed")
    assert isinstance(failed.error, JobsFull)
    assert failed.error.facts["limit"] == 0.2
    assert kept(tmp_path) == {large.id}
    assert failed.removed == 1
    assert 8 <= failed.done <= 13
    assert len(runner.frame(large.id)) == failed.done
    with pytest.raises(JobsFull):
        runner.start(made_spec(items=["x" * 300_000]))
    assert kept(tmp_path) == {large.id}, "what would not be enough is not removed"


def test_what_is_no_job_any_more_goes_before_all_others(open_runner, tmp_path):
    runner = open_runner(most=2)
    done = made_spec(items=1)
    finished(runner, done)
    (tmp_path / "jobs" / ("0" * 32)).mkdir()
    runner.start(made_spec(items=2))
    assert kept(tmp_path) == {done.id, made_spec(items=2).id}
    until(runner, made_spec(items=2).id, "finished")


def test_a_job_that_is_there_needs_no_room(open_runner):
    runner = open_runner(squares, most=1)
    spec = made_spec()
    finished(runner, spec)
    assert runner.start(spec).removed == 0
