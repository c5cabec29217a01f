"""A column of settings looks the same in every chart, and a ranked list never like a sample."""

import pytest

from components.charts.sampling.answers import answers_figure, lengths_figure
from components.charts.sampling.sets import quality_diversity_figure, sets_figure
from components.charts.sampling.settings import settings_lines_figure
from components.charts.series import column_name, series_look, series_marker
from components.charts.theme import ChartTheme
from dashboard.frames.sampling import comparison_frame
from dashboard.frames.sampling_sets import answer_frame, length_frame, set_frame
from dashboard.i18n import Catalogue
from tests.made import samples, trees

MADE = trees.generated()


def test_eight_columns_have_eight_colours_and_eight_markers():
    looks = [series_look(column, ChartTheme()) for column in range(8)]
    assert len({look.colour for look in looks}) == len({look.symbol for look in looks}) == 8
    assert len({look.dash for look in looks[:4]}) == 4


def test_a_name_is_literal_and_a_ranked_list_says_so():
    text = Catalogue("en")
    assert column_name("<b>x</b> $y$ %{z}", text) == "\u2068&lt;b&gt;x&lt;/b&gt; &#36;y&#36; %&#123;z}\u2069"
    assert column_name("beam", text, ranked=True).endswith("(ranked list)")
    assert "\u202e" not in column_name("a\u202eb\nc", text)
    assert len(column_name("long " * 20, text)) <= 32


@pytest.mark.parametrize("column", [0, 1, 2])
def test_a_column_keeps_its_colour_and_marker_in_every_chart(column, look):
    sets = set_frame(MADE, trees.NAMES)
    figures = [
        sets_figure(sets, **look),
        quality_diversity_figure(sets, **look),
        answers_figure(answer_frame(MADE, trees.NAMES, trees.texts(MADE)), **look),
        lengths_figure(length_frame(MADE, trees.NAMES), **look),
        settings_lines_figure(
            comparison_frame(trees.comparison(), trees.NAMES[:3], samples.tokens(15)), value="kept", **look
        ),
    ]
    own = series_marker(column, look["theme"], ranked=False)
    for figure in figures:
        marks = [trace.marker for trace in figure.data if trace.type == "scatter" and trace.marker.symbol]
        of_column = [mark for mark in marks if mark.symbol == own["symbol"]]
        assert of_column
        assert {mark.color for mark in of_column} == {own["color"]}


def test_a_ranked_list_is_hollow_in_every_chart_and_has_no_whiskers(look):
    sets = set_frame(MADE, trees.NAMES)
    figures = [
        sets_figure(sets, **look),
        quality_diversity_figure(sets, **look),
        answers_figure(answer_frame(MADE, trees.NAMES, trees.texts(MADE)), **look),
        lengths_figure(length_frame(MADE, trees.NAMES), **look),
    ]
    for figure in figures:
        marks = [
            trace for trace in figure.data if trace.type == "scatter" and trace.marker.symbol == "triangle-up-open"
        ]
        assert marks
        for mark in marks:
            assert not mark.error_x.visible
            assert not mark.error_y.visible
