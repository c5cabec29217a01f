"""The sentences that the Bias page opens with: their numbers are those of the tables."""

import numpy as np
import pandas as pd
import pytest

from components.bias import findings
from components.bias.pairs import Pair
from dashboard.frames.bias import completion_frame, forest_frame, map_frame, score_frame
from dashboard.frames.bias_groups import distance_frame
from dashboard.frames.probe_scores import ProbeScores
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.stats.agreement import agreement
from dashboard.stats.counts import independence

TEXT = Catalogue("en")
WORLD = np.linspace(0.05, 0.95, 12)
JOBS = tuple(f"job {i}" for i in range(12))


def scores(share, templates=2, groups=("woman", "man"), jobs=JOBS):
    """Two groups whose shares are `share` in every template: the first has p = share / 100, both together 1 / 100."""
    log_p = np.log(np.stack([share, 1 - share]) / 100)
    return ProbeScores(np.stack([log_p] * templates), tuple("AB"[:templates]), groups, jobs[: len(share)], None, WORLD)


def said(share, text=TEXT, **names):
    of = scores(share, **names)
    frame = completion_frame(of, 0, 1)
    with_world = agreement(frame["share"].to_numpy(), frame["world_share"].to_numpy())
    return findings.pair_finding(text, Pair(of, 0, 1, ((0, 1),)), frame, with_world, "share of women", transposed=False)


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (WORLD, " follows the share of women: Spearman 1.00 (n = 12), 12 of 12 within"),
        (WORLD[::-1], " runs against the share of women: Spearman −1.00"),
        (WORLD[[5, 0, 7, 2, 9, 4, 11, 1, 3, 6, 8, 10]], " only in part: Spearman 0."),
        (WORLD[[6, 5, 7, 4, 8, 3, 9, 2, 10, 1, 11, 0]], " does not follow the share of women: Spearman −0."),
    ],
)
def test_the_verdict_is_that_of_the_rank_correlation(share, words):
    assert words in said(share)


def test_few_completions_get_no_verdict():
    of = scores(WORLD)
    few = ProbeScores(of.log_prob[:, :, :3], of.templates, of.groups, of.completions[:3], None, WORLD[:3])
    frame = completion_frame(few, 0, 1)
    with_world = agreement(frame["share"].to_numpy(), frame["world_share"].to_numpy())
    sentence = findings.pair_finding(TEXT, Pair(few, 0, 1, ()), frame, with_world, "share", transposed=False)
    assert "too few for a rank order" in sentence
    assert "Spearman" not in sentence


def test_the_ratio_is_the_geometric_mean_and_its_ends_are_named():
    share = np.full(12, 0.5)
    share[3], share[7] = 0.8, 0.2
    sentence = said(share)
    assert "12 completions as likely as “\u2068man\u2069” (geometric mean)" in sentence
    assert "from 0.25 for “\u2068job 7\u2069” to 4 for “\u2068job 3\u2069”" in sentence
    assert "completions 4 times as likely as “" in said(np.full(12, 0.8))


@pytest.mark.parametrize(
    ("nats", "shown"),
    [
        (0.213, "1.24"),
        (np.log(1 / 3), "0.333"),
        (8.0, "2,981"),
        (-9.0, "1.2e-04"),
        (800, "∞"),
        (-800, "0"),
        (np.nan, "–"),
    ],
)
def test_a_ratio_has_three_digits(nats, shown):
    assert findings.ratio(TEXT, nats) == shown


def test_templates_are_counted_by_their_sign():
    of = scores(np.full(12, 0.6))
    flipped = of.log_prob.copy()
    flipped[1] = flipped[1, ::-1]
    of = ProbeScores(flipped, of.templates, of.groups, of.completions, None, None)
    sentence = findings.templates_finding(TEXT, Pair(of, 0, 1, ()), forest_frame(of, 0, 1, by="template"))
    assert "in 1 of 2 sentences: the ratio goes from 0.667 to 1.5 (geometric" in sentence


def test_a_gap_is_there_from_the_layer_after_which_half_of_it_stays():
    gap = pd.DataFrame({"layer": range(6), "gap_nats": [0.0, 0.7, 0.1, 0.6, 0.9, 1.0]})
    sentence = findings.gap_finding(TEXT, gap, ("woman", "man"), "a nurse")
    assert "2.72 times as likely" in sentence
    assert "from layer 3 on" in sentence
    unknown = gap.assign(gap_nats=np.nan)
    assert findings.gap_finding(TEXT, unknown, ("woman", "man"), "a nurse") == ""


def test_draws_say_whether_the_group_matters():
    unequal = np.array([[90, 10], [10, 90]])
    drawn = np.array([100, 100])
    sentence = findings.drawn_finding(TEXT, unequal, drawn, independence(unequal))
    assert "200 of 200 texts (100.0%)" in sentence
    assert "depends on the group" in sentence
    equal = np.array([[50, 50], [50, 50]])
    assert "is not shown" in findings.drawn_finding(TEXT, equal, drawn, independence(equal))


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_word_is_data_in_every_language(language):
    """It stands in each sentence as it was written, between the signs that keep its own direction."""
    text, share = Catalogue(language), np.full(12, 0.5)
    hostile, job = "<b>*{woman}*</b>\u202e", "{n} [job](x)"
    share[0] = 0.8
    names = {"groups": (hostile, "man"), "jobs": (job, *JOBS[1:])}
    of = scores(share, **names)
    forest = forest_frame(of, 0, 1, by="template")
    gap = pd.DataFrame({"layer": range(2), "gap_nats": [0.0, 1.0]})
    word, work = findings.name_in_sentence(hostile), f"\u2068{job}\u2069"
    assert "\u202e" not in word
    assert word.startswith("\u2068<b>*{woman}*</b>")
    said_of = {
        "pair": (said(share, text, **names), {word, work}),
        "templates": (findings.templates_finding(text, Pair(of, 0, 1, ()), forest), {word}),
        "distances": (findings.distances_finding(text, distance_frame(of)), {word}),
        "map": (findings.map_finding(text, map_frame(of, 1)), {word, work}),
        "intersection": (findings.intersection_finding(text, (hostile, "man"), forest), {word}),
        "scores": (findings.scores_finding(text, score_frame(of)), {word, work}),
        "gap": (findings.gap_finding(text, gap, (hostile, "man"), job), {word, work}),
    }
    for name, (sentence, words) in said_of.items():
        assert all(each in sentence for each in words), name
        assert sentence.count("\u2068") == sentence.count("\u2069") >= len(words), name


def test_a_benchmark_says_its_score_over_all_items():
    rows = [("", "pct_stereotype", False, 61.25), ("race", "pct_stereotype", False, 40.0)]
    scores = pd.DataFrame(rows, columns=["category", "metric", "per_token", "value"])
    scores = scores.assign(low=58.6, high=63.7, n=1508)
    sentence = findings.benchmark_finding(TEXT, scores)
    assert "in 61.2 % of 1,508 pairs (95 % interval 58.6 to 63.7" in sentence
    assert findings.benchmark_finding(TEXT, scores.assign(value=np.nan)) == ""
