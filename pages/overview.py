"""Overview: what the model says next, where to begin, what the settings do on the person's own prompt."""

import streamlit as st

from components.overview import model, notebook, settings, tasks, texts
from components.shell.messages import section
from components.shell.sidebar import loaded_view
from components.shell.view import current, error_frame
from dashboard.engine.api.model import RunRequest

view = current()
text = view.text
top = st.container()
pictures = tasks.cards(view)
live, cells = st.container(), st.container()
left, right = st.columns([1.2, 1], gap="large")
with left:
    tasks.examples(view)

loaded = likeliest = None
with top, error_frame(text):  # last: what stands below needs no model
    loaded = loaded_view()
    if settings.started(loaded, "run", RunRequest(loaded.key)):
        likeliest = settings.candidates(loaded)
        settings.headline(loaded, likeliest)
if loaded is not None:
    with right:
        model.model_panel(loaded)
    with cells, error_frame(text):
        notebook.table(loaded)
if loaded is not None and likeliest is not None:
    with live, error_frame(text):
        section(text("overview.parameters"), text("overview.parameters_note"))
        settings.bars(loaded, likeliest)
        tasks.picture_of_predictions(likeliest, loaded, pictures["next_token"])
        tasks.picture_of_map(loaded, pictures["attention"])
        with error_frame(text):
            if settings.started(loaded, "texts", texts.request(loaded.key)):
                generated = texts.texts(loaded)
                tasks.picture_of_texts(generated, loaded, pictures["sampling"])
