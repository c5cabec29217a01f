"""The web components with nasty data. ``?show=`` picks one or several of `shows`; other parameters set its case."""

import json
import time
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from components.shell.page import page_style
from components.web.chart_download.chart_download import chart_download
from components.web.copy_link.copy_link import copy_link
from components.web.generated_texts.generated_texts import (
    MARKS,
    Alternative,
    GeneratedRow,
    GeneratedToken,
    generated_texts,
)
from components.web.head_mosaic.head_mosaic import head_mosaic
from components.web.page_sections.page_sections import page_sections
from components.web.token_text.token_text import token_text
from dashboard.i18n import Catalogue
from dashboard.pictures.frame import Frame

NASTY = (
    "<b>bold</b>",
    "<script>window.hacked=1</script>",
    "$x$",
    "[x](javascript:1)",
    "%{x}",
    "{token}",
    "שלום",
    "👩‍🚀",
    "·the",
    "⏎",
    "<img src=x onerror=window.hacked=1>",
    "‹E2›‹9C›",
    "&amp;",
    "supercalifragilisticexpialidocious" * 3,
)

st.set_page_config(layout="wide")
query = st.query_params
text = Catalogue(query.get("lang", "en"))
dark = st.context.theme.type == "dark"
paper, ink = ((16, 18, 22), (176, 196, 255)) if dark else ((255, 255, 255), (27, 31, 95))
lut = np.rint(np.linspace(paper, ink, 256)).astype(np.uint8)


def number(name: str, default: int) -> int:
    return int(query.get(name, default))


def labels(count: int) -> list[str]:
    return [NASTY[i] if i < len(NASTY) else f"·tok{i}" for i in range(count)]


def attention(layers: int, heads: int, side: int) -> np.ndarray:
    """(layer, head, side, side): a diagonal, a first column and noise, so that tiles differ."""
    rng = np.random.default_rng(7)
    maps = rng.random((layers, heads, side, side)) ** 24
    for layer in range(layers):
        steps = np.arange(side)
        maps[layer, :, steps, np.maximum(steps - layer % 3, 0)] = 0.9
    maps[:, ::3, :, 0] = 1.0
    return np.rint(np.tril(maps) * 255).astype(np.uint8)


def report(name: str, value: Any) -> None:
    st.session_state.setdefault("calls", []).append([name, value])


def show_mosaic() -> None:
    layers, heads, side, block = number("layers", 30), number("heads", 9), number("side", 32), number("block", 1)
    tiles = attention(layers, heads, side)
    flow = query.get("flow", "grid")
    order = [(layer, head) for layer in range(layers) for head in range(heads)]
    metric = {(layer, head): ((layer * 31 + head * 17) % 97) / 97 for layer, head in order}
    if flow == "ordered":
        order.sort(key=lambda pair: -metric[pair])
    head_mosaic(
        tiles=tiles,
        first_column=np.zeros(tiles.shape[:3], np.uint8),
        order=order,
        flow=flow,
        captions=[f"{metric[pair]:.2f}" for pair in order],
        tokens=labels(side * block - (block > 1)),
        block=block,
        selected=st.session_state.setdefault("head", (1, 2)),
        hide_first=bool(st.session_state.get("hide_first")),
        lut=lut,
        text=text,
        key="mosaic",
        on_pick=pick_head,
        missing={int(layer) for layer in query.get_all("missing")},
    )


def pick_head(layer: int, head: int) -> None:
    st.session_state["head"] = (layer, head)
    st.session_state["bound"] = layer  # a widget's key: only possible before the page runs
    report("head", [layer, head])


def show_tokens() -> None:
    count = number("count", 40)
    weights = np.linspace(0, 1, count)
    weights[-1:] = np.nan
    plain, readonly = query.get("plain") == "1", query.get("readonly") == "1"
    token_text(
        tokens=labels(count),
        weights=None if plain else weights,
        selected=st.session_state.get("token"),
        hover=[f"position {i} · weight {weights[i]:.3f}" for i in range(count)],
        special=[i == 20 for i in range(count)],
        lut=lut,
        dark=dark,
        text=text,
        key="tokens",
        on_pick=None if readonly else pick_token,
        below=[*labels(count)[1:], NASTY[1]] if query.get("below") == "1" else None,
        hits=[i % 3 == 0 for i in range(count)] if query.get("below") == "1" else None,
    )


def pick_token(index: int) -> None:
    st.session_state["token"] = index
    report("token", index)


