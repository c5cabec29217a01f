"""Entropy and distances of distributions over the vocabulary, from their log-probabilities in float64."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def entropy(log_p: Tensor) -> float:
    """-Σ p ln p [nats] of one distribution, (vocab,); what has no probability adds nothing."""
    return max(0.0, float(-(log_p.exp() * log_p.clamp_min(-1e300)).sum()))


def total_variation(log_p: Tensor, log_q: Tensor) -> float:
    """½ Σ|p - q| in [0, 1] of two distributions, (vocab,)."""
    return float((log_p.exp() - log_q.exp()).abs().sum() / 2)


def jensen_shannon(log_p: Tensor, log_q: Tensor) -> float:
    """Mean KL divergence of two distributions, (vocab,), to their midpoint [nats]."""
    middle = torch.logaddexp(log_p, log_q) - math.log(2)
    kl = [float((a.exp() * (a - middle).masked_fill(a == -torch.inf, 0)).sum()) for a in (log_p, log_q)]
    return max(0.0, sum(kl) / 2)
