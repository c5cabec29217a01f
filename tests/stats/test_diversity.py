"""How much texts differ: by hand, against NLTK, and fast enough."""

import math
import re
import time
from collections import Counter

import numpy as np
import pytest
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.util import ngrams

from dashboard.stats import diversity
from dashboard.stats.diversity import (
    answers,
    distinct,
    ends_in_loop,
    mean_log_p,
    self_bleu,
    set_metrics,
    unique_fraction,
)
from dashboard.stats.intervals import wilson


def random_texts(seed, count, vocab, lengths=(8, 30)):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, vocab, rng.integers(*lengths)).tolist() for _ in range(count)]


def nltk_self_bleu(texts):
    smoothing = SmoothingFunction().method1
    scores = [
        sentence_bleu(texts[:i] + texts[i + 1 :], text, smoothing_function=smoothing) for i, text in enumerate(texts)
    ]
    return sum(scores) / len(scores)


def likelihoods(texts):
    rng = np.random.default_rng(1)
    return [rng.normal(-2, 1, len(text)).astype(np.float32) for text in texts]


def test_unique_fraction_by_hand():
    assert unique_fraction([[1, 2], [1, 2], [1], []]) == 3 / 4
    assert unique_fraction([(1, 2), np.array([1, 2])]) == 1 / 2
    assert math.isnan(unique_fraction([]))


def test_distinct_by_hand():
    # 1-grams 1 2 1 / 1 2: two different of five; 2-grams 12 21 / 12: two of three; 3-grams: one of one
    texts = [[1, 2, 1], [1, 2]]
    assert [distinct(texts, n) for n in (1, 2, 3)] == [2 / 5, 2 / 3, 1]
    assert math.isnan(distinct(texts, 4))


@pytest.mark.parametrize("n", [1, 2, 3])
def test_distinct_is_the_count_of_nltks_n_grams(n):
    texts = random_texts(n, 30, 12)
    grams = Counter(gram for text in texts for gram in ngrams(text, n))
    assert distinct(texts, n) == len(grams) / grams.total()


@pytest.mark.parametrize("vocab", [2, 5, 40, 300, 100_000])
@pytest.mark.parametrize("count", [2, 3, 20])
def test_self_bleu_is_nltks(vocab, count):
    texts = random_texts(vocab + count, count, vocab)
    assert self_bleu(texts) == pytest.approx(nltk_self_bleu(texts), abs=1e-9)


def test_self_bleu_clips_counts_by_the_largest_of_the_others_and_punishes_short_texts_as_nltk_does():
    texts = [[1] * 9, [1] * 3 + [2] * 9, [1] * 5 + [3] * 20, [2, 1] * 4, [*range(50, 60)]]
    assert self_bleu(texts) == pytest.approx(nltk_self_bleu(texts), abs=1e-9)


def test_self_bleu_by_hand():
    # equal texts: all n-grams match; without a common token: 0; eight of ten tokens alike at the front, equal lengths:
    # precisions 8/10, 7/9, 6/8, 5/7
    text = list(range(10))
    assert self_bleu([text, text, text]) == pytest.approx(1)
    assert self_bleu([text, list(range(20, 30))]) == 0
    assert self_bleu([text, [*text[:8], 98, 99]]) == pytest.approx((8 / 10 * 7 / 9 * 6 / 8 * 5 / 7) ** 0.25)
    # the shorter of two, nine of ten tokens, all alike: exp(1 - 10/9); the longer: 9/10, 8/9, 7/8, 6/7
    both = (math.exp(1 - 10 / 9) + (9 / 10 * 8 / 9 * 7 / 8 * 6 / 7) ** 0.25) / 2
    assert self_bleu([text, text[:9]]) == pytest.approx(both)


def test_self_bleu_is_not_told_of_short_texts_or_of_one():
    text = list(range(8))
    assert self_bleu([text, text]) == pytest.approx(1)
    assert math.isnan(self_bleu([text, text, text[:7]]))
    assert math.isnan(self_bleu([text]))
    assert math.isnan(self_bleu([]))


def test_a_subset_scores_as_the_same_texts_alone():
    """What the intervals rest on: leaving texts out by a mask is leaving them out."""
    texts = random_texts(3, 12, 6)
    masks = np.random.default_rng(0).random((40, 12)) < 0.5
    masks[0], masks[1] = False, np.arange(12) == 4
    scores = diversity._self_bleu(diversity._bleu_parts(texts), masks)
    shares = diversity._different(diversity._n_grams(texts, 2), masks)
    for mask, score, share in zip(masks, scores, shares, strict=True):
        left = [text for text, there in zip(texts, mask, strict=True) if there]
        assert score == pytest.approx(self_bleu(left), abs=1e-9, nan_ok=True)
        assert share == pytest.approx(distinct(left, 2), abs=1e-12, nan_ok=True)


