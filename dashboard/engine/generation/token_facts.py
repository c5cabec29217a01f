"""Facts of chosen tokens: ln p, rank and the likeliest alternatives, as tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from dashboard.engine.api.generation import ALTERNATIVES, TokenFacts

Rows = TypeVar("Rows", bound=Any)


@dataclass(frozen=True)
class SampledTokens(TokenFacts[Tensor, Tensor]):
    """One token of each row."""


def concatenated(parts: Sequence[SampledTokens]) -> SampledTokens:
    """Rows below each other."""
    names = [field.name for field in fields(SampledTokens)]
    return SampledTokens(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})


def rows_of(source: Rows, rows: Tensor) -> Rows:
    """Some rows of every tensor of a dataclass; fields that are ``None`` stay so."""
    values = {field.name: getattr(source, field.name) for field in fields(source)}
    return replace(source, **{name: value[rows] for name, value in values.items() if value is not None})


def likeliest(logits: Tensor) -> Tensor:
    """(R, 10) likeliest tokens of (R, vocab) logits."""
    return logits.topk(min(ALTERNATIVES, logits.shape[-1]), -1).indices


def log_total(logits: Tensor, buffer: Tensor, temperature: float = 1.0) -> Tensor:
    """(R, 1) ln Σ e^(x / temperature) of (R, vocab) `logits` [nats]; `buffer`: of their shape, overwritten."""
    most = logits.amax(-1, keepdim=True)
    torch.sub(logits, most, out=buffer)
    if temperature != 1:
        buffer.div_(temperature)
    return buffer.exp_().sum(-1, keepdim=True).log_().add_(most / temperature)


def sampled_facts(
    logits: Tensor,
    buffer: Tensor,
    ids: Tensor,
    log_q: Tensor,
    margins: Tensor,
    *,
    alternatives: Tensor,
    alternative_log_q: Tensor,
    cut_by: Tensor,
) -> SampledTokens:
    """Facts of sampled tokens.

    Args:
        logits: (R, vocab) raw, float32.
        buffer: (R, vocab), overwritten.
        ids: (R, 1) the tokens.
        log_q: (R,) [nats].
        margins: (R,) [nats].
        alternatives: (R, 10) tokens.
        alternative_log_q: (R, 10) [nats].
        cut_by: (R, 10) of the alternatives.
    """
    raw, total = logits.gather(-1, ids), log_total(logits, buffer)
    likelier = torch.gt(logits, raw, out=buffer).sum(-1)
    return SampledTokens(
        ids=ids[:, 0],
        log_p=(raw - total)[:, 0],
        log_q=log_q,
        ranks=1 + likelier.long(),
        margins=margins,
        alternatives=alternatives,
        alternative_log_p=logits.gather(-1, alternatives) - total,
        alternative_log_q=alternative_log_q,
        alternative_cut_by=cut_by,
    )


def token_facts(logits: Tensor, ids: Tensor) -> SampledTokens:
    """Facts of tokens that were not sampled one by one; `log_q` and margins are NaN.

    Args:
        logits: (n, vocab) raw, float32, before each of them.
        ids: (n,) the tokens.
    """
    alternatives = likeliest(logits)
    unknown = torch.full((len(ids),), math.nan, device=logits.device)
    nothing = torch.zeros_like(alternatives)
    return sampled_facts(
        logits,
        torch.empty_like(logits),
        ids[:, None],
        unknown,
        unknown,
        alternatives=alternatives,
        alternative_log_q=nothing + unknown[:, None],
        cut_by=nothing,
    )
