"""A report in a link: what is read back, and what is refused in words."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.parsing.unreadable import Unreadable
from dashboard.report.board import CAPTION_CHARACTERS, MOST, Entry, read, written

ENTRY = Entry("attention", "head", "0123456789abcdef", {"prompt": "a <b>", "attention_layer": "2"}, "**x**")


def rows(**changes):
    values = {
        "page": "attention",
        "chart": "head",
        "digest": "0" * 16,
        "link": {"attention_layer": "2"},
        "caption": "",
    } | changes
    return json.dumps([list(values.values())])


def test_an_empty_report_needs_no_text():
    assert written(()) == ""
    assert read("") == ()


@given(caption=st.text(max_size=200), prompt=st.text(max_size=50))
def test_a_report_is_read_as_it_was_written(caption, prompt):
    entry = Entry("attention", "head", "0123456789abcdef", {"prompt": prompt}, caption)
    assert read(written([entry])) == (entry,)


def test_half_a_character_does_not_cost_the_report():
    assert read(written([Entry("attention", "head", "0" * 16, {}, "a\ud800b")]))[0].caption == "a\ufffdb"


@pytest.mark.parametrize(
    "changes",
    [
        {"page": "../app"},
        {"page": 3},
        {"chart": "head'><script>"},
        {"digest": "0" * 15},
        {"digest": "Z" * 16},
        {"link": []},
        {"link": {"attention_layer": 2}},
        {"link": {"attention_layer": "two"}},
        {"link": {"onload": "x"}},
        {"caption": "x" * (CAPTION_CHARACTERS + 1)},
        {"caption": None},
        {"more": ""},
    ],
)
def test_what_no_report_holds_is_refused_in_words(changes):
    with pytest.raises(Unreadable) as refused:
        read(rows(**changes))
    assert refused.value.message.id == "report.unreadable.entry"


@pytest.mark.parametrize("text", ["{}", "3", "[[]]", "[null]", '"x"', "[", "[1e999]", json.dumps([[]] * (MOST + 1))])
def test_what_is_no_report_is_refused_in_words(text):
    with pytest.raises(Unreadable):
        read(text)


def test_a_chart_stands_in_a_report_once():
    with pytest.raises(Unreadable):
        read(written([ENTRY, ENTRY]))
