"""A report as files: one HTML page that needs nothing else, and a zip with figures, data and code."""

from __future__ import annotations

import hashlib
import html
import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from dashboard.export import caption as provenance_line
from dashboard.export import plotly_js
from dashboard.report.board import Content, Entry
from dashboard.report.captions import caption_html
from dashboard.scripts.notebook import ScriptedChart, notebook_bytes

TABLE_ROWS = 200
"""Rows of a table that is its chart; the CSV has all."""
_BEGINNING = (1980, 1, 1, 0, 0, 0)
"""When a zip's files were made: equal reports are equal zips."""
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:"
)
_STYLE = """
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; font: 16px/1.5 system-ui, sans-serif; }
section { margin: 2.5rem 0; break-inside: avoid; }
figure { margin: 0; overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; }
td, th { padding: 0.15rem 0.6rem; border-bottom: 1px solid #8884; text-align: left; }
footer { font-size: 12px; overflow-wrap: anywhere; opacity: 0.75; }
@media print { body { margin: 0; max-width: none; } }
"""
_DRAW = """
for (const place of document.querySelectorAll("[data-figure]")) {
  const figure = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  Plotly.newPlot(place, figure.data, figure.layout, { displaylogo: false, responsive: true });
}
"""


@dataclass(frozen=True)
class Part:
    """A chart of a report with all that its files need."""

    title: str
    entry: Entry
    content: Content


def html_report(title: str, parts: Sequence[Part], language: str) -> bytes:
    """One page that opens from a file and asks nobody for anything; printed, no chart is cut in two."""
    body = "\n".join(_section(part, number) for number, part in enumerate(parts, 1))
    page = f"""<!DOCTYPE html>
<html lang="{html.escape(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{html.escape(title)}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{html.escape(title)}</h1>
{body}
<script>{plotly_js()}</script>
<script>{_DRAW}</script>
</body>
</html>
"""
    return page.encode("utf-8", "replace")


def _section(part: Part, number: int) -> str:
    content = part.content
    return (
        f"<section>\n<h2>{number}. {html.escape(part.title)}</h2>\n<figure>{_chart(content, number)}</figure>\n"
        f"{caption_html(part.entry.caption)}\n"
        f"<footer>{html.escape(provenance_line(content.provenance))}</footer>\n</section>"
    )


def _chart(content: Content, number: int) -> str:
    """A figure as data that a script draws, or the beginning of a table."""
    if not content.figure:
        table = pd.read_csv(io.BytesIO(content.csv), keep_default_na=False, dtype=str, nrows=TABLE_ROWS)
        return str(table.to_html(index=False, border=0, escape=True))
    data = content.figure.replace("<", "\\u003c")  # no text in it can end the element
    return f'<div data-figure="f{number}"></div><script type="application/json" id="f{number}">{data}</script>'


def zip_report(title: str, parts: Sequence[Part], language: str) -> bytes:
    """The page, each chart's figure, data and script, a notebook of all, and a manifest with SHA-256 of each file."""
    charts = [
        ScriptedChart(f"{number}-{part.entry.chart}", part.title, part.content.script, part.content.provenance)
        for number, part in enumerate(parts, 1)
    ]
    files = {"report.html": html_report(title, parts, language), "report.ipynb": notebook_bytes(title, charts)}
    listed = []
    for number, part in enumerate(parts, 1):
        own = _files(part, number)
        files |= own
        listed.append({**_facts(part), "files": list(own)})
    manifest = {
        "title": title,
        "charts": listed,
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
    }
    files["manifest.json"] = json.dumps(manifest, indent=1, ensure_ascii=False, default=str).encode("utf-8", "replace")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, _BEGINNING)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            archive.writestr(entry, data)
    return packed.getvalue()


def _facts(part: Part) -> Mapping[str, object]:
    entry = part.entry
    where = {"page": entry.page, "chart": entry.chart, "result": entry.digest, "link": dict(entry.link)}
    return {"title": part.title, "caption": entry.caption, **where, "provenance": dict(part.content.provenance)}


def _files(part: Part, number: int) -> dict[str, bytes]:
    """Name -> bytes of a chart's own files."""
    content, stem = part.content, f"{number:02}-{part.content.stem}"
    figure = {f"{stem}.json": content.figure.encode("utf-8", "replace")} if content.figure else {}
    return {**figure, f"{stem}.csv": content.csv, f"{stem}.py": content.script.encode()}
