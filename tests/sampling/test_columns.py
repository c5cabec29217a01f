"""Columns of settings: read and written without loss, refused with reasons, told apart."""

import contextlib
import json
from dataclasses import asdict, replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dashboard.parsing.unreadable import Unreadable
from dashboard.sampling.columns import (
    DEFAULT,
    FORMAT,
    MOST,
    PRESETS,
    RANGES,
    VERSION,
    ColumnSpec,
    changed,
    file_of,
    impossible,
    read,
    read_file,
    without_effect,
    written,
)
from dashboard.sampling.ranges import LEAST_TEMPERATURE, one_left

JSON = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())
ODD = ColumnSpec(name='"<b>ñ', temperature=0.30000000000000004, top_p=0.1, stop_strings=("\n", '"'), seed=2**64 - 1)


def test_a_link_and_a_file_give_back_the_same_columns():
    specs = (ODD, *DEFAULT)
    assert read(written(specs)) == specs
    assert read_file(file_of(specs)) == specs


NUMBERS = {
    name: st.integers(low, high) if isinstance(getattr(ColumnSpec(), name), int) else st.floats(low, high)
    for name, (low, high) in RANGES.items()
}
SPECS = st.builds(
    ColumnSpec,
    name=st.text(max_size=20),
    do_sample=st.booleans(),
    model_rules=st.booleans(),
    stop_strings=st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple),
    **NUMBERS,
)


@given(st.lists(SPECS, min_size=1, max_size=MOST).map(tuple))
def test_any_columns_come_back_from_link_and_file(specs):
    assert read(written(specs)) == specs
    assert read_file(file_of(specs)) == specs


@given(st.dictionaries(st.sampled_from([*RANGES, "name", "do_sample", "stop_strings", "x"]), JSON))
def test_any_json_is_a_column_or_says_why_not(values):
    with contextlib.suppress(Unreadable):
        (spec,) = read(json.dumps([values]))
        assert all(low <= getattr(spec, name) <= high for name, (low, high) in RANGES.items())


def test_what_is_at_its_default_is_not_in_the_link_and_all_is_in_the_file():
    assert written((ColumnSpec(),)) == "[{}]"
    assert json.loads(file_of((ColumnSpec(),)))["columns"][0].keys() == asdict(ColumnSpec()).keys()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_possible_and_keeps_its_settings(name):
    spec = PRESETS[name]
    assert not impossible(spec)
    assert read(written((spec,))) == (spec,)
    column = spec.column()
    assert (column.num_return_sequences, column.max_new_tokens) == (spec.num_return_sequences, spec.max_new_tokens)


def test_the_notebooks_calls_are_what_transformers_would_do():
    """A bare do_sample=True means top_k = 50."""
    sampled, greedy, beams = (PRESETS[f"notebook_{name}"] for name in ("sampled", "greedy", "beams"))
    assert (sampled.do_sample, sampled.top_k, sampled.max_new_tokens) == (True, 50, 20)
    assert (greedy.do_sample, greedy.max_new_tokens) == (False, 20)
    assert (beams.do_sample, beams.num_beams, beams.num_return_sequences) == (True, 5, 5)
    assert (beams.temperature, beams.top_k, beams.max_new_tokens) == (0.3, 50, 3)


IMPOSSIBLE = {
    "temperature_zero": ColumnSpec(temperature=0.0),
    "rows_over_beams": ColumnSpec(num_beams=3, num_return_sequences=5),
    "greedy_rows": ColumnSpec(do_sample=False, num_return_sequences=2),
}


@pytest.mark.parametrize("problem", IMPOSSIBLE)
def test_what_transformers_refuses_is_found_before_the_run(problem):
    from transformers import GenerationConfig

    from dashboard.engine.generation.beams import generation_config

    spec = IMPOSSIBLE[problem]
    assert impossible(spec) == (problem,)
    with pytest.raises(ValueError, match=r"temperature|typical_p|num_return_sequences|greater than 0"):
        config: GenerationConfig = generation_config(spec.column(), (1,))
        config.validate(strict=True)
        from dashboard.engine.prediction.decoding import processors

        processors(spec.settings())


def test_a_temperature_that_float32_cannot_divide_by_is_found_before_the_run_on_both_pages():
    spec = ColumnSpec(temperature=LEAST_TEMPERATURE / 10)
    assert impossible(spec) == ("temperature_tiny",)
    assert one_left(asdict(spec)) == "temperature"
    enough = ColumnSpec(temperature=LEAST_TEMPERATURE)
    assert impossible(enough) == ()
    assert one_left(asdict(enough)) == ""
    left = torch.tensor([40.0, -1e4]) / LEAST_TEMPERATURE
    assert torch.isfinite(left).all()


