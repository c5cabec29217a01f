"""Saved: views that people kept, with what they expected and what they compare them with."""

from components.saved.listing import listing
from components.shell.sidebar import loaded_view
from components.shell.view import current, error_frame

view = current()
with error_frame(view.text):
    listing(view)
with error_frame(view.text):  # last: what stands above needs no model
    loaded_view()
