"""Tables of trees: parents, literal tokens, and children that sum to their parent."""

import numpy as np
import pandas as pd
import pytest

from dashboard.engine.api.generation import ProbabilityTree
from dashboard.frames.trees import PROMPT, beam_frame, greedy_tree, probability_frame
from tests.made import trees


def test_a_beam_tree_keeps_its_nodes():
    tree = trees.beam_tree(beams=2, steps=3)
    frame = beam_frame(tree, trees.TOKENS)
    assert len(frame) == 12
    assert (frame["parent"] < frame["node"]).all()
    assert frame["parent"].tolist()[:4] == [PROMPT] * 4
    assert frame["score"].tolist() == pytest.approx(tree.scores.tolist())
    assert frame[frame["returned"]]["step"].tolist() == [0, 1, 2]
    assert frame["state"].tolist()[-4:] == ["finished", "pruned", "pruned", "pruned"]


def test_what_is_not_shown_fills_every_parent():
    frame = probability_frame(trees.probability_tree(), trees.TOKENS)
    rest = frame[frame["state"] == "rest"].set_index("parent")
    # the prompt: 1 - 0.5 - 0.25; node 0: 0.5 - 0.25 - 0.125; node 2 gave all of its 0.25 to node 4
    assert rest["prob"].to_dict() == {PROMPT: 0.25, 0: 0.125}
    assert rest["step_prob"].to_dict() == {PROMPT: 0.25, 0: 0.25}
    assert rest["depth"].to_dict() == {PROMPT: 1, 0: 2}
    assert rest["id"].isna().all()
    children = frame.dropna(subset="parent").groupby("parent")["prob"].sum()
    np.testing.assert_allclose(children, frame.set_index("node")["prob"][children.index])
    assert frame["node"].is_unique


def test_a_step_has_its_probability_after_its_parent():
    frame = probability_frame(trees.probability_tree(), trees.TOKENS).set_index("node")
    assert frame.loc[PROMPT, "prob"] == 1
    assert pd.isna(frame.loc[PROMPT, "parent"])
    assert frame["step_prob"][[0, 1, 2, 3, 4]].tolist() == [0.5, 0.25, 0.5, 0.25, 1]
    assert frame["token"][[0, 1, 3]].tolist() == ["<b>bold</b>", "$x$", "⏎"]


def test_float_noise_is_no_rest():
    third = np.float32(1 / 3)
    tree = ProbabilityTree(
        np.full(3, -1), np.arange(3), np.ones(3, int), np.full(3, third), ("open",) * 3, 0.0, 0.0, 0.1
    )
    assert "rest" not in probability_frame(tree, trees.TOKENS)["state"].tolist()


def test_a_tree_of_nothing_is_the_prompt_and_its_rest():
    nothing = np.array([], np.int64)
    tree = ProbabilityTree(nothing, nothing, nothing, np.array([], np.float32), (), 0.0, 0.0, 0.1)
    frame = probability_frame(tree, trees.TOKENS)
    assert frame["state"].tolist() == ["prompt", "rest"]
    assert frame["prob"].tolist() == [1, 1]


NAMES = ("suppress_tokens", "no_repeat_ngram_size", "do_sample")


def test_what_a_rule_forbids_is_no_candidate_of_a_greedy_text():
    output = trees.output(0, 0, [3])
    output.alternative_cut_by[0] = [1, 2, 3, 0, *[3] * 6]
    assert beam_frame(greedy_tree(output, NAMES), trees.TOKENS)["id"].tolist() == [3, 2]
    output.alternative_cut_by[0] = 1
    assert beam_frame(greedy_tree(output, NAMES), trees.TOKENS)["id"].tolist() == [3, 0]


def test_a_greedy_text_is_a_search_of_one_beam():
    # alternatives of the made text are the ids 0 to 9, likeliest first
    output = trees.output(0, 0, [0, 3, 0], log_p=[-1.0, -2.0, -0.5], stopped="end")
    frame = beam_frame(greedy_tree(output, NAMES), trees.TOKENS)
    assert frame["id"].tolist() == [0, 1, 3, 0, 0, 1]
    assert frame["parent"].tolist() == [PROMPT, PROMPT, 0, 0, 2, 2]
    assert frame["state"].tolist() == ["kept", "pruned"] * 2 + ["finished", "pruned"]
    assert frame["returned"].tolist() == [True, False] * 3
    log_p = output.alternative_log_p[0]
    expected = [-1, log_p[1], -3, -1 + log_p[0], -3.5, -3 + log_p[1]]
    assert frame["score"].tolist() == pytest.approx(expected, abs=1e-6)


def test_a_greedy_text_of_one_token_is_a_tree_too():
    frame = beam_frame(greedy_tree(trees.output(0, 0, [2]), NAMES), trees.TOKENS)
    assert frame["parent"].tolist() == [PROMPT, PROMPT]
    assert frame["id"].tolist() == [2, 0]
