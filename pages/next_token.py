"""Next token: what would it say next? Bars after any position, and every position's prediction beside what followed."""

import streamlit as st

from components import next_token_panels as panels
from components.controls import choice_picker, integer_picker, switch
from components.sidebar import loaded_view

view = loaded_view()
text, tokens = view.text, view.tokens.tokens
view.run  # noqa: B018 - makes the run, with progress, before the controls that look at it

with st.container(key="next_token_controls"):
    pos_at, k_at, value_at, log_at = st.columns([1, 1, 1.4, 1.6], vertical_alignment="bottom")
    last = len(tokens) - 1
    with pos_at:
        pos = integer_picker("next_token_pos", text("next_token.pos"), last, last, follow_high=True)
    with k_at:
        k = integer_picker("next_token_k", text("next_token.k"), min(100, view.card.vocab), 20, low=5)
    with value_at:
        value = choice_picker("next_token_value", text("next_token.value"), text=text, prefix="next_token.values")
    with log_at:
        log = switch("next_token_log", text("next_token.log"), text("next_token.log_help"))

panels.running_text(view, pos)
pins = panels.pin_picker(view)
settings = panels.decode_settings(text)
panels.candidates(view, panels.Bars(pos, k, pins, settings, value, log))
panels.positions(view)
