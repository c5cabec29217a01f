"""Generated texts, token by token: coloured, each with its alternatives, from any of which a text can go on (fork)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from json.encoder import encode_basestring

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from components.web.shared.source import source
from components.web.shared.weight_steps import weight_steps
from dashboard.i18n import Catalogue
from dashboard.tokens import shortened

MESSAGE_BYTES = 4_000_000
"""One message to the browser is at most so large. First come all tokens, then alternatives of the earliest ones."""
MOST_ROWS = 1000
"""So many texts are sent at most."""
MOST_ALTERNATIVES = 20
"""A token has at most so many."""
MARKS = ("close", "forced", "differs", "parted")
"""How a token may stand out; bit i of what is sent."""

_TEXT_LENGTH = 200
"""Longer labels, notes and facts end in ``…``."""
_ONE_TOKEN = 60_000
"""More than one token can take, whatever its texts [bytes]."""
_LEFT_OUT = -1
"""Stands for alternatives that there are, but that were too many to send."""

_generated = st.components.v2.component(
    "generated_texts",
    html=source("generated_texts/generated_texts.html"),
    css=source("shared/card.css", "generated_texts/generated_texts.css", "generated_texts/token_card.css"),
    js=source(
        "shared/life.js",
        "shared/catalogue_text.js",
        "shared/card.js",
        "shared/contrast.js",
        "shared/nearest_line.js",
        "generated_texts/text_rows.js",
        "generated_texts/token_card.js",
        "generated_texts/token_walk.js",
        "generated_texts/text_view.js",
        "generated_texts/generated_texts.js",
    ),
)


@dataclass(frozen=True)
class Alternative:
    """A token that could have stood there."""

    label: str
    """Visible label."""
    facts: str
    """In the person's language, e.g. ``p 0.31 · q 0.44``; of a cut one they name what cut it."""
    id: int
    chosen: bool = False
    """The one that was generated."""
    cut: bool = False
    """The decode settings left it no probability."""


@dataclass(frozen=True)
class GeneratedToken:
    """One token of a text."""

    label: str
    """Visible label."""
    weight: float
    """Background, in [0, 1]; NaN: none."""
    note: str
    """In the person's language, e.g. ``3 · id 42 · p 0.31 · q 0.44 · rank 1``."""
    mark: str = ""
    """Any of MARKS, with spaces between: ``close`` (less than float noise decided the draw), ``forced`` (given, not
    drawn), ``differs`` (from the baseline), ``parted`` (the first position that does)."""
    alternatives: tuple[Alternative, ...] = ()


@dataclass(frozen=True)
class GeneratedRow:
    """One text."""

    name: str
    """E.g. ``text 3``."""
    tokens: tuple[GeneratedToken, ...]
    ending: str = ""
    """Why it ended, e.g. ``limit reached``; empty while it goes on."""


def generated_texts(
    *,
    rows: Sequence[GeneratedRow],
    lut: NDArray[np.uint8],
    dark: bool,
    text: Catalogue,
    key: str,
    on_fork: Callable[[int, int, int], None] | None,
    caption: str = "",
    prompt: str = "",
    max_height: int = 420,
    running: bool = False,
) -> None:
    """Draw the texts one below the other; what is chosen instead of a token reaches `on_fork` before the page runs.

    Drawn again with more tokens, only those are added. Draw it in one fragment all the time: a key may stand once in a
    run, and moved out of its fragment it would be a new component to the browser, scrolled to its beginning.

    Args:
        rows: the texts; of very many or very long ones the beginnings are shown, and it is said.
        lut: (256, 3) colours of the weights 0..1.
        dark: whether the page is dark.
        text: the catalogue.
        key: widget key.
        on_fork: called with the place of the row, the step and the id of the token to stand there instead; ``None``:
            the texts can only be read.
        caption: what these texts are, for screens too narrow for a head above them.
        prompt: what each text goes on from, grey before it.
        max_height: longer texts scroll inside this height [CSS px].
        running: more is to come: nothing can be forked yet, and where the last text alone grows its end stays in view
            until the person scrolls.

    Raises:
        ValueError: a mark is unknown, or a token has more than MOST_ALTERNATIVES.
    """
    message = texts_message(
        rows=rows, lut=lut, dark=dark, text=text, can_fork=on_fork is not None, caption=caption, prompt=prompt,
        max_height=max_height, running=running, key=key,
    )  # fmt: skip

    def forked() -> None:
        fork = st.session_state[key].get("fork")
        if fork and on_fork is not None:
            row, step, token = int(fork["row"]), int(fork["step"]), int(fork["id"])
            # a click on texts that are gone by now asks for nothing
            if token in _alternative_ids(rows, row, step):
                on_fork(row, step, token)

    _generated(key=key, data=message, on_fork_change=forked)


def _alternative_ids(rows: Sequence[GeneratedRow], row: int, step: int) -> set[int]:
    there = 0 <= row < len(rows) and 0 <= step < len(rows[row].tokens)
    return {other.id for other in rows[row].tokens[step].alternatives} if there else set()


