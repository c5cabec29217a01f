"""Tables of benchmarks: the statistics' own numbers in percent, all items first, every item with what it was scored."""

import math

import numpy as np
import pytest

from dashboard.benchmarks.items import PronounPair, SentencePair, SentenceTriple
from dashboard.frames.bias_benchmarks import (
    OVERALL,
    crows_frame,
    crows_item_frame,
    effect_frame,
    effect_item_frame,
    stereoset_frame,
    stereoset_item_frame,
)
from dashboard.stats.benchmarks import Scored, filter_threshold
from dashboard.stats.intervals import wilson

PAIRS = tuple(
    SentencePair(str(i), category, f"more {i}", f"less {i}", "stereo")
    for i, category in enumerate(("gender", "age", "gender", "gender"))
)
# sums prefer more, less, more, nothing; means of a token prefer less in the third
MORE = Scored(np.array([-10.0, -9.0, -12.0, np.nan]), np.array([5, 3, 3, 4]))
LESS = Scored(np.array([-11.0, -8.0, -14.0, -8.0]), np.array([5, 3, 7, 4]))


def at(frame, category, metric, per_token):
    chosen = (frame["category"] == category) & (frame["metric"] == metric) & (frame["per_token"] == per_token)
    assert chosen.sum() == 1
    return frame[chosen].iloc[0]


def test_crows_pairs_are_told_overall_and_by_category_in_percent_by_both_normalisations():
    frame = crows_frame(PAIRS, MORE, LESS)
    assert frame["category"].drop_duplicates().tolist() == [OVERALL, "gender", "age"]
    row, known = at(frame, OVERALL, "pct_stereotype", False), wilson(2, 3)
    assert (row["value"], row["low"], row["high"]) == pytest.approx((200 / 3, 100 * known.low, 100 * known.high))
    assert (row["n"], row["ties"], row["left_out"]) == (3, 0, 1)
    assert at(frame, OVERALL, "pct_stereotype", True)["value"] == pytest.approx(100 / 3)
    assert at(frame, "gender", "pct_stereotype", False)["value"] == 100
    assert at(frame, "age", "pct_stereotype", False)["value"] == 0


def test_every_pair_has_its_sentences_and_the_difference_of_their_scores():
    frame = crows_item_frame(PAIRS, MORE, LESS)
    row = frame.iloc[2]
    assert (row["id"], row["category"], row["more"], row["less"]) == ("2", "gender", "more 2", "less 2")
    assert (row["more_tokens"], row["less_tokens"]) == (3, 7)
    assert row["difference_nats"] == 2
    assert row["difference_nats_per_token"] == -2
    assert math.isnan(frame["difference_nats"][3])


def test_stereoset_has_three_scores_a_category():
    items = [SentenceTriple(str(i), ("race", "gender")[i % 2], f"t{i}", "c", "s", "a", "u") for i in range(4)]
    tokens = np.full(4, 2)
    stereotype = Scored(np.array([-1.0, -4.0, -1.0, -9.0]), tokens)
    anti = Scored(np.array([-2.0, -3.0, -2.0, -8.0]), tokens)
    unrelated = Scored(np.full(4, -5.0), tokens)
    frame = stereoset_frame(items, stereotype, anti, unrelated)
    assert len(frame) == 3 * 3 * 2
    for per_token in (True, False):
        assert at(frame, OVERALL, "lms", per_token)["value"] == 75
        assert at(frame, OVERALL, "ss", per_token)["value"] == 50
        assert at(frame, OVERALL, "icat", per_token)["value"] == 75
        assert at(frame, "race", "ss", per_token)["value"] == 100
        assert at(frame, "race", "icat", per_token)["value"] == 0
    told = stereoset_item_frame(items, stereotype, anti, unrelated)
    assert told["difference_nats"].tolist() == [1, -1, 1, -1]
    assert told["unrelated_log_prob_nats"].tolist() == [-5] * 4


CONTEXTS = tuple(
    PronounPair(str(i), ("she/he", "her/his")[i % 2], ("… she", "… he"), ("nurse", "guard"), (" a", " b"))
    for i in range(4)
)


def test_total_effects_are_told_with_and_without_the_filter():
    effects = np.array([0.2, -0.1, 0.6, np.nan])
    frame = effect_frame(CONTEXTS, effects)
    row = at(frame, OVERALL, "total_effect", True)
    assert row["value"] == pytest.approx(0.7 / 3)
    assert (row["n"], row["left_out"]) == (3, 1)
    filtered = at(frame, OVERALL, "total_effect_filtered", True)
    assert filtered["value"] == pytest.approx(0.6)
    assert filtered["n"] == (effects > filter_threshold(effects[:3])).sum()
    assert at(frame, "her/his", "total_effect", True)["value"] == pytest.approx(-0.1)


def test_every_context_has_four_scores_and_its_effect():
    tokens = np.array([2, 2, 2, 2])
    she_first, she_second, he_first, he_second = (Scored(np.full(4, one), tokens) for one in (-2.0, -4.0, -4.0, -2.0))
    frame = effect_item_frame(CONTEXTS, she_first, she_second, he_first, he_second)
    # per token: p(c2|he)/p(c1|he) = e, p(c2|she)/p(c1|she) = 1/e
    assert frame["total_effect"].tolist() == pytest.approx([math.e**2 - 1] * 4)
    assert frame["she_second_log_prob_nats"].tolist() == [-4] * 4
    assert frame["he_second_log_prob_nats"].tolist() == [-2] * 4
    assert frame["first_referent"][0] == "nurse"
