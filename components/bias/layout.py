"""Where the parts of a method stand, when its work begins, and the heads of its tables."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from components.shell import link
from components.shell.messages import finding
from components.shell.panel import column_heads
from components.shell.view import View
from components.shell.waiting import allow, begins
from dashboard.i18n import Catalogue

_STARTED = "_bias_started"


@dataclass(frozen=True)
class Layout:
    """The places of one method, from top to bottom; what is drawn first need not stand first."""

    finding: DeltaGenerator = field(default_factory=st.container)
    above: DeltaGenerator = field(default_factory=st.container)
    """Of the controls, where the first chart is higher than a screen."""
    chart: DeltaGenerator = field(default_factory=st.container)
    below: DeltaGenerator = field(default_factory=st.container)
    """Of the controls else."""
    more: DeltaGenerator = field(default_factory=st.container)

    def say(self, sentence: str) -> None:
        """The finding; none where there is nothing to say."""
        if sentence:
            with self.finding:
                finding(sentence)


def started(name: str, asked: str, seconds: float, view: View, *, button: str, flag: str = "") -> bool:
    """Whether work begins: it is short, or the person pressed the button that stands here otherwise.

    Args:
        name: of the kind of work.
        asked: what is asked for.
        seconds: it is estimated to take; 0: it is kept, NaN: nobody knows.
        view: the page's.
        button: what the button says.
        flag: entry of FIELDS that carries a yes to `asked` in the link; without one it is remembered in the session.
    """
    key = f"{_STARTED}_{flag or name}"
    if flag:
        agreed(flag, asked)
    return begins(f"bias_start_{name}", asked, seconds, text=view.text, cost="bias.cost", button=button, kept_in=key)


def agreed(flag: str, asked: str) -> bool:
    """Whether the person said yes to what is asked for; other settings are not begun for a yes to these.

    Args:
        flag: entry of FIELDS that carries the yes in the link: one to the settings that stand beside it there.
        asked: what is asked for.
    """
    state, key = st.session_state, f"{_STARTED}_{flag}"
    before = state.get(flag, False)
    if link.flag_state(flag) and not before:
        state[key] = asked
    state[flag] = state.get(key) == asked
    link.flag_written(flag)
    return bool(state[flag])


def agree(flag: str, asked: str) -> None:
    """When a button is pressed: yes to what is asked for."""
    st.session_state[f"{_STARTED}_{flag}"] = asked
    allow()


def heads(frame: pd.DataFrame, text: Catalogue) -> dict[str, str]:
    """Column -> what this page's tables call it; see `components.shell.panel.column_heads`."""
    return column_heads(text, frame, "bias_columns")
