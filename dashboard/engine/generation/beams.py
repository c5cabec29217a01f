"""Beam search and beam-sample by transformers' own ``generate``; every candidate is recorded as a tree."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import GenerationConfig, LogitsProcessor, LogitsProcessorList, StoppingCriteria, StoppingCriteriaList

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.generation import DROPPED_SCORE, BeamTree, Column
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.models.generation_config import as_lists, without_rules
from dashboard.engine.prediction.decoding import require_tokens_left


@dataclass(frozen=True)
class SearchResult:
    """The texts that a search returned, and all that it considered."""

    texts: list[tuple[list[int], float]]
    """Tokens behind the prompt and beam score, best first."""
    dropped: int
    """Returned rows that were padding, not texts."""
    tree: BeamTree
    unfinished: str
    """Why it ended early, as in `dashboard.engine.api.generation.Generated`; empty where it did not."""


def generation_config(column: Column, ending: tuple[int, ...], rules: ModelRules | None = None) -> GenerationConfig:
    """The column as a call of ``generate``, every setting explicit, with the model's rules where they act."""
    settings = column.settings
    acting = rules.acting(settings, beams=column.num_beams > 1) if rules else ()
    of_model = {name: as_lists(value) for name, value in (rules.values if rules else ()) if name in acting}
    stops = [*column.stop_strings, *of_model.pop("stop_strings", ())]
    sampling: dict[str, Any] = {
        "temperature": settings.temperature,
        "top_k": settings.top_k,
        "top_p": settings.top_p,
        "min_p": settings.min_p or None,
        "typical_p": settings.typical_p,
    }
    return GenerationConfig(
        do_sample=settings.do_sample,
        num_beams=column.num_beams,
        num_return_sequences=column.num_return_sequences,
        length_penalty=column.length_penalty,
        early_stopping=of_model.pop("early_stopping", False),
        max_new_tokens=column.max_new_tokens,
        repetition_penalty=settings.repetition_penalty,
        no_repeat_ngram_size=settings.no_repeat_ngram_size,
        eos_token_id=list(ending) or None,
        pad_token_id=ending[0] if ending else 0,
        return_dict_in_generate=True,
        output_scores=True,
        stop_strings=stops or None,
        **(sampling if settings.do_sample else dict.fromkeys(sampling)),
        **of_model,
    )


def search(generator: TextGenerator, ids: Tensor, column: Column, turn: DeviceTurn) -> SearchResult:
    """Search for the texts of a column with beams; when cancelled, the texts end where they are.

    torch has one random state for the whole process: the caller makes sure that one beam-sample runs at a time.

    Args:
        generator: the model.
        ids: (T,) the prompt.
        column: checked.
        turn: on the device.

    Raises:
        NothingLeft: settings and rules cut every token of a beam.
    """
    recorder = _SearchRecorder(len(ids), column, turn, generator.ending)
    names = generator.rules.in_order(column.settings, beams=True)
    with torch.inference_mode(), _noise(column.seed, generator.model.device):
        output = without_rules(generator.model).generate(
            ids[None],
            attention_mask=torch.ones_like(ids[None]),
            logits_processor=LogitsProcessorList([_BeamRecorder(recorder, names)]),
            stopping_criteria=StoppingCriteriaList([recorder]),
            **search_options(generator, len(ids), column),
        )
    texts = scored_texts(output, len(ids))
    dropped = len(output.sequences) - len(texts)
    return SearchResult(texts, dropped, recorder.tree([text for text, _ in texts]), recorder.unfinished)


def search_options(generator: TextGenerator, tokens: int, column: Column) -> dict[str, Any]:
    """What transformers' ``generate`` is given for a column with beams behind `tokens` tokens."""
    config = generation_config(column, generator.ending, generator.rules)
    # beyond such a length most families would go on from keys that are wrong there
    config.use_cache = not generator.prompt_cache.crosses(tokens, tokens + column.max_new_tokens)
    tokenizer = {"tokenizer": generator.tokenizer} if config.stop_strings else {}
    return {"generation_config": config, **tokenizer}


