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


def set_frame(generated: Generated, names: Sequence[str], *, seed: int = 0) -> pd.DataFrame:
    """One row a (column, metric) of the column's texts.

    Args:
        generated: the texts of a run.
        names: of the columns.
        seed: of the intervals' resampling.

    Returns:
        ``column, name, ranked, metric, value, low, high, n``, metrics as in `dashboard.stats.diversity.METRICS`; `low`
        to `high` is the 95 % interval. NaN where a number does not exist. The token that ended a text counts for its
        likelihood, not for how texts differ.
    """
    rows: list[dict[str, Any]] = []
    for column in range(len(generated.beams)):
        facts, outputs = column_facts(generated, column, names), _outputs(generated, column)
        texts, log_p = [written(output) for output in outputs], [output.log_p for output in outputs]
        metrics = list_metrics(texts, log_p) if facts["ranked"] else set_metrics(texts, log_p, seed=seed)
        rows += [
            {
                **facts,
                "metric": metric,
                "value": interval.value,
                "low": interval.low,
                "high": interval.high,
                "n": interval.n,
            }
            for metric, interval in metrics.items()
        ]
    return pd.DataFrame(rows)


def written(output: Output) -> tuple[int, ...]:
    """The tokens of a text without the one that says that it ends."""
    ids = output.ids.tolist()
    return tuple(ids[:-1] if output.stopped == "end" else ids)


def _outputs(generated: Generated, column: int) -> list[Output]:
    return [output for output in generated.outputs if output.column == column]


def sweep_frame(generated: Generated, knob: Sequence[float], *, seed: int = 0) -> pd.DataFrame:
    """Set metrics of columns that differ in one knob: one row a (value, metric).

    Args:
        generated: the texts of a run.
        knob: (column,) the knob's value.
        seed: of the intervals' resampling.

    Returns:
        ``knob`` and the columns of `set_frame` but `name`.
    """
    frame = set_frame(generated, [""] * len(knob), seed=seed).drop(columns="name")
    frame.insert(0, "knob", [knob[column] for column in frame["column"]])
    return frame


def answer_frame(generated: Generated, names: Sequence[str], texts: Sequence[str]) -> pd.DataFrame:
    """One row a (column, answer), a column's most frequent first.

    Args:
        generated: the texts of a run.
        names: of the columns.
        texts: (output,) as a person reads them.

    Returns:
        ``column, name, ranked, answer, first_row, count, share, low, high, n``; `low` to `high` is Wilson's 95 %
        interval of the share. Of a ranked list `first_row` is the answer's best place; count and share do not exist.
    """
    rows: list[dict[str, Any]] = []
    for column in range(len(generated.beams)):
        facts = column_facts(generated, column, names)
        given = [(o.row, text) for o, text in zip(generated.outputs, texts, strict=True) if o.column == column]
        for answer in answers([text for _, text in given]):
            count, share = answer.count, answer.share
            numbers = [None] * 4 if facts["ranked"] else [count, share.value, share.low, share.high]
            rows.append(
                {
                    **facts,
                    "answer": answer.text,
                    "first_row": given[answer.first][0],
                    **dict(zip(_NUMBERS, numbers, strict=True)),
                    "n": share.n,
                }
            )
    frame = pd.DataFrame(rows, columns=_ANSWER)
    return frame.astype({"count": "Int64", **dict.fromkeys(_NUMBERS[1:], np.float64)})


_NUMBERS = ["count", "share", "low", "high"]
_ANSWER = ["column", "name", "ranked", "answer", "first_row", *_NUMBERS, "n"]


def length_frame(generated: Generated, names: Sequence[str]) -> pd.DataFrame:
    """One row a (column, span of lengths): how many texts are so long.

    Returns:
        ``column, name, ranked, from_tokens, to_tokens, count, share, limited, n``: spans have both ends in, are equal
        for all columns and at most MOST_BINS; `limited` of `count` reached the limit of new tokens and would have gone
        on. The token that ended a text counts.
    """
    lengths = [len(output.ids) for output in generated.outputs]
    least, most = min(lengths, default=0), max(lengths, default=0)
    width = -(-(most - least + 1) // MOST_BINS)
    rows: list[dict[str, Any]] = []
    for column in range(len(generated.beams)):
        outputs = _outputs(generated, column)
        for begin in range(least, most + 1, width):
            inside = [output for output in outputs if begin <= len(output.ids) < begin + width]
            rows.append(
                {
                    **column_facts(generated, column, names),
                    "from_tokens": begin,
                    "to_tokens": begin + width - 1,
                    "count": len(inside),
                    "share": len(inside) / len(outputs) if outputs else float("nan"),
                    "limited": sum(output.stopped == "limit" for output in inside),
                    "n": len(outputs),
                }
            )
    return pd.DataFrame(rows)
