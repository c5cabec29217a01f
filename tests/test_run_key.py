"""Identities: results that differ in anything differ in digest, provenance, file name and table; equal ones agree."""

import io
from dataclasses import fields, is_dataclass, replace
from itertools import combinations

import pandas as pd
import plotly.graph_objects as go
import pytest

from components.charts.theme import ChartTheme
from dashboard.engine.api import attention, generation, lens, scoring
from dashboard.engine.api.attention import CombineRequest, HeadRequest, RolloutRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.export import csv_bytes, file_stem, html_bytes, jsonl_bytes
from dashboard.job_kinds.keys import JobKey
from dashboard.run_key import LONG, result_key
from tests.made import samples

RUN = samples.run_key()
REQUESTS = (
    HeadRequest(1, 0, (0, 5), (0, 5), 512),
    CombineRequest(((0, 1), (2, 3)), "mean", (0, 5), (0, 5), 512),
    RolloutRequest((0, 5), (0, 5), 512),
    LensRequest((3,), half_steps=False, pins=(7,)),
    AttributionRequest(3, 7),
    DecodeSettings(),
    Column(DecodeSettings(), stop_strings=("x",)),
    GenerateRequest((Column(DecodeSettings()),), forced=(1,)),
    CompareRequest((DecodeSettings(),), (0, 5)),
    TreeRequest(),
    ScoreRequest(((1, 2), (3,)), ((4,), (5,))),
    SentenceRequest(((1, 2), (3, 4)), (1, 1)),
)


def others(value):
    """Values of the same kind that are others."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1]
    if isinstance(value, str):
        return [value + "x"]
    if isinstance(value, tuple):
        return [(*value, *value[-1:]), *((*value[:-1], last) for last in others(value[-1]))] if value else [(1,)]
    return [
        replace(value, **{entry.name: other}) for entry in fields(value) for other in others(getattr(value, entry.name))
    ]


def faces(key):
    """Everything by which a reader tells results apart."""
    frame = pd.DataFrame({"token": ["a"]})
    provenance = key.provenance()
    return {
        "digest": key.digest,
        "provenance": tuple(sorted(provenance.items())),
        "file": file_stem(key, "chart"),
        "csv": csv_bytes(frame, key),
        "jsonl": jsonl_bytes([{"token": "a"}], key),
    }


def all_differ(keys):
    for one, other in combinations(map(faces, keys), 2):
        assert all(one[face] != other[face] for face in one), (one["provenance"], other["provenance"])


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: type(one).__name__)
def test_requests_that_differ_in_any_field_have_other_digests_names_and_provenance(request_):
    changed = [replace(request_, **{f.name: v}) for f in fields(request_) for v in others(getattr(request_, f.name))]
    assert len(changed) >= len(fields(request_))
    all_differ([result_key(RUN, "chart", one) for one in (request_, *changed)])


@pytest.mark.parametrize("name", [entry.name for entry in fields(RUN)])
def test_runs_that_differ_in_any_field_give_other_results(name):
    for value in others(getattr(RUN, name)):
        all_differ([result_key(RUN, "chart"), result_key(replace(RUN, **{name: value}), "chart")])


def test_the_same_asked_twice_agrees_in_everything():
    for one in REQUESTS:
        assert faces(result_key(RUN, "chart", one)) == faces(result_key(replace(RUN), "chart", replace(one)))


def test_tokens_grouped_otherwise_are_another_result():
    """Joined, all of these are 1 2 3 4."""
    grouped = [((1, 2), (3,)), ((1,), (2, 3)), ((1, 2, 3),), ((1,), (2,), (3,))]
    requests = [ScoreRequest(prompts, ((4,),), boundary) for prompts in grouped for boundary in (False, True)]
    requests.append(ScoreRequest(((1, 2),), ((3,), (4,))))
    all_differ([result_key(RUN, "probe", one) for one in requests])


def test_names_and_values_cannot_pass_for_one_another():
    asked = [{"a": "1, b=2"}, {"a": 1, "b": 2}, {"a": "1", "b": 2}, {"a": [1, 2]}, {"a": "[1, 2]"}, {"a": ["1, 2"]}, {}]
    all_differ([result_key(RUN, "chart", one) for one in asked])


def test_other_charts_and_other_origins_of_one_run_are_other_results():
    probe = result_key(RUN, "probe", ScoreRequest(((1,),), ((2,),)))
    all_differ([result_key(RUN, "dumbbell"), result_key(RUN, "forest"), result_key(probe, "forest"), probe])


def test_half_a_job_is_another_result_than_the_whole():
    names = [entry.name for entry in fields(RUN)]
    job = JobKey(**{name: getattr(RUN, name) for name in names}, job="ab" * 16, facts={"items_done": 32})
    whole = replace(job, facts={"items_done": 64})
    all_differ([result_key(job, "benchmark"), result_key(whole, "benchmark")])
    assert result_key(whole, "benchmark").provenance()["run"] == "ab" * 16


def test_a_long_value_stands_as_its_checksum_and_still_counts():
    ids = tuple(range(LONG))
    one, other = (result_key(RUN, "lens", LensRequest(ids, pins=(pin,))) for pin in (1, 2))
    third = result_key(RUN, "lens", LensRequest((*ids, LONG), pins=(1,)))
    all_differ([one, other, third])
    assert "positions=sha256:" in str(one.provenance()["request"])
    assert "pins=[1]" in str(one.provenance()["request"])
    assert len(str(one.provenance()["request"])) < 200


def test_what_was_asked_for_can_be_read_in_every_export():
    key = result_key(RUN, "candidates", {"pos": 3}, DecodeSettings(temperature=0.7, top_p=0.9))
    page = html_bytes(ChartTheme().apply(go.Figure()), key.provenance()).decode()
    table = pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"token": ["a"]}), key)))
    lines = jsonl_bytes([{"token": "a"}], key).decode()
    for text in (page, table["request"][0], lines):
        assert "pos=3" in text
        assert "temperature=0.7" in text
        assert "top_p=0.9" in text
    assert table["run"][0] == RUN.digest
    assert table["result"][0] == key.digest


def test_every_request_of_the_engine_is_tried_here():
    known = {
        name
        for module in (attention, lens, generation, scoring)
        for name, value in vars(module).items()
        if is_dataclass(value) and name.endswith("Request")
    }
    assert known == {type(one).__name__ for one in REQUESTS} - {"Column", "DecodeSettings"}


def test_a_result_has_all_fields_of_its_run():
    key = result_key(RUN, "chart")
    assert all(getattr(key, entry.name) == getattr(RUN, entry.name) for entry in fields(RUN))
