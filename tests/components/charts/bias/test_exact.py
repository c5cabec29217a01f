"""Charts of exact scores: the right cell, the right end of the line, disagreement that is seen without colour."""

import re

import numpy as np
import pandas as pd
import pytest

from components.charts.axes import signed
from components.charts.bias.exact import LIMIT, MOST_COLUMNS, bias_map_figure, dumbbell_figure
from components.charts.bias.labels import MOST_ROWS
from components.charts.bias.world import MOST_LABELLED, against_world_figure
from components.charts.theme import MODES, ChartTheme, luminance, rgb
from dashboard.frames.bias import completion_frame, map_frame
from dashboard.i18n import Catalogue
from dashboard.stats.agreement import agreement
from tests.made.probed import probe_scores


def found(frame):
    return agreement(frame["share"].to_numpy(), frame["world_share"].to_numpy())


def labels_of(figure):
    """(row, column) -> the number in the cell."""
    return {
        (int(y), int(x)): label
        for trace in figure.data[1:]
        for x, y, label in zip(trace.x, trace.y, trace.text, strict=True)
    }


# -- map ------------------------------------------------------------------------------------------------------------
def test_a_cell_is_a_completion_and_a_group_on_a_scale_that_is_the_same_on_both_sides(look):
    frame = map_frame(probe_scores(), 1)
    figure = bias_map_figure(frame, **look)
    heatmap = figure.data[0]
    expected = frame["delta_nats"].to_numpy().reshape(5, 4)
    np.testing.assert_allclose(heatmap.z, expected, atol=1e-5)
    assert (heatmap.zmin, heatmap.zmid, heatmap.zmax) == (-LIMIT, 0, LIMIT)
    assert heatmap.colorbar.ticktext == ("≤ −3", "0", "≥ +3")
    assert figure.layout.title.text == "Δ ln p to \u2068&lt;b&gt;man&lt;/b&gt;\u2069 [nats]"


def test_a_cell_says_its_number_and_marks_where_templates_disagree(look):
    frame = map_frame(probe_scores(), 1)
    labels = labels_of(bias_map_figure(frame, **look))
    assert len(labels) == len(frame)
    unsure = 0
    for place, row in enumerate(frame.to_dict("records")):
        label = labels[divmod(place, 4)]
        if row["group"] == row["reference"]:
            assert label == "0"
            continue
        sure = row["agree"] == row["templates"]
        unsure += not sure
        assert label == ("" if sure else "~") + signed(look["text"], row["delta_nats"])
    assert unsure


@pytest.mark.parametrize("mode", MODES)
def test_numbers_in_cells_stand_out_from_their_colour(mode):
    theme = ChartTheme(mode)
    figure = bias_map_figure(map_frame(probe_scores()), text=Catalogue("en"), theme=theme)
    stops, colours = zip(*theme.diverging(), strict=True)
    channels = np.array([rgb(colour) for colour in colours]).T
    for trace in figure.data[1:]:
        ink = luminance(rgb(trace.textfont.color))
        for x, y in zip(trace.x, trace.y, strict=True):
            at = np.clip(0.5 + figure.data[0].z[int(y)][int(x)] / LIMIT / 2, 0, 1)
            cell = luminance(np.array([np.interp(at, stops, channel) for channel in channels]))
            # of two inks the better one: no cell can make it worse than the root of their own contrast
            assert (max(ink, cell) + 0.05) / (min(ink, cell) + 0.05) > 3.9


def test_what_is_impossible_for_a_group_has_a_colour_and_what_has_no_number_has_none(look):
    frame = map_frame(probe_scores(), 1)
    frame.loc[0, "delta_nats"] = -np.inf
    frame.loc[2, "delta_nats"] = np.nan
    figure = bias_map_figure(frame, **look)
    assert figure.data[0].z[0][0] < -LIMIT
    assert np.isnan(figure.data[0].z[0][2])
    assert labels_of(figure)[0, 0].endswith("−∞")
    assert (0, 2) not in labels_of(figure)


def test_sixty_completions_are_all_drawn_and_labelled(look):
    short, long = (bias_map_figure(map_frame(probe_scores(completions=n)), **look) for n in (5, 60))
    assert len(long.layout.yaxis.ticktext) == 60
    assert long.layout.height - short.layout.height == 55 * 20
    assert not long.layout.annotations


def test_many_groups_with_few_completions_stand_below_one_another(look):
    frame = map_frame(probe_scores(groups=12, completions=2), 3)
    figure = bias_map_figure(frame, **look)
    drawn, places = figure.data[0], frame["group"].drop_duplicates().tolist()
    assert np.shape(drawn.z) == (12, 2) == np.shape(drawn.hovertext)
    for row in frame.to_dict("records"):
        at = places.index(row["group"]), frame["completion"].drop_duplicates().tolist().index(row["completion"])
        assert drawn.z[at[0]][at[1]] == pytest.approx(row["delta_nats"], abs=1e-5)
    assert len(figure.layout.yaxis.ticktext) == 12
    assert figure.layout.xaxis.title.text == look["text"]("charts.bias_map.completions")
    assert labels_of(figure)[3, 0] == "0"


