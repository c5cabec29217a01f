"""Exact scores of given texts in few passes: by tree attention where the family allows it, else in batches."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from dashboard.engine.api.arrays import Floats, read_only
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.scoring import ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.capture.capture import Capturer, controlled_by
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.models.first_use import FirstUse
from dashboard.engine.scoring.passes import (
    LogProbReader,
    batch_tokens,
    by_batches,
    by_tree,
    crosses,
    tree_matches_model,
    tree_tokens,
)
from dashboard.engine.scoring.token_trie import CompletionTrie, Ids, PromptForest, build_trie, join_tries
from dashboard.engine.scoring.word_ends import word_ends
from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.errors import NothingToScore, PromptEmpty, ScoresTooLarge, ScoresTooLong, WordsNotMarked

Request = ScoreRequest | SentenceRequest


@dataclass(frozen=True)
class _Plan:
    """Prompts, all different and ascending, and the completions of each."""

    prompts: list[Ids]
    completions: list[CompletionTrie]
    boundary: bool

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest text."""
        pairs = zip(self.prompts, self.completions, strict=True)
        return max(len(prompt) + behind.paths.shape[1] for prompt, behind in pairs)

    @cached_property
    def ids(self) -> Ids:
        """Every token id that occurs, once."""
        different = {id(behind): behind for behind in self.completions}.values()  # prompts may share one
        return tuple(sorted(set().union(*self.prompts, *(behind.trie.tokens.tolist() for behind in different))))

    @cached_property
    def scored(self) -> int:
        """Tokens whose probability is needed."""
        return sum(len(behind.trie) for behind in self.completions)


