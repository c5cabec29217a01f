"""Tables of where a gap arises: first minus second, layer and head in their places."""

import numpy as np
import pytest

from dashboard.frames.bias_gap import gap_frame, head_gap_frame


def test_the_gap_is_first_minus_second_at_every_step():
    frame = gap_frame([(-1, "embedding"), (0, "output")], np.array([-9.0, -3.0]), np.array([-9.0, -5.5]))
    assert frame["layer"].tolist() == [-1, 0]
    assert frame["part"].tolist() == ["embedding", "output"]
    assert frame["gap_nats"].tolist() == [0, 2.5]


def test_every_head_has_both_weights_and_their_difference():
    first, second = np.array([[0.5, 0.1, np.nan], [0.2, 0.3, 0.4]]), np.full((2, 3), 0.2)
    frame = head_gap_frame(first, second)
    row = frame[(frame["layer"] == 1) & (frame["head"] == 2)].iloc[0]
    assert (row["first_weight"], row["second_weight"]) == (0.4, 0.2)
    assert row["difference"] == pytest.approx(0.2)
    assert np.isnan(frame["difference"][2])


def test_heads_that_do_not_pair_up_are_our_mistake():
    with pytest.raises(ValueError, match=r"\(1, 2\) and \(2, 1\)"):
        head_gap_frame(np.zeros((1, 2)), np.zeros((2, 1)))