def scored_texts(output: Any, tokens: int) -> list[tuple[list[int], float]]:
    """(token ids, score) of each text that ``generate`` found behind `tokens` tokens, best first.

    Rows at or below DROPPED_SCORE are what it fills up with; they and empty texts are left out.
    """
    lengths = (output.beam_indices >= 0).sum(-1).tolist()
    rows = zip(output.sequences, lengths, output.sequences_scores.tolist(), strict=True)
    texts = [(row[tokens:][:length].tolist(), score) for row, length, score in rows]
    return [(text, score) for text, score in texts if score > DROPPED_SCORE and text]


@contextlib.contextmanager
def _noise(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's random state from `seed`; restored afterwards."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


class _BeamRecorder(LogitsProcessor):  # type: ignore[misc]
    """Records which beams are about to continue, and requires a token left in each; changes no score."""

    def __init__(self, recorder: _SearchRecorder, names: Sequence[str]) -> None:
        self._recorder, self._names = recorder, names

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._recorder.record_beams(input_ids)
        require_tokens_left(torch.isfinite(scores.amax(-1)), self._names)
        return scores


class _SearchRecorder(StoppingCriteria):  # type: ignore[misc]
    """Records every candidate of a search, its score and what became of it; stops the search when interrupted."""

    def __init__(self, prompt: int, column: Column, turn: DeviceTurn, ending: tuple[int, ...]) -> None:
        self._prompt, self._column, self._turn, self._ending = prompt, column, turn, ending
        self._nodes: dict[tuple[int, ...], int] = {}
        self._parents: list[int] = []
        self._ids: list[int] = []
        self._scores: list[float] = []
        self._continued: set[int] = set()
        self._beams: list[tuple[int, ...]] = []
        self.unfinished = ""

    def record_beams(self, texts: Tensor) -> None:
        """Record (beam, length) prompt and text of the beams that continue."""
        self._beams = [tuple(beam) for beam in texts[:, self._prompt :].tolist()]
        self._continued |= {self._nodes[beam] for beam in self._beams if beam in self._nodes}

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """Record (candidate, length) the best continuations, likeliest first; whether to stop."""
        beam_of = {beam: number for number, beam in reversed(list(enumerate(self._beams)))}
        for text in (tuple(row) for row in input_ids[:, self._prompt :].tolist()):
            before, token = text[:-1], text[-1]
            if text in self._nodes or before not in beam_of:
                continue
            parent = self._nodes.get(before, -1)
            total = (self._scores[parent] if parent >= 0 else 0.0) + float(scores[-1][beam_of[before], token])
            if total <= DROPPED_SCORE:
                continue
            self._nodes[text] = len(self._ids)
            self._parents.append(parent)
            self._ids.append(token)
            self._scores.append(total)
        self._turn.control.progress((input_ids.shape[1] - self._prompt) / self._column.max_new_tokens)
        self.unfinished = self._turn.interrupted()
        return torch.full((len(input_ids),), bool(self.unfinished), device=input_ids.device)

    def tree(self, texts: Sequence[Sequence[int]]) -> BeamTree:
        """All candidates; `texts` are those that were returned."""
        paths = [[self._nodes.get(tuple(text[:end]), -1) for end in range(1, len(text) + 1)] for text in texts]
        returned, ends = {node for path in paths for node in path}, {path[-1] for path in paths}
        nodes = range(len(self._ids))
        ends |= {node for node in nodes if self._ids[node] in self._ending}
        return BeamTree(
            parents=_array(self._parents, np.int64),
            ids=_array(self._ids, np.int64),
            steps=_array([len(text) - 1 for text in self._nodes], np.int64),
            scores=_array(self._scores, np.float32),
            states=tuple(
                "finished" if node in ends else "kept" if node in self._continued else "pruned" for node in nodes
            ),
            returned=tuple(node in returned for node in nodes),
        )


def _array(values: Sequence[float], kind: type) -> Any:
    return read_only(np.array(values, kind))
