"""The line about a prompt that did not run, and the words beside the exact tokens."""

import pytest

from components.shell.prompt import QUOTED, pending_line
from components.web.token_chips.token_chips import _words
from dashboard.i18n import Catalogue
from dashboard.tokens import Token

TEXT = Catalogue("en")


def test_the_line_quotes_the_prompt_that_the_charts_show_in_one_line():
    line = pending_line(TEXT, "zebra\n\n lamp\u202e")
    assert line == "Not run yet. The charts show: “\u2068zebra lamp‹U+202E›\u2069”"


def test_a_long_prompt_is_quoted_up_to_a_length():
    line = pending_line(TEXT, "zebra " * 10_000)
    assert line.count("zebra") < QUOTED / 5
    assert "…" in line


@pytest.mark.parametrize(("piece", "sign"), [("Ġclass", "writes Ġ"), ("▁class", "writes ▁")])
def test_a_tokenizers_own_spelling_of_a_space_is_explained_where_it_stands(piece, sign):
    tokens = [Token(5, piece, " class", b" class", special=False)]
    assert sign in _words(tokens, TEXT)["signs"]


def test_a_tokenizer_without_a_sign_for_spaces_needs_no_explanation_of_one():
    assert "writes" not in _words([Token(5, "class", "class", b"class", special=False)], TEXT)["signs"]


def test_the_shape_has_no_thousands_sign():
    tokens = [Token(5, "class", "class", b"class", special=False)] * 8000
    assert _words(tokens, TEXT)["shape"] == "Shape (1, 8000)"
