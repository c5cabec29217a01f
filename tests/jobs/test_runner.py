"""The runner: a queue, one thread, progress, cancel and resume; what is finished stays."""

import json
import logging
import os
import stat
import threading

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dashboard.errors import (
    Busy,
    Cancelled,
    JobDamaged,
    JobDiskRefused,
    JobFailed,
    JobOutdated,
    JobPartDamaged,
    JobRunning,
    JobUnknown,
    JobWithoutRows,
    ModelUnreachable,
)
from tests.jobs.made import HOSTILE, RUN, Held, expected, made_runner, made_spec, squares, threads, until


def folder_of(tmp_path, job):
    return tmp_path / "jobs" / job.id


def parts_of(tmp_path, job):
    return sorted(folder_of(tmp_path, job).glob("[0-9]*.parquet"))


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
    assert [runner.status(spec.id).before for spec in specs] == [0, 1, 2]
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


def test_time_left_is_that_of_the_measured_rate(open_runner, monkeypatch):
    """A clock of the test's own: each chunk takes 2 s, so 3 items take 2 s and the rate is 1.5 items/s."""
    clock = [100.0]
    monkeypatch.setattr("dashboard.jobs.work.time.monotonic", lambda: clock[0])
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


# -- what goes wrong --------------------------------------------------------------------------------------------------
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
    monkeypatch.setattr("dashboard.jobs.work.BUSY_SECONDS", 0.01)
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
    monkeypatch.setattr("dashboard.jobs.work.BUSY_SECONDS", 60)
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


# -- files ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("damage", ["cut off", "empty", "a bit", "gone"])
def test_a_damaged_part_is_removed_when_it_is_read_and_computed_again(damage, open_runner, tmp_path):
    asked = []
    runner = open_runner(lambda spec, items, job: asked.append(items) or squares(spec, items, job))
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    part = parts_of(tmp_path, spec)[1]
    raw = part.read_bytes()
    middle = len(raw) // 2
    changed = {"cut off": raw[:-20], "empty": b"", "a bit": raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]}
    if damage == "gone":
        part.unlink()
    else:
        part.write_bytes(changed[damage])
        with pytest.raises(JobPartDamaged):
            runner.frame(spec.id)
    assert runner.status(spec.id).state == "interrupted"
    assert runner.status(spec.id).done == 7
    asked.clear()
    runner.resume(spec.id)
    until(runner, spec.id, "finished")
    assert asked == [[3, 4, 5]]
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())
    with runner.parquet(spec.id) as file:
        pd.testing.assert_frame_equal(pq.read_table(file).to_pandas(), expected())


def test_a_damaged_part_is_found_by_resume_too(open_runner, tmp_path):
    held = Held()
    runner = open_runner(held)
    spec = made_spec()
    runner.start(spec)
    held.let.release(2)
    for _ in range(3):
        held.reached()
    runner.cancel(spec.id)
    until(runner, spec.id, "cancelled")
    damaged = parts_of(tmp_path, spec)[0]
    damaged.write_bytes(damaged.read_bytes()[:100])
    for name in ("000002.1-1.part", "state.json.1-1.part", "joined-000002.1-1.part", "spec.json.2-2.part"):
        (folder_of(tmp_path, spec) / name).write_bytes(b"half")
    held.asked.clear()
    held.let.release(9)
    runner.resume(spec.id)
    until(runner, spec.id, "finished")
    assert held.asked == [[0, 1, 2], [6, 7, 8], [9]]
    pd.testing.assert_frame_equal(runner.frame(spec.id), expected())
    # another process may be about to write that one, as it needs no claim for it
    assert [path.name for path in folder_of(tmp_path, spec).glob("*.part")] == ["spec.json.2-2.part"]


