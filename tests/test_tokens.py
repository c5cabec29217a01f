"""A token's text is shown whole and literally, whatever is in it."""

import unicodedata
from pathlib import Path

import pytest

from dashboard.tokens import (
    Token,
    axis_labels,
    continues_word,
    plotly_label,
    shortened,
    steered_by_none,
    visible,
    visible_text,
    without_surrogates,
)
from tests.made.samples import NASTY, token

TEMPLATES = Path(__file__).parents[1] / "dashboard" / "scripts" / "templates"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" the", "·the"),
        ("\n\n", "⏎⏎"),
        ("\t\r", "⇥␍"),
        ("a\u00a0b", "a‹U+00A0›b"),
        ("\u202eevil", "‹U+202E›evil"),
        ("\u200b", "‹U+200B›"),
        ("\ue000", "‹U+E000›"),
        ("\x00", "‹U+0000›"),
        ("\u0301", "◌\u0301"),
        ("שלום", "שלום"),
        ("<b>", "<b>"),
        ("a·b⏎", "a‹U+00B7›b‹U+23CE›"),
        ("", "‹ ›"),
    ],
)
def test_every_character_is_visible(text, shown):
    assert visible(token(text)) == shown


def test_bytes_that_are_no_text_are_shown_as_hex():
    assert visible(Token(0, "<0xF0>", None, b"\xf0\x9f", False)) == "‹F0›‹9F›"
    assert visible(Token(0, "x", None, b"", False)) == "‹ ›"


def test_a_text_of_several_lines_stays_but_for_what_turns_its_direction():
    typed = "one  two\n\N{WOMAN}\u200d\N{PERSONAL COMPUTER} שלום \u202eevil\u2069"
    assert steered_by_none(typed) == typed.replace("\u202e", "‹U+202E›").replace("\u2069", "‹U+2069›")


@pytest.mark.parametrize("text", NASTY)
def test_nothing_shown_steers_its_neighbours_or_hides(text):
    shown = visible_text(text)
    assert shown
    assert not [c for c in shown if unicodedata.category(c) in {"Cc", "Cf", "Zs", "Zl", "Zp"}]


def test_a_long_text_is_cut_and_the_cut_is_marked():
    assert shortened("a" * 14) == "a" * 14
    assert shortened("a" * 15) == "a" * 13 + "…"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("<b>x</b>", "&lt;b&gt;x&lt;/b&gt;"),
        ("&lt;", "&amp;lt;"),
        ("%{x}", "%&#123;x}"),
        ("$x$", "&#36;x&#36;"),
        ("<br>", "&lt;br&gt;"),
    ],
)
def test_a_plotly_label_holds_no_tag_template_or_formula(text, label):
    assert plotly_label(text) == f"\u2068{label}\u2069"


def test_equal_tokens_have_equal_labels_and_keep_their_places():
    labels = axis_labels([token(" is"), token("x"), token(" is")])
    assert labels[0] == labels[2]
    assert len(labels) == 3


def test_only_lone_surrogates_are_replaced():
    assert without_surrogates("a\ud800b\udc00") == "a\ufffdb\ufffd"
    assert without_surrogates("é👩‍👩‍👧\0\u2028") == "é👩‍👩‍👧\0\u2028"


def test_a_word_goes_on_with_letters_digits_marks_and_joiners():
    assert all(map(continues_word, "añ9é\u0301\u200d\ufffd漢"))
    assert not any(map(continues_word, " .-'\n“😀"))


def test_the_scripts_end_words_where_the_dashboard_does():
    names = {"unicodedata": unicodedata}
    exec((TEMPLATES / "word.py.txt").read_text(encoding="utf-8"), names)
    every = [chr(point) for point in range(0x110000)]
    assert [c for c in every if names["goes_on"](c) != continues_word(c)] == []


def test_a_word_goes_on_with_letters_digits_marks_joiners_and_broken_characters_alone():
    assert all(map(continues_word, "sÉми7٣\u0301\u200d\ufffd"))
    assert not any(map(continues_word, " \n.,'-_。👩"))
