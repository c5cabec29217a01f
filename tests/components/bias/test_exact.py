"""How many completions two groups are drawn with."""

import numpy as np
import pytest

from components.bias.exact import EACH_WAY, drawn_each_way
from components.charts.bias.exact import dumbbell_figure
from components.charts.theme import ChartTheme
from dashboard.frames.bias import completion_frame
from dashboard.frames.probe_scores import ProbeScores
from dashboard.i18n import Catalogue


@pytest.mark.parametrize("completions", [EACH_WAY + 1, 2 * EACH_WAY])
def test_no_completion_is_left_out_where_no_switch_asks_for_all(completions):
    """All lean to one group."""
    log_p = np.log(np.stack([np.linspace(0.01, 0.02, completions), np.full(completions, 0.001)]))[None]
    jobs = tuple(f"job {number}" for number in range(completions))
    frame = completion_frame(ProbeScores(log_p, ("A",), ("woman", "man"), jobs), 0, 1)
    each_way = drawn_each_way(completions, every=False)
    figure = dumbbell_figure(frame, value="prob", text=Catalogue("en"), theme=ChartTheme(), each_way=each_way)
    assert len(figure.data[1].x) == completions


def test_of_many_completions_those_that_lean_most_are_drawn_unless_all_are_asked_for():
    assert drawn_each_way(2 * EACH_WAY + 1, every=False) == EACH_WAY
    assert drawn_each_way(2 * EACH_WAY + 1, every=True) is None
