"""Scores of every completion behind every prompt: one request where all share their tokens, else pair by pair."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.probes.continuations import Ids, Rows, Tokenise, shared
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.run_key import ModelVersion

PairRequest = ScoreRequest | SentenceRequest


@dataclass(frozen=True)
class Pairs:
    """Every completion behind every prompt, as the engine takes it."""

    request: PairRequest | None
    """``None``: none of them can be scored."""
    scorable: NDArray[np.bool_]
    """(prompt, completion) the pairs that the request holds, completions fastest."""

    @classmethod
    def of(cls, version: ModelVersion, prompt_ids: Sequence[Ids], rows: Rows, boundary: bool) -> Pairs:
        """The pairs of these rows.

        Args:
            version: of the model that scores them.
            prompt_ids: of each prompt by itself.
            rows: (prompt, completion); what cannot be scored is left out.
            boundary: as in `ScoreRequest`.
        """
        scorable = np.array([[continuation.scorable for continuation in row] for row in rows])
        if scorable.all() and shared(rows, prompt_ids):
            return cls(
                ScoreRequest(
                    version, tuple(prompt_ids), tuple(continuation.scored for continuation in rows[0]), boundary
                ),
                scorable,
            )
        pairs = [continuation for row in rows for continuation in row if continuation.scorable]
        request = SentenceRequest(
            version, tuple(pair.ids for pair in pairs), tuple(pair.given for pair in pairs), boundary
        )
        return cls(request if pairs else None, scorable)

    @classmethod
    def of_probe(cls, version: ModelVersion, probe: TokenizedProbe, numbers: Sequence[int] | None = None) -> Pairs:
        """The pairs of a probe of which every pair was looked at; of some of its prompts (`numbers`) or of all."""
        numbers = range(len(probe.prompts)) if numbers is None else numbers
        prompt_ids = tuple(probe.prompt_ids[number] for number in numbers)
        if probe.by_prompt:
            rows = tuple(probe.by_prompt[number] for number in numbers)
            return cls.of(version, prompt_ids, rows, probe.spec.boundary)
        scorable = np.ones((len(prompt_ids), len(probe.texts)), bool)
        return cls(ScoreRequest(version, prompt_ids, probe.completion_ids, probe.spec.boundary), scorable)

    def cost(self, engine: Engine) -> Cost:
        """What `scores` would cost. Raises as `ScoreRequest`."""
        return Cost(0, 0.0) if self.request is None else engine.cost(self.request)

    def scores(self, engine: Engine, control: CallControl | None = None) -> PairScores:
        """The scores. Raises as `ScoreRequest`, and Busy, Cancelled."""
        if isinstance(self.request, ScoreRequest):
            found = engine.answer(self.request, control)
            lengths = np.broadcast_to(found.lengths, self.scorable.shape)
            mass = found.boundary_log_mass
            own = None if mass is None else mass.astype(np.float64)
            return PairScores(found.log_p.astype(np.float64), own, lengths, found.seconds, found.way)
        lengths = np.zeros(self.scorable.shape, np.int64)
        if self.request is None:
            return PairScores(self._table(()), None, lengths, 0.0, "")
        each = engine.answer(self.request, control)
        lengths[self.scorable] = each.lengths
        own = None if each.boundary_log_mass is None else self._table(each.boundary_log_mass)
        return PairScores(self._table(each.log_p), own, lengths, each.seconds, each.way)

    def _table(self, values: Sequence[float] | NDArray[np.float32]) -> NDArray[np.float64]:
        """(prompt, completion) values of the pairs of the request; NaN elsewhere."""
        table = np.full(self.scorable.shape, np.nan)
        table[self.scorable] = values
        return table


@dataclass(frozen=True)
class PairScores:
    """Ln p of every completion behind every prompt."""

    log_p: NDArray[np.float64]
    """(prompt, completion) the sum over its tokens [nats]; NaN where it cannot be scored."""
    boundary_log_mass: NDArray[np.float64] | None
    """(prompt, completion) as in `dashboard.engine.api.scoring.Scores`."""
    lengths: NDArray[np.int64]
    """(prompt, completion) tokens scored; 0 where it cannot be."""
    seconds: float
    way: str
    """As in `dashboard.engine.api.scoring.Scores`."""

    @property
    def total(self) -> NDArray[np.float64]:
        """(prompt, completion) with the end of the word, where that was asked for [nats]."""
        return self.log_p if self.boundary_log_mass is None else self.log_p + self.boundary_log_mass


def tokeniser(engine: Engine, model: str) -> Tokenise:
    """The model's tokenizer, as probes ask it."""
    return lambda texts, alone: engine.tokenizer(model).ids(tuple(texts), alone=alone)
