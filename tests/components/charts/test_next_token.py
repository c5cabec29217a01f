"""Bars of candidates: both values beside each, nothing clipped, nothing interpreted."""

import numpy as np
import pytest

from components.charts.next_token import candidates_figure
from components.charts.theme import ChartTheme
from dashboard.i18n import Catalogue
from tests.made import samples


@pytest.fixture
def frame():
    return samples.candidates_frame(6)


def test_bars_show_probability_or_logit_and_both_are_written(frame, look):
    by_prob, by_logit = (candidates_figure(frame, value=value, **look) for value in ("prob", "logit"))
    np.testing.assert_allclose(by_prob.data[0].x, frame["prob"])
    np.testing.assert_allclose(by_logit.data[0].x, frame["logit"])
    assert by_prob.data[1].text == by_logit.data[1].text
    assert by_prob.data[1].text[0].strip() == f"p {frame['prob'][0]:.4f} · logit 9.00"


def test_hover_names_the_id_and_labels_are_literal(frame, look):
    figure = candidates_figure(frame, **look)
    assert figure.data[0].hovertext[1] == "\u2068&lt;b&gt;bold&lt;/b&gt;\u2069<br>id 41 · rank 2 · logit 8.00"
    assert figure.layout.yaxis.ticktext[3] == "\u2068&#36;x&#36;\u2069"


def test_the_scale_of_probabilities_ends_at_the_largest_that_is_drawn(frame, look):
    low, high = candidates_figure(frame, **look).layout.xaxis.range
    assert low == 0
    assert frame["prob"].max() < high < 1.1 * frame["prob"].max()
    frame.loc[0, "q"] = 0.97
    assert candidates_figure(frame, **look).layout.xaxis.range == (low, high)
    assert 0.97 < candidates_figure(frame, settings=True, **look).layout.xaxis.range[1] < 1


@pytest.mark.parametrize("given", [{}, {"settings": True}, {"log": True}, {"value": "logit"}])
def test_what_is_written_behind_the_longest_bar_has_its_room_in_pixels(frame, look, given):
    """On a narrow screen a share of the axis is less than the words."""
    frame["prob"] = [0.999, *[1e-5] * 5]
    figure = candidates_figure(frame, **given, **look)
    notes, (low, high) = figure.data[1], figure.layout.xaxis.range
    ends = np.log10(notes.x) if figure.layout.xaxis.type == "log" else notes.x
    assert figure.layout.margin.r > 100
    for end, note in zip(ends, notes.text, strict=True):
        assert 120 * (high - end) / (high - low) + figure.layout.margin.r >= 6 * len(note)


def test_what_is_written_at_a_negative_logit_does_not_cover_its_label(frame, look):
    frame["logit"] = frame["logit"] - 6
    notes = candidates_figure(frame, value="logit", **look).data[1]
    assert min(frame["logit"]) < 0
    np.testing.assert_allclose(notes.x, np.maximum(frame["logit"], 0))


def test_the_logarithmic_scale_reaches_below_the_smallest(frame, look):
    frame["prob"] = frame["prob"] / 1e5
    axis = candidates_figure(frame, log=True, **look).layout.xaxis
    assert axis.type == "log"
    assert axis.range[0] < np.log10(frame["prob"].min())
    assert axis.range[1] == 0
    assert axis.tickvals[0] == 1


def test_a_probability_of_zero_does_not_break_the_logarithmic_scale(frame, look):
    frame.loc[5, "prob"] = 0.0
    figure = candidates_figure(frame, log=True, **look)
    low, high = figure.layout.xaxis.range
    assert np.isfinite([low, high]).all()
    assert figure.data[1].x[5] == pytest.approx(10.0**low)


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
    assert figure.data[1].text[5].strip().startswith("p 1,2e-06 · logit 4,00")
    assert figure.layout.separators == ","


def test_with_settings_q_stands_before_p_and_what_was_cut_says_by_what(frame, look):
    figure = candidates_figure(frame, settings=True, **look)
    p, notes, q = figure.data
    np.testing.assert_allclose(p.x, frame["prob"])
    assert p.opacity < 0.5
    np.testing.assert_allclose(q.x, frame["q"])
    np.testing.assert_allclose(notes.x, np.maximum(frame["prob"], frame["q"]))
    assert notes.text[0].endswith("q 0.5000")
    assert notes.text[2].endswith("cut by top_p")
    assert notes.text[5].endswith("cut by top_k")
    assert figure.layout.barmode == "overlay"


def test_without_settings_no_bar_pretends_that_there_were_any(frame, look):
    figure = candidates_figure(frame, **look)
    assert [trace.type for trace in figure.data] == ["bar", "scatter"]
    assert "cut" not in "".join(figure.data[1].text)


def test_logits_stay_alone_although_settings_act(frame, look):
    figure = candidates_figure(frame, value="logit", settings=True, **look)
    assert [trace.type for trace in figure.data] == ["bar", "scatter"]
    assert figure.data[1].text[2].endswith("cut by top_p")


def test_a_pinned_token_below_the_likeliest_says_its_rank(frame, look):
    frame.loc[5, "rank"] = 30211
    labels = candidates_figure(frame, **look).layout.yaxis.ticktext
    assert labels[5].endswith("rank 30,211")
    assert "rank" not in labels[4]
