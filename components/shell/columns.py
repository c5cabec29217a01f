"""Heads of the columns of a table on the page, in the person's language; files keep the names themselves."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable

from dashboard.i18n import Catalogue

_NUMBERED = re.compile(r"(.+)_(\d+)")


def column_heads(text: Catalogue, names: Iterable[Hashable]) -> dict[str, str]:
    """Name of a column -> what the catalogue calls it (``columns.<name>``); of ``prob_2``: ``columns.prob`` and 2."""
    heads = {}
    for name in map(str, names):
        numbered = _NUMBERED.fullmatch(name)
        heads[name] = f"{text(f'columns.{numbered[1]}')} {numbered[2]}" if numbered else text(f"columns.{name}")
    return heads
