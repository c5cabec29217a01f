"""Next-token tables: ranks, surprisal, and nothing where nothing follows."""

import numpy as np
import pandas as pd
import pytest

from dashboard.engine.base import PositionTable
from dashboard.frames.next_token import candidates_frame, position_frame
from tests.frames import samples


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


def test_certainty_is_zero_bits_and_an_underflow_is_infinitely_many():
    table = PositionTable(
        tuple(samples.tokens(3)), np.ones(3, np.float32), np.array([1, 0, np.nan], np.float32), np.array([1, 9, 0])
    )
    bits = position_frame(table, samples.tokens(3))["surprisal_bits"]
    assert bits[0] == 0
    assert not np.signbit(bits[0])
    assert bits[1] == np.inf
