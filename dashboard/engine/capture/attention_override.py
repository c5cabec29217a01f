"""What a thread attends by in place of the kernel: rows that share a prompt, or a tree of tokens."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol

from torch import Tensor, nn


class AttentionOverride(Protocol):
    """What a thread puts in place of its kernel: it knows keys and values that are not passed again."""

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor:
        """See `SharedPrefixRows.attend`."""


_override: ContextVar[AttentionOverride | None] = ContextVar("rows", default=None)


def current() -> AttentionOverride | None:
    """What attends in this thread in place of the kernel: rows that share their prompt's keys and values, or a tree."""
    return _override.get()


@contextlib.contextmanager
def overriding_attention(rows: AttentionOverride) -> Iterator[None]:
    """Forward passes of this thread attend by `rows`."""
    token = _override.set(rows)
    try:
        yield
    finally:
        _override.reset(token)
