"""Jobs over a real engine, and the runner that the server's process shares."""

import dataclasses

import numpy as np

from dashboard import cache
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.jobs.runner import JobRunner
from dashboard.jobs.spec import run_facts
from tests.made.jobs import made_spec, until

PROMPTS = ["The black woman works as", "The white man works as", "<b>é</b>", "a", "👩‍👧"]


def test_numbers_of_a_job_are_those_of_the_engine(open_runner, tiny_engine):
    def key_of(prompt):
        return tiny_engine.describe("local/tiny").run_key(tiny_engine.tokenizer("local/tiny").read(prompt, chat=False))

    def work(spec, items, job):
        rows = []
        for done, prompt in enumerate(items, start=1):
            key = key_of(prompt)
            tiny_engine.answer(RunRequest(key), job)
            best = tiny_engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 1))
            rows.append({"prompt": prompt, "token": int(best.ids[0]), "prob": float(best.probs[0])})
            job.progress(done / len(items))
        return rows

    tiny_engine.describe("local/tiny")
    run = run_facts(key_of("a").version)
    runner = open_runner()
    runner.register("best", work, lambda spec, job: run_facts(key_of("b").version))
    spec = made_spec(kind="best", run=run, request={}, items=PROMPTS, chunk=2)
    runner.start(spec)
    until(runner, spec.id, "finished", "failed")
    found = runner.frame(spec.id)
    assert found["prompt"].tolist() == PROMPTS
    for prompt, token, prob in found.itertuples(index=False):
        best = tiny_engine.answer(CandidatesRequest(key_of(prompt), len(key_of(prompt).token_ids) - 1, 1))
        assert token == best.ids[0]
        assert np.float32(prob) == best.probs[0]


def test_the_server_has_one_runner_below_its_data_folder(tmp_path, monkeypatch):
    given = dataclasses.replace(cache.settings(), cache_dir=tmp_path / "cache", data_dir=tmp_path, jobs_bytes=123)
    monkeypatch.setattr(cache, "settings", lambda: given)
    cache.jobs.clear()
    try:
        runner = cache.jobs()
        assert isinstance(runner, JobRunner)
        assert cache.jobs() is runner
        assert (runner._root, runner._limit) == (tmp_path / "jobs", 123)
    finally:
        cache.jobs.clear()
