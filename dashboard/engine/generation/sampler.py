"""Sampling: cut each row's distribution by its decode settings, then draw one token of what remains.

A row's noise depends on (seed, row, step, token) alone, never on the rows beside it. Candidates are cut first and drawn
afterwards. The cut is exactly that of transformers' own warpers: where a threshold is too close to call in float32, or
a setting needs the whole vocabulary, those warpers themselves decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dashboard.engine.api.decoding import PENALTIES, DecodeSettings
from dashboard.engine.api.generation import ALTERNATIVES
from dashboard.engine.device.scratch_buffers import ScratchBuffers
from dashboard.engine.generation.noise import gumbel, row_keys
from dashboard.engine.generation.token_facts import (
    SampledTokens,
    concatenated,
    likeliest,
    log_total,
    rows_of,
    sampled_facts,
)
from dashboard.engine.models.generation_config import Origin
from dashboard.engine.prediction.decoding import processors, require_tokens_left, run_processors

CANDIDATES = (256, 4096)
"""Top-k sizes tried in turn: rows whose cut cannot be decided within 256 candidates retry with 4,096, then with the
whole vocabulary."""
NEAR = 2e-5
"""A threshold closer than this to a sum of float32 probabilities is too close to call."""
CUTTING = frozenset({"top_k", "top_p", "min_p"})
"""Settings that cut a sorted list of candidates."""
AT_ONCE = 1 << 23
"""Most logits of rows that are sampled together: the scratch memory of a draw is several times that."""
DRAW_BYTES = 56
"""Scratch memory of a draw for each logit where the whole vocabulary is sorted, roughly [bytes]."""
DrawOverride = Callable[[Tensor, Tensor], Tensor]
"""(R, K) token ids, (R, K) ln q -> (R,) column to draw: another source of noise, for tests."""


@dataclass(frozen=True)
class _Batch:
    """Rows to draw for."""

    logits: Tensor
    """(R, vocab) raw."""
    scores: Tensor
    """(R, vocab) penalised."""
    ids: Tensor
    """(R, length)"""
    keys: Tensor
    """(R,)"""
    alternatives: Tensor | None = None
    """(R, 10) likeliest tokens by the model's own distribution; ``None``: nothing is penalised."""
    penalised_by: Tensor | None = None
    """(R, 10) which penalty removed them: 0 = none, else 1 + its place."""

    def likeliest(self) -> tuple[Tensor, Tensor]:
        """`alternatives` and `penalised_by`, whether or not anything is penalised."""
        if self.alternatives is None or self.penalised_by is None:
            alternatives = likeliest(self.logits)
            return alternatives, torch.zeros_like(alternatives)
        return self.alternatives, self.penalised_by


@dataclass(frozen=True)
class _Candidates:
    """The remaining distribution of some rows."""

    ids: Tensor
    """(R, K) tokens that hold all of it; the whole vocabulary in order where that was sorted."""
    log_q: Tensor
    """(R, K) [nats]; -inf where cut."""
    alternatives: Tensor
    """(R, 10) likeliest tokens by the model's own distribution."""
    columns: Tensor
    """(R, 10) their columns in `ids`."""
    cut_by: Tensor
    """(R, 10) 0 = not cut, else 1 + place in the names."""


