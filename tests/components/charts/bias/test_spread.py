"""Charts of templates: who has the mean's sign is seen by shape, the mean stands apart, zero is always there."""

import numpy as np
import pytest

from components.charts.axes import signed
from components.charts.bias.labels import KINDS, MOST_ROWS
from components.charts.bias.spread import MOST_POINTS, forest_figure, strip_figure
from dashboard.frames.bias import delta_frame, forest_frame
from tests.made.probed import probe_scores


def test_each_template_is_a_row_and_the_mean_comes_last_with_its_interval(look):
    frame = forest_frame(probe_scores(), 0, 1, by="template")
    figure = forest_figure(frame, title="Δ", **look)
    same, other, mean = figure.data
    assert len(same.x) + len(other.x) == 3
    drawn = dict(zip([*same.y, *other.y], [*same.x, *other.x], strict=True))
    assert [drawn[row] for row in range(3)] == pytest.approx(frame["value_nats"].tolist()[:3])
    last = frame.iloc[-1]
    assert (mean.x[0], mean.y[0]) == (last["value_nats"], 3)
    assert mean.x[0] + mean.error_x.array[0] == pytest.approx(last["high_nats"])
    assert figure.layout.yaxis.ticktext[3] == "overall mean"


def test_a_template_against_the_mean_is_hollow(look):
    frame = forest_frame(probe_scores(seed=1), 0, 1, by="template")
    same, other, mean = forest_figure(frame, title="Δ", **look).data
    sign = np.sign(mean.x[0])
    assert len(other.x)
    assert (np.sign(same.x) == sign).all()
    assert (np.sign(other.x) != sign).all()
    assert (same.marker.symbol, other.marker.symbol, mean.marker.symbol) == ("circle", "circle-open", "diamond")
    assert other.name == "other sign than the mean"


def test_completions_are_ordered_and_say_how_many_templates_agree(look):
    frame = forest_frame(probe_scores(completions=60), 0, 1, by="completion")
    figure = forest_figure(frame, title="Δ", **look)
    same, other, _ = figure.data
    drawn = dict(zip([*same.y, *other.y], [*same.x, *other.x], strict=True))
    values = [drawn[row] for row in range(60)]
    assert values == sorted(frame["value_nats"][:60], reverse=True)
    row = frame.iloc[int(frame["value_nats"][:60].idxmax())]
    assert figure.layout.yaxis2.ticktext[0] == f"{signed(look['text'], row['value_nats'])} · {row['agree']}/3"
    assert figure.layout.yaxis.range == figure.layout.yaxis2.range
    assert figure.data[0].name == "same sign in every template"


def test_the_axis_reaches_zero_and_marks_it(look):
    frame = forest_frame(probe_scores(), 0, 1, by="template")
    frame["value_nats"] = frame["value_nats"].abs() + 5
    axis = forest_figure(frame, title="Δ", **look).layout.xaxis
    assert axis.zeroline
    assert axis.rangemode == "tozero"
    assert axis.zerolinecolor == look["theme"].muted


def test_of_many_completions_the_largest_differences_are_drawn(look):
    frame = forest_frame(probe_scores(templates=1, completions=MOST_ROWS + 5), 0, 1, by="completion")
    figure = forest_figure(frame, title="Δ", **look)
    assert len(figure.layout.yaxis.ticktext) == MOST_ROWS + 1
    assert "and 5 more in the table" in figure.layout.xaxis.title.text
    smallest = np.sort(frame["value_nats"][:-1].abs())[5]
    assert min(abs(x) for trace in figure.data[:2] for x in trace.x) == pytest.approx(smallest)


def test_every_templates_value_stands_in_its_completions_row(look):
    scores = probe_scores()
    frame = delta_frame(scores, 0, 1)
    figure = strip_figure(frame, **look)
    mean, *own = figure.data
    assert len(own) == 3
    assert len({trace.marker.symbol for trace in own}) == 3
    means = frame.groupby("completion", sort=False)["delta_nats"].mean().sort_values(ascending=False)
    assert list(mean.x) == pytest.approx(means.tolist())
    for place, trace in enumerate(own):
        part = frame[frame["template"] == scores.templates[place]].set_index("completion")["delta_nats"]
        drawn = dict(zip(trace.y, trace.x, strict=True))
        assert [drawn[row] for row in range(5)] == pytest.approx([part[name] for name in means.index])


def test_more_templates_than_marks_are_not_told_apart_by_colour(look):
    figure = strip_figure(delta_frame(probe_scores(templates=KINDS + 1), 0, 1), **look)
    own = figure.data[1:]
    assert len({(trace.marker.symbol, trace.marker.color) for trace in own}) == 1
    assert sum(trace.showlegend for trace in own) == 1
    named = {trace.hovertext[0].split("<br>")[1] for trace in own}
    assert len(named) == KINDS + 1


def test_a_strip_never_draws_more_points_than_a_browser_can_bear(look):
    figure = strip_figure(delta_frame(probe_scores(templates=200, completions=60), 0, 1), **look)
    assert sum(len(trace.x) for trace in figure.data[1:]) <= MOST_POINTS
    assert "and 40 more in the table" in figure.layout.xaxis.title.text


def test_the_axis_names_both_groups_literally(look):
    title = strip_figure(delta_frame(probe_scores(), 0, 1), **look).layout.xaxis.title.text
    assert "&lt;b&gt;man&lt;/b&gt;" in title
    assert "woman" in title
