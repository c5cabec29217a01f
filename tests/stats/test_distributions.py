"""Entropy and distances of distributions: by hand, against SciPy, and at their ends."""

import itertools
import math

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon

from dashboard.stats.distributions import entropy, js_divergence, total_variation


def test_entropy_is_in_nats_and_an_outcome_without_probability_adds_nothing():
    rows = np.array([[0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0], [1, 0, 0, 0]])
    assert entropy(rows) == pytest.approx([math.log(4), math.log(2), 0], abs=1e-15)
    assert np.isnan(entropy(np.array([0.5, np.nan])))


def test_the_divergence_is_to_the_midpoint():
    """The mean of the two KL divergences, a common mistake, is .558."""
    p, q = np.array([0.7, 0.3]), np.array([0.2, 0.8])
    assert js_divergence(p, q) == pytest.approx(0.1325, abs=5e-5)
    assert total_variation(p, q) == pytest.approx(0.5)


def test_the_divergence_is_scipys_and_the_distances_reach_their_ends():
    rng = np.random.default_rng(1)
    p, q = rng.dirichlet(np.full(7, 0.3), (2, 50))
    p[0, :3], q[0, 3:] = 0, 0
    p[0], q[0] = p[0] / p[0].sum(), q[0] / q[0].sum()
    assert js_divergence(p, q) == pytest.approx(jensenshannon(p, q, axis=1) ** 2, abs=1e-12)
    events = np.array(list(itertools.product([0, 1], repeat=7)))
    assert total_variation(p[1], q[1]) == pytest.approx(np.abs(events @ (p[1] - q[1])).max())
    assert total_variation(p[0], q[0]) == pytest.approx(1)
    assert js_divergence(p[0], q[0]) == pytest.approx(math.log(2))
    assert js_divergence(p[1], p[1]) == 0
