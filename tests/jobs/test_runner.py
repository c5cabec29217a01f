"""The runner: a queue, one thread, progress, cancel and resume; what is finished stays."""

import json
import threading

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dashboard.errors import JobWithoutRows
from tests.made.jobs import HOSTILE, RUN, Held, expected, folder_of, made_spec, squares, threads, until


# -- from start to end ------------------------------------------------------------------------------------------------
def test_a_job_gives_the_rows_of_its_items_in_order(runner):
    spec = made_spec()
    assert runner.start(spec).state in ("queued", "running", "finished")
    done = until(runner, spec.id, "finished")
    assert (done.items, done.done, done.share, done.seconds_left, done.error) == (10, 10, 1.0, 0.0, None)
    assert not done.live
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())
    assert [len(frame) for frame in runner.frames(spec.id)] == [3, 3, 3, 1]
    assert list(runner.frame(spec.id, ["value"]).columns) == ["value"]


def test_work_may_give_frames(open_runner):
    runner = open_runner(lambda spec, items, job: pd.DataFrame(squares(spec, items, job)))
    runner.start(made_spec())
    until(runner, made_spec().id, "finished")
    pd.testing.assert_frame_equal(runner.frame(made_spec().id), expected())


def test_the_joined_file_equals_the_parts_and_says_where_it_comes_from(runner):
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    with runner.parquet(spec.id) as file:
        found = pq.read_table(file)
    pd.testing.assert_frame_equal(found.to_pandas(), pd.concat(runner.frames(spec.id), ignore_index=True))
    told = json.loads(found.schema.metadata[b"provenance"])
    assert told.items() >= RUN.items()
    assert told["run"] == spec.id
    assert (told["kind"], told["request"], told["items"], told["items_done"]) == ("squares", {"power": 2}, 10, 10)
    assert told["pyarrow"]
    assert told["pandas"]


def test_the_same_job_asked_again_is_not_computed_again(open_runner, tmp_path):
    asked = []
    runner = open_runner(lambda spec, items, job: asked.extend(items) or squares(spec, items, job))
    runner.start(made_spec())
    until(runner, made_spec().id, "finished")
    assert runner.start(made_spec()).state == "finished"
    assert runner.resume(made_spec().id).state == "finished"
    assert asked == list(range(10))
    assert len(list((tmp_path / "jobs").glob("*/spec.json"))) == 1


def test_jobs_wait_in_a_queue_and_one_thread_works_them_off(open_runner):
    held = Held()
    runner = open_runner(held)
    specs = [made_spec(items=3, request={"power": power}) for power in (1, 2, 3)]
    for spec in specs:
        runner.start(spec)
    held.reached()
    assert [runner.status(spec.id).state for spec in specs] == ["running", "queued", "queued"]
    assert [runner.status(spec.id).queue_position for spec in specs] == [0, 1, 2]
    assert len(threads()) == 1
    held.let.release(3)
    for spec in specs:
        until(runner, spec.id, "finished")
    assert runner.frame(specs[2].id)["value"].tolist() == [0.0, 1.0, 8.0]


def test_hostile_texts_pass_through_a_job(open_runner):
    runner = open_runner(lambda spec, items, job: [{"text": text} for text in items])
    spec = made_spec(items=HOSTILE)
    runner.start(spec)
    until(runner, spec.id, "finished")
    assert runner.frame(spec.id)["text"].tolist() == HOSTILE


# -- progress ---------------------------------------------------------------------------------------------------------
def test_progress_counts_finished_items_and_the_chunk_at_work(open_runner):
    held = Held()
    runner = open_runner(held)
    spec = made_spec()
    runner.start(spec)
    held.reached()
    first = runner.status(spec.id)
    assert (first.done, first.share) == (0, pytest.approx(1.5 / 10))
    assert first.seconds_left != first.seconds_left  # nothing measured yet
    for _ in range(3):
        held.let.release()
        held.reached()
    last = runner.status(spec.id)
    assert (last.done, last.share) == (9, pytest.approx(9.5 / 10))
    held.let.release()
    until(runner, spec.id, "finished")


