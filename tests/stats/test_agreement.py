"""Shares against the world's: a published table, and what is left out."""

import math

import numpy as np
import pytest

from dashboard.stats.agreement import agreement, lorenz


def test_kirk_and_others_table_of_gpt2_against_us_labour_statistics(published):
    rows = published("kirk_gpt_vs_us.csv")
    model, world = (np.array([float(row[name]) for row in rows]) / 100 for name in ("gpt_base_F", "us_base_F"))
    found = agreement(model, world)
    assert (found.n, found.left_out, found.within) == (32, 0, 26)
    assert found.mse == pytest.approx(0.0238, abs=5e-5)
    assert found.kendall == pytest.approx(0.6275, abs=5e-5)
    assert found.spearman == pytest.approx(0.8187, abs=5e-5)
    assert found.pearson == pytest.approx(0.8548, abs=5e-5)


def test_agreement_by_hand_with_a_tie():
    """Pairs: 4 concordant, 1 discordant, 1 tied in the model alone."""
    found = agreement(np.array([0.1, 0.5, 0.5, 0.9]), np.array([0.2, 0.3, 0.6, 0.5]))
    assert found.kendall == pytest.approx((4 - 1) / math.sqrt(5 * 6))
    assert found.mse == pytest.approx((0.01 + 0.04 + 0.01 + 0.16) / 4)
    ranks = np.corrcoef([1, 2.5, 2.5, 4], [1, 2, 4, 3])[0, 1]
    assert found.spearman == pytest.approx(ranks)
    assert found.within == 3


def test_twenty_points_are_within_twenty_points_although_floats_say_otherwise():
    assert 0.9 - 0.7 > 0.2
    assert agreement(np.array([0.9, 0.9]), np.array([0.7, 0.69])).within == 1


def test_what_lacks_a_share_is_left_out_and_counted():
    found = agreement(np.array([0.1, np.nan, 0.5, 0.8]), np.array([0.2, 0.5, np.nan, 0.9]))
    assert (found.n, found.left_out, found.within) == (2, 2, 2)
    assert found.kendall == 1


def test_order_needs_two_that_differ():
    for model, world in (([0.3], [0.4]), ([0.3, 0.3], [0.1, 0.9]), ([0.2, 0.4], [0.5, 0.5])):
        found = agreement(np.array(model), np.array(world))
        assert found.mse >= 0
        assert np.isnan([found.kendall, found.spearman, found.pearson]).all()
    nothing = agreement(np.array([np.nan]), np.array([0.5]))
    assert (nothing.n, nothing.within) == (0, 0)
    assert math.isnan(nothing.mse)


def test_shares_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match=r"\(3,\) and \(2,\)"):
        agreement(np.zeros(3), np.zeros(2))


def test_the_lorenz_curve_by_hand():
    found = lorenz(np.array([3.0, np.nan, 1.0, 0.0, 4.0]))
    assert found.completions.tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found.mass == pytest.approx([0, 0, 1 / 8, 4 / 8, 1])
    assert found.left_out == 1
    assert (found.mass <= found.completions).all()


def test_the_lorenz_curve_of_equals_is_the_diagonal_and_of_nothing_does_not_exist():
    even = lorenz(np.full(8, 0.2))
    assert even.mass == pytest.approx(even.completions)
    assert np.isnan(lorenz(np.zeros(3)).mass).all()
    nothing = lorenz(np.array([np.nan]))
    assert len(nothing.mass) == len(nothing.completions) == nothing.left_out == 1
