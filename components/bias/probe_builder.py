"""The probe on the page: preset, templates, word lists and completions, all of it in the link."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import streamlit as st

from components.shell import link
from components.shell.messages import advice, literal_label, quiet
from components.shell.view import View
from dashboard.errors import DashboardError
from dashboard.parsing.text_files import checked_size
from dashboard.parsing.unreadable import Unreadable
from dashboard.probes import spec as specs
from dashboard.probes.own_lists import MAX_BYTES, from_file, to_lines
from dashboard.probes.presets import preset, presets
from dashboard.probes.spec import LEXICONS, OWN, ProbeSpec
from dashboard.probes.templates import parsed
from dashboard.probes.tokenized_probe import TokenizedProbe
from dashboard.tokens import shortened
from dashboard.view_state import LINK_CHARACTERS, pack, unpack

PROBE = "bias_probe"
PLAIN = 300
"""Up to so many characters a probe stands in the link as it is; above it goes compressed."""
SHOWN_WORDS = 12
"""A finding names so many completions."""
_NOTES = "_bias_notes"
_EDITED = "_bias_edited"
"""Set once somebody has changed the probe here."""


def default() -> ProbeSpec:
    """What the page opens with."""
    return ProbeSpec.of(presets()[0])


def is_preset(spec: ProbeSpec) -> bool:
    """Whether the probe is one of ours as it is."""
    return any(ProbeSpec.of(known) == spec for known in presets())


def take_preset(name: str) -> None:
    """One of our probes by its name, in place of what is there."""
    _write(ProbeSpec.of(preset(name)))


def spec_state(view: View) -> ProbeSpec:
    """The probe of the link, or what was made of it since; one that cannot be read is named."""
    first = _packed(default())
    link.text_state(PROBE, first)
    try:
        spec = _unpacked(st.session_state[PROBE])
    except Unreadable as error:
        link.drop(link.Dropped(PROBE, st.session_state[PROBE][:40], "why", (("why", error.message),)))
        st.session_state[PROBE], spec = first, default()
    if len(st.session_state[PROBE]) <= LINK_CHARACTERS:
        link.text_written(PROBE, first)
    else:
        advice(view.text("bias.not_in_link"))
    return spec


def _packed(spec: ProbeSpec) -> str:
    text = spec.written()
    return text if len(text) <= PLAIN else pack(text)


def _unpacked(text: str) -> ProbeSpec:
    return specs.read(text if text.startswith("{") else unpack(text))


def _write(spec: ProbeSpec) -> None:
    st.session_state[PROBE] = _packed(spec)
    st.session_state[_EDITED] = True


# -- the editor ----------------------------------------------------------------------------------------------------
def probe_line(spec: ProbeSpec, tokenized: TokenizedProbe | None, view: View) -> None:
    """The probe in a line: its size, which opens everything that makes it; and what tokenisation does to it.

    Args:
        spec: the probe.
        tokenized: ``None``: it cannot be read.
        view: the page's.
    """
    text = view.text
    # a probe that a link or a lesson brought is looked at first; who edits one keeps it open
    folded = tokenized is not None and (is_preset(spec) or not st.session_state.get(_EDITED))
    label = text("bias.edit")
    if tokenized is not None:
        templates, groups, completions = tokenized.shape
        label = text("bias.edit_size", templates=templates, groups=groups, completions=completions)
    probe_at, notes_at = st.columns([1.7, 1])
    with probe_at, st.expander(label, expanded=not folded, icon=":material/edit:"):
        _editor(spec, view)
        if tokenized is not None:
            _size(tokenized, view)
    if tokenized is not None:
        with notes_at:
            _tokenization_notes(tokenized, view)


def _editor(spec: ProbeSpec, view: View) -> None:
    """Everything that makes the probe."""
    left, right = st.columns([1.4, 1], gap="medium")
    with left:
        _preset(view)
        _text_area(spec, "templates", view)
        _text_area(spec, "neutral", view)
    with right:
        for slot in _slots(spec):
            _words(spec, slot, view)
        _lexicon(spec, view)
        for name in ("article", "boundary"):
            _switch(spec, name, view)


def _preset(view: View) -> None:
    text = view.text

    def take() -> None:
        name = st.session_state["bias_preset"]
        if name:
            take_preset(name)
            st.session_state["bias_preset"] = None

    st.selectbox(
        text("bias.preset"),
        [preset.name for preset in presets()],
        index=None,
        key="bias_preset",
        placeholder=text("bias.preset_choose"),
        format_func=lambda name: text(f"probes.preset.{name}"),
        on_change=take,
    )


def _text_area(spec: ProbeSpec, name: str, view: View) -> None:
    key = f"bias_{name}"

    def take() -> None:
        lines = st.session_state[key].split("\n")
        if name == "templates":
            lines = [line for line in lines if line.strip()]
        count = len(lines) if name == "templates" else len(spec.templates)
        neutral = list(lines if name == "neutral" else spec.neutral)
        neutral = (neutral + [""] * count)[:count]
        _write(replace(spec, templates=tuple(lines if name == "templates" else spec.templates), neutral=tuple(neutral)))

    st.session_state[key] = "\n".join(getattr(spec, name))
    st.text_area(view.text(f"bias.{name}"), key=key, height=130, help=view.text(f"bias.help_{name}"), on_change=take)


def _slots(spec: ProbeSpec) -> tuple[str, ...]:
    """Slots of the templates that can be read, and those that have words already."""
    slots: dict[str, None] = {}
    for template in spec.templates:
        try:
            slots |= dict.fromkeys(parsed(template).slots)
        except DashboardError:
            continue  # named where the probe is read as a whole
    return tuple(slots)


def _words(spec: ProbeSpec, slot: str, view: View) -> None:
    key = f"bias_words_{slot}"

    def take() -> None:
        _write(replace(spec, words=tuple({**dict(spec.words), slot: st.session_state[key]}.items())))

    st.session_state[key] = dict(spec.words).get(slot, "")
    label = literal_label(view.text("bias.words", slot=shortened(slot, 30)))
    st.text_input(label, key=key, help=view.text("bias.words_help"), on_change=take)


def _lexicon(spec: ProbeSpec, view: View) -> None:
    text = view.text

    def choose() -> None:
        _write(replace(spec, lexicon=st.session_state["bias_lexicon"]))

    st.session_state["bias_lexicon"] = spec.lexicon
    st.selectbox(
        text("bias.lexicon"),
        [*LEXICONS, OWN],
        key="bias_lexicon",
        format_func=lambda name: text("bias.own") if name == OWN else text(f"probes.lexicon.{name}"),
        on_change=choose,
    )
    if spec.lexicon == OWN:
        _own(spec, view)
    elif spec.completions.source:
        quiet(text("probes.lexicon.source", source=spec.completions.source, year=str(spec.completions.year)))


def _own(spec: ProbeSpec, view: View) -> None:
    """An own list: pasted, or from a file."""
    text = view.text

    def take() -> None:
        _write(replace(spec, own=st.session_state["bias_own"]))

    st.session_state["bias_own"] = spec.own
    st.text_area(text("bias.own_lines"), key="bias_own", height=120, help=text("bias.own_help"), on_change=take)
    with st.popover(text("bias.upload"), icon=":material/upload:"):
        st.file_uploader(
            text("bias.upload_help", megabytes=MAX_BYTES // 1_000_000),
            type=["csv", "tsv", "txt"],
            key="bias_file",
            on_change=partial(_upload, spec, view),
        )
    for line, tell in _notes(spec, view):
        tell(line)


def _notes(spec: ProbeSpec, view: View) -> list[tuple[str, Callable[[str], None]]]:
    """What is known of the own list: of the file that it came from, until it is changed, or of its lines."""
    text = view.text
    noted_list, file_notes = st.session_state.get(_NOTES, ("", []))
    if file_notes and noted_list == spec.own:
        return list(file_notes)
    try:
        notes = spec.own_list.notes
    except DashboardError:
        return []  # told where the probe is read as a whole
    return [(text(f"probes.note.{note.kind}", **note.facts), quiet) for note in notes]


def _upload(spec: ProbeSpec, view: View) -> None:
    given, text = st.session_state["bias_file"], view.text
    if given is None:
        return
    try:
        checked_size(given.size, MAX_BYTES)
        own_list = from_file(given.getvalue(), given.name)
    except DashboardError as error:
        st.session_state[_NOTES] = (spec.own, [(text(error.message_id, **error.facts), advice)])
        return
    lines = to_lines(own_list.lexicon.completions)
    st.session_state[_NOTES] = (
        lines,
        [(text(f"probes.note.{note.kind}", **note.facts), quiet) for note in own_list.notes],
    )
    _write(replace(spec, own=lines))


def _switch(spec: ProbeSpec, name: str, view: View) -> None:
    key = f"bias_{name}"

    def take() -> None:
        changed: dict[str, Any] = {name: st.session_state[key]}
        _write(replace(spec, **changed))

    st.session_state[key] = getattr(spec, name)
    st.toggle(view.text(f"bias.{name}"), key=key, help=view.text(f"bias.help_{name}"), on_change=take)


def _size(tokenized: TokenizedProbe, view: View) -> None:
    """How large the probe is."""
    templates, groups, completions = tokenized.shape
    prompts = len(tokenized.prompts)
    quiet(
        view.text(
            "bias.size",
            prompts=prompts,
            groups=groups,
            templates=templates,
            neutral=prompts - groups * templates,
            completions=completions,
            scores=prompts * completions,
        )
    )


def _tokenization_notes(tokenized: TokenizedProbe, view: View) -> None:
    """What tokenisation does to the probe."""
    text = view.text
    with st.expander(text("bias.findings", count=len(tokenized.findings))):
        for kind, words in tokenized.findings:
            named = ", ".join(words[:SHOWN_WORDS])
            more = text("bias.more", count=len(words) - SHOWN_WORDS) if len(words) > SHOWN_WORDS else ""
            quiet(text(f"probes.finding.{kind}", words=f"{named} {more}".strip()))
        if not tokenized.findings:
            quiet(text("bias.no_findings"))
