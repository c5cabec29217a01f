"""The tables of the way through the layers: one row a cell, parts that sum, nothing where nothing is."""

import numpy as np
import pandas as pd

from dashboard.frames.lens import attribution_frame, head_attribution_frame, lens_frame, trajectory_frame
from tests.made import samples


def test_every_cell_is_a_row_with_its_five_likeliest():
    found = samples.lens(layers=2, positions=(1, 4))
    frame = lens_frame(found, samples.tokens(6), samples.names(found))
    assert len(frame) == 3 * 2
    assert frame["layer"].tolist() == [-1, -1, 0, 0, 1, 1]
    assert frame["part"].tolist() == ["embedding"] * 2 + ["output"] * 4
    assert frame["pos"].tolist() == [1, 4] * 3
    assert frame["token"].tolist()[:2] == ["<b>bold</b>", "%{x}"]
    for place in range(5):
        assert frame[f"id_{place + 1}"].tolist() == found.top_ids[..., place].ravel().tolist()
        np.testing.assert_array_equal(frame[f"prob_{place + 1}"], found.top_probs[..., place].ravel())
    assert "followed_prob" not in frame


def test_the_settled_step_is_marked_once_for_each_position():
    found = samples.lens(layers=3, positions=(0, 1, 2))
    frame = lens_frame(found, samples.tokens(6), samples.names(found))
    assert frame[frame["settled"]].sort_values("pos")["layer"].tolist() == [step - 1 for step in found.settled]


def test_a_followed_token_stands_in_every_row():
    found = samples.lens(layers=2, positions=(1, 4), pins=1)
    frame = lens_frame(found, samples.tokens(6), samples.names(found), samples.token("$x$", 3))
    assert set(frame["followed_token"]) == {"$x$"}
    assert frame["followed_rank"].tolist() == found.pin_ranks[0].ravel().tolist()
    np.testing.assert_array_equal(frame["followed_prob"], found.pin_probs[0].ravel())


def test_trajectories_have_one_row_a_token_and_step():
    found = samples.lens(layers=2, positions=(4,), pins=2)
    frame = trajectory_frame(found, [samples.token("a", 5), samples.token("b", 6)])
    assert frame["id"].tolist() == [5] * 3 + [6] * 3
    assert frame["layer"].tolist() == [-1, 0, 1] * 2
    np.testing.assert_array_equal(frame["prob"], found.pin_probs[..., 0].ravel())


def test_parts_come_in_their_order_and_sum_to_the_logit():
    found = samples.attribution(layers=3, heads=2)
    frame = attribution_frame(found)
    assert frame["part"].tolist() == ["embedding", *["attention", "mlp"] * 3, "constant"]
    assert frame["layer"].tolist()[1:-1] == [0, 0, 1, 1, 2, 2]
    assert pd.isna(frame["layer"].iloc[0])
    np.testing.assert_allclose(frame["logit"].sum(), found.logit, atol=1e-5)


def test_heads_of_a_layer_sum_to_its_attention():
    found = samples.attribution(layers=3, heads=2)
    frame = head_attribution_frame(found, 1)
    assert frame["head"].tolist()[:2] == [0, 1]
    assert pd.isna(frame["head"].iloc[2])
    np.testing.assert_allclose(frame["logit"].sum(), found.attention[1], atol=1e-5)
