"""What the attention charts draw: the weights themselves, at numeric positions, with literal words."""

import numpy as np
import pytest

from components.charts.attention.heatmap import TOP, column_figure, head_figure, lines_figure, row_figure
from components.charts.attention.lines import LEAST_LINE, LINES_MOST
from components.charts.theme import ChartTheme
from dashboard.engine.api.attention import QueryRows
from dashboard.frames.attention import column_frame, row_frame
from dashboard.i18n import Catalogue
from tests.made import samples


def heatmap(figure):
    return figure.data[0]


def test_the_heatmap_shows_the_weights_and_leaves_what_cannot_be_empty(look):
    found = samples.weight_map(15)
    drawn = heatmap(head_figure(found, samples.tokens(15), **look))
    np.testing.assert_allclose(drawn.z, found.weights, atol=5e-5)
    assert np.isnan(np.asarray(drawn.z)[np.triu_indices(15, 1)]).all()
    assert (drawn.zmin, drawn.zmax) == (0, 1)
    assert drawn.hoverongaps is False


def test_equal_tokens_keep_their_own_rows_and_columns(look):
    figure = head_figure(samples.weight_map(6), samples.tokens(6), **look)
    labels = figure.layout.xaxis.ticktext
    assert labels[2] == labels[5] == "\u2068·is\u2069"
    assert np.round(figure.layout.xaxis.tickvals, 2).tolist() == [0, 1, 2, 3, 4, 5]


def test_hover_names_the_whole_token_and_its_position_even_on_a_tick(look):
    tokens = [samples.token("a" * 40), samples.token(" b")]
    figure = head_figure(samples.weight_map(2), tokens, **look)
    assert figure.layout.yaxis.labelalias["0"] == f"\u2068{'a' * 40}\u2069 (0)"
    assert figure.layout.yaxis.ticktext[0].endswith("…\u2069")
    # Plotly prefers a tick's text within a ten-thousandth of the axis' length
    assert figure.layout.yaxis.tickvals[0] > 2 / 10_000


def test_queries_run_downwards(look):
    low, high = head_figure(samples.weight_map(4), samples.tokens(4), **look).layout.yaxis.range
    assert (low, high) == (3.5, -0.5)


def test_a_part_stands_at_the_prompts_positions(look):
    figure = head_figure(samples.weight_map(20, rows=(10, 20), cols=(5, 15)), samples.tokens(20), **look)
    drawn = heatmap(figure)
    assert (drawn.x0, drawn.dx, drawn.y0, drawn.dy) == (5, 1, 10, 1)
    assert figure.layout.xaxis.range == (4.5, 14.5)


@pytest.mark.parametrize("language", ["en", "es"])
def test_a_pooled_map_names_its_spans_and_says_that_it_is_pooled(language):
    look = {"text": Catalogue(language), "theme": ChartTheme()}
    figure = head_figure(samples.weight_map(1010, block=4), samples.tokens(1010), **look)
    assert "4 × 4" in figure.layout.xaxis.title.text
    assert "4 × 4" in heatmap(figure).hovertemplate
    assert heatmap(figure).x0 == 1.5
    alias = figure.layout.xaxis.labelalias
    sign = "." if language == "en" else ","
    assert alias[f"1{sign}5"] == "\u2068This\u2069 (0) … \u2068&#36;x&#36;\u2069 (3)"
    assert alias[f"1009{sign}5"].endswith("(1009)")
    assert alias[f"1009{sign}5"].startswith("\u2068·w6\u2069 (1008) … ")


@pytest.mark.parametrize(("count", "most"), [(40, 40), (41, 21), (512, 40)])
def test_labels_are_thinned_before_they_overlap(look, count, most):
    figure = head_figure(samples.weight_map(count), samples.tokens(count), **look)
    assert len(figure.layout.xaxis.ticktext) <= most


def test_the_chosen_token_keeps_its_label_and_gets_a_frame(look):
    figure = head_figure(samples.weight_map(100), samples.tokens(100), highlight=77, **look)
    assert any(label.startswith("77 ") for label in figure.layout.yaxis.ticktext)
    row, column = figure.layout.shapes
    assert (row.y0, row.y1, row.x0, row.x1) == (76.5, 77.5, -0.5, 77.5)
    assert (column.x0, column.x1, column.y0, column.y1) == (76.5, 77.5, 76.5, 99.5)
    assert row.line.color == look["theme"].selection


def test_a_chosen_token_outside_the_part_frames_nothing_there(look):
    found = samples.weight_map(100, rows=(50, 100), cols=(0, 50))
    assert len(head_figure(found, samples.tokens(100), highlight=10, **look).layout.shapes) == 1
    assert len(head_figure(found, samples.tokens(100), highlight=60, **look).layout.shapes) == 1


def test_a_hidden_first_token_is_empty_and_the_axis_says_so_whoever_hid_it(look):
    found = samples.weight_map(5)
    figure = head_figure(found, samples.tokens(5), hide_first=True, **look)
    assert np.isnan(np.asarray(heatmap(figure).z)[:, 0]).all()
    assert "first token left out" in figure.layout.xaxis.title.text
    assert not np.isnan(found.weights[:, 0]).any()
    shown = head_figure(found, samples.tokens(5), **look)
    assert "left out" not in shown.layout.xaxis.title.text


