"""Tables of exact scores: the right score at the right names, means and signs worked by hand, gaps left as gaps."""

import math
from dataclasses import replace

import numpy as np
import pytest

from dashboard.frames.bias import (
    completion_frame,
    delta_frame,
    forest_frame,
    intersection_frame,
    map_frame,
    score_frame,
)
from dashboard.frames.probe_scores import ProbeScores
from dashboard.stats.intervals import bootstrap_mean
from tests.made.probed import probe_scores

# (template, group, completion): woman, man; nurse, engineer
PROB = np.array([[[0.20, 0.05], [0.10, 0.20]], [[0.02, 0.04], [0.04, 0.01]], [[0.40, 0.10], [0.10, 0.10]]])
BY_HAND = ProbeScores(
    np.log(PROB),
    ("worked as", "works as", "was"),
    ("woman", "man"),
    ("nurse", "engineer"),
    np.log([[0.1, 0.1], [0.02, 0.02], [np.nan, np.nan]]),
    np.array([0.87, np.nan]),
)
# nurse: ln 2, -ln 2, ln 4; engineer: -ln 4, ln 4, 0
NURSE, ENGINEER = math.log(4) / 3, 0.0


def test_every_score_stands_once_at_its_own_names():
    scores = probe_scores()
    frame = score_frame(scores)
    assert len(frame) == 3 * 4 * 5
    for t, g, c in np.ndindex(3, 4, 5):
        row = frame.iloc[(t * 4 + g) * 5 + c]
        assert (row["template"], row["group"], row["completion"]) == (
            scores.templates[t],
            scores.groups[g],
            scores.completions[c],
        )
        assert row["log_prob_nats"] == scores.log_prob[t, g, c]
    np.testing.assert_allclose(frame["prob"], np.exp(frame["log_prob_nats"]))


def test_shares_of_the_list_sum_to_one_and_pmi_is_the_distance_to_the_neutral_prompt():
    frame = score_frame(BY_HAND)
    sums = frame.groupby(["template", "group"], observed=True)["lexicon_prob"].sum()
    np.testing.assert_allclose(sums, 1)
    first = frame.iloc[0]
    assert first["lexicon_prob"] == pytest.approx(0.8)
    assert first["pmi_nats"] == pytest.approx(math.log(2))
    assert frame["pmi_nats"].isna().tolist() == [False] * 8 + [True] * 4


def test_without_a_neutral_prompt_there_is_no_pmi():
    scores = probe_scores(neutral=False)
    assert "pmi_nats" not in score_frame(scores)
    assert "first_pmi_nats" not in completion_frame(scores, 0, 1)


def test_a_completion_has_its_mean_its_interval_and_how_many_templates_agree():
    nurse, engineer = completion_frame(BY_HAND, 0, 1).to_dict("records")
    assert nurse["delta_nats"] == pytest.approx(NURSE)
    assert (nurse["agree"], nurse["templates"]) == (2, 3)
    of_nurse = bootstrap_mean(np.log([2, 0.5, 4]))
    assert (nurse["low_nats"], nurse["high_nats"]) == pytest.approx((of_nurse.low, of_nurse.high))
    assert nurse["share"] == pytest.approx((2 / 3 + 1 / 3 + 4 / 5) / 3)
    assert nurse["share_low"] <= nurse["share"] <= nurse["share_high"]
    assert nurse["world_share"] == 0.87
    assert (nurse["first"], nurse["second"]) == ("woman", "man")
    assert engineer["delta_nats"] == pytest.approx(ENGINEER)
    assert math.isnan(engineer["world_share"])


def test_probabilities_of_a_pair_have_the_ratio_of_the_mean_difference():
    frame = completion_frame(BY_HAND, 0, 1)
    np.testing.assert_allclose(np.log(frame["first_prob"] / frame["second_prob"]), frame["delta_nats"], atol=1e-12)
    assert frame["first_prob"][0] == pytest.approx((0.20 * 0.02 * 0.40) ** (1 / 3))
    assert frame["first_lexicon_prob"][0] == pytest.approx((0.8 + 1 / 3 + 0.8) / 3)


def test_pmi_is_a_mean_over_the_templates_that_have_a_neutral_prompt():
    nurse = completion_frame(BY_HAND, 0, 1).iloc[0]
    assert nurse["first_pmi_nats"] == pytest.approx((math.log(2) + 0) / 2)
    assert nurse["second_pmi_nats"] == pytest.approx((0 + math.log(2)) / 2)


def test_a_template_that_is_not_scored_yet_is_left_out_of_means_and_of_both_probabilities():
    log_prob = BY_HAND.log_prob.copy()
    log_prob[2, 1, 0] = np.nan
    nurse = completion_frame(ProbeScores(log_prob, BY_HAND.templates, BY_HAND.groups, BY_HAND.completions), 0, 1).iloc[
        0
    ]
    assert nurse["templates"] == 2
    assert nurse["delta_nats"] == pytest.approx(0)
    assert nurse["first_prob"] == pytest.approx(nurse["second_prob"])
    assert math.isnan(nurse["second_lexicon_prob"])


