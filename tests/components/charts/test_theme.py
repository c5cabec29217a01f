"""The look: even scales, readable words, nothing left to a default that Streamlit may change."""

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import pytest

from components.charts.marks import BAR_AT_LEFT
from components.charts.theme import BAR_ROOM, MODES, SCALES, ChartTheme, oklab

ALL = [ChartTheme(mode, scale) for mode in MODES for scale in SCALES]


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def contrast(one, other):
    """WCAG 2."""

    def luminance(colour):
        part = rgb(colour) / 255
        return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ALL, ids=str)
def test_words_and_marks_can_be_read_on_the_paper(theme):
    assert contrast(theme.text, theme.paper) >= 7
    assert contrast(theme.muted, theme.paper) >= 4.5
    assert contrast(theme.accent, theme.paper) >= 4.5
    assert contrast(theme.selection, theme.paper) >= 4.5


@pytest.mark.parametrize("theme", ALL, ids=str)
def test_equal_steps_of_weight_are_equal_steps_of_lightness(theme):
    steps = np.diff(oklab(theme.lut()[::15] / 255)[:, 0])
    assert (np.sign(steps) == np.sign(steps[0])).all()
    assert np.abs(steps).max() / np.abs(steps).min() < 1.4


@pytest.mark.parametrize("mode", MODES)
def test_zero_is_the_paper_in_indigo_and_stands_apart_from_it_in_cividis(mode):
    indigo, cividis = ChartTheme(mode, "indigo"), ChartTheme(mode, "cividis")
    assert indigo.lut()[0].tolist() == rgb(indigo.paper).tolist()
    assert indigo.sequential()[0][1] == indigo.paper
    assert np.abs(cividis.lut()[0].astype(int) - rgb(cividis.paper)).max() > 40


@pytest.mark.parametrize("theme", ALL, ids=str)
def test_more_is_further_from_the_paper(theme):
    paper = oklab(rgb(theme.paper) / 255)[0]
    lightness = oklab(theme.lut()[[0, 255]] / 255)[:, 0]
    assert abs(lightness[1] - paper) > abs(lightness[0] - paper) + 0.3


@pytest.mark.parametrize("theme", ALL, ids=str)
def test_the_canvas_and_plotly_use_the_same_scale(theme):
    lut, stops = theme.lut(), theme.sequential()
    assert lut.shape == (256, 3)
    assert lut.dtype == np.uint8
    for at, colour in stops:
        assert np.abs(lut[round(at * 255)].astype(int) - rgb(colour)).max() <= 2


def test_changing_a_lut_leaves_the_next_one_alone():
    theme = ChartTheme()
    theme.lut()[:] = 0
    assert theme.lut()[0].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", MODES)
def test_differences_go_from_blue_over_the_paper_to_orange(mode):
    theme = ChartTheme(mode)
    scale = theme.diverging()
    low, middle, high = (rgb(scale[i][1]).astype(int) for i in (0, 8, 16))
    assert low[2] > low[0] + 40
    assert high[0] > high[2] + 40
    assert np.abs(middle - rgb(theme.paper)).max() <= 3
    both = oklab(np.stack([low, high]) / 255)[:, 0]
    assert abs(both[0] - both[1]) < 0.02


@pytest.mark.parametrize("mode", MODES)
def test_there_are_eight_different_categories(mode):
    assert len(set(ChartTheme(mode).categories)) == 8


def test_streamlits_placeholder_colours_never_reach_a_figure():
    import streamlit  # noqa: F401 - importing it sets the default template

    assert pio.templates.default == "streamlit"
    written = ChartTheme().apply(go.Figure(go.Heatmap(z=[[0, 1]]))).to_json()
    assert "#00000" not in written
    assert "#FFFFFF" in written
    assert "system-ui" in written


@pytest.mark.parametrize("trace", [go.Heatmap(colorbar_title_text="w"), go.Scatter(marker_colorbar_title_text="w")])
def test_the_words_of_a_colour_bar_stand_above_it_at_any_height(trace):
    """Plotly places a bar's own title by the plot's height: in a low chart it would lie on the bar."""
    figure = ChartTheme().apply(go.Figure(trace))
    drawn, bar, words = figure.data[0], ChartTheme().template().data.heatmap[0].colorbar, figure.layout.title
    own = drawn.colorbar if drawn.type == "heatmap" else drawn.marker.colorbar
    assert (own.title.text, words.text) == (None, "w")
    assert (words.xref, words.yref, words.y, words.yanchor) == ("paper", bar.yref, bar.y, bar.yanchor)
    assert words.pad.t + 1.3 * words.font.size < bar.ypad
    assert bar.ypad + bar.thickness + 1.3 * bar.tickfont.size <= BAR_ROOM
    assert ChartTheme().apply(figure).layout.title.text == "w"


def test_the_words_of_a_colour_bar_begin_where_it_begins():
    figure = ChartTheme().apply(go.Figure(go.Heatmap(colorbar={"title": {"text": "w"}, **BAR_AT_LEFT})))
    assert (figure.layout.title.xref, figure.layout.title.pad.l) == ("container", BAR_AT_LEFT["xpad"])


def test_an_unknown_look_is_our_mistake():
    with pytest.raises(ValueError, match="rainbow"):
        ChartTheme("light", "rainbow")
