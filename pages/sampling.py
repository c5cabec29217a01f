"""Sampling: what do the settings change? One to four columns of decode settings, token by token."""

from components.sampling import exact, panels, sets
from components.sampling.columns import columns_state, names_of
from components.sampling.texts import Columns
from components.shell.sections import fold
from components.shell.sidebar import loaded_view
from components.shell.view import error_frame

view = loaded_view()
text = view.text

specs = columns_state()
columns = Columns(specs, names_of(specs), names_of(specs, text), view.key)
generation = panels.texts_panel(view, columns)
if generation is not None:
    panels.sequences(view, columns, generation)
    exact.beam_tree(view, columns, generation)
    sets.sets(view, columns, generation)
folds = (
    ("sampling_exact", "sampling.exact", exact.compared, exact.named_in_link()),
    ("sampling_tree_go", "sampling.tree", exact.probability_tree, False),
    ("sampling_sweep", "sampling.sweep", sets.sweep, sets.named_in_link()),
)
for key, label, draw, opened in folds if columns.possible else ():
    with fold(key, text(label), opened=opened) as part:
        if part.open:
            with error_frame(text):
                draw(view, columns)
