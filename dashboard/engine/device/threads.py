"""Threads of the processor for each computation: half of them for short work, free cores for long work.

A step of a few rows gains nothing from a second core, and beside other computations its threads mostly wait for each
other. Long prompts take half the time on two cores, if both are free.
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
"""A pass over at most so many tokens, all rows together, is short work."""
FRESH_SECONDS = 0.25
"""Seconds after which the free cores are counted again."""
ALL = torch.get_num_threads()
"""torch's own default, read before anything here sets another number."""
_ATTEMPTS, _PAUSE_SECONDS = 3, 0.002


class Threads:
    """Sets the number of torch threads of the calling Python thread; torch stores it for each of these separately.

    Short work always has the same number: it decides the order of sums, and the same seed must give the same text
    however busy the machine is.
    """

    def __init__(self, fixed: int, free: Callable[[], int] | None = None) -> None:
        """At most torch's own default; or always `fixed`, where that is not 0.

        Args:
            fixed: the operator's number.
            free: a function that counts free cores.
        """
        self._most = fixed or ALL
        self._few = fixed or max(1, self._most // 2)
        self._free = (lambda: fixed) if fixed else free or free_cores
        self._counted_at, self._free_now = -math.inf, self._most

    @contextlib.contextmanager
    def long_work(self) -> Iterator[None]:
        """Threads for long work inside, for short work afterwards."""
        self._long()
        try:
            yield
        finally:
            self.short_work()

    def short_work(self) -> None:
        """Set the number of threads for short work."""
        torch.set_num_threads(self._few)

    def _long(self) -> None:
        if time.monotonic() - self._counted_at > FRESH_SECONDS:
            self._free_now = max(1, min(self._most, self._free()))
            self._counted_at = time.monotonic()
        torch.set_num_threads(self._free_now)

    def adjust_by_pass(self, model: Any) -> None:
        """Register a hook that sets the threads of each pass of `model` by its tokens."""

        def before(_: Any, args: Any, kwargs: Any) -> None:
            inputs = (*args, kwargs.get("input_ids"), kwargs.get("inputs_embeds"))
            ids = next((value for value in inputs if torch.is_tensor(value)), None)
            small = ids is None or ids.shape[:2].numel() <= FEW_ROWS
            (self.short_work if small else self._long)()

        model.register_forward_pre_hook(before, with_kwargs=True)


def free_cores() -> int:
    """How many cores no other thread computes on now; all of them where the system does not tell."""
    cores = os.cpu_count() or 1
    running = []
    for attempt in range(_ATTEMPTS):  # some thread is always active for a moment
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        try:
            # "0.20 0.18 0.12 1/80 11206": 1 thread runs, this one
            running.append(int(Path("/proc/loadavg").read_text(encoding="ascii").split()[3].partition("/")[0]))
        except (OSError, IndexError, ValueError):
            return cores
    return max(1, cores - (min(running) - 1))
