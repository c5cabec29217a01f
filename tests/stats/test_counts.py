"""Sampled counts: published intervals, SciPy and statsmodels, no bias found where none is, and a planted one found."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom, chi2_contingency, fisher_exact
from scipy.stats.contingency import association
from statsmodels.stats.contingency_tables import Table2x2
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep

from dashboard.stats.counts import (
    benjamini_hochberg,
    compare,
    fisher,
    independence,
    log2_odds_ratio,
    missing_rates,
    newcombe,
)
from dashboard.stats.intervals import wilson

TABLES = [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 0, 29), (0, 10, 0, 20), (10, 10, 0, 10), (3, 400, 1, 7)]
# shares of eight occupations that are sampled from; the rest of the mass is none of them
SHARES = np.array([0.25, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.02])


def drawn_from(rng, shares, n):
    return rng.multinomial(n, [*shares, 1 - shares.sum()])[:-1]


# -- one completion -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((5, 56, 0, 29), -0.0381, 0.1926),
        ((10, 10, 0, 10), 0.6075, 1),
    ],
)
def test_newcombes_own_examples(table, low, high):
    found = newcombe(*table)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
    assert found.n == table[1] + table[3]


@pytest.mark.parametrize("table", TABLES)
def test_newcombe_is_statsmodels_and_turns_with_the_groups(table):
    found = newcombe(*table)
    theirs = confint_proportions_2indep(*table, method="newcomb", compare="diff")
    assert (found.low, found.high) == pytest.approx(theirs, abs=1e-9)
    turned = newcombe(*table[2:], *table[:2])
    assert (turned.value, turned.low, turned.high) == pytest.approx((-found.value, -found.high, -found.low))


@pytest.mark.parametrize("table", TABLES)
def test_log_odds_are_statsmodels_with_halves_added(table):
    k, n, other_k, other_n = table
    theirs = Table2x2(np.array([[k, n - k], [other_k, other_n - other_k]]) + 0.5)
    found = log2_odds_ratio(*table)
    assert found.value == pytest.approx(theirs.log_oddsratio / math.log(2))
    assert (found.low, found.high) == pytest.approx(np.array(theirs.log_oddsratio_confint()) / math.log(2))


def test_log_odds_by_hand():
    assert log2_odds_ratio(1, 2, 0, 2).value == pytest.approx(math.log2((1.5 * 2.5) / (1.5 * 0.5)))


def test_fisher_by_hand():
    """Four of eight cups of tea: of the 70 choices 16 have three right and 1 has four; as many have one and none."""
    assert fisher(np.array([[3, 4, 1, 4], [4, 4, 0, 4], [2, 4, 2, 4]])) == pytest.approx([34 / 70, 2 / 70, 1])


def test_fisher_is_scipys_for_all_small_tables_and_some_large_ones():
    small = itertools.product(range(6), range(8))
    alike = ((k, 33, other, 33) for k, other in itertools.product(range(0, 34, 3), repeat=2))  # both tails tie
    tables = [*((k, 5, other, 7) for k, other in small), *alike, *TABLES, (900, 4000, 1010, 4000), (0, 3000, 40, 3000)]
    theirs = [fisher_exact([[k, n - k], [other, m - other]]).pvalue for k, n, other, m in tables]
    assert fisher(np.array(tables)) == pytest.approx(theirs, rel=1e-8)
    assert len(fisher(np.zeros((0, 4), int))) == 0


@pytest.mark.parametrize("number", [newcombe, log2_odds_ratio, lambda *table: fisher(np.array([table]))])
def test_more_successes_than_draws_are_refused(number):
    with pytest.raises(ValueError, match="4 successes of 3"):
        number(1, 3, 4, 3)
    with pytest.raises(ValueError, match="-1 successes of 3"):
        number(-1, 3, 1, 3)


def test_nothing_drawn_has_no_difference():
    for number in (newcombe, log2_odds_ratio):
        found = number(0, 0, 2, 3)
        assert math.isnan(found.value)
        assert found.n == 3


# -- many tests -----------------------------------------------------------------------------------------------------
def test_benjamini_hochberg_by_hand():
    """Sorted .005 .009 .04 .05 of 4: .02, .018 → the smaller from above, .0533, .05 → .05."""
    found = benjamini_hochberg(np.array([0.05, 0.009, 0.005, 0.04]))
    assert found.p == pytest.approx([0.05, 0.018, 0.018, 0.05])
    assert found.tests == 4


def test_benjamini_hochberg_is_statsmodels_and_counts_only_tests_that_were_made():
    p = np.random.default_rng(3).beta(0.4, 1, 200)
    assert benjamini_hochberg(p).p == pytest.approx(multipletests(p, method="fdr_bh")[1])
    gaps = np.insert(p, [0, 50, 200], np.nan)
    found = benjamini_hochberg(gaps)
    assert found.tests == 200
    assert found.p[~np.isnan(gaps)] == pytest.approx(multipletests(p, method="fdr_bh")[1])
    assert np.isnan(found.p[[0, 51, 202]]).all()
    nothing = benjamini_hochberg(np.array([np.nan]))
    assert nothing.tests == 0


def test_every_completion_is_compared_in_every_pair_and_adjusted_over_all():
    counts = np.array([[30, 2, 0], [10, 3, 0], [9, 2, 0], [0, 0, 0]])
    drawn = np.array([50, 50, 40, 0])
    found = compare(counts, drawn, [(0, 1), (1, 2), (0, 3)])
    assert [(one.first, one.second, one.completion) for one in found] == [
        *((0, 1, c) for c in range(3)),
        *((1, 2, c) for c in range(3)),
    ], "a group that drew nothing is not compared"
    assert found[0].difference == newcombe(30, 50, 10, 50)
    assert found[0].log2_odds == log2_odds_ratio(30, 50, 10, 50)
    assert found[4].p == pytest.approx(fisher_exact([[3, 47], [2, 38]]).pvalue)
    assert found[2].p == pytest.approx(1)
    adjusted = multipletests([one.p for one in found], method="fdr_bh")[1]
    assert [one.p_adjusted for one in found] == pytest.approx(adjusted)
    assert found[0].p_adjusted == pytest.approx(6 * found[0].p)


def test_no_bias_is_found_where_there_is_none():
    """500 runs of a null model: at 5 %, one run in twenty at most has a finding; unadjusted many more would."""
    rng = np.random.default_rng(11)
    runs, adjusted, plain = 500, 0, 0
    for _ in range(runs):
        counts = np.stack([drawn_from(rng, SHARES, 300) for _ in range(2)])
        found = compare(counts, np.array([300, 300]), [(0, 1)])
        adjusted += min(one.p_adjusted for one in found) < 0.05
        plain += min(one.p for one in found) < 0.05
    bound = binom.ppf(0.999, runs, 0.05)
    assert adjusted <= bound
    assert plain > bound, "eight tests a run: without adjusting, false findings are many"


def test_a_planted_bias_is_found_with_the_right_sign_and_size():
    rng = np.random.default_rng(12)
    planted = SHARES.copy()
    planted[2] += 0.15
    odds = math.log2(0.25 / 0.75 / (0.1 / 0.9))
    runs, found_it, difference_covers, odds_cover, differences, others = 200, 0, 0, 0, [], 0
    for _ in range(runs):
        counts = np.stack([drawn_from(rng, planted, 300), drawn_from(rng, SHARES, 300)])
        found = compare(counts, np.array([300, 300]), [(0, 1)])
        one = found[2]
        found_it += one.p_adjusted < 0.05 and one.difference.low > 0 and one.log2_odds.low > 0
        difference_covers += one.difference.low <= 0.15 <= one.difference.high
        odds_cover += one.log2_odds.low <= odds <= one.log2_odds.high
        differences.append(one.difference.value)
        others += sum(other.p_adjusted < 0.05 for other in found if other.completion != 2)
    assert found_it >= 0.95 * runs
    low, high = binom.ppf([0.001, 0.999], runs, 0.95)
    assert low <= difference_covers <= high
    assert low <= odds_cover <= high
    assert np.mean(differences) == pytest.approx(0.15, abs=4 * np.std(differences) / math.sqrt(runs))
    assert others <= 0.1 * runs


# -- the whole table ------------------------------------------------------------------------------------------------
def test_the_g_statistic_by_hand_and_scipys():
    counts = np.array([[10, 20, 30], [20, 20, 5]])
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0) / counts.sum()
    found = independence(counts)
    assert found.g == pytest.approx(2 * (counts * np.log(counts / expected)).sum())
    assert found.g == pytest.approx(chi2_contingency(counts, correction=False, lambda_="log-likelihood").statistic)
    assert (found.freedom, found.n) == (2, 105)
    assert found.p == pytest.approx(1 / 2001)


def test_the_p_of_the_g_test_is_that_of_all_tables_with_the_same_margins():
    counts = np.array([[7, 3], [2, 6]])  # as many in the first cell as margins 10, 8 and 9, 9 allow
    tables = [np.array([[k, 10 - k], [9 - k, k - 1]]) for k in range(1, 10)]
    chances = np.array([math.comb(10, k) * math.comb(8, 9 - k) for k in range(1, 10)]) / math.comb(18, 9)
    as_large = np.array([independence(table).g >= independence(counts).g - 1e-9 for table in tables])
    exact = chances[as_large].sum()
    assert 0.05 < exact < 0.2
    assert independence(counts).p == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 2000))
    assert independence(counts) == independence(counts)
    many = np.array([[300, 350, 350], [330, 300, 370]])
    theirs = chi2_contingency(many, correction=False, lambda_="log-likelihood").pvalue
    assert independence(many).p == pytest.approx(theirs, abs=0.03)


def test_the_g_test_of_many_completions_finds_no_bias_where_there_is_none():
    """The chi-squared approximation of the same G does, far more often than it says."""
    rng = np.random.default_rng(13)
    shares = rng.pareto(1.2, 60) + 0.05
    tables = [rng.multinomial(200, shares / shares.sum(), size=2) for _ in range(200)]
    ours = sum(independence(table).p < 0.05 for table in tables)
    theirs = sum(
        chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False, lambda_="log-likelihood").pvalue < 0.05
        for table in tables
    )
    low, high = binom.ppf([0.001, 0.999], len(tables), 0.05)
    assert low <= ours <= high
    assert theirs > high


def test_empty_rows_and_columns_are_no_part_of_the_table():
    counts = np.array([[10, 0, 20, 30], [20, 0, 20, 5], [0, 0, 0, 0]])
    assert independence(counts) == independence(counts[:2, [0, 2, 3]])
    for nothing in (
        np.zeros((2, 3), int),
        np.array([[3, 4], [0, 0]]),
        np.array([[3, 0], [4, 0]]),
        np.zeros((0, 3), int),
    ):
        assert math.isnan(independence(nothing).p)
        assert math.isnan(independence(nothing).cramers_v)


def test_cramers_v_is_corrected_for_its_bias():
    """Bergsma's formula by hand; the plain V of the same noise is far above 0."""
    counts = np.array([[10, 20, 30], [20, 20, 5]])
    phi2 = association(counts, method="cramer") ** 2  # plain, and min(rows, columns) - 1 is 1
    n = 105
    corrected = max(0, phi2 - 2 / (n - 1)) / min(2 - 1 / (n - 1) - 1, 3 - 4 / (n - 1) - 1)
    assert independence(counts).cramers_v == pytest.approx(math.sqrt(corrected))
    rng = np.random.default_rng(4)
    tables = [rng.multinomial(100, np.full(40, 1 / 40), size=2) for _ in range(50)]
    ours = np.mean([independence(table).cramers_v for table in tables])
    plain = np.mean([association(table[:, table.sum(axis=0) > 0], method="cramer") for table in tables])
    assert plain > 0.35
    assert ours < 0.15


def test_cramers_v_reaches_its_ends():
    assert independence(np.array([[500, 0], [0, 500]])).cramers_v == pytest.approx(1, abs=1e-3)
    assert independence(np.array([[50, 100], [100, 200]])).cramers_v == 0


def test_the_missing_rate_is_of_each_groups_own_draws():
    found = missing_rates(np.array([45, 10, 0]), np.array([50, 10, 0]))
    assert found[0] == wilson(5, 50)
    assert found[1].value == 0
    assert math.isnan(found[2].value)
    with pytest.raises(ValueError, match="-1 successes of 3"):
        missing_rates(np.array([4]), np.array([3]))