def texts_message(
    *,
    rows: Sequence[GeneratedRow],
    lut: NDArray[np.uint8],
    dark: bool,
    text: Catalogue,
    can_fork: bool,
    caption: str = "",
    prompt: str = "",
    max_height: int = 420,
    running: bool = False,
    key: str = "",
) -> bytes:
    """What `generated_texts` sends, as JSON in UTF-8; at most MESSAGE_BYTES.

    ``rows[i].tokens[j]`` is a short list: place in ``labels``, step of colour (-1: none), bits of MARKS, note; then for
    each alternative its places in ``pieces`` (place in ``labels``, id) and ``facts`` (text, 1 if chosen + 2 if cut), or
    one -1 where alternatives had to stay away.
    """
    shown = rows[:MOST_ROWS]
    head: dict[str, object] = {
        "key": key,
        "dark": dark,
        "running": running,
        "can_fork": can_fork,
        "caption": shortened(caption, _TEXT_LENGTH),
        "prompt": shortened(prompt, _TEXT_LENGTH),
        "max_height": max_height,
        "colours": np.asarray(lut).tolist(),
        "words": _words(text),
    }
    names = [(shortened(row.name, _TEXT_LENGTH), shortened(row.ending, _TEXT_LENGTH)) for row in shown]
    # 40: the keys of a row
    packer = _Packer(MESSAGE_BYTES - _ONE_TOKEN - len(_json([head, names])) - 40 * len(names))
    packed = packer.pack(shown)
    body = {
        "rows": [
            {"name": name, "ending": ending, "tokens": tokens}
            for (name, ending), tokens in zip(names, packed, strict=True)
        ],
        "labels": list(packer.labels),
        "pieces": list(packer.pieces),
        "facts": list(packer.facts),
        "left_out": _left_out(rows, packed, text),
    }
    return _json(head | body)


class _Packer:
    """Rows as short lists of numbers over tables of distinct texts, until `room` [bytes] is used up."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.labels: dict[str, int] = {}
        self.pieces: dict[tuple[int, int], int] = {}
        self.facts: dict[tuple[str, int], int] = {}

    def pack(self, rows: Sequence[GeneratedRow]) -> list[list[list[int | str]]]:
        """(row, token) short lists: tokens first, then alternatives; of both the beginnings of all rows first."""
        packed: list[list[list[int | str]]] = [[] for _ in rows]
        colours = [weight_steps([token.weight for token in row.tokens]) for row in rows]
        for place, step in _by_step(rows):
            if self.room < 0:
                break
            packed[place].append(self._token(rows[place].tokens[step], colours[place][step]))
        for place, step in _by_step(rows):
            if step == len(packed[place]):
                break
            if alternatives := rows[place].tokens[step].alternatives:
                packed[place][step] += self._alternatives(alternatives) if self.room >= 0 else [_LEFT_OUT]
        return packed

    def _token(self, token: GeneratedToken, colour: int) -> list[int | str]:
        note = shortened(token.note, _TEXT_LENGTH)
        self.room -= _size(note) + 24
        return [self._label(token.label), colour, _bits(token.mark), note]

    def _alternatives(self, alternatives: Sequence[Alternative]) -> list[int | str]:
        if len(alternatives) > MOST_ALTERNATIVES:
            raise ValueError(f"{len(alternatives)} alternatives of one token, at most {MOST_ALTERNATIVES}")
        packed: list[int | str] = []
        for other in alternatives:
            piece = (self._label(other.label), int(other.id))
            fact = (shortened(other.facts, _TEXT_LENGTH), other.chosen + 2 * other.cut)
            packed += (self._piece(piece), self._fact(fact))
        self.room -= 14 * len(alternatives)
        return packed

    def _label(self, label: str) -> int:
        label = shortened(label, _TEXT_LENGTH)
        if label not in self.labels:
            self.room -= _size(label)
            self.labels[label] = len(self.labels)
        return self.labels[label]

    def _piece(self, piece: tuple[int, int]) -> int:
        if piece not in self.pieces:
            self.room -= len(str(piece)) + 1
            self.pieces[piece] = len(self.pieces)
        return self.pieces[piece]

    def _fact(self, fact: tuple[str, int]) -> int:
        if fact not in self.facts:
            self.room -= _size(fact[0]) + 5
            self.facts[fact] = len(self.facts)
        return self.facts[fact]


def _by_step(rows: Sequence[GeneratedRow]) -> Iterator[tuple[int, int]]:
    """(place of the row, step) of all tokens, the first ones of every row first."""
    for step in range(max((len(row.tokens) for row in rows), default=0)):
        yield from ((place, step) for place, row in enumerate(rows) if step < len(row.tokens))


@cache
def _bits(mark: str) -> int:
    if unknown := set(mark.split()) - set(MARKS):
        raise ValueError(f"unknown marks {sorted(unknown)}; there are {MARKS}")
    return sum(1 << place for place, name in enumerate(MARKS) if name in mark.split())


def _size(text: str) -> int:
    """Bytes of a text in the message, with quotes and a comma."""
    return len(encode_basestring(text).encode("utf-8", "replace")) + 1


def _json(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _left_out(rows: Sequence[GeneratedRow], packed: Sequence[Sequence[object]], text: Catalogue) -> str:
    """What is said when not all tokens were sent; else empty."""
    tokens, sent = sum(len(row.tokens) for row in rows), sum(len(row) for row in packed)
    if len(packed) == len(rows) and sent == tokens:
        return ""
    return text("web.generated.left_out", sent=sent, tokens=tokens, shown=len(packed), rows=len(rows))


def _words(text: Catalogue) -> dict[str, object]:
    names = (
        "label", "keys", "empty", "waiting", "done", "more_tokens", "more_rows", "alternatives", "chosen", "close_card",
        "open", "fork", "fork_later", "not_sent",
    )  # fmt: skip
    words: dict[str, object] = {name: text(f"web.generated.{name}") for name in names}
    marks = [text(f"web.generated.mark_{name}") for name in MARKS]
    return words | {"marks": marks, "locale": text.locale}