def test_a_damaged_joined_file_is_written_again(runner, tmp_path):
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    (joined,) = folder_of(tmp_path, spec).glob("joined-*")
    joined.write_bytes(b"PAR1")
    with runner.parquet(spec.id) as file:
        pd.testing.assert_frame_equal(pq.read_table(file).to_pandas(), expected())


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"kind": "squares"}', '{"no": "field"}'])
def test_a_damaged_state_costs_no_finished_chunk(text, runner, tmp_path):
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    (folder_of(tmp_path, spec) / "state.json").write_text(text)
    assert runner.status(spec.id).state == "finished"
    parts_of(tmp_path, spec)[0].unlink()
    found = runner.status(spec.id)
    assert (found.state, found.done) == ("interrupted", 7)
    runner.resume(spec.id)
    until(runner, spec.id, "finished")


@pytest.mark.parametrize(
    "change", [lambda text: text[:-5], lambda text: text.replace('"power":2', '"power":3'), str.upper]
)
def test_a_damaged_specification_is_told_and_mended_by_starting_again(change, runner, tmp_path):
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    path = folder_of(tmp_path, spec) / "spec.json"
    path.write_text(change(path.read_text()))
    with pytest.raises(JobDamaged):
        runner.resume(spec.id)
    with pytest.raises(JobDamaged):
        runner.parquet(spec.id)
    assert runner.start(spec).state == "finished"
    assert path.read_text() == spec.text


@pytest.mark.parametrize(
    "job_id", ["", "0" * 32, "..", "../jobs", "A" * 32, "0" * 31, "0" * 33, "0" * 32 + "\n", "٣" * 32, "/etc", "\0"]
)
def test_what_is_no_jobs_id_finds_nothing(job_id, runner, tmp_path):
    (tmp_path / "jobs").mkdir()
    calls = (runner.status, runner.resume, runner.cancel, runner.delete, runner.frame, runner.parquet)
    for call in calls:
        with pytest.raises(JobUnknown):
            call(job_id)
    assert not list((tmp_path / "jobs").iterdir())


def test_a_deleted_job_is_gone_and_a_running_one_is_not_deleted(open_runner, tmp_path):
    held = Held()
    runner = open_runner(held)
    spec = made_spec()
    runner.start(spec)
    held.reached()
    with pytest.raises(JobRunning):
        runner.delete(spec.id)
    held.let.release(9)
    until(runner, spec.id, "finished")
    runner.delete(spec.id)
    with pytest.raises(JobUnknown):
        runner.status(spec.id)
    assert not list((tmp_path / "jobs").iterdir())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no permission bits: its user folders are private by their own")
def test_only_the_servers_user_can_enter_the_folders(runner, tmp_path):
    (tmp_path / "jobs").mkdir(mode=0o755)
    runner.start(made_spec())
    until(runner, made_spec().id, "finished")
    for folder in (tmp_path / "jobs", folder_of(tmp_path, made_spec())):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_folder_that_cannot_be_is_told_without_its_path(open_runner, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(JobDiskRefused) as error:
        open_runner(root=tmp_path / "file" / "jobs").start(made_spec())
    assert str(tmp_path) not in str(error.value)


def test_an_unused_runner_touches_nothing(tmp_path):
    runner = made_runner(tmp_path / "jobs")
    assert runner.jobs() == []
    assert not list(tmp_path.iterdir())
    assert not threads()


def test_the_operator_sees_every_job(runner, tmp_path, caplog):
    specs = [made_spec(items=count) for count in (1, 2, 3)]
    for spec in specs:
        runner.start(spec)
    for spec in specs:
        until(runner, spec.id, "finished")
    (folder_of(tmp_path, specs[0]) / "state.json").unlink()
    (folder_of(tmp_path, specs[0]) / "spec.json").write_text("{")
    assert {found.id for found in runner.jobs()} == {spec.id for spec in specs[1:]}
    assert specs[0].id in caplog.text


def test_engine_calls_get_a_job_that_they_can_follow(open_runner):
    seen = []

    def work(spec, items, job):
        job.progress(7.0)
        job.waits(3)
        seen.append(job.cancel.is_set())
        if len(seen) == 2:
            raise Cancelled
        return squares(spec, items, job)

    runner = open_runner(work)
    runner.start(made_spec())
    assert until(runner, made_spec().id, "cancelled").done == 3
    assert seen == [False, False]


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
