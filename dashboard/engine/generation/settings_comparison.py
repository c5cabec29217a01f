"""What decode settings leave at each position of a text, and how far apart they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.generation import CompareRequest, SettingsComparison
from dashboard.engine.api.model import CallControl
from dashboard.engine.generation.sampler import single_row
from dashboard.engine.generation.text_generator import TextGenerator
from dashboard.engine.prediction.distributions import entropy as entropy_of
from dashboard.engine.prediction.distributions import jensen_shannon, total_variation
from dashboard.errors import Cancelled


def compare(
    logits: Callable[[int], Tensor],
    ids: Sequence[int],
    request: CompareRequest,
    control: CallControl,
    writer: TextGenerator | None = None,
) -> SettingsComparison:
    """Several settings against each other, position by position, each as the end of a prompt.

    Args:
        logits: position -> (vocab,) raw float32 logits.
        ids: the text.
        request: checked.
        control: progress and cancel, at every position.
        writer: has the model's own rules; ``None``: there are none.

    Raises:
        Cancelled: ``control.cancel`` was set.
    """
    start, stop = request.positions
    count, settings = stop - start, len(request.settings)
    kept, mass, entropy = (np.zeros((settings, count), kind) for kind in (np.int64, np.float32, np.float32))
    own = np.zeros(count, np.float32)
    distances = np.zeros((2, settings, settings, count), np.float32)
    for place, pos in enumerate(range(start, stop)):
        if control.cancel.is_set():
            raise Cancelled
        control.progress(place / count)
        here = logits(pos)
        seen = torch.tensor([list(ids[: pos + 1])], device=here.device)
        log_p = torch.log_softmax(here.cpu().double(), -1)  # not every device has float64
        # the settings' own scores, renormalised in float64: equal settings have distance 0
        origin = writer.origin(seen[0]) if writer else None
        choosers = [single_row(one, origin) for one in request.settings]
        log_q = [chooser.distribution(here[None], seen)[0].cpu().double().log_softmax(-1) for chooser in choosers]
        own[place] = entropy_of(log_p)
        for i, one in enumerate(log_q):
            left = one.exp() > 0
            kept[i, place] = int(left.sum())
            mass[i, place] = float(log_p[left].exp().sum())
            entropy[i, place] = entropy_of(one)
            for j in range(i):
                pair = total_variation(one, log_q[j]), jensen_shannon(one, log_q[j])
                distances[:, i, j, place] = distances[:, j, i, place] = pair
    for array in (kept, mass, entropy, own, distances):
        read_only(array)
    return SettingsComparison(kept, mass, entropy, own, distances[0], distances[1])
