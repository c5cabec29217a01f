"""Sampling: what do the settings change? One to four columns of decode settings, token by token."""

from components.sampling import columns as settings
from components.sampling import exact, panels, sets
from components.sampling.texts import Columns
from components.shell.sidebar import loaded_view
from components.shell.view import error_frame

view = loaded_view()
text = view.text

specs = settings.columns_state()
columns = Columns(specs, settings.names_of(specs), view.key)
settings.cards(columns.specs, columns.names, view)
settings.editor(columns.specs, columns.names, view)
generation = None
with error_frame(text):
    generation = panels.texts_panel(view, columns)
if generation is not None:
    panels.sequences(view, columns, generation)
    exact.beam_tree(view, columns, generation)
    sets.sets(view, columns, generation)
if columns.possible:
    with error_frame(text):
        exact.compared(view, columns)
    with error_frame(text):
        exact.probability_tree(view, columns)
    with error_frame(text):
        sets.sweep(view, columns)
