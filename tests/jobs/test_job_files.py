"""A job's files: damage is found and costs only what is damaged; nobody finds a job without its id."""

import os
import stat

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dashboard.errors import Cancelled, JobDamaged, JobDiskRefused, JobPartDamaged, JobRunning, JobUnknown
from tests.made.jobs import Held, expected, folder_of, made_runner, made_spec, parts_of, squares, threads, until


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


def test_a_joined_file_is_not_older_than_its_parts(open_runner, tmp_path):
    """A part that is computed again may differ by float noise; the file shows what the parts show."""
    noise = [0.0]

    def work(spec, items, job):
        return [{**row, "value": row["value"] + noise[0]} for row in squares(spec, items, job)]

    runner = open_runner(work)
    spec = made_spec()
    for damage in ("found when read", "found by resume"):
        runner.start(spec)
        until(runner, spec.id, "finished")
        parts_of(tmp_path, spec)[1].write_bytes(b"")
        if damage == "found when read":
            with pytest.raises(JobPartDamaged):
                runner.frame(spec.id)
        else:
            parts_of(tmp_path, spec)[3].unlink()
        noise[0] += 1e-6
        runner.resume(spec.id)
        until(runner, spec.id, "finished")
        with runner.parquet(spec.id) as file:
            pd.testing.assert_frame_equal(pq.read_table(file).to_pandas(), runner.frame(spec.id), rtol=0, atol=0)
        assert runner.frame(spec.id)["value"][3] == pytest.approx(9 + noise[0], abs=1e-9)


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


def test_an_id_cannot_lead_elsewhere(runner):
    spec = made_spec()
    runner.start(spec)
    until(runner, spec.id, "finished")
    for job_id in (f"{spec.id}/../{spec.id}", f"{spec.id}/", f"../jobs/{spec.id}", spec.id.upper()):
        with pytest.raises(JobUnknown):
            runner.status(job_id)


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
        job.on_queue(3)
        seen.append(job.cancel.is_set())
        if len(seen) == 2:
            raise Cancelled
        return squares(spec, items, job)

    runner = open_runner(work)
    runner.start(made_spec())
    assert until(runner, made_spec().id, "cancelled").done == 3
    assert seen == [False, False]
