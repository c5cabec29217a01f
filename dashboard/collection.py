"""Collecting garbage: never the libraries again, and what pages leave only now and then. Standard library only.

Streamlit's own habit, a whole collection after every run of a page or a fragment, is off: with torch and transformers
loaded one takes 0.3 s in which no other thread of the process runs.
"""

from __future__ import annotations

import gc
import threading
import time

EVERY_SECONDS = 15.0
"""Pages leave cycles with charts in them, which Python itself may not notice for minutes: few objects, many bytes."""
_turn = threading.Lock()
_last = time.monotonic()


def settle() -> None:
    """What stands now stands for good: later collections look only at what came since."""
    gc.collect()
    gc.freeze()


def collect() -> None:
    """Collect what was thought to stand as well: a model was dropped."""
    gc.unfreeze()
    settle()


def collect_now_and_then() -> None:
    """Collect what pages left, at most once in EVERY_SECONDS; after a page's run."""
    global _last
    with _turn:
        if time.monotonic() - _last < EVERY_SECONDS:
            return
        _last = time.monotonic()
    gc.collect()
