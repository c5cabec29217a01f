"""What decoding settings leave of a distribution: transformers' own processors, in transformers' order, one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from transformers.generation.logits_process import (
    LogitsProcessor,
    MinPLogitsWarper,
    NoRepeatNGramLogitsProcessor,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
    TypicalLogitsWarper,
)

from dashboard.engine.base import DecodeSettings, Processed

PENALTIES = ("repetition_penalty", "no_repeat_ngram")
"""Settings that look at the tokens so far."""


_MAKERS: dict[str, Callable[[DecodeSettings], LogitsProcessor]] = {
    "repetition_penalty": lambda settings: RepetitionPenaltyLogitsProcessor(settings.repetition_penalty),
    "no_repeat_ngram": lambda settings: NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram),
    "temperature": lambda settings: TemperatureLogitsWarper(settings.temperature),
    "top_k": lambda settings: TopKLogitsWarper(settings.top_k),
    "top_p": lambda settings: TopPLogitsWarper(settings.top_p),
    "min_p": lambda settings: MinPLogitsWarper(settings.min_p),
    "typical_p": lambda settings: TypicalLogitsWarper(settings.typical_p),
}


def processors(settings: DecodeSettings) -> list[tuple[str, LogitsProcessor]]:
    """(setting, processor) in the order in which ``generate`` runs them; settings without effect have none."""
    return [(name, _MAKERS[name](settings)) for name in settings.acting]


def process(logits: Tensor, ids: Sequence[int], settings: DecodeSettings, shown: Sequence[int]) -> Processed:
    """What `settings` make of the distribution after one position.

    Args:
        logits: (vocab,) raw float32 logits.
        ids: tokens up to that position; the repetition penalty looks at them.
        settings: checked.
        shown: token ids to report.
    """
    seen = torch.tensor([list(ids)], device=logits.device)
    scores = logits[None]
    cut_by = np.zeros(logits.shape[-1], np.int64)
    names = []
    for place, (name, processor) in enumerate(processors(settings), 1):
        before = torch.isfinite(scores[0])
        scores = processor(seen, scores.clone())
        names.append(name)
        cut_by[(before & ~torch.isfinite(scores[0])).cpu().numpy()] = place
    log_p = torch.log_softmax(logits.cpu().double(), -1)  # not every device has float64
    log_q = torch.log_softmax(scores[0].cpu().double(), -1)
    if not settings.do_sample:  # greedy: the likeliest, whatever its probability
        best = int(scores[0].argmax())
        log_q = torch.full_like(log_q, -torch.inf)
        log_q[best] = 0
        cut_by[:] = np.where(cut_by == 0, len(names) + 1, cut_by)
        cut_by[best] = 0
        names.append("do_sample")
    q = log_q.exp()
    kept = q > 0
    reported = q[torch.tensor(list(shown), dtype=torch.long)].numpy()
    reported.flags.writeable = False
    return Processed(
        names=tuple(names),
        probs=reported,
        cut_by=tuple("" if cut_by[i] == 0 else names[cut_by[i] - 1] for i in shown),
        kept=int(kept.sum()),
        kept_mass=float(log_p[kept].exp().sum()),
        entropy_before_nats=_entropy(log_p),
        entropy_after_nats=_entropy(log_q),
        kl_nats=float((q[kept] * (log_q[kept] - log_p[kept])).sum()),
    )


def _entropy(log_p: Tensor) -> float:
    return max(0.0, float(-(log_p.exp() * log_p.clamp_min(-1e300)).sum()))
