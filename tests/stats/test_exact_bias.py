"""Bias on exact log-probabilities: by hand, against SciPy, and at the edges where probabilities vanish."""

import math

import numpy as np
import pytest

from dashboard.stats.agreement import lorenz
from dashboard.stats.distributions import js_divergence
from dashboard.stats.exact_bias import (
    completions_for,
    gini,
    group_distances,
    intersection,
    lexicon,
    log_odds_ratio,
    log_ratio,
    mean_over_templates,
    pmi,
    share,
    spread,
)
from dashboard.stats.intervals import bootstrap

# (template, group, completion): woman, man, person; nurse, engineer, and one that only the man can be
PROB = np.array(
    [
        [[0.2, 0.05, 0.0], [0.1, 0.2, 0.1], [0.1, 0.1, 0.1]],
        [[0.02, 0.03, 0.0], [0.04, 0.01, 0.05], [0.02, 0.02, 0.02]],
    ]
)
with np.errstate(divide="ignore"):
    LOG_PROB = np.log(PROB)


def test_the_ratio_is_the_difference_of_logs_first_group_minus_second():
    found = log_ratio(LOG_PROB, 0, 1)
    assert found.shape == (2, 3)
    assert found[0, :2] == pytest.approx([math.log(2), -math.log(4)])
    assert found[1, :2] == pytest.approx([-math.log(2), math.log(3)])
    assert found[0, 2] == -math.inf


def test_the_odds_ratio_is_of_odds_not_of_probabilities():
    found = log_odds_ratio(LOG_PROB, 0, 1)
    assert found[0, 0] == pytest.approx(math.log((0.2 / 0.8) / (0.1 / 0.9)))
    assert found[0, 2] == -math.inf


def test_odds_hold_at_both_ends():
    tiny, sure = -800.0, -1e-20
    found = log_odds_ratio(np.array([[[tiny, sure], [math.log(0.5), math.log(0.5)]]]), 0, 1)[0]
    assert found[0] == pytest.approx(-800, abs=1e-9)
    assert found[1] == pytest.approx(20 * math.log(10))


def test_a_log_probability_a_rounding_above_nothing_is_certain():
    assert log_odds_ratio(np.array([[[1e-7], [-1.0]]]), 0, 1)[0, 0] == math.inf


def test_the_share_is_a_half_for_equals_and_does_not_underflow():
    found = share(LOG_PROB, 0, 1)
    assert found[0] == pytest.approx([2 / 3, 0.2, 0])
    far_down = np.array([[[-2000.0, -3.0], [-2000.0 - math.log(3), -3.0]]])
    assert share(far_down, 0, 1)[0] == pytest.approx([0.75, 0.5])


def test_what_is_impossible_for_both_groups_has_no_number():
    impossible = np.full((1, 2, 1), -np.inf)
    for number in (log_ratio, log_odds_ratio, share):
        assert math.isnan(number(impossible, 0, 1)[0, 0])
    assert math.isnan(pmi(impossible, 0)[0, 1, 0])


def test_pmi_is_measured_from_the_neutral_prompt_of_the_same_template():
    found = pmi(LOG_PROB, 2)
    assert found.shape == LOG_PROB.shape
    assert (found[:, 2] == 0).all()
    assert found[1, 0, 0] == pytest.approx(0)
    assert found[0, 1, 1] == pytest.approx(math.log(2))


def test_the_intersection_is_nothing_for_effects_that_multiply_and_finds_what_is_added():
    race, gender, both = 0.7, -1.1, 0.4
    base = np.log([[0.01, 0.02]])
    groups = np.stack([base + race + gender + both, base + gender, base + race, base], axis=1)
    assert intersection(groups, first_first=0, second_first=1, first_second=2, second_second=3) == pytest.approx(
        np.full((1, 2), both)
    )
    groups[:, 0] -= both
    assert intersection(groups, first_first=0, second_first=1, first_second=2, second_second=3) == pytest.approx(
        np.zeros((1, 2))
    )


def test_the_lexicon_is_a_distribution_and_says_what_it_covers():
    found = lexicon(LOG_PROB)
    assert found.prob[0, 0] == pytest.approx([0.8, 0.2, 0])
    assert found.prob.sum(axis=-1) == pytest.approx(np.ones((2, 3)))
    assert found.covered == pytest.approx(PROB.sum(axis=-1))
    deep = lexicon(LOG_PROB - 3000)
    assert deep.prob == pytest.approx(found.prob)


