"""Attention override: a thread may attend by its own code instead of the kernel (shared prefixes, token trees)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Protocol

from torch import Tensor, nn


class AttentionOverride(Protocol):
    """Attention in place of the kernel, with keys and values of earlier tokens that are not passed again."""

    def attend(self, module: nn.Module, query: Tensor, key: Tensor, value: Tensor, scaling: float | None) -> Tensor:
        """See `SharedPrefixRows.attend`."""


_override: ContextVar[AttentionOverride | None] = ContextVar("rows", default=None)


def current() -> AttentionOverride | None:
    """The override of this thread, if there is one."""
    return _override.get()


@contextlib.contextmanager
def overriding_attention(override: AttentionOverride) -> Iterator[None]:
    """Forward passes of this thread attend by `override`."""
    token = _override.set(override)
    try:
        yield
    finally:
        _override.reset(token)
