"""The panels of the way through the layers: trajectories, the lens, and what moved a logit."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path

import numpy as np
import streamlit as st

from components.charts.attribution import attribution_figure, head_attribution_figure
from components.charts.lens import MOST_COLUMNS, lens_figure, trajectories_figure
from components.shell import link
from components.shell.messages import advice, quiet, section
from components.shell.pickers import choice_picker, integer_picker, switch
from components.shell.view import View, run_facts
from dashboard.engine.api.lens import AttributionRequest, Lens, LensRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.frames.lens import attribution_frame, head_attribution_frame, lens_frame, trajectory_frame
from dashboard.scripts.prediction import attribution_script, lens_script
from dashboard.tokens import Token, visible

FOLLOW = "next_token_follow"
LIKELIEST = "likeliest"
FIRST = 3
"""So many of the likeliest tokens have a trajectory besides the pinned ones."""
LINKED = 5
"""So many heads of a layer are linked to their page."""
NARROW = 3
"""Up to so many columns of the lens have room for their tokens on a small screen."""
WINDOW, STRIDED = 16, 64
"""Positions of a window, and about so many of a stride, at first."""
_ATTENTION = Path(__file__).parents[2] / "pages" / "attention.py"


def follow_picker(view: View, ids: tuple[int, ...]) -> Token:
    """The token whose way through the layers is told: the likeliest, one of `ids`, or the link's own."""
    text, vocab = view.text, view.card.vocab
    if not _followable(st.query_params.get(FOLLOW, LIKELIEST), vocab):
        link.drop(link.Dropped(FOLLOW, st.query_params[FOLLOW], "range", (("low", 0), ("high", vocab - 1))))
        st.query_params.pop(FOLLOW)
    held = st.session_state.get(FOLLOW) or st.query_params.get(FOLLOW, LIKELIEST)
    own = (int(held),) if held != LIKELIEST and _followable(held, vocab) else ()
    options = [LIKELIEST, *(str(i) for i in dict.fromkeys((*ids, *own)))]
    link.choice_state(FOLLOW, options, LIKELIEST)
    named = view.tokenizer.tokens(tuple(int(option) for option in options[1:]))
    names = {str(token.id): f"{visible(token)} · {token.id}" for token in named}
    names[LIKELIEST] = text("lens.likeliest", token=visible(named[0]))
    st.selectbox(
        text("lens.follow"),
        options,
        key=FOLLOW,
        format_func=lambda option: names[option],
        help=text("lens.follow_help"),
        persist_state="session",
    )
    chosen = link.choice_written(FOLLOW, LIKELIEST)
    return named[0] if chosen == LIKELIEST else next(token for token in named if token.id == int(chosen))


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
    shown = view.engine.answer(CandidatesRequest(view.key, pos, FIRST, pins))
    request = LensRequest(view.key, (pos,), half, tuple(int(i) for i in shown.ids))
    found = _found(view, request)
    frame = trajectory_frame(found, shown.tokens)
    view.panel(
        "trajectories",
        [request],
        options={"value": value},
        figure=partial(trajectories_figure, frame, value=value),
        frame=lambda: frame,
        script=lambda origin: lens_script(view.card, origin, request, chart="trajectories"),
        strip=_strip(view, found.error),
        alt={"pos": pos, "count": len(shown.ids)},
        suffix=f"pos{pos}",
    )


def _found(view: View, request: LensRequest) -> Lens:
    """The lens, with progress on the page."""
    return view.answer(request, view.text("work.lens", count=len(request.positions)))


def heading(view: View, pos: int) -> None:
    """Where this part of the page begins: at which layer the final token of one position came to stay on top."""
    found = _found(view, LensRequest(view.key, (pos,)))
    layer, _ = found.steps[int(found.settled[0])]
    final = view.tokenizer.tokens((int(found.top_ids[-1, 0, 0]),))[0]
    last = view.card.layers - 1
    name = {-1: "settled_embedding", last: "settled_last"}.get(layer, "settled")
    more = view.text(f"lens.{name}", token=visible(final), layer=layer, last=last)
    section(view.text("lens.trajectories", pos=pos, token=visible(view.tokens.tokens[pos])), more, anchor="inside")


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
    quiet(_cost(view, positions, half=half))
    pins = (followed.id,) if value.startswith("followed") else ()
    request = LensRequest(view.key, positions, half, pins)
    found = _found(view, request)
    ids = np.unique(found.top_ids)
    names = dict(zip(ids.tolist(), view.tokenizer.tokens(tuple(ids.tolist())), strict=True))
    frame = lens_frame(found, view.tokens.tokens, names, followed if pins else None)
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
            strip=_strip(view, found.error),
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


