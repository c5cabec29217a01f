"""Next-token tables: ranks, surprisal, and nothing where nothing follows."""

import numpy as np
import pandas as pd
import pytest

from dashboard.engine.api.prediction import PositionTable
from dashboard.frames.next_token import candidates_frame, position_frame, prompt_score
from tests.made import samples


def test_candidates_are_ranked_from_one_with_their_ids():
    frame = candidates_frame(samples.candidates(6), samples.processed(6))
    assert list(frame.columns) == ["rank", "token", "id", "logit", "prob", "q", "cut_by"]
    assert frame["q"].tolist() == [0.5, 0.5, 0, 0, 0, 0]
    assert frame["cut_by"].tolist() == ["", "", "top_p", "top_k", "top_k", "top_k"]
    assert frame["rank"].tolist() == [1, 2, 3, 4, 5, 6]
    assert frame["id"].tolist() == list(range(40, 46))
    assert frame["prob"].sum() == pytest.approx(0.8)
    assert frame["token"].tolist()[:3] == ["This", "<b>bold</b>", "·is"]


def test_every_position_shows_its_prediction_and_what_followed():
    frame = position_frame(samples.position_table(4), samples.tokens(4))
    assert frame["next_token"].tolist()[:3] == ["<b>bold</b>", "·is", "$x$"]
    assert frame["predicted_token"].tolist() == ["$x$", "·is", "<b>bold</b>", "This"]
    assert frame["surprisal_bits"].tolist()[:3] == [2, 2, 2]
    assert frame["next_rank"].tolist()[:3] == [1, 2, 3]


def test_nothing_follows_the_last_position():
    last = position_frame(samples.position_table(3), samples.tokens(3)).iloc[-1]
    assert all(pd.isna(last[name]) for name in ("next_token", "next_prob", "next_rank", "surprisal_bits"))
    assert last["predicted_token"] == "This"


def test_a_prompt_of_one_token_has_one_row_that_nothing_follows():
    frame = position_frame(samples.position_table(1), samples.tokens(1))
    assert len(frame) == 1
    assert pd.isna(frame["next_rank"].item())


def a_table(log_prob, rank):
    count = len(log_prob)
    ones = np.ones(count, np.float32)
    return PositionTable(tuple(samples.tokens(count)), ones, np.array(log_prob, np.float32), np.array(rank), ones)


def test_certainty_is_zero_bits_and_what_underflows_as_a_probability_still_has_its_bits():
    frame = position_frame(a_table([0, -200, np.nan], [1, 9, 0]), samples.tokens(3))
    assert frame["surprisal_bits"][0] == 0
    assert not np.signbit(frame["surprisal_bits"][0])
    assert frame["next_prob"][1] == 0
    assert frame["surprisal_bits"][1] == pytest.approx(200 / np.log(2))


def test_a_prompts_score_by_hand():
    # two tokens predicted, with 1/2 and 1/8: 1 + 3 bits over the bytes of "<b>bold</b>" (11) and " is" (3)
    score = prompt_score(a_table([*np.log([0.5, 0.125]).tolist(), np.nan], [1, 2, 0]), samples.tokens(3))
    assert score.tokens == 2
    assert score.nbytes == 14
    assert score.perplexity == pytest.approx(4)
    assert score.bits_per_byte == pytest.approx(4 / 14)


def test_a_prompt_of_one_token_has_no_score():
    assert prompt_score(a_table([np.nan], [0]), samples.tokens(1)) is None