def test_a_chunk_that_has_not_told_how_far_it_is_counts_as_not_begun(open_runner):
    reached, let = threading.Semaphore(0), threading.Semaphore(0)

    def work(spec, items, job):
        reached.release()
        assert let.acquire(timeout=30)
        job.progress(1.0)
        return squares(spec, items, job)

    runner = open_runner(work)
    spec = made_spec()
    runner.start(spec)
    let.release()
    assert reached.acquire(timeout=30)
    assert reached.acquire(timeout=30)
    assert runner.status(spec.id).share == pytest.approx(3 / 10)
    let.release(9)
    until(runner, spec.id, "finished")


def test_time_left_is_that_of_the_measured_rate(open_runner, monkeypatch):
    """A clock of the test's own: each chunk takes 2 s, so 3 items take 2 s and the rate is 1.5 items/s."""
    clock = [100.0]
    monkeypatch.setattr("dashboard.jobs.execution.time.monotonic", lambda: clock[0])
    held = Held()

    def work(spec, items, job):
        rows = held(spec, items, job)
        clock[0] += 2.0
        job.progress(1 / 3)
        return rows

    runner = open_runner(work)
    spec = made_spec(items=12)
    runner.start(spec)
    held.reached()
    held.let.release()
    held.reached()
    found = runner.status(spec.id)
    assert found.items_per_second == pytest.approx(1.5)
    assert found.seconds == pytest.approx(2.0)
    # 3 done and, as `Held` tells, half of the next 3
    assert found.seconds_left == pytest.approx((12 - 4.5) / 1.5)
    held.let.release(3)
    assert until(runner, spec.id, "finished").seconds == pytest.approx(8.0)


def test_results_can_be_read_and_saved_while_the_job_runs(open_runner, tmp_path):
    held = Held()
    runner = open_runner(held)
    spec = made_spec()
    runner.start(spec)
    held.reached()
    assert runner.frame(spec.id).empty
    with pytest.raises(JobWithoutRows):
        runner.parquet(spec.id)
    held.let.release(2)
    held.reached()
    held.reached()
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected(6))
    with runner.parquet(spec.id) as file:
        half = pq.read_table(file)
    assert half["item"].to_pylist() == list(range(6))
    assert json.loads(half.schema.metadata[b"provenance"])["items_done"] == 6
    held.let.release(9)
    until(runner, spec.id, "finished")
    with runner.parquet(spec.id) as file:
        assert pq.read_table(file)["item"].to_pylist() == list(range(10))
    assert len(list(folder_of(tmp_path, spec).glob("joined-*"))) == 1, "older joined files go"


# -- cancel and resume ------------------------------------------------------------------------------------------------
def test_cancel_keeps_finished_chunks_and_leaves_no_thread_and_resume_computes_the_rest(open_runner):
    held = Held()
    runner = open_runner(held)
    spec = made_spec()
    runner.start(spec)
    held.let.release()
    held.reached()
    held.reached()
    assert runner.cancel(spec.id).state in ("stopping", "cancelled")
    stopped = until(runner, spec.id, "cancelled")
    assert (stopped.done, stopped.live) == (3, False)
    assert stopped.seconds_left > 0
    for thread in threads():
        thread.join(30)
    assert not threads()
    held.let.release(10)
    runner.resume(spec.id)
    until(runner, spec.id, "finished")
    assert held.asked == [[0, 1, 2], [3, 4, 5], [3, 4, 5], [6, 7, 8], [9]]
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())


def test_a_waiting_job_is_cancelled_at_once_and_the_others_go_on(open_runner):
    held = Held()
    runner = open_runner(held)
    one, two = made_spec(items=3), made_spec(items=3, request={"power": 3})
    runner.start(one)
    runner.start(two)
    held.reached()
    assert runner.cancel(two.id).state == "cancelled"
    held.let.release()
    until(runner, one.id, "finished")
    assert held.asked == [[0, 1, 2]]


def test_cancelling_what_does_not_run_changes_nothing(runner):
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    assert runner.cancel(spec.id).state == "finished"


def test_work_that_does_not_look_up_ends_with_its_chunk_which_is_kept(open_runner):
    began, go_on = threading.Event(), threading.Event()

    def deaf(spec, items, job):
        began.set()
        assert go_on.wait(30)
        return squares(spec, items, job)

    runner = open_runner(deaf)
    spec = made_spec()
    runner.start(spec)
    assert began.wait(30)
    assert runner.cancel(spec.id).state == "stopping"
    go_on.set()
    assert until(runner, spec.id, "cancelled").done == 3
