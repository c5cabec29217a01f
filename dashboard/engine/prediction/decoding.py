"""Decode settings applied to a distribution: transformers' own processors, in transformers' order, one by one."""

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
    "no_repeat_ngram_size": lambda settings: NoRepeatNGramLogitsProcessor(settings.no_repeat_ngram_size),
    "temperature": lambda settings: TemperatureLogitsWarper(settings.temperature),
    "top_k": lambda settings: TopKLogitsWarper(settings.top_k),
    "top_p": lambda settings: TopPLogitsWarper(settings.top_p),
    "min_p": lambda settings: MinPLogitsWarper(settings.min_p),
    "typical_p": lambda settings: TypicalLogitsWarper(settings.typical_p),
}
_FORCING = frozenset({"forced_bos_token_id", "forced_eos_token_id"})
"""Rules that bring back a token that an earlier processor cut."""
Processors = list[tuple[str, LogitsProcessor]]


def processors(settings: DecodeSettings, origin: Origin | None = None) -> Processors:
    """(setting or rule, processor) in the order in which ``generate`` runs them; without those that have no effect.

    Args:
        settings: checked.
        origin: where the text begins, with the model's rules; ``None``: there are none.
    """
    if origin is None:
        return [(name, _MAKERS[name](settings)) for name in settings.acting]
    names = origin.rules.in_order(settings)
    rules = rule_processors(origin, names)
    of_settings = {name: _MAKERS[name](settings) for name in settings.acting}
    return [(name, (rules | of_settings)[name]) for name in names if name in rules or name in of_settings]


def run_processors(
    named: Processors, ids: Tensor, logits: Tensor, watched: Tensor, *, before: Sequence[str] = ()
) -> tuple[Tensor, Tensor]:
    """Run processors one after the other.

    Args:
        named: of `processors`, or a part of them.
        ids: (R, length) tokens so far.
        logits: (R, vocab) float32: raw, or the scores of an earlier part.
        watched: (R, n) tokens.
        before: names of that earlier part.

    Returns:
        (R, vocab) scores, and (R, n) what removed each watched token: 0 = nothing, else 1 + place in `named`.

    Raises:
        NothingLeft: a processor refuses scores that are no numbers.
    """
    scores, cut = logits, torch.zeros_like(watched)
    never = ~torch.isfinite(logits.gather(-1, watched))
    for place, (name, processor) in enumerate(named, 1):
        try:
            scores = processor(ids, scores.clone())
        except ValueError as error:  # some check first whether scores are numbers
            raise NothingLeft(names=", ".join([*before, *(other for other, _ in named[:place])])) from error
        gone = ~torch.isfinite(scores.gather(-1, watched))
        cut = torch.where((cut == 0) & gone & ~never, place, cut)
        if name in _FORCING:
            cut = torch.where(gone, cut, 0)
    return scores, cut


def require_tokens_left(remaining: Tensor, names: Sequence[str]) -> None:
    """Check that every row has a token left.

    Args:
        remaining: (…) whether a row has one.
        names: of the settings and rules that ran.

    Raises:
        NothingLeft: a row has none.
    """
    if names and not bool(remaining.all()):
        raise NothingLeft(names=", ".join(names))


def process(
    logits: Tensor, ids: Sequence[int], settings: DecodeSettings, reported: Sequence[int], origin: Origin | None = None
) -> Processed:
    """The distribution after one position under `settings`.

    Args:
        logits: (vocab,) raw float32 logits.
        ids: tokens up to that position; the repetition penalty looks at them.
        settings: checked.
        reported: token ids to report.
        origin: as of `processors`.

    Raises:
        NothingLeft: every token is cut.
    """
    seen = torch.tensor([list(ids)], device=logits.device)
    named = processors(settings, origin)
    names = [name for name, _ in named]
    vocabulary = torch.arange(logits.shape[-1], device=logits.device)[None]
    scores, cut = run_processors(named, seen, logits[None], vocabulary)
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
    probs = q[torch.tensor(list(reported), dtype=torch.long)].numpy()
    return Processed(
        names=tuple(names),
        probs=read_only(probs),
        cut_by=tuple("" if cut_by[i] == 0 else names[cut_by[i] - 1] for i in reported),
        kept=int(kept.sum()),
        kept_mass=float(log_p[kept].exp().sum()),
        entropy_before_nats=entropy(log_p),
        entropy_after_nats=entropy(log_q),
        kl_nats=float((q[kept] * (log_q[kept] - log_p[kept])).sum()),
    )
