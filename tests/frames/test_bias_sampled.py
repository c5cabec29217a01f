"""Tables of sampled counts: each count with its own group, every test counted."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from dashboard.frames.bias_sampled import comparison_frame, missing_frame, sampled_frame
from dashboard.stats.intervals import wilson

COUNTS = np.array([[1, 30], [5, 12], [0, 0]])
DRAWN = np.array([50, 40, 0])
GROUPS, COMPLETIONS = ("woman", "man", "nobody"), ("nurse", "engineer")


def test_a_count_has_its_share_and_wilsons_interval():
    frame = sampled_frame(COUNTS, DRAWN, GROUPS, COMPLETIONS)
    assert frame[["group", "completion"]].to_numpy().tolist()[:3] == [
        ["woman", "nurse"],
        ["woman", "engineer"],
        ["man", "nurse"],
    ]
    row, known = frame.iloc[2], wilson(5, 40)
    assert (row["count"], row["drawn"]) == (5, 40)
    assert (row["share"], row["low"], row["high"]) == (known.value, known.low, known.high)
    assert np.isnan(frame.iloc[4]["share"])
    assert "exact_prob" not in frame


def test_with_the_exact_probability_it_says_whether_the_interval_holds_it():
    exact = np.array([[0.02, 0.2], [0.125, 0.3], [0.1, 0.1]])
    frame = sampled_frame(COUNTS, DRAWN, GROUPS, COMPLETIONS, exact)
    assert frame["exact_prob"].tolist() == exact.ravel().tolist()
    assert frame["covered"].tolist() == [True, False, True, True, False, False]


def test_a_comparison_has_its_counts_its_test_and_the_number_of_tests():
    frame = comparison_frame(COUNTS, DRAWN, [(0, 1), (0, 2)], GROUPS, COMPLETIONS)
    assert len(frame) == 2
    assert set(frame["tests"]) == {2}
    row = frame.iloc[1]
    assert (row["first"], row["second"], row["completion"]) == ("woman", "man", "engineer")
    assert row[["first_count", "first_drawn", "second_count", "second_drawn"]].tolist() == [30, 50, 12, 40]
    assert row["difference"] == pytest.approx(0.3)
    assert row["low"] < 0.3 < row["high"]
    assert row["log2_odds_low"] < row["log2_odds"] < row["log2_odds_high"]
    assert row["p"] == pytest.approx(fisher_exact([[30, 20], [12, 28]]).pvalue)
    assert row["p_adjusted"] == pytest.approx(2 * row["p"])


def test_no_comparison_is_an_empty_table_with_its_columns():
    frame = comparison_frame(COUNTS, DRAWN, [(0, 2)], GROUPS, COMPLETIONS)
    assert frame.empty
    assert "p_adjusted" in frame


def test_what_matched_nothing_is_counted_for_each_group():
    frame = missing_frame(COUNTS.sum(axis=1), DRAWN, GROUPS)
    assert frame["missing"].tolist() == [19, 23, 0]
    assert frame["share"].tolist()[:2] == pytest.approx([0.38, 0.575])
    assert frame["low"][0] == pytest.approx(wilson(19, 50).low)