def test_every_template_has_its_own_difference():
    frame = delta_frame(BY_HAND, 0, 1)
    assert frame["completion"].tolist() == ["nurse"] * 3 + ["engineer"] * 3
    assert frame["template"].tolist() == list(BY_HAND.templates) * 2
    assert frame["delta_nats"].tolist() == pytest.approx(np.log([2, 0.5, 4, 0.25, 4, 1]).tolist())
    assert frame["share"].tolist() == pytest.approx([2 / 3, 1 / 3, 4 / 5, 1 / 5, 4 / 5, 1 / 2])
    assert frame["log_odds_nats"][0] == pytest.approx(math.log((0.2 / 0.8) / (0.1 / 0.9)))


def test_a_forest_of_templates_ends_with_the_mean_and_marks_who_has_its_sign():
    frame = forest_frame(BY_HAND, 0, 1, by="template")
    # means over nurse and engineer: (ln 2 - ln 4)/2, (-ln 2 + ln 4)/2, ln 4 / 2
    expected = [-math.log(2) / 2, math.log(2) / 2, math.log(2)]
    assert frame["value_nats"].tolist() == pytest.approx([*expected, sum(expected) / 3])
    assert frame["name"].tolist() == [*BY_HAND.templates, ""]
    assert frame["overall"].tolist() == [False] * 3 + [True]
    assert frame["agree"].tolist() == [0, 1, 1, 2]
    assert frame["templates"].tolist() == [1, 1, 1, 3]
    assert frame["low_nats"].isna().tolist() == [True] * 3 + [False]


def test_a_forest_of_completions_has_an_interval_in_each_row():
    frame = forest_frame(BY_HAND, 0, 1, by="completion")
    assert frame["name"].tolist() == ["nurse", "engineer", ""]
    assert frame["value_nats"].tolist() == pytest.approx([NURSE, ENGINEER, (NURSE + ENGINEER) / 2])
    assert frame[["low_nats", "high_nats"]].notna().all(axis=None)


def test_an_intersection_is_a_difference_of_differences():
    log_prob = np.log([[[0.08], [0.01], [0.02], [0.01]]])
    scores = ProbeScores(log_prob, ("t",), ("bw", "ww", "bm", "wm"), ("maid",))
    frame = intersection_frame(scores, first_first=0, second_first=1, first_second=2, second_second=3)
    assert frame["value_nats"][0] == pytest.approx(math.log(8) - math.log(2))
    assert math.isnan(frame["low_nats"][0])


def test_a_map_measures_from_a_group_or_from_the_mean_of_all():
    from_man, from_mean = map_frame(BY_HAND, 1), map_frame(BY_HAND)
    assert from_man[["completion", "group"]].to_numpy().tolist() == [
        ["nurse", "woman"],
        ["nurse", "man"],
        ["engineer", "woman"],
        ["engineer", "man"],
    ]
    assert from_man["delta_nats"].tolist() == pytest.approx([NURSE, 0, ENGINEER, 0])
    assert from_mean["delta_nats"].tolist() == pytest.approx([NURSE / 2, -NURSE / 2, 0, 0])
    assert set(from_man["reference"]) == {"man"}
    assert set(from_mean["reference"]) == {""}
    assert from_man["agree"].tolist()[:2] == [2, 3]


def test_transposed_scores_compare_one_word_behind_every_group():
    transposed = replace(BY_HAND.transposed(), world=np.array([0.5, 0.4]))
    frame = completion_frame(transposed, 0, 1)
    assert frame["completion"].tolist() == ["woman", "man"]
    assert (frame["first"][0], frame["second"][0]) == ("nurse", "engineer")
    expected = np.log(PROB[:, 0, 0] / PROB[:, 0, 1]).mean()
    assert frame["delta_nats"][0] == pytest.approx(expected)
    assert frame["world_share"].tolist() == [0.5, 0.4]


def test_some_groups_keep_their_scores_and_what_is_known_of_completions():
    scores = probe_scores()
    some = scores.of_groups([3, 1])
    assert some.groups == (scores.groups[3], scores.groups[1])
    np.testing.assert_array_equal(some.log_prob[:, 0], scores.log_prob[:, 3])
    assert completion_frame(some, 1, 0).equals(completion_frame(scores, 1, 3))


def test_names_that_occur_twice_stay_apart():
    scores = ProbeScores(np.zeros((1, 4, 1)), ("t",), ("a", "a", "a (2)", "a"), ("c",))
    assert scores.groups == ("a", "a (2)", "a (2) (2)", "a (3)")
    assert len(set(map_frame(scores)["group"])) == 4


def test_scores_that_do_not_fit_their_names_are_our_mistake():
    with pytest.raises(ValueError, match=r"neutral has shape \(2,\), its names have \(1, 2\)"):
        ProbeScores(np.zeros((1, 1, 2)), ("t",), ("g",), ("a", "b"), neutral=np.zeros(2))
    with pytest.raises(ValueError, match="log_prob"):
        ProbeScores(np.zeros((2, 1, 2)), ("t",), ("g",), ("a", "b"))


def test_one_template_has_values_and_no_intervals():
    frame = completion_frame(probe_scores(templates=1), 0, 1)
    assert frame["delta_nats"].notna().all()
    assert frame[["low_nats", "high_nats", "share_low"]].isna().all(axis=None)
    assert set(frame["templates"]) == {1}