def test_a_larger_map_is_drawn_in_part_and_says_so(look):
    scores = probe_scores(templates=1, groups=MOST_COLUMNS + 2, completions=MOST_ROWS + 3)
    figure = bias_map_figure(map_frame(scores), **look)
    assert np.shape(figure.data[0].z) == (MOST_ROWS, MOST_COLUMNS)
    assert len(figure.data) == 1
    assert "3 more completions and 2 more groups" in figure.layout.annotations[0].text.replace("<br>", " ")


def test_hover_says_how_many_templates_agree(look):
    frame = map_frame(probe_scores(), 1)
    row = frame.iloc[4]
    hover = bias_map_figure(frame, **look).data[0].hovertext[1][0]
    assert f"{row['agree']} of 3 templates with this sign" in hover
    assert signed(look["text"], row["low_nats"]) in hover


# -- dumbbell -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("value", ["prob", "lexicon_prob"])
def test_both_ends_are_the_groups_own_and_the_first_groups_lead_decides_the_order(look, value):
    frame = completion_frame(probe_scores(completions=7), 0, 1)
    _, first, second = dumbbell_figure(frame, value=value, **look).data
    lean = np.log(np.array(first.x) / np.array(second.x))
    assert (np.diff(lean) <= 0).all()
    assert sorted(first.x) == pytest.approx(sorted(frame[f"first_{value}"]))
    assert sorted(second.x) == pytest.approx(sorted(frame[f"second_{value}"]))
    assert first.marker.symbol != second.marker.symbol
    assert (first.name, second.name) == ("\u2068woman\u2069", "\u2068&lt;b&gt;man&lt;/b&gt;\u2069")


def test_a_line_joins_the_two_marks_of_its_row(look):
    frame = completion_frame(probe_scores(), 0, 1)
    line, first, second = dumbbell_figure(frame, value="prob", **look).data
    assert list(line.x[:2]) == [first.x[0], second.x[0]]
    assert line.x[2] is None
    assert list(line.y[3:5]) == [1, 1]


def test_the_logarithmic_scale_holds_every_mark_and_leaves_out_what_has_no_probability(look):
    frame = completion_frame(probe_scores(), 0, 1)
    frame.loc[0, "first_prob"] = 0.0
    figure = dumbbell_figure(frame, value="prob", **look)
    low, high = figure.layout.xaxis.range
    ends = np.log10([*figure.data[1].x, *figure.data[2].x])
    assert low < ends.min()
    assert ends.max() < high
    assert len(figure.data[1].x) == 4
    assert "and 1 more in the table" in figure.layout.xaxis.title.text
    assert set(figure.layout.xaxis.ticktext) <= {"1"} | {
        f"10{'⁻' if m < 0 else ''}{'⁰¹²³⁴⁵⁶⁷⁸⁹'[abs(m)]}" for m in range(-9, 2)
    }


def test_nothing_to_draw_breaks_nothing(look):
    frame = completion_frame(probe_scores(), 0, 1)
    frame["first_prob"] = np.nan
    assert dumbbell_figure(frame, value="prob", **look).layout.yaxis.ticktext == ()


# -- world ----------------------------------------------------------------------------------------------------------
def test_a_mark_has_the_worlds_share_across_and_the_models_upwards_with_its_interval(look):
    frame = completion_frame(probe_scores(), 0, 1)
    figure = against_world_figure(frame, world="women at work", **look)
    marks = figure.data[3]
    known = frame.dropna(subset=["world_share"])
    assert list(marks.x) == known["world_share"].tolist()
    assert list(marks.y) == pytest.approx(known["share"].tolist())
    ends = np.array(marks.y) + np.array(marks.error_y.array)
    np.testing.assert_allclose(ends, known["share_high"])


def test_the_line_of_equality_and_the_band_of_twenty_points_are_drawn(look):
    frame = completion_frame(probe_scores(), 0, 1)
    equal, below, above = against_world_figure(frame, world="w", **look).data[:3]
    assert (list(equal.x), list(equal.y)) == ([0, 1], [0, 1])
    for line, away in ((below, -0.2), (above, 0.2)):
        np.testing.assert_allclose(np.array(line.y) - np.array(line.x), away)
        assert line.line.dash == "dot"
        assert min(*line.x, *line.y) >= 0
        assert max(*line.x, *line.y) <= 1