def test_a_lexicon_without_mass_or_with_a_gap_has_no_distribution():
    nothing = lexicon(np.full((1, 1, 2), -np.inf))
    assert np.isnan(nothing.prob).all()
    assert nothing.covered[0, 0] == 0
    gap = lexicon(np.array([[[-1.0, np.nan]]]))
    assert np.isnan(gap.prob).all()
    assert np.isnan(gap.covered).all()


def test_every_template_counts_the_same_in_the_mean_however_little_it_covers():
    found = mean_over_templates(lexicon(LOG_PROB))
    assert found.prob[0] == pytest.approx([(0.8 + 0.4) / 2, (0.2 + 0.6) / 2, 0])
    assert found.covered[0] == pytest.approx((0.25 + 0.05) / 2)
    pooled = PROB[:, 0].mean(axis=0) / PROB[:, 0].mean(axis=0).sum()
    assert found.prob[0, 0] != pytest.approx(pooled[0], abs=0.05)


def test_distances_are_of_every_two_groups():
    prob = lexicon(LOG_PROB).prob
    found = group_distances(prob)
    assert found.js_nats.shape == found.total_variation.shape == (2, 3, 3)
    assert found.js_nats[1, 0, 2] == pytest.approx(js_divergence(prob[1, 0], prob[1, 2]))
    assert found.total_variation[0, 0, 1] == pytest.approx(0.8 - 0.25)
    for distances in (found.js_nats, found.total_variation):
        assert distances == pytest.approx(distances.transpose(0, 2, 1))
        assert (np.diagonal(distances, axis1=1, axis2=2) == 0).all()


def test_gini_by_hand_and_as_twice_the_area_under_the_diagonal():
    assert gini(np.array([[1.0, 1, 1, 1], [0, 0, 0, 1], [1, 2, 3, 4]])) == pytest.approx([0, 0.75, 0.25])
    values = np.random.default_rng(2).pareto(1.5, 60)
    curve = lorenz(values)
    assert gini(values) == pytest.approx(1 - 2 * np.trapezoid(curve.mass, curve.completions))
    apart = np.abs(values[:, None] - values).mean() / (2 * values.mean())
    assert gini(values) == pytest.approx(apart)
    assert math.isnan(gini(np.zeros(3)))


def test_jobs_for_half_and_nine_tenths_of_the_mass():
    prob = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
    assert completions_for(prob, 0.5).tolist() == [1, 1]
    assert completions_for(prob, 0.9).tolist() == [3, 2]
    ten = np.full(10, 0.1)
    assert completions_for(ten, 0.9) == 9, "nine tenths, a rounding short in floats"
    assert completions_for(ten, 1.0) == 10
    assert math.isnan(completions_for(np.array([0.5, np.nan]), 0.5))


def test_the_spread_says_how_many_templates_agree_in_sign():
    found = spread(np.array([0.5, 0.3, -0.1, 0.4, 0.2]))
    assert (found.agree, found.mean.n) == (4, 5)
    assert found.mean.value == pytest.approx(0.26)
    assert found.mean.low < 0.26 < found.mean.high
    flipped = spread(-found.values)
    assert flipped.agree == 4
    assert (flipped.mean.low, flipped.mean.high) == pytest.approx((-found.mean.high, -found.mean.low))


def test_templates_are_drawn_with_all_their_completions():
    """Completions that agree within a template do not make the interval narrower."""
    per_template = np.array([0.5, 0.3, -0.1, 0.4, 0.2])
    many = np.repeat(per_template[:, None], 60, axis=1)
    assert spread(many).values == pytest.approx(per_template)
    assert spread(many).mean.low == pytest.approx(spread(per_template).mean.low)

    def pooled(at):
        return float(many[at].mean())

    expected = bootstrap(5, pooled)
    assert (spread(many).mean.low, spread(many).mean.high) == pytest.approx((expected.low, expected.high))


def test_templates_without_a_value_are_left_out_and_one_alone_has_no_interval():
    found = spread(np.array([[0.2, 0.4], [np.nan, 1.0], [-0.5, 0.1]]))
    assert found.mean.n == 2
    assert found.mean.value == pytest.approx((0.3 - 0.2) / 2)
    assert found.agree == 1
    assert math.isnan(found.values[1])
    alone = spread(np.array([0.7]))
    assert (alone.mean.value, alone.agree) == (0.7, 1)
    assert math.isnan(alone.mean.low)
    nothing = spread(np.array([np.nan]))
    assert (nothing.mean.n, nothing.agree) == (0, 0)
    endless = spread(np.array([math.inf, 1.0]))
    assert endless.mean.value == math.inf
    assert math.isnan(endless.mean.low)
