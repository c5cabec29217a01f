"""Answers and lengths: shares with their intervals, what is not drawn is counted, ranked lists have no shares."""

import numpy as np
import pytest

from components.charts.sampling.answers import MOST_ANSWERS, answers_figure, lengths_figure
from dashboard.frames.sampling_sets import answer_frame, length_frame
from tests.made import trees

FOUND = trees.generated(columns=4, rows=10)
TEXTS = [
    *["Paris"] * 6 + ["<b>Lyon</b>"] * 3 + ["Rome\u202e"],
    *["Paris"] * 2 + ["<b>Lyon</b>"] * 8,
    *["Nice"] * 9 + [""],
    *["Paris"] * 2 + ["Rome"] * 2 + ["Nice"] * 6,
]


def marks(figure):
    return [trace for trace in figure.data if trace.type == "scatter"]


def bars(figure):
    return [trace for trace in figure.data if trace.type == "bar"]


def test_a_bar_is_a_share_and_its_whiskers_are_wilsons(look):
    frame = answer_frame(FOUND, trees.NAMES, TEXTS)
    figure = answers_figure(frame, **look)
    labels = figure.layout.yaxis.ticktext
    # by largest share: Nice .9, Lyon .8, Paris .6
    assert labels[:3] == ("\u2068Nice\u2069", "\u2068&lt;b&gt;Lyon&lt;/b&gt;\u2069", "\u2068Paris\u2069")
    assert bars(figure)[0].x[0] == marks(figure)[0].x[0] == 0.6
    assert round(marks(figure)[0].y[0]) == 2
    row = frame[(frame["column"] == 0) & (frame["answer"] == "Paris")].iloc[0]
    assert 0.6 + marks(figure)[0].error_x.array[0] == pytest.approx(row["high"])
    assert 0.6 - marks(figure)[0].error_x.arrayminus[0] == pytest.approx(row["low"])
    assert "6 of 10, 95 % interval 0.313 to 0.832" in marks(figure)[0].hovertext[0]


def test_bars_of_a_row_do_not_cover_each_other(look):
    figure = answers_figure(answer_frame(FOUND, trees.NAMES, TEXTS), **look)
    edges = sorted((y - bar.width / 2, y + bar.width / 2) for bar in bars(figure) for y in bar.y if abs(y - 2) < 0.5)
    assert len(edges) == 2
    assert edges[0][1] <= edges[1][0]


def test_a_ranked_list_has_marks_at_nothing_and_their_place(look):
    figure = answers_figure(answer_frame(FOUND, trees.NAMES, TEXTS), **look)
    assert len(bars(figure)) == 3
    ranked = marks(figure)[3]
    assert set(ranked.x) == {0}
    assert any(hover.endswith("place 4 of the ranked list, 0 = best") for hover in ranked.hovertext)
    assert "ranked list" in ranked.name


def test_many_answers_are_cut_to_those_that_come_again_and_the_rest_is_counted(look):
    texts = [f"a{i % 15}" for i in range(10)] + [f"b{i}" for i in range(8)] + ["b0", "b1"] + ["c"] * 10
    frame = answer_frame(trees.generated(columns=3, rows=10), trees.NAMES[:3], texts)
    figure = answers_figure(frame, **look)
    assert figure.layout.yaxis.ticktext == ("\u2068c\u2069", "\u2068b0\u2069", "\u2068b1\u2069")
    assert "and 16 more answers, in 16 texts" in figure.layout.xaxis.title.text.replace("<br>", " ")


def test_no_more_than_twelve_answers_are_drawn(look):
    texts = [f"a{i % 5}" for i in range(10)] + [f"b{i % 5}" for i in range(10)] + [f"c{i % 5}" for i in range(10)]
    frame = answer_frame(trees.generated(columns=3, rows=10), trees.NAMES[:3], texts)
    figure = answers_figure(frame, **look)
    assert len(figure.layout.yaxis.ticktext) == MOST_ANSWERS
    assert "and 3 more answers, in 6 texts" in figure.layout.xaxis.title.text.replace("<br>", " ")


def test_answers_that_come_once_are_drawn_when_there_are_no_others(look):
    frame = answer_frame(trees.generated(columns=1, rows=20), trees.NAMES[:1], [f"a{i}" for i in range(20)])
    assert len(answers_figure(frame, **look).layout.yaxis.ticktext) == MOST_ANSWERS


def test_few_answers_are_all_drawn_and_an_empty_one_has_words(look):
    figure = answers_figure(answer_frame(FOUND, trees.NAMES, TEXTS), **look)
    assert "(no words)" in figure.layout.yaxis.ticktext
    assert "more answers" not in figure.layout.xaxis.title.text
    assert "\u202e" not in "".join(figure.layout.yaxis.ticktext)


def test_lengths_are_stacked_of_those_that_ended_and_those_at_the_limit(look):
    frame = length_frame(FOUND, trees.NAMES)
    figure = lengths_figure(frame, **look)
    for column, axis in ((0, "y"), (2, "y3")):
        part = frame[(frame["column"] == column) & (frame["count"] > 0)]
        ended, limited = (trace for trace in bars(figure) if trace.yaxis == axis)
        np.testing.assert_allclose(np.add(ended.y, limited.y), part["share"])
        np.testing.assert_allclose(limited.y, part["limited"] / part["n"])
        assert limited.opacity < ended.opacity
        assert list(ended.x) == ((part["from_tokens"] + part["to_tokens"]) / 2).tolist()
    ranked = [trace for trace in bars(figure) if trace.yaxis == "y4"]
    assert [trace.marker.color for trace in ranked] == ["rgba(0,0,0,0)"]


def test_every_column_has_its_name_above_its_small_chart(look):
    figure = lengths_figure(length_frame(FOUND, trees.NAMES), **look)
    notes = figure.layout.annotations
    assert [note.text.split(" · ")[1] for note in notes] == ["n = 10"] * 4
    assert notes[0].text.startswith("\u2068&lt;b&gt;greedy&lt;/b&gt;\u2069")
    assert notes[0].y > figure.layout.yaxis.domain[0]
    assert len({axis for trace in figure.data for axis in [trace.yaxis]}) == 4
    ranges = {tuple(figure.layout[name].range) for name in ("yaxis", "yaxis2", "yaxis3", "yaxis4")}
    assert len(ranges) == 1


def test_axes_of_shares_end_at_the_largest_bar_or_whisker(look):
    generated, texts = trees.generated(columns=1, rows=20), [f"a{i // 2}" for i in range(20)]
    frame = answer_frame(generated, trees.NAMES[:1], texts)
    assert frame["high"].max() < 0.35
    low, high = answers_figure(frame, **look).layout.xaxis.range
    assert low < 0 and frame["high"].max() < high < 0.4
    lengths = length_frame(generated, trees.NAMES[:1])
    assert lengths_figure(lengths, **look).layout.yaxis.range[1] == pytest.approx(1.1 * lengths["share"].max())