def test_the_axis_says_what_the_share_is_and_nothing_else(look):
    frame = completion_frame(probe_scores(), 0, 1)
    figure = against_world_figure(frame, world="women at work", **look)
    assert figure.layout.xaxis.title.text == "women at work"
    named = [line.name for line in figure.data if line.showlegend]
    assert named == [look["text"]("charts.against_world.equal"), look["text"]("charts.against_world.apart")]


def test_the_furthest_points_bear_their_names_and_names_do_not_cover_one_another(look):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"completion": [f"job {i}" for i in range(60)], "world_share": rng.random(60)})
    frame["share"] = rng.random(60)
    frame["share_low"], frame["share_high"] = frame["share"], frame["share"]
    frame["first"], frame["second"] = "woman", "man"
    names = against_world_figure(frame, world="w", **look).data[-1]
    assert 1 < len(names.text) <= MOST_LABELLED
    furthest = (frame["share"] - frame["world_share"]).abs().idxmax()
    assert names.text[0].strip("\u2068\u2069") == frame["completion"][furthest]
    for i, (x, y) in enumerate(zip(names.x, names.y, strict=True)):
        for other_x, other_y in list(zip(names.x, names.y, strict=True))[i + 1 :]:
            assert abs(y - other_y) > 0.05 or abs(x - other_x) > 0.05


def test_a_name_covers_no_other_point(look):
    frame = pd.DataFrame({"completion": ["far", "beside"], "world_share": [0.2, 0.25], "share": [0.9, 0.9]})
    frame["share_low"], frame["share_high"] = frame["share"], frame["share"]
    frame["first"], frame["second"] = "woman", "man"
    names = against_world_figure(frame, world="w", **look).data[-1]
    assert names.textposition[0] == "middle left"
    frame["world_share"] = [0.02, 0.07]
    names = against_world_figure(frame, world="w", **look).data[-1]
    assert [name.strip("\u2068\u2069") for name in names.text] == ["beside"]


@pytest.mark.parametrize(("probs", "shown"), [((1e-17, 1e-3), (3, 6)), ((1e-3, 2e-3), (2, 6)), ((0.5, 0.5), (2, 6))])
def test_a_probability_scale_has_labels_that_fit_a_narrow_screen(look, probs, shown):
    frame = completion_frame(probe_scores(), 0, 1).head(1)
    frame = frame.assign(first_prob=probs[0], second_prob=probs[1])
    axis = dumbbell_figure(frame, value="prob", **look).layout.xaxis
    assert shown[0] <= len(axis.tickvals) <= shown[1]
    assert len(set(axis.ticktext)) == len(axis.tickvals) == len(axis.ticktext)
    assert all(axis.range[0] <= np.log10(tick) <= axis.range[1] for tick in axis.tickvals)


def test_numbers_have_the_languages_decimal_sign():
    frame = completion_frame(probe_scores(), 0, 1)
    figure = against_world_figure(frame, world="w", text=Catalogue("es"), theme=ChartTheme())
    assert re.search(r"\d,\d{3}", figure.data[3].hovertext[0])
    assert figure.layout.separators == ","


def test_a_name_covers_no_whisker_of_another_point(look):
    frame = pd.DataFrame({"completion": ["far", "beside"], "world_share": [0.2, 0.25], "share": [0.9, 0.5]})
    frame["share_low"], frame["share_high"] = [0.9, 0.4], [0.9, 0.95]
    frame["first"], frame["second"] = "woman", "man"
    names = against_world_figure(frame, world="w", **look).data[-1]
    assert dict(zip([name.strip("\u2068\u2069") for name in names.text], names.textposition, strict=True))["far"] == (
        "middle left"
    )


def test_the_largest_differences_each_way_are_drawn_with_an_axis_above_and_below(look):
    frame = pd.DataFrame({"completion": [f"job {i}" for i in range(60)], "first": "woman", "second": "man"})
    lean = np.linspace(-3, 1, 60)
    frame["second_prob"], frame["first_prob"] = 0.01, 0.01 * np.exp(lean)
    frame["delta_nats"] = frame["low_nats"] = frame["high_nats"] = lean
    frame["agree"] = frame["templates"] = 4
    figure = dumbbell_figure(frame, value="prob", each_way=10, **look)
    ratios = np.log(np.array(figure.data[1].x) / np.array(figure.data[2].x))
    np.testing.assert_allclose(ratios, [*np.sort(lean)[:-11:-1], *np.sort(lean)[:10][::-1]])
    assert "and 40 more in the table" in figure.layout.xaxis.title.text.replace("<br>", " ")
    assert figure.layout.xaxis2.side == "top"
    assert figure.layout.xaxis2.range == figure.layout.xaxis.range
    assert figure.data[0].xaxis == "x2"
    only = frame[frame["delta_nats"] > 0]
    assert len(dumbbell_figure(only, value="prob", each_way=10, **look).data[1].x) == 10