def show_image() -> None:
    z = np.tril(np.random.default_rng(1).random((12, 12))).astype(np.float32)
    figure = go.Figure(go.Heatmap(z=z, colorscale="Viridis", zmin=0, zmax=1))
    figure.update_layout(template="plotly_white", title="&lt;b&gt; $x$ 日本", width=500, height=400)
    if query.get("chart") != "0":
        st.plotly_chart(figure, theme=None, key="chart")
    frame = Frame(500, "<b>Title</b>", ("Attention weights · layer 9 · tiny @ abc",), "#FFFFFF", "#1A1D23")
    for form in ("png", "svg"):
        chart_download(
            figure_json=str(figure.to_json()),
            name=f"logitscope_head_L9H0.{form}",
            provenance={"model": "tiny", "prompt": '<b> & ]]> ñ 日本 --> "quoted"'},
            chart_height=400 - sum(frame.heights),
            scale=2,
            frame=frame,
            text=text,
            key=f"image_{form}",
        )


def show_copy() -> None:
    copy_link(more={"lang": "en"}, text=text, key="copy")


def show_sections() -> None:
    st.html(f"<style>{page_style._STYLE}</style>")
    page_sections({name: f"Section <b>{name}</b>" for name in "abcdef"}, text=text, key="page_sections")
    for name in "abcdef":
        time.sleep(number("pause", 0) / 10)  # the page grows while it is looked at
        st.html(f'<div id="at-{name}" style="height: 500px">part {name}</div>')
    # writes the address as Streamlit does, which knows nothing of the section
    st.button("write", on_click=lambda: query.update(other=str(number("other", 0) + 1)))


def show_texts() -> None:
    """``stream=1``: five times a second each row gets two more tokens, until it has ``count``; ``hold`` stops it.

    ``gone=1``: at the end they are off the page for a moment.
    """
    count = number("count", 40)
    last = number("hold", count) if query.get("stream") == "1" else count
    now = st.session_state.setdefault("now", 0 if query.get("stream") == "1" else count)
    known = len(st.session_state.get("calls", []))

    def texts() -> None:
        draw_texts(st.session_state["now"], count)
        all_drawn, forked = st.session_state["now"] >= last > now, len(st.session_state.get("calls", [])) > known
        st.session_state["now"] = min(last, st.session_state["now"] + 2)
        if all_drawn or forked:
            st.rerun()  # the whole page once more, without the clock

    if query.get("gone") == "1" and now >= last and not st.session_state.get("gone"):
        st.fragment(come_back, run_every=0.1)()
        return
    st.text("back" if st.session_state.get("gone") else "there")
    # always a fragment: elsewhere on the page it would be another component to the browser
    st.fragment(texts, run_every=0.2 if now < last else None)()


def come_back() -> None:
    # the first run of a fragment is the page's own
    if st.session_state.setdefault("looks", 0) == 1:
        st.session_state["gone"] = True
        st.rerun()
    st.session_state["looks"] += 1


def draw_texts(now: int, count: int) -> None:
    rows = number("rows", 3)
    generated_texts(
        rows=[GeneratedRow(f"row {row}", tokens_of(row, now), "" if now < count else ENDING) for row in range(rows)],
        lut=lut,
        dark=dark,
        text=text,
        key="texts",
        on_fork=None if query.get("readonly") == "1" else fork,
        max_height=number("max_height", 420),
        running=now < count,
    )


ENDING = "limit reached"


def tokens_of(row: int, count: int) -> tuple[GeneratedToken, ...]:
    """Token `step` of row `row`: nasty ones first, then words; every fifth with a mark."""
    found = []
    for step in range(count):
        label = NASTY[step] if step < len(NASTY) else f"·word{(step * 7 + row) % 50}"
        other = [
            Alternative(
                label if k == row % 3 else NASTY[(step + k) % len(NASTY)],
                f"p {0.5**k:.3f} · cut by top_k" if k > 6 else f"p {0.5**k:.3f} · q {0.6**k:.3f}",
                100 * step + k,
                chosen=k == row % 3,
                cut=k > 6,
            )
            for k in range(number("alternatives", 10))
        ]
        mark = MARKS[step // 5 % 4] if step % 5 == 0 else "parted differs" if step == 21 else ""
        weight = (step * 37 % 101) / 100 if step != 11 else float("nan")
        found.append(GeneratedToken(label, weight, f"{step} · id {100 * step} · p 0.{step:03}", mark, tuple(other)))
    return tuple(found)


def fork(row: int, step: int, token: int) -> None:
    report("fork", [row, step, token])


def other_head() -> None:
    st.session_state["head"] = (6, 6)


shows = {
    "mosaic": show_mosaic,
    "tokens": show_tokens,
    "texts": show_texts,
    "image": show_image,
    "copy": show_copy,
    "sections": show_sections,
}
for name in query.get("show", "mosaic").split(","):
    shows[name]()
calls = st.session_state.get("calls", [])
st.button("other head", on_click=other_head)
st.checkbox("without first", key="hide_first")
st.number_input("bound", key="bound", value=None, step=1)
st.text_area("calls", json.dumps(calls), key=f"calls{len(calls)}")
st.text("below")
