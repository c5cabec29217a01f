"""The way through the layers: trajectories of tokens, and the logit lens."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import streamlit as st

from components.charts.lens import MOST_COLUMNS, lens_figure, trajectories_figure
from components.shell import link
from components.shell.messages import quiet, section
from components.shell.panel import column_heads
from components.shell.pickers import choice_picker, integer_picker, switch
from components.shell.view import View, run_facts
from components.shell.waiting import begins
from dashboard.engine.api.lens import Lens, LensRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.frames.lens import lens_frame, trajectory_frame
from dashboard.scripts.prediction import lens_script
from dashboard.tokens import Token, in_sentence, visible

FOLLOW = "next_token_follow"
LIKELIEST = "likeliest"
FIRST = 3
"""So many of the likeliest tokens have a trajectory besides the pinned ones."""
NARROW = 3
"""Up to so many columns of the lens have room for their tokens on a small screen."""
WINDOW, STRIDED = 16, 64
"""Positions of a window, and about so many of a stride, at first."""


def follow_picker(view: View, ids: tuple[int, ...]) -> Token:
    """The token to follow through the layers: the likeliest, one of `ids`, or another that the link names."""
    text, vocab = view.text, view.card.vocab
    if not _followable(st.query_params.get(FOLLOW, LIKELIEST), vocab):
        link.drop(link.Dropped(FOLLOW, st.query_params[FOLLOW], "range", (("low", 0), ("high", vocab - 1))))
        st.query_params.pop(FOLLOW)
    held = st.session_state.get(FOLLOW) or st.query_params.get(FOLLOW, LIKELIEST)
    linked = (int(held),) if held != LIKELIEST and _followable(held, vocab) else ()
    options = [LIKELIEST, *(str(i) for i in dict.fromkeys((*ids, *linked)))]
    link.choice_state(FOLLOW, options, LIKELIEST)
    tokens = view.tokenizer.tokens(tuple(int(option) for option in options[1:]))
    names = {str(token.id): f"{visible(token)} · {token.id}" for token in tokens}
    names[LIKELIEST] = text("lens.likeliest", token=visible(tokens[0]))
    st.selectbox(
        text("lens.follow"),
        options,
        key=FOLLOW,
        format_func=lambda option: names[option],
        help=text("lens.follow_help"),
        persist_state="session",
    )
    chosen = link.choice_written(FOLLOW, LIKELIEST)
    return tokens[0] if chosen == LIKELIEST else next(token for token in tokens if token.id == int(chosen))


def _followable(value: str, vocab: int) -> bool:
    """Whether a link's value names a token of the vocabulary, or the likeliest."""
    return value == LIKELIEST or (re.fullmatch(r"0|[1-9]\d{0,8}", value, re.ASCII) is not None and int(value) < vocab)


def half_switch(view: View) -> bool:
    """Whether the stream is read after each attention too; off and greyed where the family has no such place."""
    text, refused = view.text, view.card.stream.why_no_half_steps
    label = text("lens.half")
    if refused:
        st.toggle(label, help=text(f"lens.refused.{refused}"), disabled=True, key="half_refused")
        return False
    return switch("next_token_half", label, text("lens.half_help"))


def trajectories(view: View, pos: int, pins: tuple[int, ...], *, value: str, half: bool) -> None:
    """Lines of the likeliest and the pinned tokens through the layers, after one position."""
    followed = view.engine.answer(CandidatesRequest(view.key, pos, FIRST, pins))
    request = LensRequest(view.key, (pos,), half, tuple(int(i) for i in followed.ids))
    lens = _lens(view, request)
    frame = trajectory_frame(lens, followed.tokens)
    view.panel(
        "trajectories",
        [request],
        options={"value": value},
        figure=partial(trajectories_figure, frame, value=value),
        frame=lambda: frame,
        script=lambda origin: lens_script(view.card, origin, request, chart="trajectories"),
        heads=column_heads(view.text, frame),
        strip=_strip(view, lens.error),
        alt={"pos": pos, "count": len(followed.ids)},
        suffix=f"pos{pos}",
    )


def _lens(view: View, request: LensRequest) -> Lens:
    """The lens, with progress on the page."""
    return view.answer(request, view.text("work.lens", count=len(request.positions)))


