"""Next token: what would it say next, when did it know, and what do the settings cut?"""

import streamlit as st

from components.lens import fold
from components.next_token import panels, prompt_text
from components.next_token.decode_settings import decode_settings
from components.next_token.pins import pin_picker
from components.next_token.positions import positions
from components.shell.pickers import choice_picker, integer_picker, switch
from components.shell.sections import section_bar
from components.shell.sidebar import loaded_view
from components.shell.view import error_frame

view = loaded_view()
text, tokens = view.text, view.tokens.tokens
names = ["position", "every", "inside", *fold.sections(view)]
section_bar(view, {name: text(f"next_token.sections.{name}") for name in names})
view.run  # noqa: B018 - makes the run, with progress, before the controls that look at it
predicted = None
with error_frame(text):
    predicted = prompt_text.predictions(view)

prompt_at, bars_at = st.container(), st.container()
with st.container(key="next_token_controls"):
    pos_at, k_at, value_at, colour_at, log_at = st.columns([1, 1, 1.2, 1.2, 1.4], vertical_alignment="bottom")
    last = len(tokens) - 1
    with pos_at:
        pos = integer_picker("next_token_pos", text("next_token.pos"), last, last, follow_high=True)
    with k_at:
        k = integer_picker("next_token_k", text("next_token.k"), min(100, view.card.vocab), 10, low=5)
    with value_at:
        value = choice_picker("next_token_value", text("next_token.value"), text=text, prefix="next_token.values")
    with colour_at:
        colour = choice_picker("next_token_colour", text("next_token.colour"), text=text, prefix="next_token.colours")
    with log_at:
        log = switch("next_token_log", text("next_token.log"), text("next_token.log_help"))
pins = pin_picker(view)
settings = decode_settings(text, view.card.rules)

bars = panels.Bars(pos, k, pins, settings, value, log)
if predicted is not None:
    with prompt_at, error_frame(text):
        prompt_text.page_finding(view, panels.likeliest(view, bars), predicted)
        prompt_text.running_text(view, pos, predicted, colour)
with bars_at, error_frame(text):
    panels.candidates(view, bars)
if predicted is not None:
    positions(view, predicted)
fold.inside(view, pos, pins, panels.likeliest(view, bars))
