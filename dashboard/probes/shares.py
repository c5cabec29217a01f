"""Shares in a list of completions: numbers or percent, with a decimal point or comma, or missing."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal

from dashboard.errors import ShareInvalid
from dashboard.tokens import shortened

_MISSING = {"", "*", "-", "–", "—", "na", "n/a", "nan", "none", "null"}
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_CLEARLY_PERCENT = 10.0
"""Shares without a ``%`` are percent when one reaches this and more than half are above 1, or their column says so."""


def is_number(cell: str) -> bool:
    """Whether a cell is a number, percent or not."""
    return _NUMBER.fullmatch(cell.removesuffix("%").strip()) is not None


def is_value(cell: str) -> bool:
    """Whether a cell is a number, or says that there is none."""
    return cell.lower() in _MISSING or is_number(cell)


def read_shares(cells: Sequence[tuple[int, str]], column: str) -> tuple[list[float | None], list[str]]:
    """Shares in [0, 1]; ``None`` where a cell has none.

    Args:
        cells: (line, cell) as written.
        column: its name; empty: it has none.

    Returns:
        The shares, and kinds of notes on how they were read: ``percent`` where that is clearly meant,
        ``decimal_comma``.

    Raises:
        ShareInvalid: no number, or one outside [0, 1].
    """
    numbers = [_number(line, cell) for line, cell in cells]
    if any(cell.endswith("%") for _, cell in cells):
        divisors = [100.0 if cell.endswith("%") else 1.0 for _, cell in cells]
    else:
        divisors = [100.0 if _clearly_percent(numbers, column) else 1.0] * len(cells)
    notes = ["percent"] if 100.0 in divisors else []
    if any("," in cell and number is not None for (_, cell), number in zip(cells, numbers, strict=True)):
        notes.append("decimal_comma")
    shares: list[float | None] = []
    for (line, cell), number, divisor in zip(cells, numbers, divisors, strict=True):
        share = None if number is None else _share(number, divisor)
        if share is not None and not 0 <= share <= 1:
            raise ShareInvalid(line=line, value=shortened(cell, 40))
        shares.append(share)
    return shares, notes


def _share(number: float, divisor: float) -> float:
    """As typed: 87.4 percent are 0.874 to the last digit."""
    return number if divisor == 1 or math.isinf(number) else float(Decimal(repr(number)) / Decimal(divisor))


def _clearly_percent(numbers: Sequence[float | None], column: str) -> bool:
    known = [number for number in numbers if number]
    if not known or max(known) <= 1:
        return False
    named = "percent" in column.lower() or "pct" in column.lower()
    return named or (max(known) >= _CLEARLY_PERCENT and sum(number > 1 for number in known) * 2 > len(known))


def _number(line: int, cell: str) -> float | None:
    if cell.lower() in _MISSING:
        return None
    if not is_number(cell):
        raise ShareInvalid(line=line, value=shortened(cell, 40))
    return float(cell.removesuffix("%").strip().replace(",", "."))
