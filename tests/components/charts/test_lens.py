"""Charts through the layers: scales that compare, labels that are read, a settled line where it belongs."""

import re

import numpy as np
import pytest

from components.charts.attribution import MOST_BARS, attribution_figure, head_attribution_figure
from components.charts.lens import lens_figure, step_label, trajectories_figure
from components.charts.theme import ChartTheme, luminance, rgb
from dashboard.frames.lens import attribution_frame, head_attribution_frame, trajectory_frame
from dashboard.i18n import Catalogue
from tests.made import samples

VOCAB = 1000


def test_a_cell_is_a_layer_and_a_position_and_the_last_layer_stands_on_top(look):
    fig = lens_figure(samples.lens_frame(layers=2, positions=(1, 4)), value="prob", vocab=VOCAB, **look)
    assert np.shape(fig.data[0].z) == (3, 2)
    assert (fig.data[0].zmin, fig.data[0].zmax) == (0, 1)
    assert fig.layout.yaxis.ticktext == ("emb.", "0", "1")
    assert fig.layout.yaxis.range[0] < fig.layout.yaxis.range[1]
    assert fig.layout.xaxis.ticktext == ("1 \u2068&lt;b&gt;bold&lt;/b&gt;\u2069", "4 \u2068%&#123;x}\u2069")


def test_every_cell_shows_its_token_in_one_of_two_inks_that_stands_out(look):
    frame = samples.lens_frame(layers=6, positions=(1, 4))
    for mode in ("light", "dark"):
        theme = ChartTheme(mode)
        fig = lens_figure(frame, value="prob", vocab=VOCAB, text=look["text"], theme=theme)
        labels = [trace for trace in fig.data[1:] if trace.mode == "text"]
        assert sum(len(trace.x) for trace in labels) == len(frame)
        for trace in labels:
            ink = luminance(rgb(trace.textfont.color))
            for x, y in zip(trace.x, trace.y, strict=True):
                cell = luminance(theme.lut()[round(255 * float(fig.data[0].z[int(y)][int(x)]))] / 255)
                assert (max(ink, cell) + 0.05) / (min(ink, cell) + 0.05) >= 4


def test_the_line_lies_below_the_settled_step(look):
    frame = samples.lens_frame(layers=3, positions=(0, 1, 2))
    line = next(
        trace for trace in lens_figure(frame, value="prob", vocab=VOCAB, **look).data[1:] if trace.mode == "lines"
    )
    rows = frame[frame["settled"]].sort_values("pos")["layer"] + 1
    assert list(line.y) == [row - 0.5 for row in rows for _ in range(2)]
    assert list(line.x) == [-0.5, 0.5, 0.5, 1.5, 1.5, 2.5]


def test_hovers_have_the_languages_decimal_sign():
    look = {"text": Catalogue("es"), "theme": ChartTheme()}
    lens = lens_figure(samples.lens_frame(pins=1), value="followed_prob", vocab=VOCAB, **look)
    lines = trajectories_figure(
        trajectory_frame(samples.lens(positions=(4,), pins=1), [samples.token("a")]), value="prob", **look
    )
    for hover in (*np.ravel(lens.data[0].hovertext), *lines.data[0].hovertext):
        assert re.search(r"\bp \d,\d", hover)
        assert not re.search(r"\d\.\d", hover)


def test_ranks_stand_on_a_logarithmic_scale_that_ends_at_one(look):
    frame = samples.lens_frame(layers=2, positions=(1, 4), pins=1)
    heatmap = lens_figure(frame, value="followed_rank", vocab=VOCAB, **look).data[0]
    np.testing.assert_allclose(np.ravel(heatmap.z), -np.log10(frame["followed_rank"]), rtol=1e-6)
    assert (heatmap.zmin, heatmap.zmax) == (-3, 0)
    assert heatmap.colorbar.ticktext == ("1", "10", "100", "1000")


@pytest.mark.parametrize(("value", "top"), [("entropy", np.log(VOCAB)), ("followed_prob", 1)])
def test_scales_do_not_depend_on_the_values(look, value, top):
    frame = samples.lens_frame(layers=2, positions=(1, 4), pins=1)
    assert lens_figure(frame, value=value, vocab=VOCAB, **look).data[0].zmax == pytest.approx(top)


def test_hover_names_the_five_likeliest_and_leaves_markup_as_it_is(look):
    fig = lens_figure(samples.lens_frame(layers=2, positions=(1, 4)), value="prob", vocab=VOCAB, **look)
    hover = fig.data[0].hovertext[1][0]
    assert hover.startswith("layer 0 · after position 1: \u2068&lt;b&gt;bold&lt;/b&gt;\u2069")
    assert hover.count("<br>") == 6


def test_a_wide_lens_is_drawn_in_part_and_without_labels(look):
    frame = samples.lens_frame(layers=1, positions=tuple(range(600)))
    fig = lens_figure(frame, value="prob", vocab=VOCAB, **look)
    assert np.shape(fig.data[0].z) == (2, 200)
    assert not [trace for trace in fig.data[1:] if trace.mode == "text"]


def test_half_steps_are_named_apart():
    assert step_label(3, "attention", Catalogue("en")) == "3 att."
    assert step_label(3, "output", Catalogue("en")) == "3"


def test_each_token_has_a_line_of_its_own_look(look):
    found = samples.lens(layers=3, positions=(4,), pins=11)
    frame = trajectory_frame(found, [samples.token("<b>", i) for i in range(11)])
    by_prob, by_rank = (trajectories_figure(frame, value=value, **look) for value in ("prob", "rank"))
    looks = {(line.line.color, line.line.dash) for line in by_prob.data}
    assert len(looks) == 11
    assert by_prob.data[0].name == "\u2068&lt;b&gt;\u2069"
    np.testing.assert_allclose(by_prob.data[1].y, found.pin_probs[1, :, 0])
    assert by_rank.layout.yaxis.type == "log"
    assert by_rank.layout.yaxis.range[0] > by_rank.layout.yaxis.range[1]  # rank 1 on top


def test_bars_are_sorted_by_size_with_their_sign_and_the_rest_is_summed(look):
    found = samples.attribution(layers=15, heads=2)
    frame = attribution_frame(found)
    fig = attribution_figure(frame, **look)
    values = np.abs(fig.data[0].x)
    assert len(values) == MOST_BARS
    assert (np.diff(values) <= 0).all()
    largest = f"{frame['logit'].iloc[frame['logit'].abs().argmax()]:+.3f}".replace("-", "−")
    assert fig.data[1].text[0].strip() == largest
    np.testing.assert_allclose(fig.data[1].x, np.maximum(fig.data[0].x, 0))  # never on the labels of bars to the left
    hidden = frame["logit"].sum() - sum(fig.data[0].x)
    assert f"12 more, sum {hidden:+.3f}".replace("-", "−") in fig.layout.xaxis.title.text
    raised = {colour for colour, value in zip(fig.data[0].marker.color, fig.data[0].x, strict=True) if value >= 0}
    lowered = {colour for colour, value in zip(fig.data[0].marker.color, fig.data[0].x, strict=True) if value < 0}
    assert len(raised) == len(lowered) == 1
    assert raised != lowered


def test_heads_and_what_is_beside_them_are_named(look):
    fig = head_attribution_figure(head_attribution_frame(samples.attribution(layers=2, heads=2), 1), **look)
    assert set(fig.layout.yaxis.ticktext) == {"head 0", "head 1", "biases of attention"}
