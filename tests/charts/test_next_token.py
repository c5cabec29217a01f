"""Bars of candidates: both values beside each, nothing clipped, nothing interpreted."""

import numpy as np
import pytest

from components.charts.next_token import candidates_figure
from components.charts.theme import ChartTheme
from dashboard.frames.next_token import candidates_frame
from dashboard.i18n import Catalogue
from tests.frames import samples


@pytest.fixture
def frame():
    return candidates_frame(samples.candidates(6))


def test_bars_show_probability_or_logit_and_both_are_written(frame, look):
    by_prob, by_logit = (candidates_figure(frame, value=value, **look) for value in ("prob", "logit"))
    np.testing.assert_allclose(by_prob.data[0].x, frame["prob"])
    np.testing.assert_allclose(by_logit.data[0].x, frame["logit"])
    assert by_prob.data[0].text == by_logit.data[0].text
    assert by_prob.data[0].text[0] == f"p {frame['prob'][0]:.4f} · logit 9.00"


def test_hover_names_the_id_and_labels_are_literal(frame, look):
    figure = candidates_figure(frame, **look)
    assert figure.data[0].hovertext[1] == "\u2068&lt;b&gt;bold&lt;/b&gt;\u2069<br>id 41"
    assert figure.layout.yaxis.ticktext[3] == "\u2068&#36;x&#36;\u2069"


def test_probabilities_stand_on_a_fixed_scale_with_room_for_words(frame, look):
    axis = candidates_figure(frame, **look).layout.xaxis
    assert axis.tickvals == (0, 0.25, 0.5, 0.75, 1)
    assert axis.range[1] >= 1.3


def test_the_logarithmic_scale_reaches_below_the_smallest(frame, look):
    frame["prob"] = frame["prob"] / 1e5
    axis = candidates_figure(frame, log=True, **look).layout.xaxis
    assert axis.type == "log"
    assert axis.range[0] < np.log10(frame["prob"].min())
    assert axis.range[1] > 0
    assert axis.tickvals[0] == 1


def test_a_probability_of_zero_does_not_break_the_logarithmic_scale(frame, look):
    frame.loc[5, "prob"] = 0.0
    low, high = candidates_figure(frame, log=True, **look).layout.xaxis.range
    assert np.isfinite([low, high]).all()


def test_logits_are_never_drawn_as_logarithms_of_logarithms(frame, look):
    assert candidates_figure(frame, value="logit", log=True, **look).layout.xaxis.type != "log"


def test_negative_logits_have_room_on_the_left(frame, look):
    frame["logit"] = frame["logit"] - 20
    low, high = candidates_figure(frame, value="logit", **look).layout.xaxis.range
    assert low < frame["logit"].min()
    assert high >= 0


def test_small_probabilities_keep_two_digits_and_the_languages_sign(frame):
    frame.loc[5, "prob"] = 1.234e-6
    figure = candidates_figure(frame, text=Catalogue("es"), theme=ChartTheme())
    assert figure.data[0].text[5].startswith("p 1,2e-06 · logit 4,00")
    assert figure.layout.separators == ","
