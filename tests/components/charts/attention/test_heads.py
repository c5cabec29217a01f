"""Charts with one cell a head: the right value at the right layer and head."""

import numpy as np
import pytest

from components.charts.attention.heads import metric_map_figure, query_rows_figure
from dashboard.frames.attention import metric_frame, query_rows_frame
from tests.made import samples


def test_layers_run_across_and_heads_down(look):
    tiles = samples.tiles(layers=4, heads=3)
    figure = metric_map_figure(metric_frame(tiles), "induction", **look)
    np.testing.assert_allclose(figure.data[0].z, tiles.metrics["induction"].T, atol=1e-6)
    assert figure.layout.yaxis.range == (2.5, -0.5)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)


def test_a_metric_without_an_upper_end_goes_up_to_its_largest_value_and_names_its_unit(look):
    tiles = samples.tiles()
    figure = metric_map_figure(metric_frame(tiles), "entropy_nats", **look)
    assert figure.data[0].zmax == pytest.approx(float(tiles.metrics["entropy_nats"].max()))
    assert "[nats]" in figure.layout.title.text


def test_a_metric_that_does_not_exist_anywhere_is_an_empty_map(look):
    tiles = samples.tiles(missing=(0, 1, 2))
    figure = metric_map_figure(metric_frame(tiles), "entropy_nats", **look)
    assert np.isnan(np.asarray(figure.data[0].z)).all()
    assert figure.data[0].zmax == 1


def test_all_heads_of_a_token_show_the_largest_weight_and_hover_the_token(look):
    rows = samples.query_rows(query=5, layers=3, heads=2, missing=(1,))
    figure = query_rows_figure(query_rows_frame(rows, samples.tokens(6)), **look)
    drawn = np.asarray(figure.data[0].z)
    assert drawn[1, 2] == pytest.approx(rows.weights[2, 1].max())
    assert np.isnan(drawn[:, 1]).all()
    key = int(rows.weights[2, 1].argmax())
    assert figure.data[0].hovertext[1][2].endswith(f"({key})")
    assert figure.data[0].hovertext[0][1] == ""
