"""Sets of made texts as tidy tables: one row a metric, an answer, a span of lengths, or a metric at a knob's value.

Beams give ranked lists: what is often in them is not likely, so their rows say `ranked` and have no frequencies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from dashboard.engine.api.generation import Generated, Output
from dashboard.frames.sampling import column_facts
from dashboard.stats.diversity import answers, list_metrics, set_metrics

MOST_BINS = 20
"""Spans of lengths."""


def set_frame(found: Generated, names: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """One row a (column, metric) of the column's texts.

    Args:
        found: what was made.
        names: of the columns.
        seed: of the intervals' resampling.

    Returns:
        ``column, name, ranked, metric, value, low, high, n``, metrics as in `dashboard.stats.diversity.METRICS`; `low`
        to `high` is the 95 % interval. NaN where a number does not exist. The token that ended a text counts for its
        likelihood, not for how texts differ.
    """
    rows: list[dict[str, Any]] = []
    for column in range(len(found.beams)):
        facts, outputs = column_facts(found, column, names), _outputs(found, column)
        texts, log_p = [written(output) for output in outputs], [output.log_p for output in outputs]
        told = list_metrics(texts, log_p) if facts["ranked"] else set_metrics(texts, log_p, seed=seed)
        rows += [
            {**facts, "metric": metric, "value": one.value, "low": one.low, "high": one.high, "n": one.n}
            for metric, one in told.items()
        ]
    return pd.DataFrame(rows)


def written(output: Output) -> tuple[int, ...]:
    """The tokens of a text without the one that says that it ends."""
    ids = output.ids.tolist()
    return tuple(ids[:-1] if output.stopped == "end" else ids)


def _outputs(found: Generated, column: int) -> list[Output]:
    return [output for output in found.outputs if output.column == column]


def sweep_frame(found: Generated, knob: Sequence[float], *, seed: int = 0) -> pd.DataFrame:
    """Set metrics of columns that differ in one knob: one row a (value, metric).

    Args:
        found: what was made.
        knob: (column,) the knob's value.
        seed: of the intervals' resampling.

    Returns:
        ``knob`` and the columns of `set_frame` but `name`.
    """
    frame = set_frame(found, [""] * len(knob), seed=seed).drop(columns="name")
    frame.insert(0, "knob", [knob[column] for column in frame["column"]])
    return frame


def answer_frame(found: Generated, names: Sequence[str], texts: Sequence[str]) -> pd.DataFrame:
    """One row a (column, answer), a column's most frequent first.

    Args:
        found: what was made.
        names: of the columns.
        texts: (output,) as a person reads them.

    Returns:
        ``column, name, ranked, answer, first_row, count, share, low, high, n``; `low` to `high` is Wilson's 95 %
        interval of the share. Of a ranked list `first_row` is the answer's best place; count and share do not exist.
    """
    rows: list[dict[str, Any]] = []
    for column in range(len(found.beams)):
        facts = column_facts(found, column, names)
        given = [(o.row, text) for o, text in zip(found.outputs, texts, strict=True) if o.column == column]
        for one in answers([text for _, text in given]):
            count, share = one.count, one.share
            told = [None] * 4 if facts["ranked"] else [count, share.value, share.low, share.high]
            rows.append(
                {
                    **facts,
                    "answer": one.text,
                    "first_row": given[one.first][0],
                    **dict(zip(_TOLD, told, strict=True)),
                    "n": share.n,
                }
            )
    frame = pd.DataFrame(rows, columns=_ANSWER)
    return frame.astype({"count": "Int64", **dict.fromkeys(_TOLD[1:], np.float64)})


_TOLD = ["count", "share", "low", "high"]
_ANSWER = ["column", "name", "ranked", "answer", "first_row", *_TOLD, "n"]


def length_frame(found: Generated, names: Sequence[str]) -> pd.DataFrame:
    """One row a (column, span of lengths): how many texts are so long.

    Returns:
        ``column, name, ranked, from_tokens, to_tokens, count, share, limited, n``: spans have both ends in, are equal
        for all columns and at most MOST_BINS; `limited` of `count` reached the limit of new tokens and would have gone
        on. The token that ended a text counts.
    """
    lengths = [len(output.ids) for output in found.outputs]
    least, most = min(lengths, default=0), max(lengths, default=0)
    width = -(-(most - least + 1) // MOST_BINS)
    rows: list[dict[str, Any]] = []
    for column in range(len(found.beams)):
        outputs = _outputs(found, column)
        for begin in range(least, most + 1, width):
            inside = [output for output in outputs if begin <= len(output.ids) < begin + width]
            rows.append(
                {
                    **column_facts(found, column, names),
                    "from_tokens": begin,
                    "to_tokens": begin + width - 1,
                    "count": len(inside),
                    "share": len(inside) / len(outputs) if outputs else float("nan"),
                    "limited": sum(output.stopped == "limit" for output in inside),
                    "n": len(outputs),
                }
            )
    return pd.DataFrame(rows)
