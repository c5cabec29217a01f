"""Charts of the gap: every step and head in its place, zero in the middle."""

import numpy as np
import pytest

from components.charts.bias.gap import gap_figure, head_gap_figure
from dashboard.frames.bias_gap import gap_frame, head_gap_frame

NAMES = {"first": "woman", "second": "<b>man</b>"}
STEPS = [(-1, "embedding"), *((layer, "output") for layer in range(30))]


def gaps():
    rng = np.random.default_rng(0)
    return gap_frame(STEPS, rng.normal(-8, 1, 31), rng.normal(-9, 1, 31))


def heads(missing=False):
    first, second = np.random.default_rng(1).random((2, 4, 3))
    if missing:
        first[2] = np.nan
    return head_gap_frame(first, second)


def test_the_line_is_the_gap_and_ends_at_the_models_own(look):
    frame = gaps()
    figure = gap_figure(frame, **NAMES, **look)
    assert list(figure.data[0].y) == frame["gap_nats"].tolist()
    assert figure.layout.yaxis.zeroline
    assert (
        figure.layout.yaxis.title.text == "Δ ln p [nats],<br>\u2068woman\u2069 minus \u2068&lt;b&gt;man&lt;/b&gt;\u2069"
    )
    assert figure.layout.xaxis.ticktext[0] == "emb."
    assert figure.layout.xaxis.ticktext[-1] == "29"


def test_hover_says_both_groups_log_probability(look):
    frame = gaps()
    hover = gap_figure(frame, **NAMES, **look).data[0].hovertext[3]
    for value in frame.iloc[3][["first_log_prob_nats", "second_log_prob_nats"]]:
        assert f"ln p −{abs(value):.3f}" in hover


def test_a_head_is_at_its_layer_and_the_scale_is_the_same_on_both_sides(look):
    frame = heads()
    heatmap = head_gap_figure(frame, **NAMES, **look).data[0]
    for row in frame.to_dict("records"):
        assert heatmap.z[row["head"]][row["layer"]] == pytest.approx(row["difference"], abs=1e-6)
    largest = frame["difference"].abs().max()
    assert (heatmap.zmin, heatmap.zmid, heatmap.zmax) == (-largest, 0, largest)
    assert heatmap.colorbar.ticktext[2] == f"+{largest:.2f}"


def test_a_layer_without_attention_is_empty(look):
    heatmap = head_gap_figure(heads(missing=True), **NAMES, **look).data[0]
    assert np.isnan(np.array(heatmap.z)[:, 2]).all()
    assert [row[2] for row in heatmap.hovertext] == [""] * 3


def test_no_difference_anywhere_is_an_empty_map_not_an_error(look):
    frame = heads()
    frame["difference"] = 0.0
    assert head_gap_figure(frame, **NAMES, **look).data[0].zmax == 1
