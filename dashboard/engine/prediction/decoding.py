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

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.decoding import DecodeSettings, Processed
from dashboard.engine.models.generation_config import Origin, rule_processors
from dashboard.engine.prediction.distributions import entropy
from dashboard.errors import NothingLeft

_MAKERS: dict[str, Callable[[DecodeSettings], LogitsProcessor]] = {
    "repetition_penalty": lambda settings: RepetitionPenaltyLogitsProcessor(settings.repetition_penalty),
    "no_repeat_ngram": lambda settings: NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram),
    "temperature": lambda settings: TemperatureLogitsWarper(settings.temperature),
    "top_k": lambda settings: TopKLogitsWarper(settings.top_k),
    "top_p": lambda settings: TopPLogitsWarper(settings.top_p),
    "min_p": lambda settings: MinPLogitsWarper(settings.min_p),
    "typical_p": lambda settings: TypicalLogitsWarper(settings.typical_p),
}
_FORCING = frozenset({"forced_bos_token_id", "forced_eos_token_id"})
"""These bring back what an earlier processor cut."""
Processors = list[tuple[str, LogitsProcessor]]


def processors(settings: DecodeSettings, origin: Origin | None = None) -> Processors:
    """(setting or rule, processor) in the order in which ``generate`` runs them; what has no effect has none.

    Args:
        settings: checked.
        origin: where the text comes from, with the model's rules; ``None``: there are none.
    """
    if origin is None:
        return [(name, _MAKERS[name](settings)) for name in settings.acting]
    names = origin.rules.in_order(settings)
    rules = rule_processors(origin, names)
    own = {name: _MAKERS[name](settings) for name in settings.acting}
    return [(name, (rules | own)[name]) for name in names if name in rules or name in own]


def run_processors(
    found: Processors, ids: Tensor, logits: Tensor, watched: Tensor, *, before: Sequence[str] = ()
) -> tuple[Tensor, Tensor]:
    """Processors one after the other.

    Args:
        found: of `processors`, or a part of them.
        ids: (R, length) tokens so far.
        logits: (R, vocab) float32: raw, or what an earlier part left.
        watched: (R, n) tokens.
        before: names of that earlier part.

    Returns:
        (R, vocab) scores, and (R, n) what removed each watched token: 0 = nothing, else 1 + place in `found`.

    Raises:
        NothingLeft: what ran before left scores that are no numbers.
    """
    scores, cut = logits, torch.zeros_like(watched)
    never = ~torch.isfinite(logits.gather(-1, watched))
    for place, (name, processor) in enumerate(found, 1):
        try:
            scores = processor(ids, scores.clone())
        except ValueError as error:  # some look first whether scores are numbers
            raise NothingLeft(names=", ".join([*before, *(one for one, _ in found[:place])])) from error
        gone = ~torch.isfinite(scores.gather(-1, watched))
        cut = torch.where((cut == 0) & gone & ~never, place, cut)
        if name in _FORCING:
            cut = torch.where(gone, cut, 0)
    return scores, cut


def require_tokens_left(there: Tensor, names: Sequence[str]) -> None:
    """See to it that every row has a token to take.

    Args:
        there: (…) whether a row has one.
        names: of the settings and rules that ran.

    Raises:
        NothingLeft: a row has none.
    """
    if names and not bool(there.all()):
        raise NothingLeft(names=", ".join(names))


def process(
    logits: Tensor, ids: Sequence[int], settings: DecodeSettings, shown: Sequence[int], origin: Origin | None = None
) -> Processed:
    """What `settings` make of the distribution after one position.

    Args:
        logits: (vocab,) raw float32 logits.
        ids: tokens up to that position; the repetition penalty looks at them.
        settings: checked.
        shown: token ids to report.
        origin: as of `processors`.

    Raises:
        NothingLeft: every token is cut.
    """
    seen = torch.tensor([list(ids)], device=logits.device)
    found = processors(settings, origin)
    names = [name for name, _ in found]
    every = torch.arange(logits.shape[-1], device=logits.device)[None]
    scores, cut = run_processors(found, seen, logits[None], every)
    require_tokens_left(torch.isfinite(scores.amax(-1)), names)
    cut_by = cut[0].cpu().numpy()
    log_p = torch.log_softmax(logits.cpu().double(), -1)  # not every device has float64
    log_q = torch.log_softmax(scores[0].cpu().double(), -1)
    if not settings.do_sample:  # greedy: the likeliest, whatever its probability
        best = int(scores[0].argmax())
        log_q = torch.full_like(log_q, -torch.inf)
        log_q[best] = 0
        cut_by = np.where(cut_by == 0, len(names) + 1, cut_by)
        cut_by[best] = 0
        names.append("do_sample")
    q = log_q.exp()
    kept = q > 0
    reported = q[torch.tensor(list(shown), dtype=torch.long)].numpy()
    return Processed(
        names=tuple(names),
        probs=read_only(reported),
        cut_by=tuple("" if cut_by[i] == 0 else names[cut_by[i] - 1] for i in shown),
        kept=int(kept.sum()),
        kept_mass=float(log_p[kept].exp().sum()),
        entropy_before_nats=entropy(log_p),
        entropy_after_nats=entropy(log_q),
        kl_nats=float((q[kept] * (log_q[kept] - log_p[kept])).sum()),
    )
