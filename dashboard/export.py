"""Exports: a chart and its numbers as bytes, each with what it comes from. No prompt text in a file's name."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import pandas as pd
import plotly.graph_objects as go
import pyarrow as pa
import pyarrow.parquet as pq
from plotly.offline import get_plotlyjs

from dashboard.engine.api.request import LONG, LONG_IN_ROWS, Request, short, text_of
from dashboard.run_key import ModelVersion, Origin, digest_of, written_as_json

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class Exported(Origin, Protocol):
    """An origin whose numbers stand in a table: a run, or an `Export`."""

    def columns(self) -> dict[str, str]:
        """What every row of the table says about where it comes from."""


# -- what is exported ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Export:
    """The identity of a chart and its files: what was asked of an engine, the chart, and the choices that it shows.

    Digest, provenance and file name come from here. Two exports that differ in anything differ in all of them; equal
    ones agree.
    """

    origins: tuple[Origin, ...]
    """Requests, runs or jobs; the first says what `run` is."""
    chart: str
    """The chart's name."""
    options: tuple[tuple[str, str], ...] = ()
    """(name, value as JSON) of what changes the chart, its table or its files beside the requests."""

    @classmethod
    def of(cls, origins: Sequence[Origin], chart: str, options: Mapping[str, object] | None = None) -> Export:
        """The identity of a chart, its options as plain values."""
        return cls(tuple(origins), chart, tuple((name, written_as_json(v)) for name, v in (options or {}).items()))

    @property
    def version(self) -> ModelVersion:
        """Of the first origin."""
        return self.origins[0].version

    @property
    def token_ids(self) -> tuple[int, ...]:
        """Of the first origin."""
        return self.origins[0].token_ids

    @cached_property
    def digest(self) -> str:
        """Sixteen hex digits that stand for this export."""
        origins = [(type(origin).__name__, origin.digest, origin.provenance()) for origin in self.origins]
        return digest_of([origins, self.chart, self.options])

    def request(self, longest: int = LONG) -> str:
        """What was asked for, with commas between; values above `longest` [characters] as their checksum."""
        requests = [origin for origin in self.origins if isinstance(origin, Request)]
        asked = [text_of(requests, longest)] if requests else []
        return ", ".join([*asked, *(f"{name}={short(value, longest)}" for name, value in self.options)])

    def provenance(self) -> dict[str, str | int]:
        """As of the first origin's run; with the chart, what was asked for, and `result`."""
        first = self.origins[0]
        facts = first.facts() if isinstance(first, Request) else first.provenance()
        return {**facts, "chart": self.chart, "request": self.request(), "result": self.digest}

    def columns(self) -> dict[str, str]:
        """What every row of an exported table says: model, revision, run, result, and what was asked for."""
        facts = self.provenance()
        own = {name: str(facts[name]) for name in ("model", "revision")}
        return {**own, "run": self.run, "result": self.digest, "request": self.request(LONG_IN_ROWS)}

    @property
    def run(self) -> str:
        """Sixteen hex digits that stand for what was computed: those of the first origin's run, or of itself."""
        first = self.origins[0]
        return str(first.facts()["run"]) if isinstance(first, Request) else first.digest


# -- files ---------------------------------------------------------------------------------------------------------


