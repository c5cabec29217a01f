"""Words and marks of the bias charts: names that stay apart when cut, signs, and what has no number."""

import math

import pytest

from components.charts.axes import signed
from components.charts.bias.labels import NAME_LENGTH, between, folded_label, name_label, span
from dashboard.i18n import Catalogue

EN, ES = Catalogue("en"), Catalogue("es")


def plain(label):
    return label.replace("\u2068", "").replace("\u2069", "")


def test_names_that_begin_alike_stay_apart_when_they_are_cut():
    names = [f"the internationally recognised {who}" for who in ("black man", "white man")]
    labels = [plain(name_label(name)) for name in names]
    assert len(set(labels)) == 2
    assert all(len(label) <= NAME_LENGTH and "…" in label for label in labels)
    assert plain(name_label("white woman")) == "white woman"


@pytest.mark.parametrize("name", ["<b>x</b>", "$x$", "%{y}", "a \u202eb", "   "])
def test_names_are_written_literally(name):
    for label in (name_label(name), folded_label(name)):
        assert "<b>" not in label
        assert "$x$" not in label
        assert "%{" not in label
        assert "\u202e" not in label


def test_a_folded_name_has_no_more_lines_than_there_is_room_for_and_keeps_its_words_whole():
    assert plain(folded_label("earns money working as", 12)) == "earns money<br>working as"
    assert plain(folded_label("a b c d e f g h i j k l m n o", 4, 3)).count("<br>") <= 2
    assert folded_label("")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.694, "+0.69"), (-0.694, "−0.69"), (0.004, "0.00"), (-0.004, "0.00"), (math.inf, "+∞"), (-math.inf, "−∞")],
)
def test_a_difference_has_its_sign_unless_it_rounds_to_none(value, shown):
    assert signed(EN, value) == shown


def test_what_has_no_number_is_a_dash_and_what_has_no_interval_says_so():
    assert signed(EN, math.nan) == "–"
    assert "no interval" in between(EN, math.nan, math.nan)
    assert "no interval" in span(EN, math.nan, math.nan)
    assert between(ES, -0.5, 1.25) == "intervalo del 95 %: de −0,50 a +1,25"
    assert span(EN, 0.1, 0.2) == "95 % interval 0.100 to 0.200"
