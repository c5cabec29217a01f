"""What a link restores, and what it says about values that it cannot."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.parsing.unreadable import Unreadable
from dashboard.view_state import (
    FIELDS,
    MAX_PROMPT_BYTES,
    check,
    head_params,
    pack_prompt,
    parse_ranges,
    unpack_prompt,
)

NASTY = "<b>x</b> $x$ [x](javascript:1) %{y} 👩‍👩‍👧 \u202eabc\u200b\n\tعربي"


@pytest.mark.parametrize("prompt", ["", "short", NASTY, NASTY * 40, "a" * 100_000])
def test_a_prompt_comes_back_from_its_link_unchanged(prompt):
    params = pack_prompt(prompt)
    assert unpack_prompt(params) == prompt


@given(st.text(), st.sampled_from([1, 400]))
def test_any_prompt_comes_back_from_its_link(text, times):
    assert unpack_prompt(pack_prompt(text * times)) == text * times


def test_a_short_prompt_stays_readable_and_a_long_one_goes_compressed():
    assert set(pack_prompt("x" * 300)) == {"prompt"}
    assert set(pack_prompt("x" * 301)) == {"pz"}


def test_a_prompt_that_no_link_can_carry_gives_no_parameter():
    noise = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(60_000))
    assert pack_prompt(noise) == {}


def test_a_link_without_a_prompt_says_so():
    assert unpack_prompt({"model": "x"}) is None


@pytest.mark.parametrize("packed", ["", "!!!", "AAAA", "eJw", "eJwDAAAAAAE" * 3])
def test_a_damaged_prompt_is_an_error_and_not_an_empty_text(packed):
    with pytest.raises(ValueError, match=r".+"):
        unpack_prompt({"pz": packed})


def test_a_small_link_cannot_unpack_to_fill_the_memory():
    bomb = pack_prompt("a" * (MAX_PROMPT_BYTES + 1))
    with pytest.raises(Unreadable):
        unpack_prompt(bomb)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("nonsense", ["1"], "unknown"),
        ("attention_layer", ["x"], "integer"),
        ("attention_layer", ["1e3"], "integer"),
        ("attention_layer", ["NaN"], "integer"),
        ("attention_layer", ["9999999999"], "integer"),
        ("attention_layer", ["١"], "integer"),
        ("attention_layer", ["1", "2"], "count"),
        ("attention_queries", ["1"], "count"),
        ("attention_queries", ["1", "x"], "span"),
        ("attention_order", ["<script>"], "choice"),
        ("attention_layers", ["0-5,x"], "ranges"),
        ("chat", ["maybe"], "switch"),
    ],
)
def test_a_value_that_cannot_be_read_is_named_with_its_reason(name, values, reason):
    problem = check(name, values)
    assert problem is not None
    assert (problem.name, problem.reason) == (name, reason)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("attention_layer", ["29"]),
        ("attention_queries", ["0", "40"]),
        ("attention_layers", ["0-5, 7"]),
        ("attention_layers", [""]),
        ("chat", ["true"]),
        ("prompt", [NASTY]),
        ("attention_order", ["induction"]),
    ],
)
def test_a_value_that_can_be_read_is_not_complained_about(name, values):
    assert check(name, values) is None


@given(st.sampled_from([*FIELDS, "nonsense"]), st.lists(st.text(), max_size=3))
def test_any_value_of_a_link_is_read_or_named(name, values):
    problem = check(name, values)
    assert problem is None or (problem.name, problem.value) == (name, ", ".join(values))


@given(st.text("0123456789-, x"), st.integers(0, 30))
def test_any_ranges_give_numbers_that_are_there_or_the_part_that_cannot_be_read(text, count):
    try:
        numbers = parse_ranges(text, count)
    except ValueError as error:
        assert str(error) in text
    else:
        assert list(numbers) == sorted({*numbers} & {*range(count)})


@given(st.sets(st.integers(0, 99)))
def test_ranges_as_they_are_written_name_the_same_numbers(numbers):
    assert parse_ranges(",".join(map(str, numbers)), 100) == tuple(sorted(numbers) if numbers else range(100))


def test_ranges_name_numbers_once_in_order():
    assert parse_ranges("7, 0-2,1", 9) == (0, 1, 2, 7)
    assert parse_ranges("  ", 3) == (0, 1, 2)


@pytest.mark.parametrize(("text", "part"), [("0-9", "0-9"), ("3-1", "3-1"), ("-1", "-1"), ("1,,2", ""), ("a", "a")])
def test_ranges_outside_or_unreadable_name_the_part(text, part):
    with pytest.raises(ValueError, match=f"^{re.escape(part)}$"):
        parse_ranges(text, 9)


def test_every_choice_has_its_default_among_its_choices():
    for name, field in FIELDS.items():
        possible = ("true",) if field.kind == "switch" else field.choices
        assert not field.default or field.default in possible, name


def test_a_link_to_a_head_says_that_it_is_one_head_and_how_it_is_drawn():
    params = head_params(3, 1, 7)
    assert {name: check(name, [value]) for name, value in params.items()} == dict.fromkeys(params)
    assert {"attention_view": "head", "attention_layer": "3", "attention_head": "1"}.items() <= params.items()
    chosen = {name for name in params if FIELDS[name].kind == "choice"}
    assert chosen == {"attention_view", "attention_chart", "attention_bars"}