class Scorer:
    """A model, and all that scoring needs of it."""

    def __init__(self, generator: TextGenerator, reader: PromptReader, capturer: Capturer) -> None:
        """Whether tree attention gives the model's own numbers is tried out when texts are first scored."""
        self._generator, self._reader, self._most = generator, reader, capturer.plain_softmax_up_to
        self._tree_matches = FirstUse(generator.model_id, lambda: tree_matches_model(generator))

    @cached_property
    def tree_up_to(self) -> int:
        """Most tokens of a text up to which tree attention is exact; 0: it never is."""
        return self._most if self._most and self._tree_matches() else 0

    @cached_property
    def word_ends(self) -> tuple[int, ...]:
        """See `dashboard.engine.scoring.word_ends.word_ends`; empty where the vocabulary marks no words."""
        # either may be padded beyond the other
        count = min(len(self._generator.tokenizer), self._generator.model.get_input_embeddings().weight.shape[0])
        return word_ends(self._reader.token(i) for i in range(count))

    # -- how much it is --------------------------------------------------------------------------------------------
    def count(self, request: Request, context: int, limit: int) -> int:
        """Tokens that would go through the model in `score` or `score_sentences`.

        Args:
            request: not checked yet.
            context: tokens that the model reads.
            limit: most tokens that may be computed or scored.

        Raises:
            PromptEmpty: a prompt without tokens.
            NothingToScore: an entry without tokens to score.
            TokenBeyondModel: the model has no embedding for a token.
            ScoresTooLong: a text is longer than `context`.
            ScoresTooLarge: more than `limit`.
            WordsNotMarked: word-boundary mass is requested, and the vocabulary marks no words.
        """
        plan = self._plan(request)
        self._reader.vocabulary.check(plan.ids)
        if plan.longest > context:
            raise ScoresTooLong(tokens=plan.longest, limit=context)
        if plan.boundary and not self.word_ends:
            raise WordsNotMarked
        if plan.scored > limit:
            raise ScoresTooLarge(tokens=plan.scored, limit=limit)
        tokens = self._tokens(plan)
        if tokens > limit:
            raise ScoresTooLarge(tokens=tokens, limit=limit)
        return tokens

    def _plan(self, request: Request) -> _Plan:
        """The request as a plan; texts that cross a length at which the family changes share no nodes.

        There the same token has another probability in a longer text.
        """
        plan = _plan_of(request)
        pairs = zip(plan.prompts, plan.completions, strict=True)
        if any(crosses(self._generator, prompt, behind) for prompt, behind in pairs):
            return _plan_of(request, apart=True)
        return plan

    def _tokens(self, plan: _Plan) -> int:
        if plan.longest <= self.tree_up_to:
            return tree_tokens(plan.prompts, plan.completions)
        return batch_tokens(self._generator, plan.prompts, plan.completions)

    # -- the scores -----------------------------------------------------------------------------------------------
    def score(self, request: ScoreRequest, turn: DeviceTurn) -> Scores:
        """Every completion behind every prompt; the request was checked by `count`. Raises Busy, Cancelled."""
        began = time.perf_counter()
        plan = self._plan(request)
        forest, log_probs = self._log_probs(plan, turn)
        completions, index = plan.completions[0], {prompt: i for i, prompt in enumerate(plan.prompts)}
        firsts = forest.firsts[[index[prompt] for prompt in request.prompts]]
        nodes = firsts[:, None] + np.arange(len(completions.trie))
        log_p = log_probs.log_p[nodes]
        sums = [log_p[:, path[path >= 0]].sum(1, dtype=np.float64) for path in completions.paths]
        scores = Scores(
            log_p=_final(np.stack(sums, 1)),
            node_log_p=_final(log_p),
            paths=completions.paths.copy(),
            boundary_log_mass=_final(log_probs.mass[nodes[:, completions.ends]]) if request.boundary else None,
            tokens=self._tokens(plan),
            seconds=time.perf_counter() - began,
            way=self._way(plan),
        )
        read_only(scores.paths)
        return scores

    def score_sentences(self, request: SentenceRequest, turn: DeviceTurn) -> SentenceScores:
        """Every token that is not given; the request was checked by `count`. Raises Busy, Cancelled."""
        began = time.perf_counter()
        plan = self._plan(request)
        forest, log_probs = self._log_probs(plan, turn)
        groups = _grouped(request)
        rows: list[Floats] = [np.empty(0, np.float32)] * len(request.sentences)
        ends = np.zeros(len(rows), np.int64)
        for prompt, behind, first in zip(plan.prompts, plan.completions, forest.firsts, strict=True):
            ends[groups[prompt]] = first + behind.ends
            for number, path in zip(groups[prompt], behind.paths, strict=True):
                rows[number] = _final(log_probs.log_p[first + path[path >= 0]])
        lengths = np.array([len(row) for row in rows])
        read_only(lengths)
        scores = SentenceScores(
            token_log_p=tuple(rows),
            log_p=_final(np.array([row.sum(dtype=np.float64) for row in rows])),
            boundary_log_mass=_final(log_probs.mass[ends]) if request.boundary else None,
            lengths=lengths,
            tokens=self._tokens(plan),
            seconds=time.perf_counter() - began,
            way=self._way(plan),
        )
        return scores

    def _log_probs(self, plan: _Plan, turn: DeviceTurn) -> tuple[PromptForest, LogProbReader]:
        bounds = self._generator.ids(self.word_ends) if plan.boundary else None
        forest = join_tries(plan.prompts, plan.completions)
        log_probs = LogProbReader(forest, bounds)
        with torch.inference_mode(), controlled_by(CallControl(cancel=turn.control.cancel)):
            if plan.longest <= self.tree_up_to:
                by_tree(self._generator, forest, log_probs, turn)
            else:
                by_batches(self._generator, forest, log_probs, turn)
        return forest, log_probs

    def _way(self, plan: _Plan) -> str:
        return "tree" if plan.longest <= self.tree_up_to else self._generator.prompt_cache.name(plan.longest)


def _plan_of(request: Request, *, apart: bool = False) -> _Plan:
    """The request as prompts and completions; `apart` as of `build_trie`."""
    if isinstance(request, ScoreRequest):
        if not all(request.prompts):
            raise PromptEmpty
        for number, completion in enumerate(request.completions, 1):
            if not completion:
                raise NothingToScore(place=number)
        prompts = sorted(set(request.prompts))
        behind = build_trie(request.completions, beyond=request.boundary, apart=apart)
        return _Plan(prompts, [behind] * len(prompts), request.boundary)
    groups = _grouped(request)
    prompts = sorted(groups)
    completions = [
        build_trie(_endings(request, groups[prompt]), beyond=request.boundary, apart=apart) for prompt in prompts
    ]
    return _Plan(prompts, completions, request.boundary)


def _grouped(request: SentenceRequest) -> dict[Ids, list[int]]:
    """Given tokens -> numbers of the sentences that begin with them."""
    groups: dict[Ids, list[int]] = {}
    for number, (sentence, given) in enumerate(zip(request.sentences, request.given, strict=True)):
        if given < 1:
            raise ValueError(f"{given} tokens are given of sentence {number}; the first has no probability")
        if given >= len(sentence):
            raise NothingToScore(place=number + 1)
        groups.setdefault(sentence[:given], []).append(number)
    return groups


def _endings(request: SentenceRequest, numbers: Sequence[int]) -> list[Ids]:
    return [request.sentences[number][request.given[number] :] for number in numbers]


def _final(array: np.ndarray) -> Floats:
    return read_only(array.astype(np.float32, copy=False))
