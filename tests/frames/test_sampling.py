"""Tables of made texts and compared settings: numbers by hand, nothing of beams that does not exist."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from dashboard.engine.api.generation import Generated
from dashboard.frames.sampling import (
    comparison_frame,
    distance_frame,
    generated_ids,
    sequence_frame,
    token_frame,
    token_records,
)
from tests.made import samples
from tests.made import trees as made


def two_texts():
    """A drawn text of two tokens with p 1/2 and 1/8, and one of a beam."""
    log_p = np.log([0.5, 0.125])
    drawn = made.output(0, 5, [1, 6], log_p=log_p, stopped="end", margins=[2e-5, 0.5])
    best = made.output(1, 0, [3], beams=True)
    trees = (None, made.beam_tree())
    return Generated((drawn, best), (("temperature", "top_p"), ()), trees, (0, 0), 1.0, 0.1, "shared")


def test_a_text_has_its_likelihood_to_model_and_sampler():
    first, second = sequence_frame(two_texts(), ["<b>", "beam"], ["a\nb", "c"]).to_dict("records")
    assert (first["column"], first["name"], first["row"], first["stopped"]) == (0, "<b>", 5, "end")
    assert first["text"] == "a\nb"
    assert first["tokens"] == 2
    assert first["sum_log_p_nats"] == pytest.approx(math.log(1 / 16))
    assert first["mean_log_p_nats"] == pytest.approx(math.log(1 / 4))
    assert first["perplexity"] == pytest.approx(4)
    assert first["sum_log_q_nats"] == pytest.approx(math.log(1 / 16) + 0.2)
    assert first["close_draws"] == 1
    assert math.isnan(first["beam_score"])
    assert second["ranked"]
    assert not first["ranked"]
    assert second["beam_score"] == -1.5
    assert math.isnan(second["sum_log_q_nats"])
    assert second["close_draws"] == 0


def test_every_token_has_a_row_of_its_own():
    frame = token_frame(two_texts(), ["A", "B"], made.TOKENS)
    assert list(zip(frame["column"], frame["row"], frame["step"], strict=True)) == [(0, 5, 0), (0, 5, 1), (1, 0, 0)]
    assert frame["token"].tolist() == ["<b>bold</b>", "⏎", "$x$"]
    assert frame["prob"].tolist() == pytest.approx([0.5, 0.125, 0.25])
    assert frame["q"].tolist()[:2] == pytest.approx([0.5 * math.exp(0.1), 0.125 * math.exp(0.1)])
    assert math.isnan(frame["q"][2])
    assert frame["surprisal_bits"].tolist() == pytest.approx([1, 3, 2])
    assert frame["margin_nats"].tolist()[:2] == pytest.approx([2e-5, 0.5])
    assert frame["rank"].tolist() == [1, 2, 1]


def test_records_are_json_with_alternatives_and_what_cut_them():
    records = [json.loads(json.dumps(one, allow_nan=False)) for one in token_records(two_texts(), "AB", made.TOKENS)]
    first, last, beam = records
    assert (first["text"], first["id"], first["stopped"], last["stopped"]) == ("<b>bold</b>", 1, None, "end")
    assert first["prob"] == pytest.approx(0.5)
    assert [one["cut_by"] for one in first["alternatives"]] == [None] * 8 + ["top_p"] * 2
    assert first["alternatives"][0]["prob"] == pytest.approx(0.2)
    assert first["alternatives"][0]["q"] == pytest.approx(0.2 * math.exp(0.1))
    assert first["alternatives"][9] == {"id": 9, "text": "=1+1", "prob": pytest.approx(0.02), "q": 0, "cut_by": "top_p"}
    assert beam["q"] is beam["log_q_nats"] is beam["margin_nats"] is beam["alternatives"][0]["q"] is None


def test_records_name_settings_as_those_of_earlier_versions_do():
    found = replace(two_texts(), names=(("temperature", "no_repeat_ngram_size"),) * 2)
    first = next(token_records(found, "AB", made.TOKENS))
    assert [one["cut_by"] for one in first["alternatives"]] == [None] * 8 + ["no_repeat_ngram"] * 2


def test_a_record_of_broken_bytes_has_no_text():
    broken = {**made.TOKENS, 3: samples.tokens(15)[-1]}
    assert list(token_records(two_texts(), "AB", broken))[2]["text"] is None


def test_the_ids_asked_for_are_all_that_tables_name():
    found = two_texts()
    few = {i: made.TOKENS[i] for i in generated_ids(found)}
    assert set(few) == set(range(10))
    assert len(token_frame(found, "AB", few)) == len(list(token_records(found, "AB", few))) == 3


def test_texts_that_are_not_there_make_empty_tables():
    nothing = Generated((), ((),), (None,), (0,), 0.0, 0.0, "")
    assert generated_ids(nothing) == ()
    assert list(sequence_frame(nothing, ["A"], []).columns)[:4] == ["column", "name", "ranked", "row"]
    assert "surprisal_bits" in token_frame(nothing, ["A"], {}).columns


def test_a_text_without_its_words_is_our_mistake():
    with pytest.raises(ValueError, match="zip"):
        sequence_frame(two_texts(), "AB", ["only one"])


def test_settings_are_told_position_by_position():
    found = made.comparison(settings=2, count=3)
    frame = comparison_frame(found, ["A", "B"], samples.tokens(9), start=4)
    assert list(zip(frame["setting"], frame["name"], frame["pos"], strict=True)) == [
        (setting, name, pos) for setting, name in ((0, "A"), (1, "B")) for pos in (4, 5, 6)
    ]
    assert frame["token"].tolist() == ["%{x}", "·is", "⏎"] * 2
    second = frame[(frame["setting"] == 1) & (frame["pos"] == 6)].iloc[0]
    assert second["kept"] == found.kept[1, 2]
    assert second["kept_mass"] == found.kept_mass[1, 2]
    assert second["entropy_nats"] == found.entropy_nats[1, 2]
    assert second["own_entropy_nats"] == found.own_entropy_nats[2]


def test_every_pair_of_settings_is_told_once():
    found = made.comparison(settings=3, count=2)
    frame = distance_frame(found, ["A", "B", "C"], samples.tokens(9), start=1)
    pairs = frame.drop_duplicates("pair")
    assert (pairs["first_name"] + pairs["second_name"]).tolist() == ["AB", "AC", "BC"]
    assert frame["pos"].tolist() == [1, 2] * 3
    row = frame[(frame["pair"] == 2) & (frame["pos"] == 2)].iloc[0]
    assert (row["first"], row["second"]) == (1, 2)
    assert row["total_variation"] == found.total_variation[2, 1, 1]
    assert row["js_nats"] == found.js_nats[1, 2, 1]


def test_one_setting_has_no_pairs():
    frame = distance_frame(made.comparison(settings=1, count=2), ["A"], samples.tokens(2))
    assert isinstance(frame, pd.DataFrame)
    assert frame.empty
