"""The decode settings that act on the bars of the Next token page; those without effect are greyed, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from components.shell import link
from components.shell.messages import advice, quiet
from components.shell.model_rules import on_bars, rules_told
from components.shell.pickers import number_picker, switch
from dashboard.engine.api.decoding import DecodeSettings, ModelRules
from dashboard.i18n import Catalogue
from dashboard.sampling import ranges
from dashboard.sampling.ranges import one_left

_SETTING = "next_token_"
_OPENED = "_decode_settings_opened"
_WITHOUT_RULES = f"{_SETTING}without_rules"
OFF = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "repetition_penalty": 1.0}
"""Setting -> its value without effect, which is the default."""
RANGES: dict[str, tuple[float, float, float]] = {name: (*ranges.RANGES[name], off) for name, off in OFF.items()}
"""Setting -> lowest, highest, default."""


def decode_settings(text: Catalogue, rules: ModelRules) -> DecodeSettings:
    """The settings that act on the bars, every one explicit.

    Args:
        text: the catalogue.
        rules: the model's own; they can be turned off where there are any.
    """
    with st.expander(text("next_token.settings"), expanded=_open(rules)):
        quiet(text("next_token.settings_note"))
        with st.container(horizontal=True):
            greedy = switch(f"{_SETTING}greedy", text("next_token.greedy"), text("next_token.greedy_help"))
            without_rules = on_bars(rules) and switch(
                _WITHOUT_RULES, text("rules.without"), text("parameter.model_rules.meaning")
            )
        rules_told(rules, text)
        alone = "do_sample" if greedy else one_left({name: _expected(name) for name in RANGES})
        values: dict[str, Any] = {}
        for cell, (name, (low, high, default)) in zip(st.columns(len(RANGES)), RANGES.items(), strict=True):
            with cell:
                values[name] = number_picker(
                    f"{_SETTING}{name}",
                    name,
                    low,
                    high,
                    default,
                    help_text=text(f"parameter.{name}.meaning"),
                    disabled=bool(alone) and name not in {alone, "repetition_penalty"},
                )
        with st.container(horizontal=True):
            st.button(text("next_token.bare"), on_click=_bare, help=text("next_token.bare_help"), key="bare_sample")
            st.button(
                text("next_token.all_off"), on_click=_all_off, kwargs={"rules": on_bars(rules)}, key="settings_off"
            )
        _explained(alone, values, text)
    if alone == "temperature":
        greedy, values["temperature"] = True, 1.0
    top_k = int(values.pop("top_k"))
    return DecodeSettings(do_sample=not greedy, top_k=top_k, model_rules=not without_rules, **values)


def _explained(alone: str, values: Mapping[str, float], text: Catalogue) -> None:
    """Why settings are greyed."""
    if alone == "do_sample":
        quiet(text("next_token.greedy_reason"))
    elif alone == "temperature" and not values[alone]:
        advice(text("next_token.temperature_zero"))
    elif alone == "temperature":
        advice(text("next_token.temperature_tiny", value=f"{values[alone]:g}"))
    elif alone:
        quiet(text("next_token.one_left", setting=alone, value=f"{values[alone]:g}"))


def _expected(name: str) -> float:
    return link.expected(f"{_SETTING}{name}", *RANGES[name])


def _open(rules: ModelRules) -> bool:
    """Whether the settings are unfolded: once one, or a rule, has acted they stay so, whatever it is set to."""
    acts = on_bars(rules) or _acts()
    st.session_state[_OPENED] = st.session_state.get(_OPENED, False) or acts
    return bool(st.session_state[_OPENED])


def _acts() -> bool:
    """Whether any setting is not at its default, as far as is known before the controls are drawn."""
    greedy = st.session_state.get(f"{_SETTING}greedy") or f"{_SETTING}greedy" in st.query_params
    return bool(greedy) or any(_expected(name) != default for name, (*_, default) in RANGES.items())


def _all_off(*, rules: bool = False) -> None:
    """Every setting without effect; `rules`: those of the model too."""
    for name, default in OFF.items():
        st.session_state[f"{_SETTING}{name}"] = default
    st.session_state[f"{_SETTING}greedy"] = False
    st.session_state[_WITHOUT_RULES] = rules


def _bare() -> None:
    """What transformers does with ``do_sample=True`` alone."""
    _all_off()
    st.session_state[f"{_SETTING}top_k"] = 50
