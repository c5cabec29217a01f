"""Exact scores of given texts: all of them in few passes, as one tree of tokens where the family allows it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from dashboard.engine.api.arrays import Floats, read_only
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.engine.api.scoring import ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.capture.capture import Capturer, following
from dashboard.engine.device.pace import Pace
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.scoring.passes import Reading, batch_tokens, by_batches, by_tree, crosses, fits, tree_tokens
from dashboard.engine.scoring.token_trie import CompletionTrie, Ids, PromptForest, build_trie, join_tries
from dashboard.engine.scoring.tree_attention import BLOCK
from dashboard.engine.scoring.word_ends import word_ends
from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.errors import NothingToScore, PromptEmpty, ScoresTooLarge, ScoresTooLong, WordsNotMarked

Request = ScoreRequest | SentenceRequest


@dataclass(frozen=True)
class _Plan:
    """Prompts, all different and ascending, and what follows each."""

    prompts: list[Ids]
    branches: list[CompletionTrie]
    boundary: bool

    @cached_property
    def longest(self) -> int:
        """Tokens of the longest text."""
        pairs = zip(self.prompts, self.branches, strict=True)
        return max(len(prompt) + behind.paths.shape[1] for prompt, behind in pairs)

    @cached_property
    def ids(self) -> Ids:
        """Each token that occurs, once."""
        different = {id(behind): behind for behind in self.branches}.values()  # prompts may share one
        return tuple(sorted(set().union(*self.prompts, *(behind.tree.tokens.tolist() for behind in different))))

    @cached_property
    def scored(self) -> int:
        """Tokens whose probability is asked for."""
        return sum(len(behind.tree) for behind in self.branches)


class Scorer:
    """A model, and what scoring needs of it."""

    def __init__(self, writer: TextGenerator, reader: PromptReader, capturer: Capturer) -> None:
        """Try out whether a tree gives the model's own numbers."""
        self._writer, self._reader = writer, reader
        self._reach = capturer.reach
        if self._reach:
            with torch.inference_mode():
                self._reach *= fits(writer)
        self.pace = Pace()
        """How long scores took, by tokens that went through the model."""

    @cached_property
    def word_ends(self) -> tuple[int, ...]:
        """See `dashboard.engine.scoring.word_ends.word_ends`; empty where the vocabulary marks no words."""
        # either may be padded beyond the other
        count = min(len(self._writer.tokenizer), self._writer.model.get_input_embeddings().weight.shape[0])
        return word_ends(self._reader.token(i) for i in range(count))

    # -- what it costs --------------------------------------------------------------------------------------------
    def cost(self, request: Request, context: int, limit: int, passes: Pace) -> Cost:
        """What `score` or `score_sentences` would cost.

        Args:
            request: any.
            context: tokens that the model reads.
            limit: most tokens that are computed or scored.
            passes: how long forward passes take, for the first time.

        Raises:
            PromptEmpty: a prompt without tokens.
            NothingToScore: an entry without tokens to score.
            TokenBeyondModel: the model has no embedding for a token.
            ScoresTooLong: a text is longer than `context`.
            ScoresTooLarge: more than `limit`.
            WordsNotMarked: word-boundary mass is asked for, and the vocabulary marks no words.
        """
        plan = self._planned(request)
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
        seconds = self.pace.seconds(tokens)
        return Cost(tokens, tokens / BLOCK * passes.seconds(BLOCK) if np.isnan(seconds) else seconds)

    def _planned(self, request: Request) -> _Plan:
        """The request as a plan; texts that cross a length at which the family changes share no nodes.

        One token then has another probability in a longer text.
        """
        plan = _plan_of(request)
        pairs = zip(plan.prompts, plan.branches, strict=True)
        if any(crosses(self._writer, prompt, behind) for prompt, behind in pairs):
            return _plan_of(request, apart=True)
        return plan

    def _tokens(self, plan: _Plan) -> int:
        if plan.longest <= self._reach:
            return tree_tokens(plan.prompts, plan.branches)
        return batch_tokens(self._writer, plan.prompts, plan.branches)

    # -- the scores -----------------------------------------------------------------------------------------------
    def score(self, request: ScoreRequest, turn: DeviceTurn) -> Scores:
        """Every completion behind every prompt; the request was checked by `cost`. Raises Busy, Cancelled."""
        began = time.perf_counter()
        plan = self._planned(request)
        forest, reading = self._computed(plan, turn)
        branches, place = plan.branches[0], {prompt: i for i, prompt in enumerate(plan.prompts)}
        firsts = forest.firsts[[place[prompt] for prompt in request.prompts]]
        nodes = firsts[:, None] + np.arange(len(branches.tree))
        log_p = reading.log_p[nodes]
        sums = [log_p[:, path[path >= 0]].sum(1, dtype=np.float64) for path in branches.paths]
        found = Scores(
            log_p=_final(np.stack(sums, 1)),
            node_log_p=_final(log_p),
            paths=branches.paths.copy(),
            boundary_log_mass=_final(reading.mass[nodes[:, branches.ends]]) if request.boundary else None,
            tokens=self._tokens(plan),
            seconds=time.perf_counter() - began,
            way=self._way(plan),
        )
        read_only(found.paths)
        self.pace.add(found.tokens, found.seconds)
        return found

    def score_sentences(self, request: SentenceRequest, turn: DeviceTurn) -> SentenceScores:
        """Every token that is not given; the request was checked by `cost`. Raises Busy, Cancelled."""
        began = time.perf_counter()
        plan = self._planned(request)
        forest, reading = self._computed(plan, turn)
        groups = _grouped(request)
        rows: list[Floats] = [np.empty(0, np.float32)] * len(request.sentences)
        ends = np.zeros(len(rows), np.int64)
        for prompt, behind, first in zip(plan.prompts, plan.branches, forest.firsts, strict=True):
            ends[groups[prompt]] = first + behind.ends
            for number, path in zip(groups[prompt], behind.paths, strict=True):
                rows[number] = _final(reading.log_p[first + path[path >= 0]])
        lengths = np.array([len(row) for row in rows])
        read_only(lengths)
        found = SentenceScores(
            token_log_p=tuple(rows),
            log_p=_final(np.array([row.sum(dtype=np.float64) for row in rows])),
            boundary_log_mass=_final(reading.mass[ends]) if request.boundary else None,
            lengths=lengths,
            tokens=self._tokens(plan),
            seconds=time.perf_counter() - began,
            way=self._way(plan),
        )
        self.pace.add(found.tokens, found.seconds)
        return found

    def _computed(self, plan: _Plan, turn: DeviceTurn) -> tuple[PromptForest, Reading]:
        bounds = self._writer.ids(self.word_ends) if plan.boundary else None
        forest = join_tries(plan.prompts, plan.branches)
        reading = Reading(forest, bounds)
        with torch.inference_mode(), following(CallControl(cancel=turn.control.cancel)):
            if plan.longest <= self._reach:
                by_tree(self._writer, forest, reading, turn)
            else:
                by_batches(self._writer, forest, reading, turn)
        return forest, reading

    def _way(self, plan: _Plan) -> str:
        return "tree" if plan.longest <= self._reach else self._writer.way.name(plan.longest)


def _plan_of(request: Request, *, apart: bool = False) -> _Plan:
    """The request as prompts and what follows each; `apart` as of `build_trie`."""
    if isinstance(request, ScoreRequest):
        if not all(request.prompts):
            raise PromptEmpty
        for place, completion in enumerate(request.completions, 1):
            if not completion:
                raise NothingToScore(place=place)
        prompts = sorted(set(request.prompts))
        behind = build_trie(request.completions, beyond=request.boundary, apart=apart)
        return _Plan(prompts, [behind] * len(prompts), request.boundary)
    groups = _grouped(request)
    prompts = sorted(groups)
    branches = [
        build_trie(_endings(request, groups[prompt]), beyond=request.boundary, apart=apart) for prompt in prompts
    ]
    return _Plan(prompts, branches, request.boundary)


def _grouped(request: SentenceRequest) -> dict[Ids, list[int]]:
    """What is given -> the sentences that begin with it."""
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
