"""The benchmark chart: every score at its category, both normalisations, and the line of no preference."""

import numpy as np
import pytest

from components.charts.bias.benchmarks import benchmark_figure
from dashboard.benchmarks.items import PronounPair, SentencePair, SentenceTriple
from dashboard.frames.bias_benchmarks import crows_frame, effect_frame, stereoset_frame
from dashboard.stats.benchmarks import Scored

KINDS = ("age", "<b>gender</b>")


def scored(n, mean, seed):
    rng = np.random.default_rng(seed)
    return Scored(rng.normal(mean, 5, n), rng.integers(5, 12, n))


def crows(n=40):
    pairs = [SentencePair(str(i), KINDS[i % 2], "m", "l", "stereo") for i in range(n)]
    return crows_frame(pairs, scored(n, -60, 0), scored(n, -62, 1))


def stereo(n=40):
    items = [SentenceTriple(str(i), KINDS[i % 2], f"t{i % 7}", "c", "s", "a", "u") for i in range(n)]
    return stereoset_frame(items, scored(n, -58, 0), scored(n, -60, 1), scored(n, -70, 2))


def effects(n=12):
    pairs = [PronounPair(str(i), ("she/he", "her/his")[i % 2], ("", ""), ("a", "b"), ("c", "d")) for i in range(n)]
    return effect_frame(pairs, np.expm1(np.random.default_rng(0).normal(0.1, 0.5, n)))


def test_both_normalisations_stand_in_each_category_with_their_interval(look):
    frame = crows()
    figure = benchmark_figure(frame, **look)
    sums, means = figure.data
    assert figure.layout.yaxis.ticktext == (
        "all items",
        "\u2068age\u2069",
        "\u2068&lt;b&gt;gender&lt;/b&gt;\u2069",
    )
    own = frame[~frame["per_token"]]
    assert list(sums.x) == own["value"].tolist()
    assert [round(y) for y in sums.y] == [0, 1, 2]
    np.testing.assert_allclose(np.array(sums.x) + np.array(sums.error_x.array), own["high"])
    assert set(sums.y).isdisjoint(means.y)
    assert sums.marker.symbol == ("circle", "circle-open", "circle-open")
    assert means.marker.symbol[0] == "square"


def test_the_line_of_no_preference_is_where_the_metric_has_one(look):
    line = benchmark_figure(crows(), **look).layout.shapes[0]
    assert (line.x0, line.x1) == (50, 50)
    assert benchmark_figure(effects(), **look).layout.shapes[0].x0 == 0
    shapes = benchmark_figure(stereo(), **look).layout.shapes
    assert [shape.xref for shape in shapes] == ["x2"]  # ss; neither lms nor icat has one


def test_three_scores_are_three_charts_on_one_scale_of_percent(look):
    figure = benchmark_figure(stereo(), **look)
    axes = [figure.layout.xaxis, figure.layout.xaxis2, figure.layout.xaxis3]
    assert [axis.title.text.split(":")[0] for axis in axes] == ["lms", "ss", "icat"]
    assert {axis.range for axis in axes} == {(-2, 102)}
    domains = [figure.layout.yaxis.domain, figure.layout.yaxis2.domain, figure.layout.yaxis3.domain]
    assert domains[0][0] > domains[1][1] > domains[1][0] > domains[2][1]
    lms = [trace for trace in figure.data if trace.xaxis == "x"]
    assert len(lms) == 2
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2


def test_effects_have_no_percent_and_their_own_words(look):
    frame = effects()
    figure = benchmark_figure(frame, **look)
    assert "mean total effect" in figure.layout.xaxis.title.text
    assert figure.layout.xaxis2.matches == "x"
    assert not figure.layout.showlegend
    assert list(figure.data[0].x) == pytest.approx(frame[frame["metric"] == "total_effect"]["value"].tolist())


def test_hover_says_what_a_score_rests_on(look):
    frame = crows()
    row = frame.iloc[0]
    hover = benchmark_figure(frame, **look).data[0].hovertext[0]
    assert hover.startswith(f"all items: {row['value']:.1f}")
    assert f"95 % interval {row['low']:.1f} to {row['high']:.1f}" in hover
    assert "n = 40, ties 0, left out 0" in hover
