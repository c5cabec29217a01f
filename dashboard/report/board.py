"""A report as a link has it: views in the person's order, each with its caption; and what was computed for one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboard.navigation import PAGES
from dashboard.parsing.strict_json import read_json
from dashboard.parsing.unreadable import Unreadable
from dashboard.tokens import without_surrogates
from dashboard.view_state import check

MOST = 24
"""Charts in a report."""
CAPTION_CHARACTERS = 4000
"""Longest caption."""
_CHART = re.compile(r"[a-z_]{1,40}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{16}", re.ASCII)
_SLUGS = {entry.slug for entry in PAGES}


@dataclass(frozen=True)
class Entry:
    """One chart of a report: where it is found, and what the person says of it."""

    page: str
    """Slug of the page."""
    chart: str
    """Its name in the catalogue."""
    digest: str
    """Of the result that it shows: the same view with other numbers is another chart."""
    link: Mapping[str, str | list[str]]
    """Query parameters that open the page on it; a span of tokens has two values."""
    caption: str = ""
    """Markdown."""

    @property
    def single(self) -> dict[str, str]:
        """Those parameters that have one value."""
        return {name: value for name, value in self.link.items() if isinstance(value, str)}


@dataclass(frozen=True)
class Content:
    """What a chart's panel held when it was added."""

    stem: str
    """Of its files' names."""
    figure: str
    """Plotly's JSON; empty: the table is the chart."""
    csv: bytes
    script: str
    provenance: Mapping[str, object]

    @property
    def nbytes(self) -> int:
        """What it takes in memory, about."""
        return len(self.figure) + len(self.csv) + len(self.script)


def written(entries: Sequence[Entry]) -> str:
    """A report as the text of a link; empty: there is nothing in it."""
    rows = [[entry.page, entry.chart, entry.digest, dict(entry.link), entry.caption] for entry in entries]
    return without_surrogates(json.dumps(rows, ensure_ascii=False, separators=(",", ":"))) if rows else ""


def read(text: str) -> tuple[Entry, ...]:
    """The report that `written` wrote.

    Raises:
        Unreadable: it is none, holds more than MOST charts or one twice, or an entry names what there is not.
    """
    rows = read_json(text) if text else []
    if not isinstance(rows, list) or len(rows) > MOST:
        raise Unreadable("report.unreadable.list", most=MOST)
    entries = tuple(_entry(row, number) for number, row in enumerate(rows, 1))
    if len({entry.digest for entry in entries}) < len(entries):
        raise Unreadable("report.unreadable.twice")
    return entries


def _entry(row: object, number: int) -> Entry:
    match row:
        case [str(page), str(chart), str(digest), dict(link), str(caption)]:
            names = page in _SLUGS and _CHART.fullmatch(chart) and _DIGEST.fullmatch(digest)
            values = all(_is_value(name, value) for name, value in link.items())
            if names and values and len(caption) <= CAPTION_CHARACTERS:
                return Entry(page, chart, digest, link, caption)
    raise Unreadable("report.unreadable.entry", number=number)


def _is_value(name: str, value: object) -> bool:
    values: list[object] = value if isinstance(value, list) else [value]
    texts = [one for one in values if isinstance(one, str)]
    return len(texts) == len(values) and check(name, texts) is None
