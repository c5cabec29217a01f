"""Texts beside each other, a column a way of making them: coloured, marked, and left for other tokens."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from components.sampling.columns import MARKERS
from components.sampling.generation_task import GeneratedTexts
from components.shell.messages import quiet
from components.shell.prompt import prompt_end
from components.shell.view import View
from components.web.generated_texts.generated_texts import Alternative, GeneratedRow, GeneratedToken, generated_texts
from components.web.shared.weight_steps import rank_weights, surprisal_weights
from dashboard.engine.api.generation import FLOAT_NOISE, GenerateRequest, Output
from dashboard.i18n import Catalogue
from dashboard.run_key import RunKey
from dashboard.sampling.columns import ColumnSpec, impossible
from dashboard.sampling.forks import Fork
from dashboard.sampling.word_diff import differing, first_difference
from dashboard.tokens import Token, visible

MOST_ROWS = 20
"""So many texts of a column are drawn; the table and the files have all."""
PROMPT_LENGTH = 64
"""So many characters of the prompt stand before each text at most."""


@dataclass(frozen=True)
class Columns:
    """What is compared: settings, names, and the engine's request for them."""

    specs: tuple[ColumnSpec, ...]
    names: tuple[str, ...]
    """As files have them."""
    titles: tuple[str, ...]
    """As the page has them, in its language."""
    run: RunKey
    """Of the prompt that texts go on from."""

    @cached_property
    def request(self) -> GenerateRequest:
        """Of all columns."""
        return GenerateRequest(self.run, tuple(spec.column() for spec in self.specs))

    def titled(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A table of this page with titles in the place of names."""
        for name, number in (
            ("name", "column"),
            ("name", "setting"),
            ("first_name", "first"),
            ("second_name", "second"),
        ):
            if name in frame and number in frame:
                frame = frame.assign(**{name: [self.titles[column] for column in frame[number]]})
        return frame

    @property
    def possible(self) -> bool:
        """Whether transformers would take all of them."""
        return not any(impossible(spec) for spec in self.specs)


@dataclass(frozen=True)
class _Text:
    """One text as it is drawn."""

    output: Output
    name: str
    fork: int = -1
    """Its number among the forks; -1: a row."""


@dataclass(frozen=True)
class TextColumns:
    """Draws the texts of all columns."""

    view: View
    columns: Columns
    forks: tuple[Fork, ...]
    colour: str
    """``prob``, ``q``, ``rank``, ``surprisal`` or ``none``."""
    baseline: int | None
    """The column that the others are compared with, row by row."""
    on_fork: Callable[[Fork], None] | None
    """Told where a text is left; ``None``: no more of that."""

    def running(self, outputs: Sequence[Output]) -> None:
        """What came so far."""
        self._draw([_Text(output, _row_name(output.row, self.view.text)) for output in outputs], None)

    def finished(self, generation: GeneratedTexts) -> None:
        """Everything, with alternatives, forks and marks."""
        texts = [_Text(output, _row_name(output.row, self.view.text)) for output in generation.generated.outputs]
        for number, output in generation.forks.items():
            fork = self.forks[number]
            text = self.view.text
            left = text("sampling.fork", number=fork.parent + 1) if fork.parent >= 0 else _row_name(fork.row, text)
            name = text("sampling.fork_from", fork=text("sampling.fork", number=number + 1), left=left, step=fork.step)
            texts.append(_Text(output, name, number))
        self._draw(texts, generation)

    def _draw(self, texts: Sequence[_Text], generation: GeneratedTexts | None) -> None:
        """The columns side by side; without `generation` nothing can be chosen yet."""
        tokens = self._tokens([drawn.output for drawn in texts], alternatives=generation is not None)
        rows = [drawn.output for drawn in texts if drawn.fork < 0]
        compared = {output.row: output for output in rows if output.column == self.baseline} if generation else {}
        prompt = prompt_end(self.view, PROMPT_LENGTH)
        for at, holder in enumerate(st.columns(len(self.columns.specs))):
            column = [drawn for drawn in texts if drawn.output.column == at]
            others = compared if at != self.baseline else {}
            writer = _Writer(self.view, self.colour, tokens, generation.generated.names[at] if generation else None)
            with holder:
                generated_texts(
                    caption=f"{MARKERS[at]} {self.columns.titles[at]}",
                    prompt=prompt,
                    rows=[
                        writer.row(drawn.output, drawn.name, others.get(drawn.output.row))
                        for drawn in column[:MOST_ROWS]
                    ],
                    lut=self.view.theme.lut(),
                    dark=self.view.theme.mode == "dark",
                    text=self.view.text,
                    key=f"sampling_texts_{at}",
                    on_fork=self._chosen(column) if generation and self.columns.specs[at].num_beams == 1 else None,
                    running=generation is None,
                )
                if len(column) > MOST_ROWS:
                    quiet(self.view.text("sampling.more_rows", shown=MOST_ROWS, rows=len(column)))

    def _chosen(self, texts: Sequence[_Text]) -> Callable[[int, int, int], None] | None:
        """Another token was chosen in one of the texts of a column."""
        on_fork = self.on_fork
        if on_fork is None:
            return None

        def take(number: int, step: int, token: int) -> None:
            left = texts[number]
            on_fork(Fork(left.output.column, left.output.row, left.fork, step, token))

        return take

    def _tokens(self, outputs: Sequence[Output], *, alternatives: bool) -> dict[int, Token]:
        arrays = [output.ids for output in outputs]
        arrays += [output.alternatives.ravel() for output in outputs] if alternatives else []
        ids = tuple(np.unique(np.concatenate(arrays)).tolist()) if arrays else ()
        return dict(zip(ids, self.view.tokenizer.tokens(ids), strict=True))


@dataclass(frozen=True)
class _Writer:
    """Makes what the page draws of a text."""

    view: View
    colour: str
    tokens: Mapping[int, Token]
    names: tuple[str, ...] | None
    """Settings that cut, in order; ``None`` while the text grows."""

    def row(self, output: Output, name: str, baseline: Output | None) -> GeneratedRow:
        """One text, compared with the baseline's text of the same row, if any."""
        weights = token_colours(output, self.colour)
        marks = self._marks(output, baseline)
        tokens = tuple(self._token(output, step, float(weights[step]), marks[step]) for step in range(len(output.ids)))
        done = self.names is not None and output.stopped
        return GeneratedRow(name, tokens, self.view.text(f"sampling.ended.{output.stopped}") if done else "")

    def _token(self, output: Output, step: int, weight: float, mark: str) -> GeneratedToken:
        text, token = self.view.text, self.tokens[int(output.ids[step])]
        note = text(
            "sampling.token",
            step=step,
            id=str(token.id),
            prob=_probability(text, output.log_p[step]),
            q=_probability(text, output.log_q[step]),
            rank=int(output.ranks[step]),
        )
        alternatives = tuple(self._alternatives(output, step)) if self.names is not None else ()
        return GeneratedToken(visible(token), weight, note, mark, alternatives)

    def _alternatives(self, output: Output, step: int) -> list[Alternative]:
        assert self.names is not None
        alternatives = []
        for at, token_id in enumerate(output.alternatives[step].tolist()):
            cut = int(output.alternative_cut_by[step, at])
            prob, q = (float(a[step, at]) for a in (output.alternative_log_p, output.alternative_log_q))
            facts = f"p {_probability(self.view.text, prob)}"
            if cut:
                facts += " · " + self.view.text("charts.cut", setting=self.names[cut - 1])
            elif not math.isnan(q):
                facts += f" · q {_probability(self.view.text, q)}"
            chosen = token_id == int(output.ids[step])
            alternatives.append(Alternative(visible(self.tokens[token_id]), facts, token_id, chosen, bool(cut)))
        return alternatives

    def _marks(self, output: Output, baseline: Output | None) -> list[str]:
        """What stands out at each step; the words are `components.web.generated_texts`'s."""
        marks: list[list[str]] = [[] for _ in output.ids]
        for step, margin in enumerate(output.margins):
            if margin < FLOAT_NOISE:
                marks[step].append("close")
        for step in range(_forced(output)):
            marks[step].append("forced")
        if baseline is not None:
            pieces = [self.tokens[i].text or "\ufffd" for i in output.ids.tolist()]
            other = "".join(self.tokens[i].text or "\ufffd" for i in baseline.ids.tolist())
            for step, differs in enumerate(differing(pieces, other)):
                if differs:
                    marks[step].append("differs")
            first = first_difference(output.ids.tolist(), baseline.ids.tolist())
            if first is not None:
                marks[first].append("parted")
        return [" ".join(names) for names in marks]


def _row_name(row: int, text: Catalogue) -> str:
    return text("sampling.row", number=row + 1)


def _forced(output: Output) -> int:
    """So many tokens at the beginning were given: there q is known, but nothing was drawn."""
    drawn = np.flatnonzero(~np.isnan(output.margins))
    beams = bool(np.isnan(output.log_q).all())
    return 0 if beams else int(drawn[0]) if len(drawn) else len(output.ids)


def token_colours(output: Output, colour: str) -> NDArray[np.float64]:
    """(step,) in [0, 1]: how strongly each token is coloured; NaN: not at all.

    ``prob`` and ``q``: their values; ``surprisal`` and ``rank``: see `components.web.shared.weight_steps`.
    """
    if colour == "prob":
        return np.exp(output.log_p.astype(np.float64))
    if colour == "q":
        return np.exp(output.log_q.astype(np.float64))
    if colour == "rank":
        return rank_weights(output.ranks)
    if colour == "surprisal":
        return surprisal_weights(-output.log_p.astype(np.float64) / math.log(2))
    return np.full(len(output.ids), np.nan)


def _probability(text: Catalogue, log: float) -> str:
    """A probability for people; "–" where there is none."""
    return "–" if math.isnan(log) else text.number(math.exp(log), 3, "g")
