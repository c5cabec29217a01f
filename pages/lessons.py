"""Lessons: nine short exercises and a tour, on the other pages and on the person's own prompt."""

from components.lessons.listing import class_link, listing
from components.shell.sidebar import loaded_view
from components.shell.view import current, error_frame

view = current()
with error_frame(view.text):
    loaded_view()
listing(view)
class_link(view)
