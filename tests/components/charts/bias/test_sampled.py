"""Charts of sampled counts: intervals at their bars, findings by shape, every test counted on the axis."""

import numpy as np
import pytest

from components.charts.bias.sampled import MOST_COMPLETIONS, MOST_TESTS, differences_figure, sampled_figure
from dashboard.frames.bias_sampled import comparison_frame, sampled_frame
from tests.made.probed import COMPLETIONS, GROUPS, counts


def sampled(groups=4, completions=5, exact=False):
    found, drawn = counts(groups, completions)
    names = [GROUPS[i] if i < 4 else f"g{i}" for i in range(groups)]
    texts = [COMPLETIONS[i] if i < 5 else f"c{i}" for i in range(completions)]
    return sampled_frame(found, drawn, names, texts, np.full(found.shape, 0.1) if exact else None)


def compared(first, second, drawn=100):
    """One pair of groups with these counts."""
    names = [f"c{i}" for i in range(len(first))]
    return comparison_frame(np.array([first, second]), np.array([drawn, drawn]), [(0, 1)], GROUPS[:2], names)


def test_a_bar_and_its_mark_end_at_the_share_and_whiskers_at_the_interval(look):
    frame = sampled()
    figure = sampled_figure(frame, **look)
    bars, marks = figure.data[2], figure.data[3]
    part = frame[frame["group"] == GROUPS[1]]
    assert sorted(bars.x) == sorted(part["share"])
    assert bars.x == marks.x
    high = np.array(marks.x) + np.array(marks.error_x.array)
    np.testing.assert_allclose(sorted(high), sorted(part["high"]))


def test_the_most_drawn_completion_stands_on_top_and_groups_share_its_row(look):
    frame = sampled()
    figure = sampled_figure(frame, **look)
    most = frame.groupby("completion", sort=False)["share"].max().sort_values(ascending=False)
    assert len(figure.layout.yaxis.ticktext) == int((most > 0).sum())
    marks = [trace for trace in figure.data if trace.type == "scatter"]
    assert len({trace.marker.symbol for trace in marks}) == 4
    top = [(y, x) for trace in marks for x, y in zip(trace.x, trace.y, strict=True) if abs(y) < 0.5]
    assert len({y for y, _ in top}) == 4
    assert max(x for _, x in top) == most.iloc[0]


def test_the_exact_probability_is_a_line_at_every_bar(look):
    figure = sampled_figure(sampled(exact=True), **look)
    exact = figure.data[-1]
    assert exact.name == "exact probability"
    assert set(exact.x) == {0.1}
    assert len(exact.x) == 4 * len(figure.layout.yaxis.ticktext)
    assert len(sampled_figure(sampled(), **look).data) == 8


def test_what_is_not_drawn_is_counted(look):
    figure = sampled_figure(sampled(groups=10, completions=30), **look)
    assert len(figure.layout.yaxis.ticktext) == MOST_COMPLETIONS
    title = figure.layout.xaxis.title.text.replace("<br>", " ")
    assert "2 more groups in the table" in title
    assert "more in the table" in title


def test_nothing_drawn_breaks_nothing(look):
    empty = sampled_frame(np.zeros((2, 2), int), np.zeros(2, int), GROUPS[:2], COMPLETIONS[:2])
    assert sampled_figure(empty, **look).layout.yaxis.ticktext == ()
    none = comparison_frame(np.zeros((2, 2), int), np.zeros(2, int), [(0, 1)], GROUPS[:2], COMPLETIONS[:2])
    assert differences_figure(none, **look).layout.height


def test_what_holds_after_all_tests_is_a_filled_diamond_and_the_rest_hollow(look):
    frame = compared([60, 20, 5, 0], [5, 18, 6, 0])
    holds, open_ = differences_figure(frame, **look).data
    assert list(holds.x) == pytest.approx([0.55])
    assert (holds.marker.symbol, open_.marker.symbol) == ("diamond", "circle-open")
    assert list(open_.x) == pytest.approx([0.02, -0.01])
    assert holds.x[0] - holds.error_x.arrayminus[0] == pytest.approx(frame["low"][0])


def test_the_adjusted_p_decides_not_the_plain_one(look):
    frame = compared([9] + [1] * 20, [1] + [1] * 20)
    assert frame["p"][0] < 0.05 < frame["p_adjusted"][0]
    holds, open_ = differences_figure(frame, **look).data
    assert len(holds.x) == 0
    assert len(open_.x) == 21


def test_tests_of_completions_that_nobody_drew_are_counted_although_not_shown(look):
    figure = differences_figure(compared([60, 0, 0], [5, 0, 0]), **look)
    assert len(figure.layout.yaxis.ticktext) == 1
    assert "3 tests" in figure.layout.xaxis.title.text


def test_of_many_tests_the_surest_are_drawn_in_their_order(look):
    frame = compared(list(range(1, MOST_TESTS + 6)), [1] * (MOST_TESTS + 5))
    figure = differences_figure(frame, **look)
    assert len(figure.layout.yaxis.ticktext) == MOST_TESTS
    assert figure.layout.yaxis.ticktext[0].strip("\u2068\u2069") == f"c{MOST_TESTS + 4}"
    assert "and 5 more in the table" in figure.layout.xaxis.title.text
