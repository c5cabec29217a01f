"""Generation: all sampled columns advance together in one batch; columns with beams follow, one search each."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dashboard.engine.api.arrays import read_only
from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.generation import (
    BeamTree,
    Column,
    Generated,
    GenerateRequest,
    OnStep,
    Output,
    Step,
    TokenFacts,
    assembled,
)
from dashboard.engine.generation.beams import SearchResult, search
from dashboard.engine.generation.noise import row_keys
from dashboard.engine.generation.prompt_cache import Prompt, Rows
from dashboard.engine.generation.sampler import DrawOverride, Sampler
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator
from dashboard.engine.generation.token_facts import SampledTokens, token_facts
from dashboard.process.memory import return_freed

RETURN_STEPS = 32
"""After so many tokens freed memory is given back."""


def generate(
    generator: TextGenerator,
    ids: Sequence[int],
    request: GenerateRequest,
    turn: DeviceTurn,
    on_step: OnStep,
    *,
    override: DrawOverride | None = None,
) -> Generated:
    """Texts of all columns.

    Args:
        generator: the model.
        ids: (T,) the prompt.
        request: checked.
        turn: on the device; when its control is cancelled, the texts end where they are.
        on_step: called with every step of the sampled columns.
        override: draws in place of the rows' noise.

    Raises:
        Cancelled: before the first token.
    """
    began = time.perf_counter()
    prompt_ids = generator.ids(ids)
    prompt = _ComputedPrompt(generator, generator.prompt(prompt_ids, turn.control), ids)
    batch = _Batch(generator, prompt_ids, request, override)
    prompt_seconds = time.perf_counter() - began
    steps: list[Step] = []

    def record(step: Step) -> None:
        steps.append(step)
        on_step(step)

    if batch.columns:
        with torch.inference_mode():
            batch.run(prompt.prompt, turn, record)
    outputs = list(assembled(steps, request, unfinished=batch.unfinished or "cancelled"))
    unfinished = batch.unfinished or _rescore_crossing(prompt, outputs, turn)
    trees: list[BeamTree | None] = [None] * len(request.columns)
    dropped = [0] * len(request.columns)
    for number, column in enumerate(request.columns):
        unfinished = unfinished or ("cancelled" if turn.control.cancel.is_set() else "")
        if column.num_beams == 1 or unfinished:
            continue
        result = search(generator, prompt_ids, column, turn)
        trees[number], dropped[number], unfinished = result.tree, result.dropped, result.unfinished
        outputs += _beam_outputs(result, number, column, prompt, turn)
    return Generated(
        outputs=tuple(sorted(outputs, key=lambda output: (output.column, output.row))),
        names=tuple(_names(column, generator.rules) for column in request.columns),
        beams=tuple(trees),
        dropped=tuple(dropped),
        seconds=time.perf_counter() - began,
        prompt_seconds=prompt_seconds,
        way=generator.prompt_cache.name(len(ids)) if batch.columns else "",
        unfinished=unfinished or ("cancelled" if turn.control.cancel.is_set() else ""),
    )


def _names(column: Column, rules: ModelRules) -> tuple[str, ...]:
    """Settings and rules of a column that have a processor, in order."""
    names = rules.in_order(column.settings, beams=column.num_beams > 1)
    return (*names, *(() if column.settings.do_sample else ("do_sample",)))


# -- sampled columns ----------------------------------------------------------------------------------------------
class _Batch:
    """The rows of all sampled columns, side by side."""

    def __init__(
        self, generator: TextGenerator, ids: Tensor, request: GenerateRequest, override: DrawOverride | None
    ) -> None:
        self._generator, self._request = generator, request
        self.columns = [(number, column) for number, column in enumerate(request.columns) if column.num_beams == 1]
        self._live = {number: np.arange(column.num_return_sequences) for number, column in self.columns}
        self._samplers = {
            number: Sampler(
                column.settings,
                row_keys(column.seed, request.first_row, column.num_return_sequences),
                override,
                generator.origin(ids, column.max_new_tokens),
            )
            for number, column in self.columns
        }
        self._prompt = ids.tolist()
        self.unfinished = ""
        """Why it ended early; empty where it did not."""
        self._texts: dict[tuple[int, int], list[int]] = {
            (number, row): [] for number, column in self.columns for row in range(column.num_return_sequences)
        }
        self._ids = ids.expand(len(self._texts), -1)

    def run(self, prompt: Prompt, turn: DeviceTurn, on_step: OnStep) -> None:
        """Tokens until all rows have ended or the control is cancelled."""
        rows: Rows | None = None
        longest = max(column.max_new_tokens for _, column in self.columns)
        tokens = self._ids[:, -1]
        for step in range(longest):
            # passed on without a name: logits of many rows are large, and freed before the next
            tokens, going_on = self._draw(
                prompt.logits.expand(len(tokens), -1) if rows is None else rows.step(tokens[:, None])[:, -1],
                step,
                on_step,
            )
            turn.control.progress((step + 1) / longest)
            if step % RETURN_STEPS == RETURN_STEPS - 1:
                return_freed()
            if not bool(going_on.any()):
                break
            if rows is None:
                rows = prompt.begin(len(tokens))
            tokens = self._keep(rows, tokens, going_on)
            self.unfinished = turn.interrupted()
            if self.unfinished:
                break

    def _draw(self, logits: Tensor, step: int, on_step: OnStep) -> tuple[Tensor, Tensor]:
        """(R,) the next token of every live row, and whether the row goes on."""
        tokens, going_on = [], []
        start = 0
        forced = self._request.forced
        for number, column in self.columns:
            live = self._live[number]
            part = slice(start, start + len(live))
            start = part.stop
            if not len(live):
                continue
            given = torch.full((len(live),), forced[step], device=logits.device) if step < len(forced) else None
            drawn = self._samplers[number].draw(logits[part], self._ids[part], step, given)
            reasons = tuple(
                self._stop_reason(number, column, int(row), int(token))
                for row, token in zip(live, drawn.ids, strict=True)
            )
            on_step(Step(**_arrays(drawn), column=number, rows=live, stopped=reasons))
            tokens.append(drawn.ids)
            going_on.append(torch.tensor([not reason for reason in reasons]))
        return torch.cat(tokens), torch.cat(going_on)

    def _stop_reason(self, number: int, column: Column, row: int, token: int) -> str:
        text = self._texts[number, row]
        text.append(token)
        return self._generator.why_stopped(text, column, self._prompt)

    def _keep(self, rows: Rows, tokens: Tensor, going_on: Tensor) -> Tensor:
        """(R,) tokens of the rows that go on; the others leave the batch."""
        self._ids = torch.cat([self._ids, tokens[:, None]], -1)
        if bool(going_on.all()):
            return tokens
        start = 0
        for number, _ in self.columns:
            part = going_on[start : start + len(self._live[number])]
            start += len(part)
            self._live[number] = self._live[number][part.numpy()]
            self._samplers[number].keep(part.nonzero()[:, 0])
        kept_rows = going_on.nonzero()[:, 0].to(tokens.device)
        rows.keep(kept_rows)
        self._ids = self._ids[kept_rows]
        return tokens[kept_rows]


def _arrays(facts: SampledTokens) -> dict[str, Any]:
    return {field.name: read_only(getattr(facts, field.name).cpu().numpy()) for field in fields(TokenFacts)}


# -- texts that were not sampled token by token behind this prompt ------------------------------------------------
@dataclass(frozen=True)
class _ComputedPrompt:
    """A prompt and what was computed for it."""

    generator: TextGenerator
    prompt: Prompt
    ids: Sequence[int]
    """(T,) its tokens."""

    def facts(self, text: Sequence[int]) -> dict[str, Any]:
        """Arrays of `TokenFacts` of a text behind it, by one more pass."""
        with torch.inference_mode():
            logits = self.generator.along(self.prompt, self.ids, text)
            return _arrays(token_facts(logits, self.generator.ids(text)))


def _beam_outputs(
    result: SearchResult, number: int, column: Column, prompt: _ComputedPrompt, turn: DeviceTurn
) -> list[Output]:
    """The texts that a search for one column returned, with their facts."""
    generator, outputs = prompt.generator, []
    with turn.device.regained() as held:  # a search that was interrupted may have lost it
        # without the device a pass would still be correct, but for rotary factors that two threads set
        for row, (text, score) in enumerate(result.texts if held or not generator.prompt_cache.switches else ()):
            stopped = generator.why_stopped(text, column, prompt.ids) or result.unfinished
            facts = prompt.facts(text)
            outputs.append(Output(**facts, column=number, row=row, stopped=stopped, score=score))
    return outputs


def _rescore_crossing(prompt: _ComputedPrompt, outputs: list[Output], turn: DeviceTurn) -> str:
    """Replace the texts that crossed a length at which the family changes; why that was interrupted, if it was."""
    count, cache = len(prompt.ids), prompt.generator.prompt_cache
    unfinished = ""
    for index, output in enumerate(outputs):
        if not unfinished and cache.crosses(count, count + len(output.ids)):
            outputs[index] = _rescored(prompt, output)
            unfinished = turn.interrupted()
    return unfinished


def _rescored(prompt: _ComputedPrompt, output: Output) -> Output:
    """A sampled text with ln p and ranks of one pass over all of it, as every text is read elsewhere.

    Beyond such a length the model says something else of the first tokens than what they were drawn from. Their ln q
    stays: it is what they were drawn from.
    """
    generator, ids = prompt.generator, output.ids.tolist()
    with torch.inference_mode():
        logits = generator.along(prompt.prompt, prompt.ids, ids)
        log_p = logits.log_softmax(-1)
        facts = _arrays(token_facts(logits, generator.ids(ids)))
        alternatives = log_p.gather(-1, torch.tensor(output.alternatives, device=log_p.device))
    return replace(
        output,
        log_p=facts["log_p"],
        ranks=facts["ranks"],
        alternative_log_p=read_only(alternatives.cpu().numpy()),
    )
