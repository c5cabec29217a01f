"""Tables of groups' distributions: worked by hand, distances symmetric, curves from nothing to all."""

import math

import numpy as np
import pytest

from dashboard.frames.bias_groups import distance_frame, group_frame, lorenz_frame
from dashboard.frames.probe_scores import ProbeScores
from tests.made.probed import GROUPS, probe_scores

PROB = np.array([[[0.07, 0.03], [0.02, 0.08]], [[0.10, 0.10], [0.30, 0.10]]])
BY_HAND = ProbeScores(np.log(PROB), ("t", "u"), ("woman", "man"), ("nurse", "engineer"))


def test_a_group_has_its_covered_mass_and_how_uneven_it_is():
    woman = group_frame(BY_HAND, 0).iloc[0]
    assert woman["covered"] == pytest.approx(0.10)
    assert woman["entropy_nats"] == pytest.approx(-(0.7 * math.log(0.7) + 0.3 * math.log(0.3)))
    assert woman["gini"] == pytest.approx(0.2)
    assert (woman["completions_50"], woman["completions_90"]) == (1, 2)


def test_without_a_template_it_is_of_the_mean_distribution():
    woman = group_frame(BY_HAND).iloc[0]
    assert woman["covered"] == pytest.approx(0.15)
    assert woman["gini"] == pytest.approx(0.1)  # of (.6, .4)


def test_distances_are_known_symmetric_and_nothing_to_oneself():
    frame = distance_frame(BY_HAND, 0)
    assert frame[["first", "second"]].to_numpy().tolist() == [
        ["woman", "woman"],
        ["woman", "man"],
        ["man", "woman"],
        ["man", "man"],
    ]
    assert frame["js_nats"].tolist() == pytest.approx([0, 0.1325, 0.1325, 0], abs=5e-5)
    assert frame["total_variation"].tolist() == pytest.approx([0, 0.5, 0.5, 0])


def test_curves_go_from_nothing_to_all_and_sag_by_their_gini():
    frame = lorenz_frame(probe_scores(), groups=[2, 0])
    assert frame["group"].drop_duplicates().tolist() == [GROUPS[2], GROUPS[0]]
    for _, part in frame.groupby("group"):
        assert (part["completions"].iloc[0], part["mass"].iloc[0]) == (0, 0)
        assert part["mass"].iloc[-1] == pytest.approx(1)
        assert (part["mass"] <= part["completions"] + 1e-12).all()
        below = np.trapezoid(part["mass"], part["completions"])
        assert 1 - 2 * below == pytest.approx(part["gini"].iloc[0])