def test_both_pages_take_the_same_values():
    """One definition of what a setting may be: the bars' controls and the columns read it."""
    from components.next_token.decode_settings import RANGES as OF_BARS

    assert {name: ends[:2] for name, ends in OF_BARS.items()} == {name: RANGES[name] for name in OF_BARS}
    for name, (low, high, off) in OF_BARS.items():
        assert getattr(ColumnSpec(), name) == off
        for value in (low, high):
            assert getattr(changed(ColumnSpec(), {name: value}), name) == value


@pytest.mark.parametrize(
    ("spec", "idle"),
    [
        (ColumnSpec(), {"length_penalty"}),
        (ColumnSpec(num_beams=2), set()),
        (
            ColumnSpec(do_sample=False),
            {"temperature", "top_k", "top_p", "min_p", "typical_p", "seed", "length_penalty", "num_return_sequences"},
        ),
        (
            ColumnSpec(do_sample=False, num_beams=2),
            {"temperature", "top_k", "top_p", "min_p", "typical_p", "seed"},
        ),
    ],
)
def test_what_does_nothing_is_named(spec, idle):
    assert set(without_effect(spec)) == idle


BAD = {
    "nothing": ("", "json"),
    "no list": ("{}", "count"),
    "none": ("[]", "count"),
    "too many": (json.dumps([{}] * (MOST + 1)), "count"),
    "a number": ("[3]", "count"),
    "an unknown name": ('[{"top_q": 1}]', "unknown"),
    "a negative temperature": ('[{"temperature": -1}]', "range"),
    "NaN": ('[{"temperature": NaN}]', "json"),
    "infinity": ('[{"temperature": 1e999}]', "json"),
    "a float for a whole number": ('[{"top_k": 1.5}]', "value"),
    "true for a number": ('[{"top_k": true}]', "value"),
    "a seed beyond 64 bit": (json.dumps([{"seed": 2**64}]), "range"),
    "an empty stop string": ('[{"stop_strings": [""]}]', "stops"),
    "a typical_p that leaves no token": ('[{"typical_p": 0}]', "range"),
    "a number for a switch": ('[{"model_rules": 0}]', "value"),
    "a long name": (json.dumps([{"name": "x" * 41}]), "value"),
    "deep nesting": ("[" * 100_000, "json"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_read_says_why(case):
    text, reason = BAD[case]
    with pytest.raises(Unreadable) as error:
        read(text)
    assert error.value.message.id == f"sampling.unreadable.{reason}"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe", "json"),
        (b"[{}]", "format"),
        (json.dumps({"format": "other", "version": 1}).encode(), "format"),
        (json.dumps({"format": FORMAT, "version": 2, "columns": [{}]}).encode(), "version"),
        (json.dumps({"format": FORMAT, "version": VERSION, "columns": [{"knob": 1}]}).encode(), "unknown"),
    ],
)
def test_files_of_other_kinds_are_named(data, reason):
    with pytest.raises(Unreadable) as error:
        read_file(data)
    assert error.value.message.id == f"sampling.unreadable.{reason}"


def test_columns_name_themselves_by_what_acts():
    assert ColumnSpec().label == "T 1"
    assert ColumnSpec(do_sample=False, temperature=0.3).label == "greedy"
    assert ColumnSpec(temperature=0.7, top_p=0.9).label == "T 0.7 · top_p 0.9"
    assert ColumnSpec(num_beams=5, temperature=0.3).label == "beams 5 · T 0.3"
    assert ColumnSpec(name="mine").label == "mine"
    assert ColumnSpec(top_k=5, model_rules=False).label == "top_k 5 · without model rules"


def test_a_changed_field_is_checked_and_nothing_else_moves():
    assert changed(ODD, {"top_k": 7}) == replace(ODD, top_k=7)
    assert changed(ODD, {"temperature": 2}).temperature == 2.0
    with pytest.raises(Unreadable):
        changed(ODD, {"top_p": 1.01})


def test_every_number_has_a_range():
    numbers = {k for k, v in asdict(ColumnSpec()).items() if isinstance(v, int | float) and not isinstance(v, bool)}
    assert set(RANGES) == numbers
