"""What a thread attends by in place of the kernel: rows that share a prompt, or a tree of tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol

from torch import Tensor, nn


class Attends(Protocol):
    """What a thread puts in place of its kernel: it knows keys and values that are not passed again."""

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor:
        """See `SharedPrefixRows.attend`."""


_shared: ContextVar[Attends | None] = ContextVar("rows", default=None)


def current() -> Attends | None:
    """What attends in this thread in place of the kernel: rows that share their prompt's keys and values, or a tree."""
    return _shared.get()


@contextlib.contextmanager
def attending(rows: Attends) -> Iterator[None]:
    """Forward passes of this thread attend by `rows`."""
    token = _shared.set(rows)
    try:
        yield
    finally:
        _shared.reset(token)
