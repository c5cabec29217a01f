"""Overview: what is loaded, where to begin, what the settings of text generation mean."""

import streamlit as st

from components import overview_panels as panels
from components.look import page_head
from components.shell import current

view = current()
page_head(view.text, "overview")
card, start = st.columns([1, 1.2], gap="large")
with card:
    panels.model_card(view)
with start:
    panels.first_steps(view)
panels.parameters(view)
