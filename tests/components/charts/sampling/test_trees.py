"""Trees: nothing overlaps, no lines cross, areas are probabilities, tokens are literal, what is left out is said."""

import numpy as np
import pytest

from components.charts.sampling.tree_layout import BAND, MOST_SLOTS, MOST_STEPS, beam_layout
from components.charts.sampling.trees import beam_tree_figure, probability_tree_figure
from components.charts.theme import ChartTheme, luminance, rgb
from dashboard.frames.trees import beam_frame, probability_frame
from tests.made import trees


def beams(beams=3, steps=5, seed=0):
    return beam_frame(trees.beam_tree(beams, steps, seed), trees.TOKENS)


@pytest.mark.parametrize(("width", "steps"), [(1, 1), (2, 3), (5, 10), (5, 20), (30, 50)])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_two_nodes_share_a_place_and_no_two_lines_cross(width, steps, seed):
    layout = beam_layout(beams(width, steps, seed))
    places = list(zip(layout.x, layout.y, strict=True))
    assert len(set(places)) == len(places)
    for column in {(x, y // 1000) for x, y in places}:
        heights = np.sort(layout.y[layout.x == column[0]])
        assert np.diff(heights).min(initial=1) >= 1
    # lines that lead to the same step of a band: the one that begins higher ends higher
    band = np.array([frame_step // BAND for frame_step in beams(width, steps, seed)["step"].iloc[layout.nodes]])
    for number in set(band):
        for x in set(layout.x[band == number]):
            there = (layout.x == x) & (band == number)
            order = np.lexsort((layout.y[there], layout.from_y[there]))
            assert (np.diff(layout.y[there][order]) > 0).all()


def test_every_line_begins_at_the_nodes_parent():
    frame = beams(3, 12)
    layout = beam_layout(frame)
    place = {node: (x, y) for node, x, y in zip(layout.nodes, layout.x, layout.y, strict=True)}
    again = {(x, y): token for x, y, token in zip(layout.begin_x, layout.begin_y, layout.begin_token, strict=True)}
    for node, from_x, from_y, x in zip(layout.nodes, layout.from_x, layout.from_y, layout.x, strict=True):
        parent = frame["parent"].iloc[node]
        assert from_x == x - 1
        if from_x > 0:
            assert (from_x, from_y) == place[parent]
        else:  # the band begins here: with the prompt or with the parent once more
            assert again[from_x, from_y] == (None if parent == -1 else frame["token"].iloc[parent])


def test_a_parents_best_stands_on_top():
    frame = beams(4, 6)
    layout = beam_layout(frame)
    rows = frame.iloc[layout.nodes].assign(y=layout.y)
    for _, children in rows.groupby("parent"):
        scores = children.sort_values("y")["score"]
        assert (np.diff(scores) <= 0).all()


def test_bands_stand_below_one_another():
    layout = beam_layout(beams(2, 2 * BAND + 1))
    steps = beams(2, 2 * BAND + 1)["step"].to_numpy()
    lowest = [layout.y[steps // BAND == band].max() for band in (0, 1)]
    highest = [layout.y[steps // BAND == band].min() for band in (1, 2)]
    assert lowest[0] + 1 < highest[0]
    assert lowest[1] + 1 < highest[1]
    assert layout.x.max() == layout.width == BAND
    assert layout.height >= layout.y.max()
    assert len(layout.number_x) == 2 * BAND + 1


def test_a_large_search_is_cut_and_says_so(look):
    frame = beams(30, 50)
    layout = beam_layout(frame)
    assert layout.steps == MOST_STEPS
    drawn = frame.iloc[layout.nodes]
    first = drawn[drawn["step"] == 0]
    assert set(drawn["parent"]) - {-1} <= set(drawn["node"])
    needed = set(frame["parent"]) | set(frame["node"][frame["returned"]])
    assert len(first) == max(MOST_SLOTS, sum(node in needed for node in first["node"]))
    dropped = frame[(frame["step"] == 0) & ~frame["node"].isin(first["node"])]
    loose = first[~first["node"].isin(needed)]
    assert loose.empty or dropped["score"].max() <= loose["score"].min()
    title = beam_tree_figure(frame, **look).layout.xaxis.title.text.replace("<br>", " ")
    assert f"steps 0 to {MOST_STEPS - 1} of 0 to 49, {len(frame) - len(drawn):,} candidates left out" in title


def test_a_later_part_of_a_search_begins_with_the_tokens_before_it(look):
    frame = beams(2, 30)
    layout = beam_layout(frame, first=9)
    assert frame.iloc[layout.nodes]["step"].min() == 9
    assert frame.iloc[layout.nodes]["step"].max() == 29
    assert None not in layout.begin_token
    figure = beam_tree_figure(frame, first=9, **look)
    numbers = [trace for trace in figure.data if trace.mode == "text"][-1].text
    assert numbers == tuple(str(step) for step in range(9, 30))


def test_a_small_search_is_drawn_whole_without_a_word_on_cuts(look):
    figure = beam_tree_figure(beams(3, 5), **look)
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    frame = beams(3, 5)
    finished_and_back = (frame["returned"] & (frame["state"] == "finished")).sum()
    assert sum(len(mark.x) for mark in marks) == len(frame) + finished_and_back
    assert "left out" not in figure.layout.xaxis.title.text
    labels = [label for trace in figure.data if trace.mode == "text" for label in trace.text]
    assert len(labels) == len(frame) + 5  # and the numbers of five steps


def test_kinds_of_candidates_differ_in_their_marker_not_in_colour_alone(look):
    drawn = beam_tree_figure(beams(3, 5), **look).data
    marks = {trace.name: trace.marker.symbol for trace in drawn if trace.mode == "markers"}
    assert list(marks) == ["returned", "kept", "ended", "pruned"]
    assert len(set(marks.values())) == 3
    assert marks["returned"] == marks["kept"]  # these two differ by their lines' width as well
    assert [trace.line.width for trace in drawn if trace.mode == "lines"] == [1, 1, 3]


def test_the_word_of_a_text_that_ended_stands_above_its_ring(look):
    frame = beams(3, 5)
    frame["state"], frame["returned"] = "kept", True
    frame.loc[frame["step"] == 4, "state"] = "finished"
    drawn = beam_tree_figure(frame, **look).data
    returned, ended = (trace for trace in drawn if trace.mode == "markers" and trace.name in {"returned", "ended"})
    (words,) = (trace for trace in drawn if trace.mode == "text" and len(trace.x) == len(frame))
    rings = set(zip(ended.x, ended.y, strict=True))
    nodes = list(zip(returned.x, returned.y, strict=True))
    above = {(node in rings): node[1] - y for node, y in zip(nodes, words.y, strict=True)}
    assert above[True] > above[False] > 0


def test_hover_tells_id_step_score_and_fate(look):
    frame = beams(3, 5)
    figure = beam_tree_figure(frame, **look)
    back = next(trace for trace in figure.data if trace.name == "returned")
    row = frame[frame["returned"]].iloc[0]
    facts = f"id {row['id']} · step 0 · score {row['score']:.3f}, not yet divided by length".replace("-", "−")
    assert back.hovertext[0].split("<br>")[1:] == [facts, "kept · returned"]


def areas(figure):
    """Height of every tile: its own value and all that is in the tiles behind it."""
    tile = figure.data[0]
    total = dict(zip(tile.ids, tile.values, strict=True))
    for name, parent in reversed(list(zip(tile.ids, tile.parents, strict=True))):
        if parent:
            total[parent] += total[name]
    return total


def test_areas_are_probabilities(look):
    frame = probability_frame(trees.probability_tree(), trees.TOKENS)
    figure = probability_tree_figure(frame, **look)
    tile = figure.data[0]
    assert tile.branchvalues == "remainder"
    # parents stand before children but for the rests, which have no children: totals gather from the end
    found = areas(figure)
    for node, prob in zip(frame["node"], frame["prob"], strict=True):
        assert found[str(node)] == pytest.approx(prob)
    assert found["-1"] == pytest.approx(1)
    assert tile.sort is False


def test_rests_are_hatched_and_tokens_literal(look):
    frame = probability_frame(trees.probability_tree(), trees.TOKENS)
    tile = probability_tree_figure(frame, **look).data[0]
    assert [shape == "/" for shape in tile.marker.pattern.shape] == (frame["state"] == "rest").tolist()
    labels = dict(zip(tile.ids, tile.labels, strict=True))
    assert labels["0"] == "\u2068&lt;b&gt;bold&lt;/b&gt;\u2069 0.500"
    assert labels["1"] == "\u2068&#36;x&#36;\u2069 0.250"
    assert labels["-1"] == "prompt"
    hovers = dict(zip(tile.ids, tile.hovertext, strict=True))
    assert hovers["2"].split("<br>")[1:] == ["this step: 0.500", "whole path: 0.250"]
    assert hovers["3"].endswith("the text ends here")
    assert "all other continuations together" in hovers["5"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_colour_is_the_probability_of_the_step_and_words_stand_out(mode, look):
    theme = ChartTheme(mode)
    frame = probability_frame(trees.probability_tree(), trees.TOKENS)
    tile = probability_tree_figure(frame, text=look["text"], theme=theme).data[0]
    row = frame["node"].tolist().index(2)
    assert tile.marker.colors[row] == "#{:02X}{:02X}{:02X}".format(*theme.lut()[128])
    assert tile.leaf.opacity == 1
    for colour, ink in zip(tile.marker.colors, tile.textfont.color, strict=True):
        pair = [float(luminance(rgb(one))) for one in (colour, ink)]
        assert (max(pair) + 0.05) / (min(pair) + 0.05) >= 4


def test_small_probabilities_keep_two_digits(look):
    frame = probability_frame(trees.probability_tree(), trees.TOKENS)
    frame.loc[frame["node"] == 3, "prob"] = 1.234e-5
    tile = probability_tree_figure(frame, **look).data[0]
    assert tile.labels[4].endswith(" 1.2e-05")
