"""Identities: what differs in anything differs in digest, provenance, file name and table; equal ones agree."""

import dataclasses
import io
import typing
from itertools import combinations

import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from components.charts.theme import ChartTheme
from dashboard.engine.api.attention import HeadRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.prediction import CandidatesRequest, ProcessedRequest
from dashboard.engine.api.request import LONG, ModelQuestion, RunQuestion
from dashboard.engine.api.scoring import ScoreRequest
from dashboard.engine.api.verification import CheckRequest
from dashboard.export import Export, csv_bytes, file_stem, html_bytes, jsonl_bytes
from dashboard.job_kinds.keys import JobResults
from dashboard.run_key import ModelVersion, RunKey
from tests.made import samples
from tests.made.requests import REQUESTS, request_types

RUN = samples.run_key()


def names(origin):
    """By which a reader tells results apart: digest, provenance, file name."""
    export = origin if isinstance(origin, Export) else Export.of([origin], "chart")
    return {
        "digest": origin.digest,
        "provenance": tuple(sorted(origin.provenance().items())),
        "export": tuple(sorted(export.provenance().items())),
        "file": file_stem(export, "chart"),
        "columns": tuple(sorted(export.columns().items())),
    }


def faces(origin):
    """And what stands in tables."""
    export = origin if isinstance(origin, Export) else Export.of([origin], "chart")
    frame = pd.DataFrame({"token": ["a"]})
    return {**names(origin), "csv": csv_bytes(frame, export), "jsonl": jsonl_bytes([{"token": "a"}], export)}


def all_differ(origins):
    for one, other in combinations(map(faces, origins), 2):
        assert all(one[face] != other[face] for face in one), (one["provenance"], other["provenance"])


CHECKED = st.lists(st.one_of(st.from_type(HeadRequest), st.from_type(CandidatesRequest)), min_size=1, max_size=3)
st.register_type_strategy(CheckRequest, st.builds(CheckRequest, CHECKED.map(tuple)))


# -- every type of request -----------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", request_types(), ids=lambda kind: kind.__name__)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_requests_that_differ_in_any_field_differ_in_every_name_and_equal_ones_agree(kind, data):
    one = data.draw(st.from_type(kind))
    assert names(one) == names(dataclasses.replace(one))
    hints = typing.get_type_hints(kind)
    for entry in dataclasses.fields(kind):
        values = CHECKED.map(tuple) if kind is CheckRequest else st.from_type(hints[entry.name])
        other = dataclasses.replace(one, **{entry.name: data.draw(values)})
        assume("nan" not in f"{one} {other}")  # is not equal to itself
        ours, theirs = names(one), names(other)
        if one == other:
            assert ours == theirs
        else:
            assert all(ours[face] != theirs[face] for face in ours), entry.name


