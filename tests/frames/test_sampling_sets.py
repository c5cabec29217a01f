"""Tables of sets: the right texts with the right metric, and no frequencies of ranked lists."""

import math

import numpy as np
import pytest

from dashboard.engine.api.generation import Generated
from dashboard.frames.sampling_sets import MOST_BINS, answer_frame, length_frame, set_frame, sweep_frame, written
from dashboard.stats.diversity import METRICS, distinct, mean_log_p, self_bleu, unique_fraction
from dashboard.stats.intervals import wilson
from tests.made import trees


def value(frame, column, metric):
    return frame[(frame["column"] == column) & (frame["metric"] == metric)].iloc[0]


def a_set(outputs, columns=1):
    return Generated(tuple(outputs), ((),) * columns, (None,) * columns, (0,) * columns, 1.0, 0.1, "shared")


def test_each_column_has_the_metrics_of_its_own_texts():
    found = trees.generated()
    frame = set_frame(found, trees.NAMES)
    assert len(frame) == 4 * len(METRICS)
    texts = [written(one) for one in found.outputs if one.column == 1]
    log_p = [one.log_p for one in found.outputs if one.column == 1]
    assert value(frame, 1, "unique")["value"] == unique_fraction(texts)
    assert value(frame, 1, "distinct_3")["value"] == distinct(texts, 3)
    assert value(frame, 1, "mean_log_p")["value"] == pytest.approx(mean_log_p(log_p))
    assert value(frame, 1, "unique")["n"] == 12
    assert value(frame, 1, "unique")["name"] == trees.NAMES[1]
    sampled = frame[~frame["ranked"] & frame["value"].notna()]
    assert ((sampled["low"] <= sampled["value"]) & (sampled["value"] <= sampled["high"])).all()


def test_a_ranked_list_has_no_frequencies_and_no_intervals():
    found = trees.generated(steps=16)
    frame = set_frame(found, trees.NAMES)
    ranked = frame[frame["ranked"]]
    assert ranked["column"].unique().tolist() == [3]
    assert ranked[["low", "high"]].isna().all(axis=None)
    assert math.isnan(value(frame, 3, "unique")["value"])
    assert math.isnan(value(frame, 3, "loops")["value"])
    texts = [written(one) for one in found.outputs if one.column == 3]
    assert value(frame, 3, "distinct_2")["value"] == distinct(texts, 2)
    assert value(frame, 3, "self_bleu")["value"] == pytest.approx(self_bleu(texts))


def test_the_token_that_ends_a_text_does_not_make_it_another():
    same = a_set([trees.output(0, 0, [1, 2, 9], stopped="end"), trees.output(0, 1, [1, 2], stopped="limit")])
    assert value(set_frame(same, ["A"]), 0, "unique")["value"] == 1 / 2
    stopped = a_set([trees.output(0, 0, [1, 2, 9], stopped="stop"), trees.output(0, 1, [1, 2], stopped="limit")])
    assert value(set_frame(stopped, ["A"]), 0, "unique")["value"] == 1


def test_a_sweep_names_the_knobs_values():
    frame = sweep_frame(trees.generated(columns=3), [0.5, 1.0, 1.5])
    assert frame["knob"].tolist() == [one for one in (0.5, 1.0, 1.5) for _ in METRICS]
    assert frame["value"].tolist() == pytest.approx(
        set_frame(trees.generated(columns=3), trees.NAMES)["value"].tolist(), nan_ok=True
    )


def test_answers_have_wilsons_interval_and_a_ranked_list_its_places_only():
    found = trees.generated(rows=5)
    texts = ["Paris.", " Paris", "Lyon", "Paris", "Rome"] * 3 + ["Nice", "Paris", "Nice.", "Paris", "Lyon"]
    frame = answer_frame(found, trees.NAMES, texts)
    first = frame[frame["column"] == 0]
    assert first["answer"].tolist() == ["Paris", "Lyon", "Rome"]
    assert first["count"].tolist() == [3, 1, 1]
    assert first["first_row"].tolist() == [0, 2, 4]
    assert (first["low"].iloc[0], first["high"].iloc[0]) == (wilson(3, 5).low, wilson(3, 5).high)
    ranked = frame[frame["ranked"]]
    assert ranked["answer"].tolist() == ["Nice", "Paris", "Lyon"]
    assert ranked["first_row"].tolist() == [0, 1, 4]
    assert ranked[["count", "share", "low", "high"]].isna().all(axis=None)


def test_lengths_are_counted_by_hand():
    found = a_set(
        [
            trees.output(0, 0, [1] * 3, stopped="end"),
            trees.output(0, 1, [1] * 5),
            trees.output(0, 2, [1] * 5, stopped="end"),
            trees.output(1, 0, [1] * 4),
        ],
        columns=2,
    )
    frame = length_frame(found, ["A", "B"])
    assert frame["from_tokens"].tolist() == frame["to_tokens"].tolist() == [3, 4, 5, 3, 4, 5]
    assert frame["count"].tolist() == [1, 0, 2, 0, 1, 0]
    assert frame["limited"].tolist() == [0, 0, 1, 0, 1, 0]
    assert frame["share"].tolist() == pytest.approx([1 / 3, 0, 2 / 3, 0, 1, 0])


def test_many_lengths_share_equal_spans_and_none_is_lost():
    found = a_set([trees.output(0, row, [1] * int(n)) for row, n in enumerate(np.linspace(1, 300, 80))])
    frame = length_frame(found, ["A"])
    assert len(frame) <= MOST_BINS
    assert frame["count"].sum() == 80
    assert (frame["to_tokens"] - frame["from_tokens"]).nunique() == 1
    assert frame["from_tokens"].iloc[1] == frame["to_tokens"].iloc[0] + 1
