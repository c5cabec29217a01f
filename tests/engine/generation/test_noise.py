"""Common random numbers: Gumbel by distribution, and a row's own whatever is drawn beside it."""

import numpy as np
import pytest
import torch
from scipy.stats import kstest

from dashboard.engine.generation.noise import gumbel, row_keys


def test_noise_is_gumbel_and_differs_between_rows_steps_and_tokens():
    noise = gumbel(row_keys(3, 0, 200), 5, torch.arange(50))
    assert kstest(noise.numpy().ravel(), "gumbel_r").pvalue > 0.001
    assert abs(np.corrcoef(noise.numpy()[:-1].ravel(), noise.numpy()[1:].ravel())[0, 1]) < 0.05
    assert not torch.equal(noise, gumbel(row_keys(3, 0, 200), 6, torch.arange(50)))
    assert not torch.equal(noise, gumbel(row_keys(4, 0, 200), 5, torch.arange(50)))


@pytest.mark.parametrize("seed", [0, 1, 2**63, 2**64 - 1])
def test_a_row_has_its_noise_whatever_stands_beside_it(seed):
    whole = row_keys(seed, 0, 8)
    assert torch.equal(row_keys(seed, 5, 2), whole[5:7])
    assert torch.equal(gumbel(whole, 3, torch.arange(9))[6], gumbel(whole[6:7], 3, torch.arange(9))[0])
    assert len(set(whole.tolist())) == 8


def test_a_buffer_changes_no_noise():
    keys, ids = row_keys(3, 0, 4), torch.arange(12).expand(4, -1)
    buffer = torch.full((2, 4, 12), -1)
    assert torch.equal(gumbel(keys, 2, ids, buffer), gumbel(keys, 2, torch.arange(12)))
    assert torch.equal(gumbel(keys, 2, ids.contiguous(), buffer), gumbel(keys, 2, torch.arange(12)))