def _cost(view: View, positions: tuple[int, ...], *, half: bool) -> str:
    """What the choice and everything would take, before it is computed."""
    text, count = view.text, len(view.tokens.tokens)

    def seconds(of: tuple[int, ...]) -> str:
        found = view.engine.cost(LensRequest(view.key, of, half)).seconds
        return "?" if math.isnan(found) else text.number(max(found, 0.1), 1)

    return text(
        "lens.cost",
        shown=len(positions),
        count=count,
        seconds=seconds(positions),
        all_seconds=seconds(tuple(range(count))),
    )


def attribution(view: View, pos: int, followed: Token) -> None:
    """What embedding, attention and MLP of every layer add to one token's logit, and each head of one layer."""
    text = view.text
    section(text("lens.attribution", token=visible(followed), pos=pos), text("lens.attribution_note"), anchor="moved")
    refused = view.card.stream.why_no_attribution
    if refused:
        advice(text(f"lens.refused.{refused}"))
        return
    request = AttributionRequest(view.key, pos, followed.id)
    found = view.answer(request, text("work.attribution"))
    parts = attribution_frame(found)
    strip = [
        text("lens.sum", total=text.number(found.logit + found.error, 4), logit=text.number(found.logit, 4)),
        text("strip.difference", error=f"{abs(found.error):.0e}"),
        text("lens.fixed"),
        text("lens.uncapped") if view.card.stream.softcap else "",
        *run_facts(view),
    ]
    view.panel(
        "attribution",
        [request],
        figure=partial(attribution_figure, parts),
        frame=lambda: parts,
        script=lambda origin: attribution_script(view.card, origin, pos, followed.id),
        strip=strip,
        alt={"pos": pos},
        suffix=f"pos{pos}-id{followed.id}",
    )
    section(text("lens.heads"))
    strongest = int(np.argmax(np.abs(found.attention)))
    layer = integer_picker("next_token_layer", text("lens.layer"), view.card.layers - 1, strongest)
    heads = head_attribution_frame(found, layer)
    view.panel(
        "head_attribution",
        [request],
        options={"layer": layer},
        figure=partial(head_attribution_figure, heads),
        frame=lambda: heads,
        script=lambda origin: attribution_script(view.card, origin, pos, followed.id, layer=layer),
        strip=strip,
        alt={"pos": pos, "layer": layer},
        suffix=f"pos{pos}-id{followed.id}-L{layer}",
    )
    _links(view, found.heads[layer], layer, pos)


def _links(view: View, by_head: np.ndarray, layer: int, pos: int) -> None:
    """The strongest heads as links to what they look at."""
    text = view.text
    if layer in dict(view.card.without_attention):
        return
    quiet(text("lens.open_heads"))
    own = {name: st.query_params[name] for name in ("model", "prompt", "pz", "chat", "lang") if name in st.query_params}
    with st.container(horizontal=True):
        strongest = np.argsort(-np.nan_to_num(np.abs(by_head), nan=-1.0), kind="stable")
        for head in strongest[: min(LINKED, view.card.heads_of(layer))]:
            view_of = {"attention_layer": str(layer), "attention_head": str(head), "attention_token": str(pos)}
            st.page_link(
                _ATTENTION,
                label=f"L{layer} H{head}",
                icon=":material/arrow_forward:",
                query_params={**own, **view_of},
            )


def _strip(view: View, error: float) -> list[str]:
    text = view.text
    return [text("lens.tail"), text("lens.self_check", error=f"{error:.0e}"), *run_facts(view)]
