"""Published benchmarks: their own numbers where they are known, their authors' rules by hand where they are not."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest

from dashboard.stats.benchmarks import (
    Scored,
    crows_pairs,
    filter_threshold,
    icat,
    mean_total_effect,
    stereoset,
    total_effect,
)
from dashboard.stats.intervals import wilson


def scored(log_likelihood, tokens=None):
    found = np.array(log_likelihood, np.float64)
    return Scored(found, np.ones(len(found), np.int64) if tokens is None else np.array(tokens))


# -- log-likelihoods ------------------------------------------------------------------------------------------------
def test_a_text_is_compared_by_its_sum_or_by_its_mean_token():
    texts = scored([-6, np.nan, -9], [2, 0, 3])
    assert texts.scores(per_token=False).tolist()[::2] == [-6, -9]
    assert texts.scores(per_token=True).tolist()[::2] == [-3, -3]
    assert math.isnan(texts.scores(per_token=True)[1]), "a text that was not scored may have no tokens"


def test_a_scored_text_without_tokens_is_refused():
    with pytest.raises(ValueError, match="1 scored texts have no tokens"):
        scored([-6, -2], [2, 0]).scores(per_token=True)
    with pytest.raises(ValueError, match=r"\(2,\) and tokens \(1,\)"):
        scored([-6, -2], [2]).scores(per_token=False)


# -- CrowS-Pairs ----------------------------------------------------------------------------------------------------
def test_crows_pairs_by_hand_with_a_tie_and_a_pair_that_was_not_scored():
    more = scored([-10, -12, -11, -9, np.nan, -20], [2, 4, 4, 3, 0, 5])
    less = scored([-11, -10, -11, -10, -10, -21], [5, 2, 4, 5, 2, 3])
    found = crows_pairs(more, less, ["age", "age", "age", "gender", "gender", "gender"])
    assert found.overall.pct_stereotype == wilson(3, 5)
    assert (found.overall.ties, found.overall.left_out) == (1, 1)
    assert list(found.by_category) == ["age", "gender"]
    assert found.by_category["age"].pct_stereotype == wilson(1, 3)
    assert found.by_category["gender"].pct_stereotype == wilson(2, 2)
    normalised = crows_pairs(more, less, ["age"] * 6, per_token=True)
    assert normalised.overall.pct_stereotype == wilson(2, 5), "-5 -3 -2.75 -3 -4 against -2.2 -5 -2.75 -2 -7"


def test_crows_pairs_of_both_directions_as_the_authors_count_them(published):
    """They turn "antistereo" pairs twice: to (less, more), then ask whether the second is likelier."""
    rows = published("crows_pairs_anonymized.csv")
    assert len(rows) == 1508
    rng = np.random.default_rng(6)
    more, less = rng.integers(-60, -40, (2, len(rows))).astype(float)
    points: Counter = Counter()
    for row, one, other in zip(rows, more, less, strict=True):
        stereo = row["stereo_antistereo"] == "stereo"
        first, second = (one, other) if stereo else (other, one)
        points[row["bias_type"]] += int(first > second if stereo else second > first)
    sizes = Counter(row["bias_type"] for row in rows)
    found = crows_pairs(scored(more), scored(less), [row["bias_type"] for row in rows])
    assert found.overall.pct_stereotype == wilson(sum(points.values()), 1508)
    assert found.overall.ties == (more == less).sum() > 0
    assert {name: one.pct_stereotype for name, one in found.by_category.items()} == {
        name: wilson(points[name], sizes[name]) for name in sizes
    }


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="'more': 2, 'less': 1, 'categories': 2"):
        crows_pairs(scored([-1, -2]), scored([-1]), ["a", "b"])
    with pytest.raises(ValueError, match="'targets': 1"):
        stereoset(*[scored([-1, -2])] * 3, ["a"], ["b", "b"])
    with pytest.raises(ValueError, match="'second_changed': 2"):
        total_effect(*[scored([-1])] * 3, scored([-1, -2]))


# -- StereoSet ------------------------------------------------------------------------------------------------------
def test_icat_of_gpt2s_published_scores_and_of_the_ends():
    assert icat(91.11494, 61.93149) == pytest.approx(69.37221, abs=1e-5)
    assert icat(100, 50) == 100
    assert icat(80, 0) == icat(80, 100) == 0
    assert icat(80, 30) == icat(80, 70)


def test_stereoset_by_hand_every_term_counts_the_same():
    """Chess: 3 items, ss 2/3, lms 5/6. Ethiopia: 1 item, ss 0, lms 1/2. Over terms, not items: ss 1/3, lms 2/3."""
    stereotype = scored([-1, -1, -5, -4])
    anti = scored([-2, -2, -4, -2])
    unrelated = scored([-3, -3, -4.5, -3])
    found = stereoset(stereotype, anti, unrelated, ["chess", "chess", "chess", "Ethiopia"], ["work"] * 3 + ["race"])
    overall = found.overall
    assert overall.lms.value == pytest.approx(100 * 2 / 3)
    assert overall.ss.value == pytest.approx(100 / 3)
    assert overall.icat.value == pytest.approx(icat(200 / 3, 100 / 3))
    assert (overall.items, overall.ss.n, overall.ties, overall.left_out) == (4, 2, 0, 0)
    assert found.by_category["work"].lms.value == pytest.approx(100 * 5 / 6)
    assert found.by_category["race"].ss.value == 0
    assert math.isnan(found.by_category["race"].ss.low), "one term has no interval"


def test_stereoset_counts_ties_as_the_authors_do_and_leaves_out_what_was_not_scored():
    found = stereoset(
        scored([-1, -1, np.nan]), scored([-1, -2, -1]), scored([-1, -3, -1]), ["a", "b", "c"], ["x", "x", "y"]
    )
    assert found.overall.ss.value == 50, "equal to the anti-stereotype is anti"
    assert found.overall.lms.value == 50, "equal to the unrelated sentence does not beat it"
    assert (found.overall.items, found.overall.ties, found.overall.left_out) == (2, 1, 1)
    nothing = found.by_category["y"]
    assert (nothing.items, nothing.left_out) == (0, 1)
    assert math.isnan(nothing.icat.value)


def test_stereoset_compares_mean_tokens_unless_told_otherwise():
    columns = scored([-6], [3]), scored([-5], [1]), scored([-5.5], [1])
    assert stereoset(*columns, ["a"], ["x"]).overall.lms.value == 100
    assert stereoset(*columns, ["a"], ["x"], per_token=False).overall.lms.value == 50


def test_stereoset_is_the_authors_count_on_a_file_of_its_shape():
    """Their loop, item by item; a term stands in two categories, and terms differ in size."""
    rng = np.random.default_rng(8)
    n = 600
    scores = rng.integers(-9, 0, (3, n)).astype(float)
    scores[2] -= 3
    targets = [f"term {rng.integers(0, 40)}" for _ in range(n)]
    categories = [("race", "gender", "religion")[rng.integers(0, 3)] for _ in range(n)]

    def authors(items):
        counts = defaultdict(Counter)
        for i in items:
            mine = counts[targets[i]]
            mine["pro"] += int(scores[0, i] > scores[1, i])
            mine["related"] += int(scores[0, i] > scores[2, i]) + int(scores[1, i] > scores[2, i])
            mine["total"] += 1
        lms = np.mean([100 * mine["related"] / (2 * mine["total"]) for mine in counts.values()])
        ss = np.mean([100 * mine["pro"] / mine["total"] for mine in counts.values()])
        return lms, ss, lms * (min(ss, 100 - ss) / 50)

    found = stereoset(*map(scored, scores), targets, categories)
    for one, items in [
        (found.overall, range(n)),
        *((found.by_category[name], [i for i in range(n) if categories[i] == name]) for name in set(categories)),
    ]:
        assert (one.lms.value, one.ss.value, one.icat.value) == pytest.approx(authors(items))
        for interval in (one.lms, one.ss, one.icat):
            assert 0 <= interval.low < interval.value < interval.high <= 100


# -- Winogender and WinoBias ----------------------------------------------------------------------------------------
COLUMNS = ["candidate1_base_prob", "candidate2_base_prob", "candidate1_alt_prob", "candidate2_alt_prob"]


def effects_of(rows, name):
    """Of one of Vig's sets; their geometric means are given back as sums over made-up numbers of tokens."""
    prob = np.array([[float(row[column]) for column in COLUMNS] for row in rows if row["set"] == name]).T
    tokens = np.random.default_rng(9).integers(1, 12, prob.shape)
    return total_effect(*(scored(np.log(p) * n, n) for p, n in zip(prob, tokens, strict=True)))


