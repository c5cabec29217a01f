"""Tables as the page shows them: heads and values in its language. Files have the names themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from components.sampling.texts import Columns
from components.shell.panel import column_heads
from dashboard.i18n import Catalogue
from dashboard.stats.statistic import SETS

_NUMBERS = ("column", "setting", "pair", "first", "second")
"""Columns that tell those of equal names apart for a program."""


def page_table(columns: Columns, frame: pd.DataFrame, text: Catalogue) -> dict[str, Any]:
    """The fields ``table`` and ``heads`` of a panel that shows `frame`.

    In the table columns of settings have their titles, texts are counted from 1, and words stand for keywords.
    """
    words: dict[str, Callable[[Any], object]] = {
        "metric": lambda metric: SETS[metric].label(text),
        "stopped": lambda ending: text(f"sampling.ended.{ending}"),
        "state": lambda state: text(f"sampling.states.{state}"),
        "row": lambda row: row + 1,
        "first_row": lambda row: row + 1,
    }

    def table() -> pd.DataFrame:
        unused = [*_NUMBERS] if frame.get("ranked", pd.Series()).any() else [*_NUMBERS, "ranked"]
        titled = columns.titled(frame).drop(columns=unused, errors="ignore")
        return titled.assign(**{name: titled[name].map(word) for name, word in words.items() if name in titled})

    return {"table": table, "heads": column_heads(text, frame, "sampling_columns")}
