"""The model picker: bundled, on this machine, on the hub; with what the weights take, and whether they fit."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from components.shell import link
from components.shell.waiting import allow
from dashboard import cache
from dashboard.engine.api.model import ModelSpec, short_commit
from dashboard.errors import DashboardError
from dashboard.i18n import Catalogue

PICKER_CHARACTERS = 24
"""A longer name of a model is cut in the picker, and stands below it whole."""
_KEY = "model"
_DOWNLOADING, _DOWNLOADED = "_model_downloading", "_model_downloaded"
"""Where a session keeps the chosen model that was not on this machine, and the one whose line was written anew."""


def model_picker(text: Catalogue) -> str:
    """The id of the chosen model; the link carries it."""
    settings = cache.settings()
    specs = {spec.id: spec for spec in cache.listed_models()}
    for wanted in (st.query_params.get(_KEY), st.session_state.get(_KEY)):
        if wanted and wanted not in specs:
            _add(wanted, specs, text)
    names = model_names(tuple(specs.values()))
    options = {model: model_option(spec, names[model], text) for model, spec in specs.items()}
    link.choice_state(_KEY, list(options), settings.model, words=options)
    st.selectbox(
        text("sidebar.model"),
        list(options),
        key=_KEY,
        format_func=lambda model: options.get(model, model),
        accept_new_options=any(entry == "*" or entry.endswith("@*") for entry in settings.models),
        help=text("sidebar.model_help"),
        persist_state="session",
        on_change=allow,
    )
    model = link.choice_written(_KEY, settings.model)
    st.session_state[_DOWNLOADING] = "" if model not in specs or specs[model].here else model
    option = options.get(model, model)
    if len(option) > PICKER_CHARACTERS:  # the picker's own line cannot wrap
        st.html(f'<p class="ls-count">{html.escape(option)}</p>')
    return model


def model_loaded(model: str) -> None:
    """Once the chosen model is loaded: what was downloaded for that is no longer called "to download"."""
    if st.session_state.get(_DOWNLOADING) == model != st.session_state.get(_DOWNLOADED):
        st.session_state[_DOWNLOADED] = model
        st.rerun()


def _add(wanted: str, specs: dict[str, ModelSpec], text: Catalogue) -> None:
    """A model that the list does not have, from the link or typed; named where it may not be chosen."""
    try:
        spec = cache.find_model(wanted)
        specs[spec.id] = spec
    except DashboardError as error:
        link.drop(link.Dropped(_KEY, wanted, _KEY, (("why", text(error.message_id, **error.facts)),)))
        if st.query_params.get(_KEY) == wanted:
            st.query_params.pop(_KEY, None)


def model_names(specs: Sequence[ModelSpec]) -> dict[str, str]:
    """Id -> what a model is called: the label, with the id where another model has the same label."""
    labels = Counter(spec.label for spec in specs)
    return {spec.id: spec.label if labels[spec.label] == 1 else f"{spec.label} ({spec.id})" for spec in specs}


def model_option(spec: ModelSpec, name: str, text: Catalogue) -> str:
    """A model's line in the picker: its name, then where it is or how large, and whether it fits."""
    facts = [] if spec.here else [text("sidebar.model_on_hub")]
    if spec.base:
        facts.append(text("sidebar.model_adapter", base=short_commit(spec.base)))
    if spec.nbytes is not None:
        facts.append(size(spec.nbytes, text))
    if spec.fits is False:
        facts.append(text("sidebar.model_too_large"))
    return " · ".join([name, *facts])


def size(nbytes: int, text: Catalogue) -> str:
    """Bytes for people, in MB or GB."""
    megabytes = nbytes / 1e6
    if megabytes < 100:
        return f"{text.number(megabytes, 1 if megabytes < 10 else 0)} MB"
    return f"{text.number(megabytes / 1e3, 1)} GB"