def test_own_maximum_changes_the_colours_and_the_bar_says_it(look):
    found = samples.weight_map(30, rows=(10, 30))
    largest = float(np.nanmax(found.weights))
    figure = head_figure(found, samples.tokens(30), own_maximum=True, **look)
    assert heatmap(figure).zmax == pytest.approx(largest, abs=1e-4)
    assert f"{largest:.4f}" in figure.layout.title.text


def test_a_map_of_nothing_still_has_a_scale(look):
    figure = head_figure(samples.weight_map(1), samples.tokens(1), hide_first=True, own_maximum=True, **look)
    assert heatmap(figure).zmax == 1


def test_512_tokens_take_less_than_two_megabytes(look):
    figure = head_figure(samples.weight_map(512), samples.tokens(512), **look)
    assert len(figure.to_json()) < 2_000_000


def test_no_token_is_written_as_markup_template_or_formula(look):
    written = head_figure(samples.weight_map(15), samples.tokens(15), **look).to_json()
    for dangerous in ("<b>", "<a ", "%{x}\\u2069", "$x$", "\\u202e"):
        assert dangerous not in written


def test_a_row_shows_the_largest_and_sums_the_rest(look):
    weights = samples.causal(40)[39]
    frame = row_frame(QueryRows(39, weights[None, None, :]), 0, 0, samples.tokens(40))
    before = frame.copy()
    figure = row_figure(frame, **look)
    ordered = np.sort(weights)[::-1]
    np.testing.assert_allclose(figure.data[0].x, ordered[:TOP])
    assert figure.data[1].text[0].strip() == f"{ordered[0]:.3f}"
    assert f"25 more: ≤ {ordered[TOP]:.3f}, sum {ordered[TOP:].sum():.3f}" in figure.layout.xaxis.title.text
    assert frame.equals(before)


def test_few_bars_need_no_rest(look):
    frame = column_frame(samples.causal(6)[:, 2], 2, samples.tokens(6))
    figure = column_figure(frame, **look)
    assert len(figure.data[0].x) == 4
    assert "more" not in figure.layout.xaxis.title.text
    assert "(2)" in figure.data[0].hovertext[0].split("→")[1]


def test_bars_leave_room_for_the_number_behind_the_longest(look):
    frame = row_frame(QueryRows(0, np.ones((1, 1, 1), np.float32)), 0, 0, samples.tokens(1))
    figure = row_figure(frame, **look)
    assert figure.data[1].x[0] == 1
    assert figure.layout.margin.r >= 6 * len(figure.data[1].text[0])
    assert figure.data[1].cliponaxis is False


def lines_of(figure):
    """(query, key) -> opacity."""
    found = {}
    for trace in figure.data:
        if trace.mode == "lines":
            y = np.asarray(trace.y, float).reshape(-1, 3)
            found |= {(int(q), int(k)): trace.opacity for q, k, _ in y}
    return found


def test_lines_join_every_pair_above_the_limit_and_stronger_ones_are_more_opaque(look):
    found = samples.weight_map(12)
    figure = lines_figure(found, samples.tokens(12), **look)
    drawn = lines_of(figure)
    expected = {(int(q), int(k)) for q, k in np.argwhere(np.nan_to_num(found.weights) >= LEAST_LINE)}
    assert set(drawn) == expected
    assert drawn[(0, 0)] == 1
    opacity = [drawn[pair] for pair in sorted(drawn, key=lambda pair: found.weights[pair])]
    assert opacity == sorted(opacity)
    assert len(set(drawn.values())) <= 10
    assert "0.02" in figure.layout.xaxis.title.text


def test_the_chosen_tokens_lines_stand_out(look):
    found = samples.weight_map(30, rows=(5, 20), cols=(5, 20))
    figure = lines_figure(found, samples.tokens(30), chosen=7, **look)
    own = [t for t in figure.data if t.mode == "lines" and t.line.color == look["theme"].accent]
    assert {int(q) for trace in own for q in np.asarray(trace.y, float).reshape(-1, 3)[:, 0]} == {7}


def test_markers_on_both_sides_carry_their_position(look):
    figure = lines_figure(samples.weight_map(30, rows=(10, 20), cols=(10, 20)), samples.tokens(30), **look)
    sides = [trace for trace in figure.data if trace.mode == "markers"]
    assert len(sides) == 2
    for side in sides:
        assert [data[0] for data in side.customdata] == list(range(10, 20)) == list(side.y)


@pytest.mark.parametrize(("chosen", "start"), [(None, 0), (0, 0), (50, 18), (99, 36)])
def test_a_long_map_shows_a_window_around_the_chosen_token(look, chosen, start):
    figure = lines_figure(samples.weight_map(100), samples.tokens(100), chosen=chosen, **look)
    assert figure.layout.yaxis.tickvals == tuple(range(start, start + LINES_MOST))


def test_lines_of_few_tokens_leave_room_for_the_upright_titles(look):
    heights = [lines_figure(samples.weight_map(n), samples.tokens(n), **look).layout.height for n in (1, 2, 40)]
    assert heights[0] == heights[1] >= 260
    assert heights[2] >= 16 * 40


def test_lines_of_pooled_weights_are_refused(look):
    with pytest.raises(ValueError, match="block 4"):
        lines_figure(samples.weight_map(40, block=4), samples.tokens(40), **look)
