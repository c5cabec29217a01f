"""Making texts: rows of all sampled columns advance together in one batch, beams by transformers' own search."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields, replace
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
    assembled,
)
from dashboard.engine.generation.beams import Search, search
from dashboard.engine.generation.prompt_cache import Prompt, Rows
from dashboard.engine.generation.sampler import DrawOverride, SampledTokens, Sampler, row_keys, token_facts
from dashboard.engine.generation.text_generator import DeviceTurn, TextGenerator


def generate(
    writer: TextGenerator,
    ids: Sequence[int],
    request: GenerateRequest,
    turn: DeviceTurn,
    on_step: OnStep,
    *,
    pick: DrawOverride | None = None,
) -> tuple[Generated, float]:
    """Texts of all columns, and the median seconds of a step of the sampled ones.

    Args:
        writer: the model.
        ids: (T,) the prompt.
        request: checked.
        turn: on the device; when its control is cancelled, what came is kept.
        on_step: told every token of the sampled columns.
        pick: draws instead of the rows' noise.

    Raises:
        Cancelled: before the first token.
    """
    began = time.perf_counter()
    given = writer.ids(ids)
    prompt = writer.prompt(given, turn.control)
    batch = _Batch(writer, given, request, pick)
    prompt_seconds = time.perf_counter() - began
    steps: list[Step] = []

    def tell(step: Step) -> None:
        steps.append(step)
        on_step(step)

    pace = 0.0
    if batch.columns:
        with torch.inference_mode():
            pace = batch.run(prompt, turn, tell)
    outputs = list(assembled(steps, request, unfinished=batch.unfinished or "cancelled"))
    trees: list[BeamTree | None] = [None] * len(request.columns)
    dropped = [0] * len(request.columns)
    unfinished = batch.unfinished
    for place, output in enumerate(outputs):
        if not unfinished and writer.way.crosses(len(ids), len(ids) + len(output.ids)):
            outputs[place] = _whole(writer, prompt, ids, output)
            unfinished = turn.interrupted()
    for number, column in enumerate(request.columns):
        unfinished = unfinished or ("cancelled" if turn.control.cancel.is_set() else "")
        if column.num_beams == 1 or unfinished:
            continue
        found = search(writer, given, column, turn)
        trees[number], dropped[number], unfinished = found.tree, found.dropped, found.unfinished
        outputs += _searched(found, number, column, writer=writer, prompt=prompt, ids=ids, turn=turn)
    made = Generated(
        outputs=tuple(sorted(outputs, key=lambda output: (output.column, output.row))),
        names=tuple(_names(column, writer.rules) for column in request.columns),
        beams=tuple(trees),
        dropped=tuple(dropped),
        seconds=time.perf_counter() - began,
        prompt_seconds=prompt_seconds,
        way=writer.way.name(len(ids)) if batch.columns else "",
        unfinished=unfinished or ("cancelled" if turn.control.cancel.is_set() else ""),
    )
    return made, pace


def _searched(
    found: Search,
    number: int,
    column: Column,
    *,
    writer: TextGenerator,
    prompt: Prompt,
    ids: Sequence[int],
    turn: DeviceTurn,
) -> list[Output]:
    """The texts of a search for one column, measured behind the computed prompt of `ids`."""
    outputs = []
    with turn.device.regained() as held:  # a search that was interrupted may have lost it
        # a pass beside another's would be its own, but for rotary factors that both set
        for row, (text, score) in enumerate(found.texts if held or not writer.way.switches else ()):
            stopped = writer.why_stopped(text, column, ids) or found.unfinished
            numbers = _measured(writer, prompt, ids, text)
            outputs.append(Output(number, row, **numbers, stopped=stopped, score=score))
    return outputs


def _names(column: Column, rules: ModelRules) -> tuple[str, ...]:
    """Settings and rules of a column that have a processor, in order."""
    names = rules.in_order(column.settings, beams=column.num_beams > 1)
    return (*names, *(() if column.settings.do_sample else ("do_sample",)))


class _Batch:
    """The rows of all sampled columns, side by side."""

    def __init__(self, writer: TextGenerator, ids: Tensor, request: GenerateRequest, pick: DrawOverride | None) -> None:
        self._writer, self._request = writer, request
        self.columns = [(number, column) for number, column in enumerate(request.columns) if column.num_beams == 1]
        self._live = {number: np.arange(column.num_return_sequences) for number, column in self.columns}
        self._choosers = {
            number: Sampler(
                column.settings,
                row_keys(column.seed, request.first_row, column.num_return_sequences),
                pick,
                writer.origin(ids, column.max_new_tokens),
            )
            for number, column in self.columns
        }
        self._prompt = ids.tolist()
        self.unfinished = ""
        """Why it ended early; empty where it did not."""
        self._written: dict[tuple[int, int], list[int]] = {
            (number, row): [] for number, column in self.columns for row in range(column.num_return_sequences)
        }
        self._ids = ids.expand(len(self._written), -1)

    def run(self, prompt: Prompt, turn: DeviceTurn, tell: OnStep) -> float:
        """Tokens until all rows have ended or the control is cancelled; the median seconds of a step."""
        rows: Rows | None = None
        longest = max(column.max_new_tokens for _, column in self.columns)
        seconds: list[float] = []
        tokens = self._ids[:, -1]
        for step in range(longest):
            began = time.perf_counter()
            # passed on without a name: logits of many rows are large, and gone before the next
            tokens, going = self._drawn(
                prompt.logits.expand(len(tokens), -1) if rows is None else rows.step(tokens[:, None])[:, -1], step, tell
            )
            turn.control.progress((step + 1) / longest)
            if not bool(going.any()):
                break
            if rows is None:
                rows = prompt.begin(len(tokens))
            else:
                seconds.append(time.perf_counter() - began)
            tokens = self._kept(rows, tokens, going)
            self.unfinished = turn.interrupted()
            if self.unfinished:
                break
        return float(np.median(seconds)) if seconds else 0.0

    def _drawn(self, logits: Tensor, step: int, tell: OnStep) -> tuple[Tensor, Tensor]:
        """(R,) the next token of every live row, and whether the row goes on."""
        tokens, going = [], []
        start = 0
        forced = self._request.forced
        for number, column in self.columns:
            live = self._live[number]
            part = slice(start, start + len(live))
            start = part.stop
            if not len(live):
                continue
            given = torch.full((len(live),), forced[step], device=logits.device) if step < len(forced) else None
            drawn = self._choosers[number].draw(logits[part], self._ids[part], step, given)
            reasons = tuple(
                self._ended(number, column, int(row), int(token)) for row, token in zip(live, drawn.ids, strict=True)
            )
            tell(Step(number, live, **_arrays(drawn), stopped=reasons))
            tokens.append(drawn.ids)
            going.append(torch.tensor([not reason for reason in reasons]))
        return torch.cat(tokens), torch.cat(going)

    def _ended(self, number: int, column: Column, row: int, token: int) -> str:
        text = self._written[number, row]
        text.append(token)
        return self._writer.why_stopped(text, column, self._prompt)

    def _kept(self, rows: Rows, tokens: Tensor, going: Tensor) -> Tensor:
        """(R,) tokens of the rows that go on; the others leave the batch."""
        self._ids = torch.cat([self._ids, tokens[:, None]], -1)
        if bool(going.all()):
            return tokens
        start = 0
        for number, _ in self.columns:
            own = going[start : start + len(self._live[number])]
            start += len(own)
            self._live[number] = self._live[number][own.numpy()]
            self._choosers[number].keep(own.nonzero()[:, 0])
        places = going.nonzero()[:, 0].to(tokens.device)
        rows.keep(places)
        self._ids = self._ids[places]
        return tokens[places]


def _arrays(drawn: SampledTokens) -> dict[str, Any]:
    found = {field.name: getattr(drawn, field.name).cpu().numpy() for field in fields(SampledTokens)}
    return {name: read_only(array) for name, array in found.items()}


def _measured(writer: TextGenerator, prompt: Prompt, ids: Sequence[int], text: Sequence[int]) -> dict[str, Any]:
    """P and rank of the tokens of a text that was not drawn one by one, by one more pass."""
    with torch.inference_mode():
        return _arrays(token_facts(writer.along(prompt, ids, text), writer.ids(text)))


def _whole(writer: TextGenerator, prompt: Prompt, ids: Sequence[int], output: Output) -> Output:
    """A drawn text with the ln p and ranks of one pass over all of it, as every text is read elsewhere.

    It grew across a length at which the family changes: what its first tokens were drawn from is no longer what the
    model says of them. Its ln q stay: from those it was drawn.
    """
    with torch.inference_mode():
        logits = writer.along(prompt, ids, output.ids.tolist())
        log_p = logits.log_softmax(-1)
        drawn = token_facts(logits, writer.ids(output.ids.tolist()))
        others = log_p.gather(-1, torch.tensor(output.alternatives, device=log_p.device))
    numbers = _arrays(drawn)
    return replace(
        output, log_p=numbers["log_p"], ranks=numbers["ranks"], alternative_log_p=read_only(others.cpu().numpy())
    )
