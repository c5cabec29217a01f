"""Texts and trees against plain transformers: one whole pass a text, processors over the whole vocabulary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import (
    FLOAT_NOISE,
    Generated,
    GenerateRequest,
    Output,
    ProbabilityTree,
    TreeRequest,
)
from dashboard.engine.api.verification import Deviation
from dashboard.engine.checking.plain_model import PlainModel
from dashboard.engine.generation.beams import scored_texts, search_options
from dashboard.engine.generation.noise import gumbel, row_keys
from dashboard.engine.prediction.decoding import processors, run_processors


def check_texts(request: GenerateRequest, answer: Generated, plain: PlainModel) -> Iterator[Deviation]:
    """Ln p of every token of every text; where tokens are drawn one by one, ln q and which token is drawn too.

    Draws are made again with the noise of their seed, row and step; one that was won by less than float noise is not
    counted.
    """
    log_p: list[tuple[np.ndarray, np.ndarray]] = []
    log_q: list[tuple[float, float]] = []
    drawn: list[tuple[bool, bool]] = []
    for output in answer.outputs:
        ids, column = output.ids.tolist(), request.columns[output.column]
        logits = plain.logits([*request.token_ids, *ids], len(ids) + 1)[:-1]
        own = logits.double().cpu().log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])[:, 0].numpy()
        log_p.append((output.log_p, own))
        if column.num_beams == 1:
            settings = _Settings(column.settings, request.token_ids, column.max_new_tokens, plain)
            for step in range(len(request.forced), len(ids)):
                token, q = _drawn(settings, column.seed, output, step, logits[step])
                log_q += [(float(output.log_q[step]), q)] if np.isfinite(q) else []
                drawn.append((True, token == ids[step] or bool(output.margins[step] < FLOAT_NOISE)))
    tokens = len(request.token_ids)
    if log_p:
        ours, own = (np.concatenate(side) for side in zip(*log_p, strict=True))
        yield plain.deviation("text_log_p", tokens, ours, own)
    if log_q:
        yield plain.deviation("log_q", tokens, *np.array(log_q).T)
    if drawn:
        yield plain.deviation("draws", tokens, *np.array(drawn, float).T)
    if not answer.unfinished:
        yield from _check_beams(request, answer, plain)


def _check_beams(request: GenerateRequest, answer: Generated, plain: PlainModel) -> Iterator[Deviation]:
    """Texts of each beam search in their order, and their scores, against ``generate`` of the plain model.

    Two texts whose scores are nearer than float noise may change places. Beam-sample is left out: its draws hang on the
    last digits of the kernel.
    """
    scores: list[tuple[float, float]] = []
    same: list[tuple[bool, bool]] = []
    generator = plain.ready.generator
    for number, column in enumerate(request.columns):
        if column.num_beams == 1 or column.settings.do_sample:
            continue
        options = search_options(generator, len(request.token_ids), column)
        rows = scored_texts(plain.generate(request.token_ids, **options), len(request.token_ids))
        ours = [each for each in answer.outputs if each.column == number]
        same.append((True, len(ours) == len(rows)))
        for text, (ids, score) in zip(ours, rows, strict=False):
            tied = abs(text.score - score) < FLOAT_NOISE
            near = sum(abs(text.score - other.score) < FLOAT_NOISE for other in ours) > 1
            scores.append((text.score, score))
            same.append((True, ids == text.ids.tolist() or (tied and near)))
    if scores:
        yield plain.deviation("beam_scores", len(request.token_ids), *np.array(scores).T)
    if same:
        yield plain.deviation("beams", len(request.token_ids), *np.array(same, float).T)


@dataclass(frozen=True)
class _Settings:
    """Decode settings at the steps of a text, by transformers' own processors over the whole vocabulary."""

    settings: DecodeSettings
    prompt: tuple[int, ...]
    limit: int
    """Tokens of a text at most; 0: not said."""
    plain: PlainModel

    def scores(self, logits: Tensor, text: Sequence[int]) -> Tensor:
        """(vocab,) what they leave of the `logits` behind prompt and `text`."""
        origin = self.plain.ready.generator.origin(torch.tensor(self.prompt, device=logits.device), self.limit)
        watched = torch.zeros((1, 1), dtype=torch.long, device=logits.device)
        seen = torch.tensor([[*self.prompt, *text]], device=logits.device)
        with torch.inference_mode():
            return run_processors(processors(self.settings, origin), seen, logits[None], watched)[0][0].double().cpu()

    def log_q(self, logits: Tensor, text: Sequence[int]) -> Tensor:
        """(vocab,) ln q of the next token."""
        scores = self.scores(logits, text)
        if self.settings.do_sample:
            return scores.log_softmax(-1)
        return torch.full_like(scores, -torch.inf).index_fill_(0, scores.argmax(), 0.0)


def _drawn(settings: _Settings, seed: int, output: Output, step: int, logits: Tensor) -> tuple[int, float]:
    """The token that is drawn at a step of a text, and ln q of the one that stands there."""
    log_q = settings.log_q(logits, output.ids[:step].tolist())
    noise = gumbel(row_keys(seed, output.row, 1), step, torch.arange(len(log_q)))[0]
    return int((log_q + noise).argmax()), float(log_q[output.ids[step]])


def check_tree(request: TreeRequest, answer: ProbabilityTree, plain: PlainModel) -> Iterator[Deviation]:
    """Probability of every node: product of q along its way, one plain pass for each node that has children."""
    own, log_q = np.zeros(len(answer.ids)), dict[int, Tensor]()
    settings = _Settings(request.settings, request.token_ids, request.limit, plain)
    ways: dict[int, tuple[int, ...]] = {-1: ()}
    for node, (parent, token) in enumerate(zip(answer.parents.tolist(), answer.ids.tolist(), strict=True)):
        if parent not in log_q:
            log_q[parent] = settings.log_q(plain.logits([*request.token_ids, *ways[parent]], 1)[0], ways[parent])
        own[node] = float(log_q[parent][token]) + (own[parent] if parent >= 0 else 0.0)
        ways[node] = (*ways[parent], token)
    yield plain.deviation("settings", len(request.token_ids), answer.probs, np.exp(own))
