"""What decode settings do, without drawing: along a text, to what may follow a prompt, and inside a beam search."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import streamlit as st

from components.charts.sampling.settings import settings_lines_figure, settings_map_figure
from components.charts.sampling.trees import beam_tree_figure, probability_tree_figure
from components.sampling.generation_task import GeneratedTexts
from components.sampling.panels import texts_strip
from components.sampling.tables import page_table
from components.sampling.texts import Columns
from components.shell import link
from components.shell.messages import notice, percent, quiet, section
from components.shell.model_rules import acting_fact
from components.shell.pickers import choice_picker, integer_picker, number_picker, switch
from components.shell.view import View, model_facts
from dashboard.engine.api.decoding import AT_ENDS, PURE, DecodeSettings
from dashboard.engine.api.generation import CompareRequest, TreeRequest
from dashboard.engine.api.model import RunRequest, TokenizedPrompt
from dashboard.frames.sampling import comparison_frame, distance_frame
from dashboard.frames.trees import beam_frame, probability_frame
from dashboard.run_key import RunKey
from dashboard.scripts.sampling import beam_tree_script, probability_tree_script, settings_script
from dashboard.stats.statistic import SETTINGS

REFERENCE = "sampling_reference"
REFERENCE_CHARACTERS = 2000
MOST_POSITIONS = 64
"""So many positions are compared at first, up to the last."""
MODEL = "own"


def named_in_link() -> bool:
    """Whether a link of before there was a fold names something of the comparison."""
    return any(key in st.query_params for key in ("sampling_value", "sampling_map", REFERENCE))


def compared(view: View, columns: Columns) -> None:
    """The columns' settings along the prompt, or along a text that was pasted behind it."""
    text = view.text
    quiet(text("sampling.exact_note"))
    if any(spec.num_beams > 1 for spec in columns.specs):
        quiet(text("sampling.exact_beams"))
    key, prompt = _reference(view)
    count = len(prompt.tokens)
    value_at, count_at, map_at = st.columns([1.4, 1, 1.2], vertical_alignment="bottom")
    with value_at:
        value = choice_picker("sampling_value", text("sampling.value"), text=text, prefix="charts.settings")
    with count_at:
        last = integer_picker(
            "sampling_positions", text("sampling.positions"), count, min(MOST_POSITIONS, count), low=1
        )
    with map_at:
        as_map = switch("sampling_map", text("sampling.as_map"))
    settings = tuple(spec.settings() for spec in columns.specs)
    request = CompareRequest(key, settings, (count - last, count))
    comparison = view.answer(request, text("work.settings", count=last))
    frame_of = distance_frame if SETTINGS[value].of_pairs else comparison_frame
    frame = frame_of(comparison, columns.names, prompt.tokens, count - last)
    if SETTINGS[value].of_pairs and len(columns.specs) < 2:
        quiet(text("sampling.one_column"))
        return
    chart = settings_map_figure if as_map and SETTINGS[value].is_bounded else settings_lines_figure
    name = "settings_map" if chart is settings_map_figure else "settings_lines"
    view.panel(
        name,
        [request],
        options={"names": columns.names, "value": value},
        figure=partial(chart, columns.titled(frame), value=value),
        frame=lambda: frame,
        **page_table(columns, frame, text),
        script=lambda origin: settings_script(view.card, origin, request, name, names=columns.names, value=value),
        strip=[
            text("sampling.own_processors"),
            *dict.fromkeys(acting_fact(view.card.rules, column, text, idle=AT_ENDS) for column in settings),
            *model_facts(view, view.engine.answer(RunRequest(key)).seconds, key),
        ],
        alt={"value": text(f"charts.settings.{value}"), "count": last},
        suffix=value,
    )


def _reference(view: View) -> tuple[RunKey, TokenizedPrompt]:
    """The text along which settings are compared: the prompt, with what was pasted behind it."""
    text = view.text
    link.text_state(REFERENCE, "")
    pasted = st.text_area(
        text("sampling.reference"),
        key=REFERENCE,
        height=80,
        max_chars=REFERENCE_CHARACTERS,
        placeholder=text("sampling.reference_hint"),
        persist_state="session",
    )
    link.text_written(REFERENCE, "")
    if not pasted:
        return view.key, view.tokens
    # in a chat behind the template, where the answer would stand
    whole = view.read(pasted)
    return view.card.run_key(whole), whole


