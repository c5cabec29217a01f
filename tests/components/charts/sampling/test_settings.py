"""Settings along a text: the values of the table, on scales that compare, with the text's own tokens."""

import math

import numpy as np
import pytest

from components.charts.sampling.settings import MOST_MARKED, settings_lines_figure, settings_map_figure
from dashboard.frames.sampling import comparison_frame, distance_frame
from dashboard.stats.statistic import SETTINGS
from tests.made import samples, trees

NAMES = trees.NAMES[:3]


def lines(count=9, settings=3):
    return comparison_frame(trees.comparison(settings, count), NAMES[:settings], samples.tokens(count + 2), start=2)


def pairs(count=9):
    return distance_frame(trees.comparison(3, count), NAMES, samples.tokens(count + 2), start=2)


@pytest.mark.parametrize("value", SETTINGS)
def test_lines_are_the_tables_values_at_their_positions(value, look):
    frame = lines() if value in lines() else pairs()
    figure = settings_lines_figure(frame, value=value, **look)
    drawn = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert len(drawn) == 3
    by = "setting" if value in lines() else "pair"
    for place, trace in enumerate(drawn):
        part = frame[frame[by] == place]
        np.testing.assert_allclose(trace.y, part[value])
        assert list(trace.x) == list(range(2, 11))


@pytest.mark.parametrize(("value", "top"), [("kept_mass", 1), ("total_variation", 1), ("js_nats", math.log(2))])
def test_scales_do_not_depend_on_the_values(value, top, look):
    frame = lines() if value == "kept_mass" else pairs()
    low, high = settings_lines_figure(frame, value=value, **look).layout.yaxis.range
    assert low < 0 < top < high < 1.1 * top
    heatmap = settings_map_figure(frame, value=value, **look).data[0]
    assert (heatmap.zmin, heatmap.zmax) == (0, pytest.approx(top))


def test_kept_tokens_stand_on_a_logarithmic_scale_from_one(look):
    axis = settings_lines_figure(lines(), value="kept", **look).layout.yaxis
    assert axis.type == "log"
    assert axis.ticktext == ("1", "10", "100", "1000", "10000")
    assert axis.range[0] <= 0
    assert axis.range[1] >= 4


def test_the_models_own_entropy_stands_behind_those_of_the_settings(look):
    frame = lines()
    figure = settings_lines_figure(frame, value="entropy_nats", **look)
    np.testing.assert_allclose(figure.data[0].y, np.linspace(1, 2, 9), rtol=1e-6)
    assert figure.data[0].name == "the model, without settings"
    assert len(figure.data) == 4


def test_a_pair_has_the_line_of_its_first_and_the_marker_of_its_second(look):
    drawn = settings_lines_figure(pairs(), value="js_nats", **look).data
    colours = look["theme"].categories
    assert [(t.line.color, t.marker.color) for t in drawn] == [
        (colours[0], colours[1]),
        (colours[0], colours[2]),
        (colours[1], colours[2]),
    ]
    assert drawn[1].name == "\u2068&lt;b&gt;greedy&lt;/b&gt;\u2069 – \u2068%&#123;x}\u2069"
    assert len({(t.line.color, t.line.dash, t.marker.symbol) for t in drawn}) == 3


def test_hover_names_the_token_whole_and_literal(look):
    axis = settings_lines_figure(lines(), value="kept", **look).layout.xaxis
    assert axis.labelalias["3"] == "\u2068&#36;x&#36;\u2069 (3)"
    assert all(tick != round(tick) for tick in axis.tickvals)


def test_a_long_text_has_lines_without_markers_and_thinned_labels(look):
    figure = settings_lines_figure(lines(count=400), value="kept_mass", **look)
    assert {trace.mode for trace in figure.data} == {"lines"}
    assert len(figure.layout.xaxis.tickvals) <= 24
    assert len(figure.data[0].x) == 400 > MOST_MARKED


def test_a_map_has_a_row_for_every_setting_or_pair_and_a_column_for_every_position(look):
    frame = pairs()
    figure = settings_map_figure(frame, value="total_variation", **look)
    assert np.shape(figure.data[0].z) == (3, 9)
    np.testing.assert_allclose(figure.data[0].z[1], frame[frame["pair"] == 1]["total_variation"])
    assert list(figure.data[0].x) == list(range(2, 11))
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]
    assert figure.layout.yaxis.ticktext[2] == "\u2068&#36;x&#36; T = 1\u2069<br>– \u2068%&#123;x}\u2069"
    assert figure.layout.yaxis.labelalias["2"].startswith("\u2068&#36;x&#36; T = 1\u2069 – ")
    mass = settings_map_figure(lines(), value="kept_mass", **look)
    np.testing.assert_allclose(mass.data[0].z[2], lines()[lines()["setting"] == 2]["kept_mass"])


def test_one_position_is_still_seen(look):
    figure = settings_lines_figure(lines(count=1), value="kept", **look)
    assert all(trace.mode == "lines+markers" and len(trace.x) == 1 for trace in figure.data)
