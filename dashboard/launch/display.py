"""Display: the one place where a start says how far it is; one moving line in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from typing import TextIO

LOG_SECONDS = 15.0
"""A log gets a line about work that goes on at most so often."""


class Display:
    """Steps of a start, one after the other, and how far the last one is."""

    def __init__(self, out: TextIO | None = None) -> None:
        """Write to `out`; nothing: to standard output as it is then."""
        self._out = out or sys.stdout
        self._terminal = self._out.isatty()
        self._step, self._width, self._next = "", 0, 0.0

    def say(self, message: str) -> None:
        """A line by itself."""
        self.end()
        self._write(message + "\n")

    def step(self, message: str) -> None:
        """A step begins: what is done, in words."""
        self.end()
        self._step, self._width, self._next = message, len(message), time.monotonic() + LOG_SECONDS
        self._write(message + ("" if self._terminal else "\n"))

    def so_far(self, detail: str) -> None:
        """How far the step is: behind its words in a terminal; in a log a line now and then."""
        if self._terminal:
            line = f"{self._step} {detail}"
            self._write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + LOG_SECONDS
            self._write(f"  {detail}\n")

    def end(self) -> None:
        """The step is over: what others print begins on a line of its own."""
        if self._step and self._terminal:
            self._write("\n")
        self._step = ""

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()