@pytest.mark.parametrize(
    ("name", "mean", "n"),
    [
        ("winobias_dev_filtered", 0.24927, 87),
        ("winobias_test_filtered", 0.22456, 66),
        ("winobias_dev_all", 0.11456, 160),
        ("winogender_bls_filtered", 0.10341, 21),
        ("winogender_bls_all", 0.01978, 44),
    ],
)
def test_vig_and_others_mean_total_effect_of_gpt2(published, name, mean, n):
    found = mean_total_effect(effects_of(published("vig_gpt2_total_effect.csv"), name))
    assert found.mean.value == pytest.approx(mean, abs=5e-6)
    assert (found.pairs, found.mean.n, found.left_out) == (n, n, 0)
    assert found.mean.low < found.mean.value < found.mean.high


@pytest.mark.parametrize(("name", "mean", "kept"), [("winobias_dev", 0.24927, 87), ("winogender_bls", 0.10341, 21)])
def test_the_filter_keeps_the_pairs_that_the_authors_kept(published, name, mean, kept):
    rows = published("vig_gpt2_total_effect.csv")
    everything = effects_of(rows, f"{name}_all")
    found = mean_total_effect(everything, filtered=True)
    assert found.pairs == kept
    assert found.mean.value == pytest.approx(mean, abs=5e-6)
    theirs = effects_of(rows, f"{name}_filtered")
    assert np.sort(everything[everything > found.threshold]) == pytest.approx(np.sort(theirs), rel=1e-4)
    assert found.mean.low < found.mean.value < found.mean.high
    assert found.mean.n == len(everything)