def test_large_sets_are_computed_in_parts_with_the_same_result(monkeypatch):
    texts, log_p = random_texts(5, 20, 9), likelihoods(random_texts(5, 20, 9))
    whole = set_metrics(texts, log_p, resamples=50)
    monkeypatch.setattr(diversity, "_AT_ONCE", 500)
    assert set_metrics(texts, log_p, resamples=50) == whole


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("abcxyxyxy", True),
        ("abcxyxy", False),
        ("abcxyxyxyz", False),
        ("aaaaaa", True),  # three times aa
        ("aaaaa", False),
        ("bcabcabca", True),  # three times bca
        ("", False),
        ("ab", False),
    ],
)
def test_a_loop_is_a_phrase_of_two_or_more_three_times_at_the_end(text, loops):
    assert ends_in_loop([ord(sign) for sign in text]) is loops


def test_loops_are_those_of_a_regular_expression():
    rng = np.random.default_rng(8)
    found = set()
    for _ in range(3000):
        text = "".join("ab"[i] for i in rng.integers(0, 2, rng.integers(0, 16)))
        loops = bool(re.search(r"(.{2,})\1\1$", text))
        assert ends_in_loop([ord(sign) for sign in text]) is loops
        found.add(loops)
    assert found == {True, False}


def test_mean_log_p_weighs_texts_alike_whatever_their_length():
    log_p = [np.array([-1, -3], np.float32), np.array([-4], np.float32), np.array([], np.float32)]
    assert mean_log_p(log_p) == -3
    assert math.isnan(mean_log_p([]))


def test_a_set_has_every_metric_and_intervals_that_hold_the_values():
    texts = [*random_texts(2, 28, 30), *[[4, 5] * 6] * 2]
    found = set_metrics(texts, likelihoods(texts))
    assert tuple(found) == diversity.METRICS
    values = [found[name].value for name in diversity.METRICS]
    expected = [unique_fraction(texts), *(distinct(texts, n) for n in (1, 2, 3)), self_bleu(texts), 2 / 30]
    assert values == pytest.approx([*expected, mean_log_p(likelihoods(texts))])
    assert all(one.low < one.value < one.high for one in found.values())
    assert all(one.n == 30 for one in found.values())
    assert found["loops"] == wilson(2, 30)


def test_one_text_is_no_share_of_different_ones():
    found = set_metrics([[1, 2, 3]], [np.array([-1, -2, -3], np.float32)])
    assert math.isnan(found["unique"].value)
    assert found["distinct_1"].value == 1
    assert found["mean_log_p"].value == -2
    assert math.isnan(found["mean_log_p"].low)


def test_no_texts_have_no_metrics():
    assert all(math.isnan(one.value) for one in set_metrics([], []).values())


def test_equal_texts_do_not_pretend_to_know_the_likelihood_of_others():
    found = set_metrics([[1, 2]] * 20, [np.array([-1, -2], np.float32)] * 20)["mean_log_p"]
    assert found.value == -1.5
    assert math.isnan(found.low)


def markov_set(rng, count, length=24, vocab=80):
    """Texts in which each token leaves few ways on, the first of them likely."""
    probs = 1 / np.arange(1, 7) ** 1.5
    steps = rng.choice(6, (count, length), p=probs / probs.sum())
    texts = np.zeros((count, length + 1), int)
    for i in range(length):
        texts[:, i + 1] = (texts[:, i] * 31 + 7 * steps[:, i] + 1) % vocab
    return texts[:, 1:].tolist()


def test_the_intervals_of_texts_cover_about_as_often_as_they_say():
    rng = np.random.default_rng(11)
    names = ("distinct_2", "distinct_3", "self_bleu")
    truth = {}
    for name in names:
        score = self_bleu if name == "self_bleu" else lambda texts, n=int(name[-1]): distinct(texts, n)
        truth[name] = np.mean([score(markov_set(rng, 25)) for _ in range(300)])
    covered = Counter()
    for trial in range(150):
        texts = markov_set(rng, 25)
        found = set_metrics(texts, [np.zeros(1, np.float32)] * 25, seed=trial, resamples=100)
        covered.update(name for name in names if found[name].low <= truth[name] <= found[name].high)
    for name in names:
        assert 0.88 <= covered[name] / 150 <= 1, name


def test_all_metrics_of_fifty_texts_of_64_tokens_take_less_than_a_second():
    texts = random_texts(9, 50, 40, (64, 65))
    log_p = likelihoods(texts)
    took = []
    for _ in range(3):
        began = time.process_time()
        set_metrics(texts, log_p)
        took.append(time.process_time() - began)
    assert min(took) < 1


def test_equal_answers_stand_together_with_wilsons_interval():
    given = [' "Paris."', "Paris", "paris"] + ["\n Paris!\nIt is nice."] * 32 + ["Lyon"] * 14 + [" .\n"]
    found = answers(given)
    assert [(one.text, one.count, one.first) for one in found] == [
        ("Paris", 34, 0),
        ("Lyon", 14, 35),
        ("paris", 1, 2),
        ("", 1, 49),
    ]
    assert (round(found[0].share.low, 2), round(found[0].share.high, 2)) == (0.54, 0.79)
    assert sum(one.share.value for one in found) == pytest.approx(1)
    assert answers([]) == []
