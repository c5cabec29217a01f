"""Charts of distributions: every group its own line, distances on a scale that compares."""

import math

import numpy as np
import pytest

from components.charts.bias.groups import MOST_GROUPS, distances_figure, lorenz_figure
from components.charts.bias.labels import KINDS
from dashboard.frames.bias_groups import distance_frame, lorenz_frame
from tests.made.probed import probe_scores


def test_each_group_has_a_curve_of_its_own_look_beside_the_diagonal(look):
    frame = lorenz_frame(probe_scores(completions=60))
    even, *curves = lorenz_figure(frame, **look).data
    assert list(even.x) == list(even.y) == [0, 1]
    assert len({(curve.line.color, curve.line.dash, curve.marker.symbol) for curve in curves}) == 4
    first = frame[frame["group"] == "woman"]
    np.testing.assert_allclose(curves[0].y, first["mass"])
    np.testing.assert_allclose(curves[0].x, first["completions"])
    assert curves[0].name.endswith(f" · {first['gini'].iloc[0]:.3f}")


def test_marks_of_equal_curves_stand_at_different_points(look):
    curves = lorenz_figure(lorenz_frame(probe_scores(completions=60)), **look).data[1:]
    places = [{i for i, size in enumerate(curve.marker.size) if size} for curve in curves]
    assert all(len(place) > 5 for place in places)
    assert len(set().union(*places)) > max(map(len, places))


def test_more_groups_than_marks_are_counted(look):
    figure = lorenz_figure(lorenz_frame(probe_scores(groups=KINDS + 3)), **look)
    assert len(figure.data) == 1 + KINDS
    assert "and 3 more in the table" in figure.layout.xaxis.title.text


@pytest.mark.parametrize(("value", "top"), [("js_nats", math.log(2)), ("total_variation", 1)])
def test_distances_stand_on_the_scale_of_what_is_possible(look, value, top):
    frame = distance_frame(probe_scores())
    figure = distances_figure(frame, value=value, **look)
    np.testing.assert_allclose(figure.data[0].z, frame[value].to_numpy().reshape(4, 4), atol=1e-6)
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, pytest.approx(top))
    shown = {(y, x): label for t in figure.data[1:] for x, y, label in zip(t.x, t.y, t.text, strict=True)}
    assert shown[1, 2] == f"{frame[value][6]:.3f}"
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first group on top, as on the left


def test_a_scale_of_its_own_says_where_it_ends(look):
    frame = distance_frame(probe_scores())
    figure = distances_figure(frame, value="js_nats", own_maximum=True, **look)
    assert figure.data[0].zmax == pytest.approx(frame["js_nats"].max())
    assert f"up to {frame['js_nats'].max():.3f}" in figure.layout.title.text


def test_groups_that_do_not_differ_are_an_empty_map_not_an_error(look):
    frame = distance_frame(probe_scores())
    frame["js_nats"] = 0.0
    assert distances_figure(frame, value="js_nats", own_maximum=True, **look).data[0].zmax > 0


def test_many_groups_are_drawn_without_numbers_and_in_part(look):
    figure = distances_figure(distance_frame(probe_scores(groups=MOST_GROUPS + 4)), value="js_nats", **look)
    assert np.shape(figure.data[0].z) == (MOST_GROUPS, MOST_GROUPS)
    assert len(figure.data) == 1
    assert "and 4 more in the table" in figure.layout.xaxis.title.text
