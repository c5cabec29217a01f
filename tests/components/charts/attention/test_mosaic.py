"""The mosaic as a figure: each head in its place, at its strength, never too large to send."""

import numpy as np
import pytest

from components.charts.attention.mosaic import MOST_CELLS, mosaic_figure
from components.charts.theme import MODES, SCALES, ChartTheme
from dashboard.frames.attention import metric_frame, order_heads
from dashboard.i18n import Catalogue
from tests.made import samples


def grid(layers, heads):
    return [(layer, head) for layer in range(layers) for head in range(heads)]


def tile_of(figure, row, col, side):
    """Weight x 255 of one tile as drawn; NaN where the picture is paper."""
    levels = np.asarray(figure.data[0].z)[row * (side + 1) :, col * (side + 1) :][:side, :side].astype(float)
    return np.where(levels == 0, np.nan, (levels - 1) * 255 / 254)


def test_layers_run_across_heads_down_and_weights_are_kept_to_half_a_step(look):
    tiles = samples.tiles(layers=3, heads=2, side=5)
    figure = mosaic_figure(tiles, grid(3, 2), **look)
    for layer, head in grid(3, 2):
        drawn = tile_of(figure, head, layer, 5)
        expected = np.where(np.tri(5, dtype=bool), tiles.tiles[layer, head], np.nan)
        np.testing.assert_allclose(drawn, expected, atol=0.51)
    assert figure.layout.xaxis.ticktext == ("L0", "L1", "L2")
    assert figure.layout.yaxis.ticktext == ("H0", "H1")


def test_with_captions_heads_flow_in_the_given_order(look):
    tiles = samples.tiles(layers=3, heads=2, side=5)
    order = order_heads(metric_frame(tiles), "induction")
    figure = mosaic_figure(tiles, order, captions=[f"0.{i}" for i in range(6)], **look)
    expected = np.where(np.tri(5, dtype=bool), tiles.tiles[order[0]], np.nan)
    np.testing.assert_allclose(tile_of(figure, 0, 0, 5), expected, atol=0.51)
    words = next(trace for trace in figure.data if trace.type == "scatter" and trace.mode == "text")
    assert words.text[1] == f"L{order[1][0]} H{order[1][1]}<br>0.1"


def test_a_layer_without_attention_stays_paper(look):
    figure = mosaic_figure(samples.tiles(layers=3, heads=2, missing=(1,)), grid(3, 2), **look)
    assert np.isnan(tile_of(figure, 0, 1, 5)).all()
    assert not np.isnan(tile_of(figure, 0, 2, 5)).all()


def test_hiding_the_first_token_uses_the_column_made_without_it(look):
    tiles = samples.tiles(layers=1, heads=1, side=5, block=3)
    figure = mosaic_figure(tiles, grid(1, 1), hide_first=True, **look)
    np.testing.assert_allclose(tile_of(figure, 0, 0, 5)[:, 0], tiles.tiles_without_first[0, 0], atol=0.51)
    note = figure.layout.annotations[0].text
    assert "3 × 3" in note
    assert "left out" in note


@pytest.mark.parametrize("heads", [(30, 9), (48, 48)])
def test_it_is_never_too_large_to_send_and_keeps_the_largest_weights(look, heads):
    layers, count = heads
    tiles = samples.tiles(layers=layers, heads=count, side=64)
    figure = mosaic_figure(tiles, grid(layers, count), **look)
    assert np.asarray(figure.data[0].z).size <= MOST_CELLS
    assert len(figure.to_json()) < 2_000_000
    assert np.asarray(figure.data[0].z).max() == 255
    if heads == (48, 48):
        assert "4 × 4" in figure.layout.annotations[0].text


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scale", SCALES)
def test_nothing_is_paper_and_zero_is_the_scales_own_colour(mode, scale):
    theme = ChartTheme(mode, scale)
    figure = mosaic_figure(samples.tiles(), grid(3, 2), text=Catalogue("es"), theme=theme)
    stops = figure.data[0].colorscale
    assert stops[0][1] == stops[1][1] == theme.paper
    assert stops[2][1] == theme.sequential()[0][1]
    assert stops[-1] == (1, theme.sequential()[-1][1])
    bar = next(trace for trace in figure.data if trace.type == "scatter" and trace.marker.showscale)
    assert (bar.marker.cmin, bar.marker.cmax) == (0, 1)


def test_one_token_is_a_picture_too(look):
    figure = mosaic_figure(samples.tiles(layers=2, heads=2, side=1), grid(2, 2), **look)
    assert tile_of(figure, 1, 1, 1).item() == pytest.approx(255)
