"""Readers of CrowS-Pairs and StereoSet, benchmarks of whole sentences, as their authors publish them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.benchmarks.items import BenchmarkItems, SentencePair, SentenceTriple
from dashboard.errors import (
    BenchmarkColumnsMissing,
    BenchmarkEmpty,
    BenchmarkItemInvalid,
    BenchmarkJsonInvalid,
    BenchmarkLineInvalid,
)
from dashboard.parsing.strict_json import parsed_json
from dashboard.parsing.text_files import Row, decoded, delimiter_of, rows
from dashboard.parsing.unreadable import Unreadable
from dashboard.tokens import shortened

CROWS_COLUMNS = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")
_STEREOSET_FIELDS = ("id", "bias_type", "target", "context", "sentences")
_GOLD_LABELS = ("stereotype", "anti-stereotype", "unrelated")


def read_crows_pairs(data: bytes) -> BenchmarkItems:
    """Read ``crows_pairs_anonymized.csv``, with the delimiter that its first line has.

    Raises:
        BenchmarkColumnsMissing, BenchmarkLineInvalid, BenchmarkEmpty: as their names say.
        FileNotText, TableBroken: from `text_files`.
    """
    name = "CrowS-Pairs"
    text = decoded(data)[0]
    # another file's quotation marks are not what is wrong with it
    first = text.lstrip().partition("\n")[0]
    known = any(column in first for column in CROWS_COLUMNS)
    table = rows(text, delimiter_of(first)) if known else [Row(1, (first.strip(),))]
    columns = table[0].cells
    missing = [column for column in CROWS_COLUMNS if column not in columns]
    if missing:
        there = shortened(", ".join(columns), 200) or "–"
        raise BenchmarkColumnsMissing(benchmark=name, missing=", ".join(missing), found=there)
    if len(table) == 1:
        raise BenchmarkEmpty(benchmark=name, example=", ".join(CROWS_COLUMNS))
    return BenchmarkItems(tuple(_crows_pair(row, columns, name) for row in table[1:]))


def _crows_pair(row: Row, columns: tuple[str, ...], name: str) -> SentencePair:
    cells = dict(zip(columns, row.cells, strict=False))
    for column in CROWS_COLUMNS:
        if not cells.get(column):
            raise BenchmarkLineInvalid(benchmark=name, line=row.line, column=column)
    if cells["stereo_antistereo"] not in {"stereo", "antistereo"}:
        raise BenchmarkLineInvalid(benchmark=name, line=row.line, column="stereo_antistereo")
    # the published file's first column has no name
    number = cells.get("") or str(row.line)
    return SentencePair(number, cells["bias_type"], cells["sent_more"], cells["sent_less"], cells["stereo_antistereo"])


def read_stereoset(data: bytes) -> BenchmarkItems:
    """Read the intrasentence part of ``dev.json``.

    Raises:
        BenchmarkJsonInvalid, BenchmarkColumnsMissing, BenchmarkItemInvalid, BenchmarkEmpty: as their names say.
        FileNotText: from `text_files`.
    """
    name = "StereoSet"
    try:
        content = parsed_json(decoded(data)[0])
    except Unreadable as error:
        raise BenchmarkJsonInvalid(benchmark=name, reason=error.message) from error
    for level in ("data", "intrasentence"):
        if not isinstance(content, Mapping) or level not in content:
            there = ", ".join(content) if isinstance(content, Mapping) else type(content).__name__
            raise BenchmarkColumnsMissing(benchmark=name, missing=level, found=shortened(there, 200) or "–")
        content = content[level]
    if not isinstance(content, list) or not content:
        raise BenchmarkEmpty(benchmark=name, example='{"data": {"intrasentence": [{"id": …, "sentences": […]}]}}')
    return BenchmarkItems(tuple(_triple(entry, number, name) for number, entry in enumerate(content, start=1)))


def _triple(entry: Any, number: int, name: str) -> SentenceTriple:
    entry = entry if isinstance(entry, Mapping) else {}
    for field in _STEREOSET_FIELDS:
        if not entry.get(field):
            raise BenchmarkItemInvalid(benchmark=name, item=number, missing=field)
    sentences: dict[str, str] = {}
    for sentence in entry["sentences"] if isinstance(entry["sentences"], list) else []:
        if isinstance(sentence, Mapping) and isinstance(sentence.get("sentence"), str):
            sentences[str(sentence.get("gold_label"))] = sentence["sentence"].strip()
    for label in _GOLD_LABELS:
        if not sentences.get(label):
            raise BenchmarkItemInvalid(benchmark=name, item=number, missing=label)
    texts = (str(entry[field]) for field in _STEREOSET_FIELDS[:-1])
    return SentenceTriple(*texts, *(sentences[label] for label in _GOLD_LABELS))
