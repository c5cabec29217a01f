"""Set metrics: each value with its own interval in its own row, nothing drawn that does not exist."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from components.charts.sampling.sets import quality_diversity_figure, sets_figure, sweep_figure
from components.charts.theme import ChartTheme
from dashboard.frames.sampling_sets import set_frame, sweep_frame
from dashboard.i18n import Catalogue
from dashboard.stats.diversity import METRICS
from tests.made import trees

FOUND = trees.generated(rows=12, steps=12)


@pytest.fixture
def frame():
    return set_frame(FOUND, trees.NAMES)


def value(frame, column, metric):
    return frame[(frame["column"] == column) & (frame["metric"] == metric)].iloc[0]


def test_marks_are_the_values_and_whiskers_end_at_the_interval(frame, look):
    figure = sets_figure(frame, **look)
    shares = [trace for trace in figure.data if trace.xaxis == "x"]
    assert len(shares) == 4
    for place, metric in enumerate(METRICS[:-1]):
        row, mark = value(frame, 1, metric), shares[1]
        assert mark.x[place] == pytest.approx(row["value"], nan_ok=True)
        assert mark.x[place] + mark.error_x.array[place] == pytest.approx(row["high"], nan_ok=True)
        assert mark.x[place] - mark.error_x.arrayminus[place] == pytest.approx(row["low"], nan_ok=True)
        assert round(mark.y[place]) == place
    own = [trace for trace in figure.data if trace.xaxis == "x2"]
    assert own[1].x == (pytest.approx(value(frame, 1, "mean_log_p")["value"]),)


def test_no_two_columns_share_a_place_and_every_mark_stays_in_its_row(frame, look):
    figure = sets_figure(frame, **look)
    for row in range(len(METRICS) - 1):
        places = [trace.y[row] for trace in figure.data if trace.xaxis == "x"]
        assert len(set(places)) == 4
        assert all(abs(place - row) < 0.5 for place in places)
    assert figure.layout.yaxis.ticktext[0] == "different texts"
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]


def test_shares_stand_on_a_fixed_scale(frame, look):
    low, high = sets_figure(frame, **look).layout.xaxis.range
    assert low <= 0 < 1 <= high < 1.1


def test_hover_says_the_interval_and_what_it_rests_on(frame, look):
    figure = sets_figure(frame, **look)
    row = value(frame, 1, "distinct_1")
    hover = next(trace for trace in figure.data if trace.xaxis == "x" and trace.legendgroup == "1").hovertext[1]
    assert hover.startswith("\u2068&#36;x&#36; T = 1\u2069<br>distinct-1: ")
    assert f"{row['low']:.3f} to {row['high']:.3f}, n = 12" in hover
    ranked = next(trace for trace in figure.data if trace.legendgroup == "3").hovertext[1]
    assert ranked.endswith("no interval, n = 12")


def test_a_metric_that_no_column_has_is_left_out_and_short_texts_are_said(frame, look):
    frame.loc[frame["metric"] == "self_bleu", ["value", "low", "high"]] = np.nan
    figure = sets_figure(frame, **look)
    assert "Self-BLEU-4" not in figure.layout.yaxis.ticktext
    assert len(figure.layout.yaxis.ticktext) == 5
    assert "fewer than 8 tokens" in figure.layout.xaxis.title.text.replace("<br>", " ")


def test_where_all_have_self_bleu_nothing_is_said_of_short_texts(frame, look):
    assert "fewer" not in sets_figure(frame, **look).layout.xaxis.title.text


def test_likelihood_stands_across_and_difference_upwards(frame, look):
    figure = quality_diversity_figure(frame, diversity="unique", **look)
    mark = figure.data[2]
    across, up = value(frame, 2, "mean_log_p"), value(frame, 2, "unique")
    assert (mark.x[0], mark.y[0]) == (across["value"], up["value"])
    assert mark.x[0] + mark.error_x.array[0] == pytest.approx(across["high"])
    assert mark.y[0] - mark.error_y.arrayminus[0] == pytest.approx(up["low"])
    assert figure.layout.yaxis.title.text == "different texts"
    assert "nats" in figure.layout.xaxis.title.text


def test_a_sweep_has_a_small_chart_for_every_metric_and_values_evenly_apart(look):
    frame = sweep_frame(FOUND, [0.1, 1.0, 50.0, 0.0])
    figure = sweep_figure(frame, knob="top_k", **look)
    metrics = [metric for metric in METRICS if frame[frame["metric"] == metric]["value"].notna().any()]
    assert len(figure.data) == len(metrics)
    for metric, line in zip(metrics, figure.data, strict=True):
        part = frame[frame["metric"] == metric]
        assert list(line.x) == [0, 1, 2, 3]
        np.testing.assert_allclose(line.y, part["value"])
        assert line.marker.symbol == ("circle", "circle", "circle", "circle-open")
        np.testing.assert_allclose(np.array(line.y) + line.error_y.array, part["high"])
    assert figure.layout.xaxis.ticktext == ("0.1", "1", "50", "0")
    assert figure.layout.xaxis.title.text.startswith("top_k<br>")
    names = ["yaxis", *(f"yaxis{i}" for i in range(2, len(metrics) + 1))]
    domains = [figure.layout[name].domain for name in names]
    assert all(above[0] > below[1] for above, below in pairwise(domains))
    assert domains[-1][0] >= 0
    assert figure.layout.xaxis.anchor == f"y{len(metrics)}"


def test_numbers_have_the_languages_sign(frame):
    spanish = {"text": Catalogue("es"), "theme": ChartTheme()}
    assert "." not in sets_figure(frame, **spanish).data[0].hovertext[1]
    figure = sweep_figure(sweep_frame(FOUND, [0.1, 0.2, 0.3, 0.4]), knob="T", **spanish)
    assert figure.layout.xaxis.ticktext == ("0,1", "0,2", "0,3", "0,4")


def test_a_single_column_can_be_drawn(look):
    one = set_frame(trees.generated(columns=1), trees.NAMES[:1])
    assert isinstance(one, pd.DataFrame)
    assert len(sets_figure(one, **look).data) == 2
    assert len(quality_diversity_figure(one, **look).data) == 1
