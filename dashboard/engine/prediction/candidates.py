"""Next-token candidates, the table of every position, and the sums over logits that both need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.prediction import Candidates, PositionTable
from dashboard.engine.prediction.distributions import entropy
from dashboard.errors import Cancelled
from dashboard.tokens import Token

BLOCK = 64
"""Most positions whose logits are in memory at once."""


def candidates(logits: Tensor, pos: int, k: int, token: Callable[[int], Token], pins: Sequence[int] = ()) -> Candidates:
    """The k likeliest of (vocab,) `logits`, then those `pins` not among them; p by softmax in float64 over all."""
    logits = logits.cpu()  # not every device has float64
    log_p = torch.log_softmax(logits.double(), -1)
    top = torch.topk(logits, min(k, logits.shape[-1])).indices.tolist()
    ids = [*top, *(pin for pin in dict.fromkeys(pins) if pin not in set(top))]
    chosen = torch.tensor(ids)
    pinned = 1 + (logits[None] > logits[chosen[len(top) :], None]).sum(-1)
    # the likeliest in their order, although ties among them share a rank
    ranks = [*range(1, len(top) + 1), *pinned.tolist()]
    return Candidates(
        pos=pos,
        ids=read_only(np.array(ids, np.int64)),
        ranks=read_only(np.array(ranks, np.int64)),
        logits=read_only(logits[chosen].float().numpy()),
        probs=read_only(log_p[chosen].exp().float().numpy()),
        entropy_nats=entropy(log_p),
        tokens=tuple(token(i) for i in ids),
    )


def position_table(
    logits_of: Callable[[int, int], Tensor], ids: Sequence[int], token: Callable[[int], Token], control: CallControl
) -> PositionTable:
    """Prediction and outcome at every position, in blocks of positions.

    Args:
        logits_of: (start, stop) -> (stop - start, vocab) raw logits.
        ids: token ids of the prompt.
        token: id -> token.
        control: cancel and progress, at every block.

    Raises:
        Cancelled: ``control.cancel`` was set.
    """
    count = len(ids)
    predicted = np.zeros(count, np.int64)
    predicted_prob = np.zeros(count, np.float32)
    actual_log_prob = np.full(count, np.nan, np.float32)
    entropy_nats = np.zeros(count, np.float32)
    actual_rank = np.zeros(count, np.int64)
    for start in range(0, count, BLOCK):
        if control.cancel.is_set():
            raise Cancelled
        stop = min(start + BLOCK, count)
        logits = logits_of(start, stop)
        sums = logit_sums(logits)
        predicted[start:stop] = logits.argmax(-1).cpu().numpy()
        # the likeliest is shifted to 0
        predicted_prob[start:stop] = (-sums.log_total).exp().cpu().numpy()
        following = torch.tensor(ids[start + 1 : stop + 1], device=logits.device)
        rows = len(following)
        chosen = logits[:rows].gather(-1, following[:, None])
        log_prob = sums.shifted[:rows].gather(-1, following[:, None])[:, 0] - sums.log_total[:rows]
        actual_log_prob[start : start + rows] = log_prob.cpu().numpy()
        actual_rank[start : start + rows] = 1 + (logits[:rows] > chosen).sum(-1).cpu().numpy()
        entropy_nats[start:stop] = sums.entropy.cpu().numpy()
        control.progress(stop / count)
    return PositionTable(
        predicted=tuple(token(int(i)) for i in predicted),
        predicted_prob=read_only(predicted_prob),
        actual_log_prob=read_only(actual_log_prob),
        actual_rank=read_only(actual_rank),
        entropy_nats=read_only(entropy_nats),
    )


@dataclass(frozen=True)
class LogitSums:
    """Normaliser and entropy of rows of logits; see `logit_sums`."""

    shifted: Tensor
    """(P, vocab) ``y = x - max x``, finite."""
    log_total: Tensor
    """(P,) ln Σ e^y [nats]; ``ln p = y - log_total``."""
    entropy: Tensor
    """(P,) [nats]"""


def logit_sums(logits: Tensor, buffer: Tensor | None = None) -> LogitSums:
    """Normaliser and entropy of (P, vocab) logits, in a few passes over memory: ``H = ln Σ e^y - Σ p y``.

    Args:
        logits: float32.
        buffer: (2, P or more, vocab), overwritten: allocating costs more than the sums. `LogitSums.shifted` lies in
            its first half until the next call; the second half is free again.
    """
    shifted, weights = (
        torch.empty((2, *logits.shape), device=logits.device) if buffer is None else buffer[:, : len(logits)]
    )
    torch.sub(logits, logits.amax(-1, keepdim=True), out=shifted)
    total = torch.exp(shifted, out=weights).sum(-1)
    # not `vecdot`, which allocates as many numbers again
    expected = weights.mul_(shifted).sum(-1)
    if bool(expected.isnan().any()):
        # 0 * -inf; e^-1e4 is 0 as well, and adds nothing
        torch.exp(shifted.clamp_min_(-1e4), out=weights)
        expected = weights.mul_(shifted).sum(-1)
    log_total = total.log()
    return LogitSums(shifted, log_total, (log_total - expected / total).clamp_min(0))