def file_stem(origin: Origin, chart: str, suffix: str = "") -> str:
    """A file name without its ending, safe on every system: ``logitscope-head-L9H0-<digest>``."""
    parts = (re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-")[:40] for part in (chart, suffix))
    return "-".join(["logitscope", *(part for part in parts if part), origin.digest])


def caption(provenance: Mapping[str, object]) -> str:
    """The provenance as one line of plain text."""
    return " · ".join(f"{name} {value}" for name, value in provenance.items())


def csv_bytes(frame: pd.DataFrame, origin: Exported) -> bytes:
    """The table as CSV (RFC 4180) in UTF-8, with where it comes from behind: ``model, revision, run``, and its result.

    With a byte order mark, by which spreadsheets know UTF-8. Every text stands in quotes, the token ``NA`` as well;
    missing values are empty. Texts that a spreadsheet would run as a formula get a ``'`` in front, and so do those that
    look like one with it, so that both can be told apart; a single sign (the token ``-``) stays.
    """
    safe = frame.assign(**{name: pd.Categorical([value] * len(frame)) for name, value in origin.columns().items()})
    text = safe.apply(_without_formulas).to_csv(index=False, lineterminator="\r\n", quoting=csv.QUOTE_NONNUMERIC)
    return text.encode("utf-8-sig", "replace")


def jsonl_bytes(records: Iterable[Mapping[str, object]], origin: Exported) -> bytes:
    """One JSON object a line (JSON Lines, UTF-8), each with the columns of `origin`."""
    columns = origin.columns()
    lines = (json.dumps({**record, **columns}, ensure_ascii=False, allow_nan=False) for record in records)
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass")


def parquet_bytes(frame: pd.DataFrame, origin: Exported) -> bytes:
    """The table as Parquet, each column with its type; where it comes from stands in the schema's metadata."""
    table = pa.Table.from_pandas(frame.apply(_whole_characters), preserve_index=False)
    provenance = json.dumps({**origin.provenance(), **origin.columns()}, default=str)
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), "logitscope": provenance})
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd")
    return file.getvalue()


def json_bytes(frame: pd.DataFrame, origin: Exported) -> bytes:
    """The table as one JSON object: ``provenance``, and ``rows``, one object a row; missing values are ``null``."""
    missing = frame.astype(object).where(frame.notna(), None)
    rows = missing.to_dict("records")
    document = {"provenance": {**origin.provenance(), **origin.columns()}, "rows": rows}
    return json.dumps(document, allow_nan=False, default=_plain).encode("ascii")


def _plain(value: object) -> object:
    """A NumPy number as Python's; everything else as text."""
    return value.item() if hasattr(value, "item") else str(value)


def _whole_characters(column: pd.Series) -> pd.Series:
    """Half characters (lone surrogates), which UTF-8 cannot hold, as ``?``; numbers as they are."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return column.map(
        lambda value: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value,
        na_action="ignore",
    )


def _without_formulas(column: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column
    return column.map(safe_cell, na_action="ignore")


def safe_cell(value: object) -> object:
    """A cell as `csv_bytes` writes it: a text that a spreadsheet would run as a formula has a ``'`` in front."""
    if isinstance(value, str) and len(value) > 1 and _FORMULA.match(value):
        return "'" + value
    return value


def figure_json(fig: go.Figure) -> str:
    """The figure as the browser's own image export takes it."""
    return str(fig.to_json())


def plotly_js() -> str:
    """Plotly's own code, for a page that holds several figures."""
    return str(get_plotlyjs())


def html_bytes(
    fig: go.Figure, provenance: Mapping[str, object], *, title: str = "", paragraphs: Sequence[str] | None = None
) -> bytes:
    """A page of its own that works offline: the chart, and below it where its numbers come from.

    Args:
        fig: the chart.
        provenance: where its numbers come from; in the page's header too, as JSON.
        title: above the chart.
        paragraphs: below it; ``None``: the provenance.
    """
    layout = fig.layout.template.layout
    colours = {"paper": layout.paper_bgcolor or "#FFFFFF", "text": layout.font.color or "#1A1D23"}
    chart = fig.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False, "responsive": True})
    meta = html.escape(json.dumps(dict(provenance), ensure_ascii=False, default=str))
    head = html.escape(title or f"Logitscope · {provenance.get('model', '')} · {provenance.get('run', '')}")
    lines = [caption(provenance)] if paragraphs is None else paragraphs
    page = f"""<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="provenance" content="{meta}">
<title>{head}</title>
<style>
body {{ margin: 1rem; background: {colours["paper"]}; color: {colours["text"]}; font: 14px system-ui, sans-serif; }}
h1 {{ margin: 0 0 0.6rem; font-size: 17px; font-weight: 600; overflow-wrap: anywhere; }}
footer {{ margin-top: 0.8rem; font-size: 12px; overflow-wrap: anywhere; }}
</style>
</head>
<body>
{f"<h1>{html.escape(title)}</h1>" if title else ""}
{chart}
<footer>{"<br>".join(map(html.escape, lines))}</footer>
</body>
</html>
"""
    return page.encode("utf-8", "replace")
