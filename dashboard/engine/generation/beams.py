"""Beam search and beam-sample: transformers' own ``generate``, watched from inside."""

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
from dashboard.engine.prediction.decoding import something_left


@dataclass(frozen=True)
class Search:
    """What a search found."""

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
    own = {name: as_lists(value) for name, value in (rules.values if rules else ()) if name in acting}
    stops = [*column.stop_strings, *own.pop("stop_strings", ())]
    drawn: dict[str, Any] = {
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
        early_stopping=own.pop("early_stopping", False),
        max_new_tokens=column.max_new_tokens,
        repetition_penalty=settings.repetition_penalty,
        no_repeat_ngram_size=settings.no_repeat_ngram_size,
        eos_token_id=list(ending) or None,
        pad_token_id=ending[0] if ending else 0,
        return_dict_in_generate=True,
        output_scores=True,
        stop_strings=stops or None,
        **(drawn if settings.do_sample else dict.fromkeys(drawn)),
        **own,
    )


def search(writer: TextGenerator, ids: Tensor, column: Column, turn: DeviceTurn) -> Search:
    """Run `column`, which has beams; cancelled, it gives what it has.

    torch has one source of noise for a process: the caller sees to it that one beam-sample runs at a time.

    Args:
        writer: the model.
        ids: (T,) the prompt.
        column: checked.
        turn: on the device.

    Raises:
        NothingLeft: settings and rules cut every token of a beam.
    """
    watch = _Watch(len(ids), column, turn, writer.ending)
    config = generation_config(column, writer.ending, writer.rules)
    # of most families a cache goes on with keys that a longer text makes wrong
    config.use_cache = not writer.way.crosses(len(ids), len(ids) + column.max_new_tokens)
    names = writer.rules.in_order(column.settings, beams=True)
    options = {"tokenizer": writer.tokenizer} if config.stop_strings else {}
    with torch.inference_mode(), _noise(column.seed, writer.model.device):
        output = without_rules(writer.model).generate(
            ids[None],
            attention_mask=torch.ones_like(ids[None]),
            generation_config=config,
            logits_processor=LogitsProcessorList([_Running(watch, names)]),
            stopping_criteria=StoppingCriteriaList([watch]),
            **options,
        )
    lengths = (output.beam_indices >= 0).sum(-1).tolist()
    written = [row[len(ids) :][:length].tolist() for row, length in zip(output.sequences, lengths, strict=True)]
    rows = list(zip(written, output.sequences_scores.tolist(), strict=True))
    texts = [(text, score) for text, score in rows if score > DROPPED_SCORE and text]
    return Search(texts, len(rows) - len(texts), watch.tree([text for text, _ in texts]), watch.unfinished)


@contextlib.contextmanager
def _noise(seed: int, device: torch.device) -> Iterator[None]:
    """Torch's own noise from `seed`, and afterwards as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


class _Running(LogitsProcessor):  # type: ignore[misc]
    """Tells the watch which beams are about to be carried on; changes nothing. Each must have a token left."""

    def __init__(self, watch: _Watch, names: Sequence[str]) -> None:
        self._watch, self._names = watch, names

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        self._watch.running(input_ids)
        something_left(torch.isfinite(scores.amax(-1)), self._names)
        return scores


class _Watch(StoppingCriteria):  # type: ignore[misc]
    """Follows a search step by step: its candidates, their scores, what became of them; and stops it when asked."""

    def __init__(self, prompt: int, column: Column, turn: DeviceTurn, ending: tuple[int, ...]) -> None:
        self._prompt, self._column, self._turn, self._ending = prompt, column, turn, ending
        self._nodes: dict[tuple[int, ...], int] = {}
        self._parents: list[int] = []
        self._ids: list[int] = []
        self._scores: list[float] = []
        self._kept: set[int] = set()
        self._rows: list[tuple[int, ...]] = []
        self.unfinished = ""

    def running(self, texts: Tensor) -> None:
        """(beam, length) prompt and text of the beams that are carried on."""
        self._rows = [tuple(row) for row in texts[:, self._prompt :].tolist()]
        self._kept |= {self._nodes[row] for row in self._rows if row in self._nodes}

    def __call__(self, input_ids: Tensor, scores: Any, **_: Any) -> Tensor:
        """(candidate, length) the best continuations, likeliest first."""
        place = {row: number for number, row in reversed(list(enumerate(self._rows)))}
        for text in (tuple(row) for row in input_ids[:, self._prompt :].tolist()):
            before, token = text[:-1], text[-1]
            if text in self._nodes or before not in place:
                continue
            parent = self._nodes.get(before, -1)
            total = (self._scores[parent] if parent >= 0 else 0.0) + float(scores[-1][place[before], token])
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
        """All that was looked at; `texts` are those that were returned."""
        ways = [[self._nodes.get(tuple(text[:end]), -1) for end in range(1, len(text) + 1)] for text in texts]
        on_the_way, ends = {node for way in ways for node in way}, {way[-1] for way in ways}
        nodes = range(len(self._ids))
        ends |= {node for node in nodes if self._ids[node] in self._ending}
        return BeamTree(
            parents=_fixed(self._parents, np.int64),
            ids=_fixed(self._ids, np.int64),
            steps=_fixed([len(text) - 1 for text in self._nodes], np.int64),
            scores=_fixed(self._scores, np.float32),
            states=tuple("finished" if node in ends else "kept" if node in self._kept else "pruned" for node in nodes),
            returned=tuple(node in on_the_way for node in nodes),
        )


def _fixed(values: Sequence[float], kind: type) -> Any:
    return read_only(np.array(values, kind))