def others(value):
    """Values of the same kind that are others, one for every part of it."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int | float):
        return [value + 1]
    if isinstance(value, str):
        return [value + "x"]
    if isinstance(value, tuple):
        return [(*value, *value[-1:]), *((*value[:-1], last) for last in others(value[-1]))] if value else [(1,)]
    return [
        dataclasses.replace(value, **{entry.name: other})
        for entry in dataclasses.fields(value)
        for other in others(getattr(value, entry.name))
    ]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: type(one).__name__)
def test_a_change_of_any_part_of_a_request_is_another_request(request_):
    """Down to one token of one text and one setting of one column."""
    changed = others(request_)
    assert len(changed) >= len(dataclasses.fields(request_))
    ours = [names(one) for one in (request_, *changed)]
    for face in ours[0]:
        assert len({one[face] for one in ours}) == len(ours), face
    same = [one for one in changed if one.facts()["run"] == request_.facts()["run"] or isinstance(one, ModelQuestion)]
    texts = {one.text() for one in (request_, *same) if one.version == RUN.version}
    assert len(texts) == 1 + sum(one.version == RUN.version for one in same), "what was asked for can be read"


def test_requests_of_two_types_with_the_same_fields_are_two():
    all_differ([one for one in REQUESTS if isinstance(one, RunQuestion)])


def test_a_run_of_any_other_field_is_another_run_with_the_same_keys_as_ever():
    for value in others(RUN):
        assert value.digest != RUN.digest
    assert RUN.digest == "866a1ab5e363ca6f", "of files and links that were made before"
    names = ["model", "revision", "dtype", "device", "template", "transformers", "torch", "tokens", "run"]
    assert list(RUN.provenance()) == names
    assert list(RUN.columns()) == ["model", "revision", "run"]


def test_whole_numbers_are_the_same_however_they_are_written():
    whole, real = (ProcessedRequest(RUN, 1, (2,), DecodeSettings(temperature=value)) for value in (2, 2.0))
    assert whole == real
    assert faces(whole) == faces(real)


def test_tokens_grouped_otherwise_are_another_result():
    """Joined, all of these are 1 2 3 4."""
    grouped = [((1, 2), (3,)), ((1,), (2, 3)), ((1, 2, 3),), ((1,), (2,), (3,))]
    requests = [ScoreRequest(RUN.version, prompts, ((4,),), wide) for prompts in grouped for wide in (False, True)]
    requests.append(ScoreRequest(RUN.version, ((1, 2),), ((3,), (4,))))
    all_differ(requests)


# -- exports -------------------------------------------------------------------------------------------------------
def test_options_of_a_chart_cannot_pass_for_one_another():
    asked = [{"a": "1, b=2"}, {"a": 1, "b": 2}, {"a": "1", "b": 2}, {"a": [1, 2]}, {"a": "[1, 2]"}, {"a": ["1, 2"]}, {}]
    all_differ([Export.of([RUN], "chart", one) for one in asked])


def test_other_charts_and_other_requests_are_other_exports():
    score, lens = ScoreRequest(RUN.version, ((1,),), ((2,),)), LensRequest(RUN, (1,))
    origins = [[RUN], [score], [lens], [score, lens], [lens, score], [lens, lens]]
    all_differ([Export.of(own, chart) for own in origins for chart in ("dumbbell", "forest")])


def test_half_a_job_is_another_result_than_the_whole():
    job = JobResults(RUN.version, "raw", "ab" * 16, {"items_done": 32})
    whole = dataclasses.replace(job, facts={"items_done": 64})
    half, all_ = (Export.of([one], "benchmark") for one in (job, whole))
    all_differ([half, all_])
    assert all_.provenance()["run"] == "ab" * 16
    assert all_.columns()["run"] == "ab" * 8


def test_what_texts_say_of_their_own_run_stands_where_it_is_not_the_first_ones():
    other = samples.run_key(token_ids=(4,))
    texts = [
        GenerateRequest(run, (Column(DecodeSettings()),), first_row=at) for at, run in enumerate((RUN, RUN, other))
    ]
    asked = Export.of(texts, "chart").provenance()["request"]
    assert asked.count("columns=") == 1, "what is the same is said once"
    assert f"GenerateRequest(first_row=1), GenerateRequest(run={other.digest}, first_row=2)" in asked
    assert Export.of(texts, "chart").run == RUN.digest


def test_a_long_value_stands_as_its_checksum_and_still_counts():
    ids = tuple(range(LONG))
    one, other = (LensRequest(RUN, ids, pins=(pin,)) for pin in (1, 2))
    third = LensRequest(RUN, (*ids, LONG), pins=(1,))
    all_differ([one, other, third])
    asked = str(one.provenance()["request"])
    assert "positions=sha256:" in asked
    assert "pins=[1]" in asked
    assert len(asked) < 200


def test_what_was_asked_for_can_be_read_in_every_export():
    request = ProcessedRequest(RUN, 3, (4,), DecodeSettings(temperature=0.7, top_p=0.9))
    export = Export.of([request], "candidates", {"log": True})
    page = html_bytes(ChartTheme().apply(go.Figure()), export.provenance()).decode()
    table = pd.read_csv(io.BytesIO(csv_bytes(pd.DataFrame({"token": ["a"]}), export)))
    lines = jsonl_bytes([{"token": "a"}], export).decode()
    for text in (page, table["request"][0], lines):
        for part in ("pos=3", "temperature=0.7", "top_p=0.9", "log=true"):
            assert part in text
    assert table["run"][0] == RUN.digest
    assert table["result"][0] == export.digest
    assert list(table) == ["token", "model", "revision", "run", "result", "request"]


def test_an_export_knows_what_a_script_reads():
    export = Export.of([LensRequest(RUN, (1,))], "chart")
    assert (export.version, export.token_ids) == (RUN.version, RUN.token_ids)
    assert isinstance(export.version, ModelVersion)
    assert dataclasses.astuple(RunKey(export.version, "raw", export.token_ids)) == dataclasses.astuple(RUN)
