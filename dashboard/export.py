"""Exports: a chart and its numbers as bytes, each with the run that they come from. No prompt text in a file's name."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterable, Mapping

import pandas as pd
import plotly.graph_objects as go

from dashboard.run_key import RunKey

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def file_stem(key: RunKey, chart: str, suffix: str = "") -> str:
    """A file name without its ending, safe on every system: ``logitscope-head-L9H0-<digest>``."""
    parts = (re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-")[:40] for part in (chart, suffix))
    return "-".join(["logitscope", *(part for part in parts if part), key.digest])


def caption(provenance: Mapping[str, object]) -> str:
    """The provenance as one line of plain text."""
    return " · ".join(f"{name} {value}" for name, value in provenance.items())


def csv_bytes(frame: pd.DataFrame, key: RunKey) -> bytes:
    """The table as CSV (RFC 4180) in UTF-8, with the columns of `key` behind: ``model, revision, run``, and its result.

    With a byte order mark, by which spreadsheets know UTF-8. Every text stands in quotes, the token ``NA`` as well;
    missing values are empty. Texts that a spreadsheet would run as a formula get a ``'`` in front, and so do those that
    look like one with it, so that both can be told apart; a single sign (the token ``-``) stays.
    """
    safe = frame.assign(**{name: pd.Categorical([value] * len(frame)) for name, value in key.columns().items()})
    text = safe.apply(_without_formulas).to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode("utf-8-sig", "replace")


def jsonl_bytes(records: Iterable[Mapping[str, object]], key: RunKey) -> bytes:
    """One JSON object a line (JSON Lines, UTF-8), each with the columns of `key`."""
    origin = key.columns()
    lines = (json.dumps({**record, **origin}, ensure_ascii=False, allow_nan=False) for record in records)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def _without_formulas(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return column.map(_quoted, na_action="ignore")


def _quoted(value: object) -> object:
    if isinstance(value, str) and len(value) > 1 and _FORMULA.match(value):
        return "'" + value
    return value


def figure_json(fig: go.Figure) -> str:
    """The figure as the browser's own image export takes it."""
    return str(fig.to_json())


def html_bytes(fig: go.Figure, provenance: Mapping[str, object]) -> bytes:
    """A page of its own that works offline: the chart, and below it where its numbers come from."""
    layout = fig.layout.template.layout
    colours = {"paper": layout.paper_bgcolor or "#FFFFFF", "text": layout.font.color or "#1A1D23"}
    chart = fig.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})
    meta = html.escape(json.dumps(dict(provenance), ensure_ascii=False, default=str))
    title = html.escape(f"Logitscope · {provenance.get('model', '')} · {provenance.get('run', '')}")
    page = f"""<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="provenance" content="{meta}">
<title>{title}</title>
<style>
body {{ margin: 1rem; background: {colours["paper"]}; color: {colours["text"]}; font: 14px system-ui, sans-serif; }}
footer {{ margin-top: 0.8rem; font-size: 12px; overflow-wrap: anywhere; }}
</style>
</head>
<body>
{chart}
<footer>{html.escape(caption(provenance))}</footer>
</body>
</html>
"""
    return page.encode("utf-8", "replace")
