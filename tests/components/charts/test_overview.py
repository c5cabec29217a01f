"""Bars under one decode setting: what is cut has no full bar and says so, and the axis holds all that is drawn."""

import numpy as np
import pytest

from components.charts.overview import setting_bars_figure
from tests.made import samples


def frame(probs, left, cut_by):
    made = samples.candidates_frame(len(probs))
    return made.assign(prob=np.float32(probs), q=np.float32(left), cut_by=cut_by)


def test_a_cut_token_has_no_full_bar_and_says_so(look):
    figure = setting_bars_figure(frame([0.2, 0.1, 0.05], [0.7, 0.3, 0], ["", "", "top_k"]), **look)
    pale, notes, full = figure.data
    np.testing.assert_allclose(pale.x, [0.2, 0.1, 0.05], rtol=1e-6)
    np.testing.assert_allclose(full.x, [0.7, 0.3, 0], rtol=1e-6)
    assert [note.strip() for note in notes.text] == ["0.7000", "0.3000", "cut"]
    struck = [label.startswith("<s>") for label in figure.layout.yaxis.ticktext]
    assert struck == [False, False, True]
    assert "cut by top_k" in pale.hovertext[2]


@pytest.mark.parametrize(("largest", "end"), [(0.01, 0.25), (0.25, 0.25), (0.26, 0.5), (0.6, 1), (1, 1)])
@pytest.mark.parametrize("of_q", [True, False])
def test_the_axis_holds_the_longest_bar_and_has_few_ends(look, largest, end, of_q):
    longer, shorter = [largest, 0, 0], [0.001, 0, 0]
    probs, left = (shorter, longer) if of_q else (longer, shorter)
    assert setting_bars_figure(frame(probs, left, [""] * 3), **look).layout.xaxis.range == (0, end)
