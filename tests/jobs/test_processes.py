"""Real server processes: one is killed at work, two share a folder."""

import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from dashboard.errors import JobRunning
from tests.made.jobs import expected, made_spec, until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(tmp_path):
    """Starts server processes; none of them outlives the test."""
    started = []

    def start(seconds, call="start"):
        command = [
            sys.executable,
            "-m",
            "tests.made.job_process",
            tmp_path / "jobs",
            tmp_path / "log",
            str(seconds),
            call,
        ]
        started.append(subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process):
    """What the process printed at its end."""
    return process.communicate(timeout=120)[0].strip()


def computed(tmp_path):
    log = tmp_path / "log"
    return [int(item) for item in log.read_text().split()] if log.exists() else []


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_after_a_crash_only_what_is_missing_is_computed_and_the_result_is_the_same(server, runner, tmp_path):
    spec = made_spec()
    process = server(0.05)
    wait_for(lambda: len(computed(tmp_path)) >= 5)
    assert runner.status(spec.id).state == "running", "another process works in it"
    process.kill()
    process.wait()
    found = runner.status(spec.id)
    assert found.state == "interrupted", "nothing runs by itself"
    assert found.done in (3, 6)
    assert found.seconds_left > 0
    before = computed(tmp_path)
    assert ended(server(0, "resume")) == "finished"
    assert computed(tmp_path)[len(before) :] == list(range(found.done, 10))
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())
    undisturbed = runner.status(spec.id)
    assert (undisturbed.state, undisturbed.done) == ("finished", 10)


def test_a_job_asked_for_in_two_processes_runs_once(server, tmp_path, runner):
    one = server(0.05)
    wait_for(lambda: computed(tmp_path))
    two = server(0.05)
    assert [ended(one), ended(two)] == ["finished", "finished"]
    assert computed(tmp_path) == list(range(10))
    pd.testing.assert_frame_equal(runner.frame(made_spec().id), expected())


def test_two_processes_that_start_together_compute_everything_once(server, tmp_path):
    processes = [server(0.01) for _ in range(3)]
    assert [ended(process) for process in processes] == ["finished"] * 3
    assert sorted(computed(tmp_path)) == list(range(10))


def test_a_job_can_be_cancelled_from_another_process_but_not_deleted_while_it_runs(server, tmp_path, runner):
    spec = made_spec()
    process = server(0.2)
    wait_for(lambda: len(computed(tmp_path)) >= 4)
    with pytest.raises(JobRunning):
        runner.delete(spec.id)
    assert runner.cancel(spec.id).state == "stopping"
    assert ended(process) == "cancelled"
    found = runner.status(spec.id)
    assert (found.state, found.done) == ("cancelled", runner.frame(spec.id).shape[0])
    assert found.done < 10
    runner.resume(spec.id)
    until(runner, spec.id, "finished")
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())
