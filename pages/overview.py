"""Overview: what is loaded, where to begin, what the settings of text generation mean."""

import streamlit as st

from components.overview import panels
from components.shell.sidebar import loaded_view
from components.shell.view import current

view = current()
card, start = st.columns([1, 1.2], gap="large")
with start:
    panels.first_steps(view)
panels.parameters(view)
with card:  # last: the rest needs no model
    loaded = loaded_view()
    panels.model_card(loaded)
    panels.verification(loaded)
