"""How many of the processor's threads a computation gets.

A step of a few rows gains nothing by the second of two cores, and where others compute beside it the two threads wait
for each other most of the time. Long prompts gain half their time, if the cores are free.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch

FEW_ROWS = 64
"""A pass over at most so many tokens, all rows together, has little to share out."""
FRESH_SECONDS = 0.25
"""So long a look at what others compute holds."""
ALL = torch.get_num_threads()
"""As many as torch takes by itself: read before anything here sets another number."""
_LOOKS, _PAUSE_SECONDS = 3, 0.002


class Threads:
    """Sets the calling thread's share; torch keeps it for each thread of Python apart.

    Small computations always have the same: in theirs the number of threads decides in which order sums are made, and
    the same seed must make the same text however busy the machine is.
    """

    def __init__(self, fixed: int, free: Callable[[], int] | None = None) -> None:
        """As many as torch takes by itself at most; or always `fixed`, where that is not 0.

        Args:
            fixed: the operator's number.
            free: how many cores nobody else computes on.
        """
        self._most = fixed or ALL
        self._few = fixed or max(1, self._most // 2)
        self._free = (lambda: fixed) if fixed else free or free_cores
        self._looked, self._now = -math.inf, self._most

    @contextlib.contextmanager
    def long_work(self) -> Iterator[None]:
        """What is computed inside is long; looks that follow are small."""
        self._long()
        try:
            yield
        finally:
            self.short_work()

    def short_work(self) -> None:
        """What is computed next is a small look."""
        torch.set_num_threads(self._few)

    def _long(self) -> None:
        if time.monotonic() - self._looked > FRESH_SECONDS:
            self._now = max(1, min(self._most, self._free()))
            self._looked = time.monotonic()
        torch.set_num_threads(self._now)

    def adjust_by_pass(self, model: Any) -> None:
        """From now on each pass of `model` has threads by its tokens, whoever calls it."""

        def before(_: Any, args: Any, kwargs: Any) -> None:
            given = (*args, kwargs.get("input_ids"), kwargs.get("inputs_embeds"))
            ids = next((value for value in given if torch.is_tensor(value)), None)
            small = ids is None or ids.shape[:2].numel() <= FEW_ROWS
            (self.short_work if small else self._long)()

        model.register_forward_pre_hook(before, with_kwargs=True)


def free_cores() -> int:
    """How many cores nobody else computes on just now; all of them where the system does not tell."""
    cores = os.cpu_count() or 1
    running = []
    for look in range(_LOOKS):  # some thread is always at work for a moment
        if look:
            time.sleep(_PAUSE_SECONDS)
        try:
            # "0.20 0.18 0.12 1/80 11206": 1 thread runs, this one
            running.append(int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0]))
        except (OSError, IndexError, ValueError):
            return cores
    return max(1, cores - (min(running) - 1))