def probability_tree(view: View, columns: Columns) -> None:
    """The likeliest continuations with their exact probabilities."""
    text = view.text
    quiet(text("sampling.tree_note"))
    of_at, depth_at, mass_at, nodes_at = st.columns([1.4, 1, 1, 1], vertical_alignment="bottom")
    with of_at:
        settings, limit, name = _tree_settings(view, columns)
    with depth_at:
        depth = integer_picker("sampling_depth", text("sampling.depth"), 12, 3, low=1)
    with mass_at:
        mass = number_picker("sampling_mass", text("sampling.mass"), 0.01, 1.0, 0.5)
    with nodes_at:
        nodes = integer_picker("sampling_nodes", text("sampling.nodes"), 500, 60, low=5)
    request = TreeRequest(view.key, settings, depth, float(mass), nodes, limit)
    tree = view.answer(request, text("work.tree"))
    if tree.unfinished:
        notice(text("sampling.tree_busy"))
    ids = tuple(sorted(set(tree.ids.tolist())))
    frame = probability_frame(tree, dict(zip(ids, view.tokenizer.tokens(ids), strict=True)))
    finished_mass = percent(text, tree.finished_mass)
    quiet(text("sampling.tree_found", nodes=len(tree.ids), mass=finished_mass, unseen=percent(text, tree.unseen_mass)))
    view.panel(
        "probability_tree",
        [request],
        options={"stopped_at": len(tree.ids)} if tree.unfinished else {},
        figure=partial(probability_tree_figure, frame),
        frame=lambda: frame,
        **page_table(columns, frame, text),
        script=lambda origin: probability_tree_script(view.card, origin, request),
        strip=[
            text("sampling.tree_of", name=name),
            acting_fact(view.card.rules, settings, text, idle={"stop_strings"}),
            *model_facts(view, tree.seconds),
        ],
        alt={"nodes": len(tree.ids), "mass": finished_mass},
    )


def _tree_settings(view: View, columns: Columns) -> tuple[DecodeSettings, int, str]:
    """Whose probabilities: the model's own, or those of a column; with most tokens of its texts, and its name."""
    text, key = view.text, "sampling_tree_of"
    options = [MODEL, *(str(number) for number, spec in enumerate(columns.specs) if spec.num_beams == 1)]
    link.choice_state(key, options, MODEL)
    names = {MODEL: text("charts.settings.own")} | {o: columns.titles[int(o)] for o in options[1:]}
    st.selectbox(text("sampling.tree_whose"), options, key=key, format_func=lambda o: names[o], persist_state="session")
    chosen = link.choice_written(key, MODEL)
    if chosen == MODEL:
        return PURE, 0, names[chosen]
    spec = columns.specs[int(chosen)]
    return spec.settings(), spec.max_new_tokens, names[chosen]


def beam_tree(view: View, columns: Columns, generation: GeneratedTexts) -> None:
    """What the search of a column with beams looked at."""
    text, key = view.text, "sampling_beams_of"
    numbers = [str(number) for number, tree in enumerate(generation.generated.beams) if tree is not None]
    if not numbers:
        return
    section(text("sampling.beams"), text("sampling.beams_note"))
    link.choice_state(key, numbers, numbers[0])
    if len(numbers) > 1:
        st.selectbox(
            text("sampling.beams_of"),
            numbers,
            key=key,
            format_func=lambda number: columns.titles[int(number)],
            persist_state="session",
        )
    number = int(link.choice_written(key, numbers[0]))
    tree, column = generation.generated.beams[number], columns.request.columns[number]
    assert tree is not None
    ids = tuple(sorted(set(tree.ids.tolist())))
    frame = beam_frame(tree, dict(zip(ids, view.tokenizer.tokens(ids), strict=True)))
    view.panel(
        "beam_tree",
        [replace(columns.request, columns=(column,))],
        options={"stopped_at": len(tree.ids)} if generation.unfinished else {},
        figure=partial(beam_tree_figure, frame),
        frame=lambda: frame,
        **page_table(columns, frame, text),
        script=lambda origin: beam_tree_script(view.card, origin, column),
        strip=texts_strip(view, generation, [column]),
        kind="search",
        alt={"nodes": len(tree.ids), "steps": int(tree.steps.max()) + 1 if len(tree.steps) else 0},
        suffix=f"column{number}",
    )
