"""The panels of the Next token page."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from components.charts.axes import probability
from components.charts.next_token import candidates_figure
from components.shell import link
from components.shell.messages import percent, quiet, section
from components.shell.model_rules import acting_fact, left_out_fact
from components.shell.pickers import choice_picker
from components.shell.view import View, run_facts
from components.web.token_text.token_text import token_text
from dashboard.engine.api.decoding import AT_ENDS, DecodeSettings, Processed
from dashboard.engine.api.prediction import CandidatesRequest, PositionTable, PositionTableRequest, ProcessedRequest
from dashboard.errors import TokenizerFailed
from dashboard.frames.next_token import candidates_frame, position_frame, prompt_score
from dashboard.i18n import Catalogue
from dashboard.run_key import RunKey
from dashboard.scripts.prediction import candidates_script, position_script
from dashboard.tokens import ISOLATE, Token, visible, visible_text

PINS = "next_token_pins"
MOST_PINS = 8
SEARCH_SHOWN = 30
FULL_BITS = 16
"""Surprisal of the strongest colour [bits]."""


def predictions(view: View) -> PositionTable:
    """What was predicted and what followed at every position; with progress on the page."""
    return view.answer(PositionTableRequest(view.key), view.text("work.table"))


def running_text(view: View, pos: int, table: PositionTable) -> None:
    """The prompt as tokens, coloured by how well each was predicted; a click chooses the position."""

    def pick(index: int) -> None:
        st.session_state["next_token_pos"] = index

    text, tokens = view.text, view.tokens.tokens
    colour_at, note_at = st.columns([1, 3], vertical_alignment="bottom")
    with colour_at:
        colour = choice_picker("next_token_colour", text("next_token.colour"), text=text, prefix="next_token.colours")
    with note_at:
        quiet(" ".join([text(f"next_token.colour_note.{colour}"), _score(view, table)]))
    frame = position_frame(table, tokens)
    token_text(
        tokens=[visible(token) for token in tokens],
        special=[token.special for token in tokens],
        weights=None if colour == "none" else predicted_colours(frame, colour, view.card.vocab),
        selected=pos,
        hover=[f"0 · id {tokens[0].id}", *(_predicted(row, text) for row in frame[:-1].to_dict("records"))],
        lut=view.theme.lut(),
        dark=view.theme.mode == "dark",
        text=view.text,
        key="next_token_text",
        on_pick=pick,
    )


def predicted_colours(frame: pd.DataFrame, colour: str, vocab: int) -> NDArray[np.float64]:
    """(token,) in [0, 1]: how strongly each token is coloured, by the row of the position before it.

    The first is NaN: nothing precedes it. Surprisal: 16 bits and more are 1; entropy: of at most ln `vocab`; rank: 1,
    2 to 5, 6 to 20, 21 to 100 and more, in five even steps from 0.
    """
    before = frame[:-1]
    if colour == "rank":
        values = np.searchsorted([1, 5, 20, 100], before["next_rank"].to_numpy(np.int64)) / 4
    elif colour == "entropy":
        values = before["entropy_nats"].to_numpy(np.float64) / np.log(vocab)
    elif colour == "prob":
        values = before["next_prob"].to_numpy(np.float64)
    else:
        values = before["surprisal_bits"].to_numpy(np.float64) / FULL_BITS
    return np.concatenate([[np.nan], np.clip(values, 0, 1)])


def _predicted(row: dict[Any, Any], text: Catalogue) -> str:
    """How the token after a position was predicted there."""
    return text(
        "next_token.predicted",
        pos=row["pos"] + 1,
        prob=probability(text, row["next_prob"]),
        rank=row["next_rank"],
        bits=text.number(row["surprisal_bits"], 2),
        entropy=text.number(row["entropy_nats"], 2),
        instead=row["predicted_token"],
    )


def _score(view: View, table: PositionTable) -> str:
    """Perplexity and bits per byte, and what they are computed on."""
    text, score = view.text, prompt_score(table, view.tokens.tokens)
    if score is None:
        return text("next_token.no_score")
    return text(
        "next_token.score",
        perplexity=text.number(score.perplexity, 2),
        bits=text.number(score.bits_per_byte, 3),
        tokens=score.tokens,
        nbytes=score.nbytes,
    )


def pin_picker(view: View) -> tuple[int, ...]:
    """Tokens that stand in the chart whatever their rank: found by text, kept in the link."""
    text, card = view.text, view.card
    link.numbers_state(PINS, card.vocab, MOST_PINS)
    find_at, pins_at = st.columns([1, 2], vertical_alignment="bottom")
    with find_at:
        typed = st.text_input(
            text("next_token.find"), key="find_token", max_chars=60, help=text("next_token.find_help"), live=True
        )
    found = view.tokenizer.search(typed or "", SEARCH_SHOWN)
    pinned = view.tokenizer.tokens(tuple(st.session_state[PINS]))
    names = {token.id: f"{visible(token)} · {token.id}" for token in (*pinned, *found)}
    with pins_at:
        st.multiselect(
            text("next_token.pins"),
            list(names),
            key=PINS,
            format_func=lambda token: names[token],
            max_selections=MOST_PINS,
            placeholder=text("next_token.pins_found", count=len(found)) if typed else text("next_token.pins_none"),
            persist_state="session",
        )
    if typed and not typed.isspace():
        _explained(view, typed, found)
    return link.numbers_written(PINS)


def _explained(view: View, typed: str, found: tuple[Token, ...]) -> None:
    """What stands in the way of pinning what was typed: it is several tokens, or none holds it."""
    text = view.text
    shown = ISOLATE.format(visible_text(typed))
    if not found:
        quiet(text("next_token.none_found", typed=shown))
        return
    if any(token.text in {typed, f" {typed}", f"{typed} "} or visible(token) == typed for token in found):
        return
    try:
        pieces = view.tokenizer.tokens(view.tokenizer.ids((typed,), alone=True)[0])
    except TokenizerFailed:  # it has no pieces; what was found only contains it
        return
    if len(pieces) > 1:
        names = ", ".join(ISOLATE.format(visible(token)) for token in pieces)
        quiet(text("next_token.several", typed=shown, count=len(pieces), pieces=names))


@dataclass(frozen=True)
class Bars:
    """What the bars show."""

    pos: int
    k: int
    pins: tuple[int, ...]
    settings: DecodeSettings
    value: str
    """``prob`` or ``logit``."""
    log: bool

    def request(self, run: RunKey) -> CandidatesRequest:
        """For the tokens that the bars stand for."""
        return CandidatesRequest(run, self.pos, self.k, self.pins)


def candidates(view: View, bars: Bars) -> None:
    """Bars of the likeliest and the pinned tokens after one position, before and after the decode settings."""
    text, settings = view.text, bars.settings
    request = bars.request(view.key)
    found = view.engine.answer(request)
    left = ProcessedRequest(view.key, bars.pos, tuple(int(i) for i in found.ids), settings)
    processed = view.engine.answer(left)
    frame = candidates_frame(found, processed)
    acts, rules = bool(processed.names), view.card.rules
    here = visible(view.tokens.tokens[bars.pos])
    likeliest = frame["prob"].iloc[: bars.k].sum()
    section(
        text("next_token.after", pos=bars.pos, token=here),
        text("next_token.kept", k=min(bars.k, len(frame)), mass=percent(text, float(likeliest))),
    )
    if acts:
        quiet(_effect(view, processed))
    view.panel(
        "candidates",
        [request, left],
        options={"value": bars.value, "log": bars.log},
        figure=partial(
            candidates_figure,
            frame,
            value=bars.value,
            log=bars.log,
            settings=acts,
        ),
        frame=lambda: frame,
        script=lambda origin: candidates_script(view.card, origin, bars.pos, bars.k, pins=bars.pins, settings=settings),
        strip=[
            text("next_token.formula"),
            _effective(settings) if settings != replace(DecodeSettings(), model_rules=settings.model_rules) else "",
            acting_fact(rules, settings, text, idle=AT_ENDS),
            left_out_fact(rules, text),
            text("next_token.entropy", nats=text.number(found.entropy_nats, 3)),
            text("strip.self_check", error=f"{view.run.logits_error:.0e}"),
            *run_facts(view),
        ],
        alt={"pos": bars.pos, "k": len(found.ids)},
        suffix=f"pos{bars.pos}",
    )


def shown_ids(view: View, bars: Bars) -> tuple[int, ...]:
    """Ids of the tokens that the bars show, likeliest first."""
    return tuple(int(i) for i in view.engine.answer(bars.request(view.key)).ids)


def _effect(view: View, processed: Processed) -> str:
    """What the settings leave, in words."""
    text = view.text
    return text(
        "next_token.effect",
        kept=processed.kept,
        vocab=view.card.vocab,
        mass=percent(text, processed.kept_mass),
        before=text.number(processed.entropy_before_nats, 3),
        after=text.number(processed.entropy_after_nats, 3),
        kl=text.number(abs(processed.kl_nats), 3),
    )


def _effective(settings: DecodeSettings) -> str:
    """The settings as a call of ``generate`` would state them."""
    return ", ".join(f"{name}={value!r}" for name, value in asdict(settings).items() if name != "model_rules")


def positions(view: View, table: PositionTable) -> None:
    """The table of every position: what was predicted, and what followed."""
    text = view.text
    frame = position_frame(table, view.tokens.tokens)
    section(text("next_token.table"), text("next_token.table_note"), anchor="every")
    view.panel(
        "positions",
        [PositionTableRequest(view.key)],
        figure=None,
        frame=lambda: frame,
        script=lambda origin: position_script(view.card, origin),
        strip=[*run_facts(view)],
    )