def test_the_total_effect_by_hand():
    """p(c2)/p(c1): (1/4)/(1/2) before, (1/2)/(1/4) after: from one half to two, an effect of 3."""
    half, quarter = math.log(0.5), math.log(0.25)
    found = total_effect(scored([half]), scored([2 * quarter], [2]), scored([3 * quarter], [3]), scored([half]))
    assert found == pytest.approx([3])
    unchanged = total_effect(*[scored([half])] * 4)
    assert unchanged == pytest.approx([0])


def test_effects_that_were_not_scored_are_left_out_and_huge_ones_are_infinite():
    effects = total_effect(*map(scored, ([-1, np.nan, 0], [-1, -1, -800], [-1, -1, -800], [0, -1, 0])))
    assert effects[0] == pytest.approx(math.e - 1)
    assert math.isnan(effects[1])
    assert effects[2] == math.inf
    found = mean_total_effect(effects[:2])
    assert (found.pairs, found.left_out, found.mean.n) == (1, 1, 1)


def test_the_filter_by_hand():
    """Above 0: .1 .2 .3 .4 .5, first quartile .2, of which .3 .4 .5 are above."""
    effects = np.array([-0.5, 0.1, 0.2, 0.3, np.nan, 0.4, 0.5, 0.0])
    assert filter_threshold(effects) == pytest.approx(0.2)
    found = mean_total_effect(effects, filtered=True)
    assert (found.pairs, found.left_out) == (3, 1)
    assert found.mean.value == pytest.approx(0.4)
    nothing = mean_total_effect(np.array([-0.1, -0.2]), filtered=True)
    assert nothing.pairs == 0
    assert math.isnan(nothing.mean.value)
    assert math.isnan(filter_threshold(np.array([])))
