"""Next token: what would it say next, when did it know, and what do the settings cut?"""

import streamlit as st

from components.lens import panels as layers
from components.next_token import panels
from components.next_token.decode_settings import decode_settings
from components.shell.messages import advice
from components.shell.pickers import choice_picker, integer_picker, switch
from components.shell.sections import section_bar
from components.shell.sidebar import loaded_view
from components.shell.view import error_frame

view = loaded_view()
text, tokens = view.text, view.tokens.tokens
section_bar(
    view, {name: text(f"next_token.sections.{name}") for name in ("position", "inside", "lens", "moved", "every")}
)
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

table = None
with error_frame(text):
    table = panels.predictions(view)
    panels.running_text(view, pos, table)
pins = panels.pin_picker(view)
settings = decode_settings(text, view.card.rules)
bars = panels.Bars(pos, k, pins, settings, value, log)
with error_frame(text):
    panels.candidates(view, bars)

if view.card.stream.why_no_lens:
    advice(text(f"lens.refused.{view.card.stream.why_no_lens}"))
else:
    layers.heading(view, pos)
    follow_at, through_at, half_at = st.columns(3, vertical_alignment="bottom")
    with follow_at:
        followed = layers.follow_picker(view, panels.shown_ids(view, bars))
    with through_at:
        through = choice_picker("next_token_through", text("lens.through"), text=text, prefix="lens.throughs")
    with half_at:
        half = layers.half_switch(view)
    with error_frame(text):
        layers.trajectories(view, pos, pins, value=through, half=half)
    with error_frame(text):
        layers.lens_map(view, pos, followed, half=half)
    with error_frame(text):
        layers.attribution(view, pos, followed)
if table is not None:
    panels.positions(view, table)
