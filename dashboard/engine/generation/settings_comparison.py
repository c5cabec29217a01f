"""Comparison of decode settings at each position of a text: entropy, mass and distances of what each leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.generation import CompareRequest, SettingsComparison
from dashboard.engine.api.model import CallControl
from dashboard.engine.generation.sampler import single_row_sampler
from dashboard.engine.generation.text_generator import TextGenerator
from dashboard.engine.prediction.distributions import entropy as entropy_of
from dashboard.engine.prediction.distributions import jensen_shannon, total_variation
from dashboard.errors import Cancelled


def compare(
    logits: Callable[[int], Tensor],
    ids: Sequence[int],
    request: CompareRequest,
    control: CallControl,
    generator: TextGenerator | None = None,
) -> SettingsComparison:
    """Compare settings with each other at each position, as if the prompt ended there.

    Args:
        logits: position -> (vocab,) raw float32 logits.
        ids: the text.
        request: checked.
        control: progress and cancel, at every position.
        generator: with the model's own rules; ``None``: there are none.

    Raises:
        Cancelled: ``control.cancel`` was set.
    """
    start, stop = request.positions
    count, settings = stop - start, len(request.settings)
    kept, mass, entropy = (np.zeros((settings, count), kind) for kind in (np.int64, np.float32, np.float32))
    entropy_of_p = np.zeros(count, np.float32)
    distances = np.zeros((2, settings, settings, count), np.float32)
    for i, pos in enumerate(range(start, stop)):
        if control.cancel.is_set():
            raise Cancelled
        control.progress(i / count)
        scores = logits(pos)
        seen = torch.tensor([list(ids[: pos + 1])], device=scores.device)
        log_p = torch.log_softmax(scores.cpu().double(), -1)  # not every device has float64
        # the settings' own scores, renormalised in float64: equal settings have distance 0
        origin = generator.origin(seen[0]) if generator else None
        samplers = [single_row_sampler(each, origin) for each in request.settings]
        log_q = [sampler.distribution(scores[None], seen)[0].cpu().double().log_softmax(-1) for sampler in samplers]
        entropy_of_p[i] = entropy_of(log_p)
        for a, log_qa in enumerate(log_q):
            remaining = log_qa.exp() > 0
            kept[a, i] = int(remaining.sum())
            mass[a, i] = float(log_p[remaining].exp().sum())
            entropy[a, i] = entropy_of(log_qa)
            for b in range(a):
                pair = total_variation(log_qa, log_q[b]), jensen_shannon(log_qa, log_q[b])
                distances[:, a, b, i] = distances[:, b, a, i] = pair
    for array in (kept, mass, entropy, entropy_of_p, distances):
        read_only(array)
    return SettingsComparison(kept, mass, entropy, entropy_of_p, distances[0], distances[1])