class Sampler:
    """Draws the tokens of one column's rows."""

    def __init__(
        self, settings: DecodeSettings, keys: Tensor, override: DrawOverride | None = None, origin: Origin | None = None
    ) -> None:
        """Store the settings and the rows' noise.

        Args:
            settings: checked.
            keys: (R,) of `row_keys`.
            override: draws in place of the noise.
            origin: where the texts begin, with the model's rules; ``None``: there are none.
        """
        named = processors(settings, origin)
        self.names = tuple(name for name, _ in named) + (() if settings.do_sample else ("do_sample",))
        self._settings, self._keys, self._override = settings, keys, override
        self._penalties = [(name, processor) for name, processor in named if name in PENALTIES]
        self._warpers = [(name, processor) for name, processor in named if name not in PENALTIES]
        cutting = {name for name, _ in self._warpers} - {"temperature"}
        self._sorts = bool(cutting) and cutting <= CUTTING and settings.top_k < CANDIDATES[-1]
        self._scratch = ScratchBuffers()

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows only."""
        self._keys = self._keys[rows]

    def draw(self, logits: Tensor, ids: Tensor, step: int, forced: Tensor | None = None) -> SampledTokens:
        """One token a row.

        Args:
            logits: (R, vocab) raw, float32.
            ids: (R, length) prompt and text so far, for the penalties.
            step: which token of the text it is.
            forced: (R,) tokens that are given, not drawn.

        Raises:
            NothingLeft: settings and rules cut every token of a row.
        """
        most = rows_at_once(logits.shape[-1])
        parts = [slice(start, start + most) for start in range(0, len(logits), most)]
        drawn = [
            self._draw(
                logits[part], ids[part], self._keys[part], step=step, forced=None if forced is None else forced[part]
            )
            for part in parts
        ]
        return drawn[0] if len(drawn) == 1 else concatenated(drawn)

    def _draw(self, logits: Tensor, ids: Tensor, keys: Tensor, *, step: int, forced: Tensor | None) -> SampledTokens:
        """As `draw`, of rows few enough to be sampled together."""
        batch = self._batch(logits, ids, keys)
        if not self._settings.do_sample:
            return self._greedy(batch, forced)
        if forced is not None or not self._sorts:
            return self._sample(batch, self._warped(batch), step, forced)
        counts = [count for count in CANDIDATES if self._settings.top_k < count < logits.shape[-1]]
        return self._draw_of_top(batch, step, counts)

    def _draw_of_top(self, batch: _Batch, step: int, counts: Sequence[int]) -> SampledTokens:
        """One token a row, of the counts[0] likeliest; rows that these cannot decide retry with the next count."""
        if not counts:
            return self._sample(batch, self._warped(batch), step)
        candidates, decided = self._cut(batch, counts[0])
        if bool(decided.all()):
            return self._sample(batch, candidates, step)
        done, undecided = decided.nonzero()[:, 0], (~decided).nonzero()[:, 0]
        retried = self._draw_of_top(rows_of(batch, undecided), step, counts[1:])
        if not len(done):
            return retried
        drawn = self._sample(rows_of(batch, done), rows_of(candidates, done), step)
        return rows_of(concatenated([drawn, retried]), torch.cat([done, undecided]).argsort())

    def distribution(self, logits: Tensor, ids: Tensor) -> Tensor:
        """(R, vocab) ln q of the next token; arguments and errors as of `draw`."""
        batch = self._batch(logits, ids, self._keys)
        if not self._settings.do_sample:
            return torch.full_like(batch.scores, -torch.inf).scatter_(-1, self._best(batch), 0.0)
        return self._warped(batch).log_q

    def _batch(self, logits: Tensor, ids: Tensor, keys: Tensor) -> _Batch:
        if not self._penalties:
            return _Batch(logits, logits, ids, keys)
        alternatives = likeliest(logits)
        scores, penalised_by = run_processors(self._penalties, ids, logits, alternatives)
        return _Batch(logits, scores, ids, keys, alternatives, penalised_by)

    def _best(self, batch: _Batch) -> Tensor:
        """(R, 1) the likeliest token after the penalties."""
        best = batch.scores.argmax(-1, keepdim=True)
        require_tokens_left(torch.isfinite(batch.scores.gather(-1, best)), self.names)
        return best

    def _sample(self, batch: _Batch, candidates: _Candidates, step: int, forced: Tensor | None = None) -> SampledTokens:
        """One token of the candidates, by the Gumbel-max trick."""
        logits = batch.logits
        margins = torch.full((len(logits),), math.nan, device=logits.device)
        if forced is not None:
            column = forced[:, None]
        elif self._override is not None:
            column = self._override(candidates.ids, candidates.log_q)[:, None]
        else:
            # not every device has float64
            buffer = self._scratch.get((2, *candidates.ids.shape), torch.int64)
            noise = gumbel(batch.keys, step, candidates.ids.cpu(), buffer)
            best = noise.add_(candidates.log_q.cpu()).topk(2, -1)
            column = best.indices[:, :1].to(logits.device)
            margins = (best.values[:, 0] - best.values[:, 1]).float().to(logits.device)
        return sampled_facts(
            logits,
            self._scratch.like(logits),
            candidates.ids.gather(-1, column),
            candidates.log_q.gather(-1, column)[:, 0],
            margins,
            alternatives=candidates.alternatives,
            alternative_log_q=candidates.log_q.gather(-1, candidates.columns),
            cut_by=candidates.cut_by,
        )

    def _greedy(self, batch: _Batch, forced: Tensor | None) -> SampledTokens:
        """The likeliest token, whatever its probability: all others are cut, at the latest by not sampling."""
        logits, scores = batch.logits, batch.scores
        best = self._best(batch)
        ids = best if forced is None else forced[:, None]
        second = scores.scatter(-1, best, -torch.inf).amax(-1)
        margins = scores.gather(-1, best)[:, 0] - second
        alternatives, penalised_by = batch.likeliest()
        is_best = alternatives == best
        cut_by = torch.where(is_best, 0, torch.where(penalised_by == 0, len(self.names), penalised_by))
        return sampled_facts(
            logits,
            self._scratch.like(logits),
            ids,
            torch.where(ids == best, 0.0, -torch.inf)[:, 0],
            margins if forced is None else torch.full_like(margins, math.nan),
            alternatives=alternatives,
            alternative_log_q=torch.where(is_best, 0.0, -torch.inf),
            cut_by=cut_by,
        )

    def _cut(self, batch: _Batch, count: int) -> tuple[_Candidates, Tensor]:
        """The `count` likeliest after top_k, top_p and min_p, and (R,) whether that is surely the whole cut."""
        settings, scores = self._settings, batch.scores
        values, ids = scores.topk(count, -1)
        values = values / settings.temperature
        allowed = torch.isfinite(values)
        require_tokens_left(allowed[:, 0], self.names)
        cut_by = torch.zeros_like(ids)
        decided = torch.ones(len(scores), dtype=torch.bool, device=scores.device)

        def drop(name: str, beyond: Tensor) -> None:
            cut_by.masked_fill_(allowed & beyond, 1 + self.names.index(name))
            allowed.logical_and_(~beyond)

        if settings.top_k:
            drop("top_k", values < values[:, settings.top_k - 1 : settings.top_k])
            total = torch.logsumexp(values.masked_fill(~allowed, -torch.inf), -1, keepdim=True)
        else:
            total = log_total(scores, self._scratch.like(scores), settings.temperature)
        if settings.top_p < 1:
            probs = (values - total).exp().masked_fill(~allowed, 0)
            mass_before = probs.cumsum(-1) - probs  # of the likelier ones; the token that crosses top_p stays
            beyond = mass_before >= settings.top_p
            beyond[:, 0] = False
            decided &= ~((mass_before - settings.top_p).abs() < NEAR).any(-1)
            # equal scores at the edge: transformers' own sort decides which of them stays
            edge = beyond[:, 1:] & ~beyond[:, :-1] & (values[:, 1:] == values[:, :-1]) & allowed[:, 1:]
            decided &= ~edge.any(-1)
            drop("top_p", beyond)
        if settings.min_p:
            distance = values - values[:, :1] - math.log(settings.min_p)
            decided &= ~(distance.abs() < NEAR).any(-1)
            drop("min_p", distance < 0)
        log_q = torch.log_softmax(values.masked_fill(~allowed, -torch.inf), -1)
        alternatives, columns, complete = _alternatives_among(ids, batch, decided)
        cut_by = cut_by.gather(-1, columns)
        if batch.penalised_by is not None:
            cut_by = torch.where(batch.penalised_by > 0, batch.penalised_by, cut_by)
        return _Candidates(ids, log_q, alternatives, columns, cut_by), decided & complete & ~allowed[:, -1]

    def _warped(self, batch: _Batch) -> _Candidates:
        """The remaining distribution by transformers' own warpers, over the whole vocabulary."""
        alternatives, penalised_by = batch.likeliest()
        before = [name for name, _ in self._penalties]
        scores, warped_by = run_processors(self._warpers, batch.ids, batch.scores, alternatives, before=before)
        log_q = torch.log_softmax(scores, -1)
        require_tokens_left(~log_q[:, 0].isnan(), self.names)
        cut_by = torch.where(warped_by > 0, warped_by + len(self._penalties), 0)
        vocabulary = torch.arange(scores.shape[-1], device=scores.device).expand_as(scores)
        cut_by = torch.where(penalised_by > 0, penalised_by, cut_by)
        return _Candidates(vocabulary, log_q, alternatives, alternatives, cut_by)


def _alternatives_among(ids: Tensor, batch: _Batch, decided: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(R, 10) alternatives, their columns in (R, K) candidates `ids`, and (R,) whether all of them are there."""
    if batch.alternatives is None:
        alternatives = ids[:, :ALTERNATIVES]
        return alternatives, torch.arange(alternatives.shape[-1], device=ids.device).expand_as(alternatives), decided
    matches = ids[:, None, :] == batch.alternatives[:, :, None]
    return batch.alternatives, matches.int().argmax(-1), matches.any(-1).all(-1)


def single_row_sampler(settings: DecodeSettings, origin: Origin | None) -> Sampler:
    """A sampler of one row, to read its distribution without drawing."""
    return Sampler(settings, row_keys(0, 0, 1), origin=origin)


def rows_at_once(vocab: int) -> int:
    """Most rows that are sampled together."""
    return max(1, AT_ONCE // vocab)
