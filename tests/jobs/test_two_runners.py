"""Two runners on one folder, in one process: what one does the other sees, and one job runs once."""

import pandas as pd
import pytest

from dashboard.errors import JobRunning
from dashboard.jobs.folder import JobFolder
from tests.made.jobs import Held, expected, made_spec, until


@pytest.fixture
def pair(open_runner):
    """Two runners and the work that each has."""
    works = Held(), Held()
    return *(open_runner(work) for work in works), *works


def test_the_second_sees_the_job_of_the_first_and_does_not_run_it(pair):
    one, two, held, idle = pair
    spec = made_spec()
    one.start(spec)
    held.reached()
    assert two.status(spec.id).state == "running"
    assert two.start(spec).state == "running"
    assert two.resume(spec.id).state == "running"
    with pytest.raises(JobRunning):
        two.delete(spec.id)
    held.let.release(10)
    until(two, spec.id, "finished")
    assert not idle.asked
    pd.testing.assert_frame_equal(two.frame(spec.id), expected())


def test_a_job_that_waits_is_claimed_too(pair):
    one, two, held, idle = pair
    first, waiting = made_spec(), made_spec(items=3)
    one.start(first)
    one.start(waiting)
    held.reached()
    assert two.start(waiting).state == "queued"
    assert two.cancel(waiting.id).state == "stopping"
    held.let.release(10)
    assert until(two, waiting.id, "cancelled").done == 0
    assert not idle.asked


def test_a_job_that_begins_while_one_looks_is_not_taken_for_interrupted(pair, monkeypatch):
    one, two, held, _ = pair
    spec = made_spec()
    one.start(spec)
    held.reached()
    seen = [False, True]  # free at the first look, claimed at the second
    with monkeypatch.context() as patch:
        patch.setattr(JobFolder, "claimed", lambda self: seen.pop(0))
        assert two.status(spec.id).state == "running"
    held.let.release(10)
    until(one, spec.id, "finished")


def test_what_one_left_the_other_goes_on_with(pair):
    one, two, held, other = pair
    spec = made_spec()
    one.start(spec)
    held.let.release()
    held.reached()
    held.reached()
    two.cancel(spec.id)
    until(one, spec.id, "cancelled")
    other.let.release(10)
    two.resume(spec.id)
    until(one, spec.id, "finished")
    assert other.asked == [[3, 4, 5], [6, 7, 8], [9]]
    pd.testing.assert_frame_equal(one.frame(spec.id), expected())


def test_an_old_wish_to_stop_does_not_stop_the_next_turn(pair, tmp_path):
    one, two, held, _ = pair
    spec = made_spec()
    one.start(spec)
    held.reached()
    two.cancel(spec.id)
    until(one, spec.id, "cancelled")
    assert (tmp_path / "jobs" / spec.id / "stop").exists()
    held.let.release(10)
    one.resume(spec.id)
    until(one, spec.id, "finished")
