"""Collecting garbage: never the libraries again, and what pages leave only now and then. Standard library only.

Streamlit's own habit, a whole collection after every run of a page or a fragment, is off: with torch and transformers
loaded one takes 0.3 s in which no other thread of the process runs.
"""

from __future__ import annotations

import contextlib
import gc
import threading
import time
from collections.abc import Iterator

from dashboard.process.memory import return_freed

EVERY_SECONDS = 15.0
"""Pages leave cycles with charts in them, which Python itself may not notice for minutes: few objects, many bytes."""


def skip_libraries() -> None:
    """Before the first model of a process loads: its collections need not walk through the libraries' objects."""
    if not gc.get_freeze_count():
        gc.freeze()


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """No collections while libraries load: they find nothing, and take a fifth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def settle() -> None:
    """What stands now stands for good: later collections look only at what came since."""
    gc.collect()
    gc.freeze()


def collect() -> None:
    """Collect what was thought to stand as well: a model was dropped."""
    gc.unfreeze()
    settle()


class Collector:
    """Collects what pages leave, at most once in EVERY_SECONDS."""

    def __init__(self) -> None:
        """The first time comes later."""
        self._turn = threading.Lock()
        self._last = time.monotonic()

    def now_and_then(self) -> None:
        """After a page's run, of any session; what is freed goes back to the system."""
        with self._turn:
            if time.monotonic() - self._last < EVERY_SECONDS:
                return
            self._last = time.monotonic()
        gc.collect()
        return_freed()


PAGES = Collector()
"""Of this process."""
