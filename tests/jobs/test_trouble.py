"""What goes wrong in a job's work: it is told, costs nothing that is finished, and can be tried again."""

import logging
import threading

import pandas as pd
import pytest

from dashboard.errors import Busy, JobDamaged, JobFailed, JobOutdated, ModelUnreachable
from tests.made.jobs import RUN, Held, expected, made_spec, squares, until


def test_an_error_that_a_person_can_mend_is_told_and_resume_tries_again(open_runner):
    broken = [True]

    def work(spec, items, job):
        if broken[0] and 3 in items:
            raise ModelUnreachable(model="m", reason="no network")
        return squares(spec, items, job)

    runner = open_runner(work)
    spec = made_spec()
    runner.start(spec)
    failed = until(runner, spec.id, "failed")
    assert isinstance(failed.error, ModelUnreachable)
    assert failed.error.facts == {"model": "m", "reason": "no network"}
    assert failed.done == 3
    broken[0] = False
    assert runner.resume(spec.id).state != "failed", "whoever sees its end can start it again"
    assert until(runner, spec.id, "finished").error is None


def test_our_mistake_ends_the_job_not_the_thread_and_no_text_of_users_is_logged(open_runner, caplog):
    def work(spec, items, job):
        if spec.request["power"] == 2:
            raise ValueError(f"cannot read {items[0]}")
        return [{"text": item} for item in items]

    runner = open_runner(work)
    bad, good = made_spec(items=["secret prompt"]), made_spec(items=["secret prompt"], request={"power": 3})
    with caplog.at_level(logging.DEBUG):
        runner.start(bad)
        runner.start(good)
        failed = until(runner, bad.id, "failed")
        until(runner, good.id, "finished")
    assert isinstance(failed.error, JobFailed)
    assert failed.error.facts == {"reason": "ValueError"}
    assert "ValueError" in caplog.text
    assert "in work" in caplog.text, "the place is told"
    assert "secret" not in caplog.text


def test_columns_that_change_their_kind_are_our_mistake_and_do_not_spoil_what_is_there(open_runner):
    runner = open_runner(lambda spec, items, job: [{"value": item if item < 3 else str(item)} for item in items])
    spec = made_spec()
    runner.start(spec)
    failed = until(runner, spec.id, "failed")
    assert failed.error.facts == {"reason": "ArrowTypeError"}
    assert runner.frame(spec.id)["value"].tolist() == [0, 1, 2]


def test_a_busy_device_is_waited_for(open_runner, monkeypatch):
    monkeypatch.setattr("dashboard.jobs.execution.BUSY_SECONDS", 0.01)
    times = []

    def work(spec, items, job):
        times.append(items)
        if len(times) < 4:
            raise Busy(seconds=1)
        return squares(spec, items, job)

    runner = open_runner(work)
    runner.start(made_spec(items=3))
    until(runner, made_spec(items=3).id, "finished")
    assert len(times) == 4


def test_waiting_for_a_busy_device_can_be_cancelled(open_runner, monkeypatch):
    monkeypatch.setattr("dashboard.jobs.execution.BUSY_SECONDS", 60)
    asked = threading.Event()

    def work(spec, items, job):
        asked.set()
        raise Busy(seconds=1)

    runner = open_runner(work)
    runner.start(made_spec())
    assert asked.wait(30)
    runner.cancel(made_spec().id)
    until(runner, made_spec().id, "cancelled")


def test_numbers_of_two_versions_are_not_mixed(tmp_path, open_runner):
    held = Held()
    first = open_runner(held)
    first.register("squares", held, lambda spec, job: RUN)
    spec = made_spec()
    first.start(spec)
    held.let.release()
    held.reached()
    held.reached()
    first.cancel(spec.id)
    until(first, spec.id, "cancelled")
    later = open_runner()
    later.register("squares", squares, lambda spec, job: RUN | {"torch": "2.14.0"})
    later.resume(spec.id)
    failed = until(later, spec.id, "failed")
    assert isinstance(failed.error, JobOutdated)
    assert failed.error.facts == {"what": "torch", "then": "2.13.0", "now": "2.14.0"}
    assert failed.done == 3
    pd.testing.assert_frame_equal(later.frame(spec.id), expected(3))


def test_a_kind_that_nobody_registered_is_our_mistake_at_the_start_and_told_later(open_runner, tmp_path):
    with pytest.raises(KeyError):
        open_runner().start(made_spec(kind="cubes"))
    assert not (tmp_path / "jobs").exists()
    runner = open_runner()
    runner.register("cubes", squares)
    runner.start(made_spec(kind="cubes"))
    until(runner, made_spec(kind="cubes").id, "finished")
    with pytest.raises(JobDamaged):
        open_runner().resume(made_spec(kind="cubes").id)


def test_whoever_sees_the_end_of_a_job_can_start_it_again_at_once(open_runner):
    """However close: the end is said and the claim given back in one step."""
    failing = [True]

    def work(spec, items, job):
        if failing[0]:
            raise ModelUnreachable(model="m", reason="r")
        return squares(spec, items, job)

    runner = open_runner(work)
    for power in range(20):
        spec = made_spec(items=1, request={"power": power})
        failing[0] = True
        runner.start(spec)
        until(runner, spec.id, "failed")
        failing[0] = False
        assert runner.resume(spec.id).state in ("queued", "running", "finished")
        until(runner, spec.id, "finished")
        runner.delete(spec.id)
