"""Sampling: what do the settings change? One to four columns of decode settings, token by token."""

from functools import partial

from components.sampling import exact, panels, sets
from components.sampling.columns import columns_state, names_of
from components.sampling.folds import fold
from components.sampling.texts import Columns
from components.shell.sidebar import loaded_view

view = loaded_view()
text = view.text

specs = columns_state()
columns = Columns(specs, names_of(specs), names_of(specs, text), view.key)
generation = panels.texts_panel(view, columns)
if generation is not None:
    panels.sequences(view, columns, generation)
    exact.beam_tree(view, columns, generation)
    sets.sets(view, columns, generation)
if columns.possible:
    fold(
        view,
        "sampling_exact",
        text("sampling.exact"),
        partial(exact.compared, view, columns),
        opened=exact.named_in_link(),
    )
    fold(view, "sampling_tree_go", text("sampling.tree"), partial(exact.probability_tree, view, columns))
    fold(
        view, "sampling_sweep", text("sampling.sweep"), partial(sets.sweep, view, columns), opened=sets.named_in_link()
    )
