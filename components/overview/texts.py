"""do_sample and beams, live: three draws beside greedy, and a small beam tree; all texts are made once."""

from __future__ import annotations

import html

import numpy as np
import streamlit as st

from components.charts.axes import with_minus
from components.charts.sampling.trees import beam_tree_figure
from components.overview.settings import chart, further, heading
from components.shell.messages import quiet
from components.shell.model_rules import texts_fact
from components.shell.pickers import slider, switch
from components.shell.prompt import prompt_end
from components.shell.view import View
from dashboard.engine.api.generation import Generated, GenerateRequest, Output
from dashboard.frames.trees import beam_frame, greedy_tree
from dashboard.run_key import RunKey
from dashboard.sampling.columns import ColumnSpec, written
from dashboard.tokens import Token, plain, shortened

DRAWS = 3
TOKENS = 12
"""Of the texts of do_sample."""
STEPS = 4
"""Of the beam trees."""
MOST_BEAMS = 4
HEIGHT = 330
"""Of the tree, whatever its beams [px]: what stands below it keeps its place."""
PROMPT_END = 24
"""So many characters of the prompt stand in front of each text."""

GREEDY = ColumnSpec(do_sample=False, max_new_tokens=TOKENS)
DRAWN = ColumnSpec(num_return_sequences=DRAWS, max_new_tokens=TOKENS)
WIDTHS = tuple(ColumnSpec(do_sample=False, num_beams=n, max_new_tokens=STEPS) for n in range(1, MOST_BEAMS + 1))
ONE_BEAM = 2
"""Place of the first of these among the columns of a request."""


def request(run: RunKey) -> GenerateRequest:
    """Every text of this section: greedy, three draws, and a search of each width behind the prompt of `run`."""
    return GenerateRequest(run, tuple(spec.column() for spec in (GREEDY, DRAWN, *WIDTHS)))


def texts(view: View) -> Generated:
    """Both side by side; the switch and the slider show what is there already."""
    asked = request(view.key)
    generated = view.answer(asked, view.text("overview.making")).whole()
    if acting := texts_fact(view.card.rules, asked.columns, view.text):
        quiet(acting)
    draws, beams = st.columns(2, gap="medium")
    with draws:
        st.fragment(_draws)(view, generated)
    with beams:
        st.fragment(_beams)(view, generated)
    return generated


def _of(generated: Generated, column: int) -> tuple[Output, ...]:
    return tuple(output for output in generated.outputs if output.column == column)


def _draws(view: View, generated: Generated) -> None:
    text, head = view.text, st.container()
    sampled = switch("overview_do_sample", text("overview.draw"), on=True)
    with head:
        heading(view, "do_sample", "sampled" if sampled else "exact")
    (greedy,) = _of(generated, 0)
    calls = _of(generated, 1) if sampled else (greedy,) * DRAWS
    if sampled:
        ranks = np.concatenate([output.ranks for output in calls])
        facts = {"texts": len({tuple(output.ids.tolist()) for output in calls}), "draws": len(calls)}
        quiet(text("overview.draws_say", likeliest=int((ranks == 1).sum()), tokens=len(ranks), **facts))
    else:
        quiet(text("overview.greedy_says"))
    rows = [(text("overview.greedy"), greedy)]
    rows += [(text("overview.call", number=number), output) for number, output in enumerate(calls, 1)]
    tokens = _tokens(view, tuple(output for _, output in rows))
    begin = html.escape(prompt_end(view, PROMPT_END))
    lines = "".join(
        f"<dt>{html.escape(name)}</dt><dd><span>{begin}</span>{_line(view, output, tokens)}</dd>"
        for name, output in rows
    )
    st.html(f'<dl class="ls-texts">{lines}</dl>')
    quiet(text("overview.draws_note"))
    further(view, "do_sample", "sampling", {"sampling_columns": written((GREEDY, DRAWN))})


def _tokens(view: View, outputs: tuple[Output, ...]) -> dict[int, Token]:
    ids = tuple(sorted({token for output in outputs for token in output.ids.tolist()}))
    return dict(zip(ids, view.tokenizer.tokens(ids), strict=True))


def _line(view: View, output: Output, tokens: dict[int, Token]) -> str:
    """A text as HTML; a token that was not the likeliest is marked."""
    parts = []
    for token, rank, log_p in zip(output.ids.tolist(), output.ranks.tolist(), output.log_p.tolist(), strict=True):
        shown = html.escape(plain(tokens[token]))
        word = shown.lstrip(" ")
        note = html.escape(view.text("overview.token", rank=rank, prob=view.text.number(float(np.exp(log_p)), 3, "g")))
        mark = "span" if rank == 1 else "u"
        parts.append(f'{" " * (len(shown) - len(word))}<{mark} title="{note}">{word}</{mark}>')
    return "".join(parts)


def _beams(view: View, generated: Generated) -> None:
    text, head = view.text, st.container()
    width = int(slider("overview_beams", "num_beams", (1, MOST_BEAMS), 3, step=1))
    with head:
        heading(view, "beams", "search" if width > 1 else "exact")
    returned = _of(generated, ONE_BEAM + width - 1)
    if returned:
        _search(view, generated, returned[0], width)
    else:
        quiet(text("overview.no_beams"))
    specs = WIDTHS[:1] if width == 1 else (WIDTHS[0], WIDTHS[width - 1])
    further(view, "beams", "sampling", {"sampling_columns": written(specs)})


def _search(view: View, generated: Generated, best: Output, width: int) -> None:
    """The best text of a search with `width` beams beside the greedy one, and what the search looked at."""
    text, searched = view.text, generated.beams[ONE_BEAM + width - 1]
    (greedy,) = _of(generated, ONE_BEAM)
    totals = [float(output.log_p.sum(dtype=np.float64)) for output in (greedy, best)]
    tree = searched or greedy_tree(greedy, generated.names[ONE_BEAM])
    ids = tuple(sorted({*tree.ids.tolist(), *best.ids.tolist()}))
    tokens = dict(zip(ids, view.tokenizer.tokens(ids), strict=True))
    said = shortened("".join(plain(tokens[token]) for token in best.ids.tolist()).lstrip(), 60)
    in_greedy, in_best = (with_minus(text.number(total, 2)) for total in totals)
    facts = {"text": said, "log_p": in_best, "greedy": in_greedy}
    result = "one_beam" if searched is None else "same" if best.ids.tolist() == greedy.ids.tolist() else "other"
    quiet(text(f"overview.searched.{result}", **facts))
    frame = beam_frame(tree, tokens)
    figure = beam_tree_figure(frame, text=text, theme=view.theme).update_layout(height=HEIGHT)
    alt = text("charts.beam_tree.alt", nodes=len(frame), steps=len(best.ids))
    chart(figure, "overview_beams", alt)