def heading(view: View, pos: int) -> None:
    """Where this part of the page begins: at which layer the final token of one position came to stay on top."""
    lens = _lens(view, LensRequest(view.key, (pos,)))
    layer, _ = lens.steps[int(lens.settled[0])]
    final = view.tokenizer.tokens((int(lens.top_ids[-1, 0, 0]),))[0]
    last = view.card.layers - 1
    name = {-1: "settled_embedding", last: "settled_last"}.get(layer, "settled")
    more = view.text(f"lens.{name}", token=in_sentence(final), layer=layer, last=last)
    section(view.text("lens.trajectories", pos=pos, token=in_sentence(view.tokens.tokens[pos])), more)


def lens_map(view: View, pos: int, followed: Token, *, half: bool) -> None:
    """Layers by positions: a window, every so many, or all of them."""
    text, count = view.text, len(view.tokens.tokens)
    section(text("lens.title"), text("lens.note"), anchor="lens")
    span_at, size_at, value_at = st.columns([1.2, 0.8, 1.4], vertical_alignment="bottom")
    with span_at:
        span = choice_picker("next_token_span", text("lens.span"), text=text, prefix="lens.spans")
    with size_at:
        size = _size(view, span)
    with value_at:
        value = choice_picker("next_token_lens", text("lens.colour"), text=text, prefix="lens.colours")
    positions = chosen_positions(span, pos, count, size)
    pins = (followed.id,) if value.startswith("followed") else ()
    request = LensRequest(view.key, positions, half, pins)
    if not _wanted(view, request):
        return
    lens = _lens(view, request)
    ids = np.unique(lens.top_ids)
    names = dict(zip(ids.tolist(), view.tokenizer.tokens(tuple(ids.tolist())), strict=True))
    frame = lens_frame(lens, view.tokens.tokens, names, followed if pins else None)
    if len(positions) > MOST_COLUMNS:
        quiet(text("lens.thinned", step=-(-len(positions) // MOST_COLUMNS), count=len(positions)))
    with st.container(key="lens_narrow" if len(positions) <= NARROW else "lens_wide"):
        view.panel(
            "lens",
            [request],
            options={"value": value, "pos": pos},
            figure=partial(lens_figure, frame, value=value, vocab=view.card.vocab, pos=pos),
            frame=lambda: frame,
            script=lambda origin: lens_script(view.card, origin, request, chart="lens"),
            heads=column_heads(text, frame),
            strip=_strip(view, lens.error),
            alt={"count": len(positions), "layers": view.card.layers},
            suffix=f"pos{positions[0]}-{positions[-1]}",
        )


def _size(view: View, span: str) -> int:
    """How wide the window is, or how far apart the positions; both are kept in the link."""
    text, count = view.text, len(view.tokens.tokens)
    if span == "window":
        # not bound by a short prompt: the next one would keep its few positions
        return integer_picker("next_token_window", text("lens.window"), max(WINDOW, count), WINDOW, low=1)
    if span == "stride":
        return integer_picker("next_token_stride", text("lens.stride"), count, max(1, count // STRIDED), low=1)
    return 1


def chosen_positions(span: str, pos: int, count: int, size: int) -> tuple[int, ...]:
    """Positions that a lens shows: all hold `pos`.

    Args:
        span: ``position``, ``window`` (the `size` that end at `pos`, or the first ones), ``stride`` (every `size`-th)
            or ``all``.
        pos: the position in view.
        count: tokens of the prompt.
        size: see `span`.
    """
    if span == "position":
        return (pos,)
    if span == "window":
        stop = min(count, max(pos + 1, size))
        return tuple(range(max(0, stop - size), stop))
    if span == "stride":
        return tuple(range(pos % size, count, size))
    return tuple(range(count))


def _wanted(view: View, request: LensRequest) -> bool:
    """Whether the lens is computed now: at once where that is short, else when its button was pressed."""
    return begins(
        "lens_compute",
        request.digest,
        view.seconds_left([request]),
        text=view.text,
        cost="lens.cost",
        button=view.text("lens.compute"),
        positions=len(request.positions),
    )


def _strip(view: View, error: float) -> list[str]:
    text = view.text
    return [text("lens.tail"), text("lens.self_check", error=f"{error:.0e}"), *run_facts(view)]
