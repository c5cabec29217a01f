"""BENCHMARKS: where each is published and under which licence; people bring the files, read here."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.benchmarks.items import BenchmarkItems
from dashboard.benchmarks.pronouns import read_winobias, read_winogender
from dashboard.benchmarks.sentences import read_crows_pairs, read_stereoset
from dashboard.parsing.text_files import checked_size

MAX_BYTES = 50_000_000
"""Largest file [bytes]; a larger one is refused before it is read."""


@dataclass(frozen=True)
class Benchmark:
    """A published benchmark.

    What it is and its authors' warnings: ``probes.benchmark.<slug>.about`` and ``.careful``; where it is published:
    ``probes.benchmark.about_all`` with the facts here.
    """

    slug: str
    name: str
    files: tuple[str, ...]
    """Names under which it is published."""
    address: str
    licence: str
    paper: str


BENCHMARKS = (
    Benchmark(
        "crows_pairs",
        "CrowS-Pairs",
        ("data/crows_pairs_anonymized.csv",),
        "https://github.com/nyu-mll/crows-pairs",
        "CC BY-SA 4.0",
        "Nangia, Vania, Bhalerao and Bowman 2020",
    ),
    Benchmark(
        "stereoset",
        "StereoSet",
        ("data/dev.json",),
        "https://github.com/moinnadeem/StereoSet",
        "CC BY-SA 4.0",
        "Nadeem, Bethke and Reddy 2021",
    ),
    Benchmark(
        "winogender",
        "Winogender",
        ("data/templates.tsv", "data/all_sentences.tsv"),
        "https://github.com/rudinger/winogender-schemas",
        "MIT",
        "Rudinger, Naradowsky, Leonard and Van Durme 2018",
    ),
    Benchmark(
        "winobias",
        "WinoBias",
        (
            "WinoBias/wino/data/pro_stereotyped_type1.txt.dev",
            "WinoBias/wino/data/anti_stereotyped_type1.txt.dev",
            "WinoBias/wino/data/pro_stereotyped_type1.txt.test",
            "WinoBias/wino/data/anti_stereotyped_type1.txt.test",
        ),
        "https://github.com/uclanlp/corefBias",
        "MIT",
        "Zhao, Wang, Yatskar, Ordonez and Chang 2018",
    ),
)


def read(slug: str, data: bytes, file_name: str) -> BenchmarkItems:
    """The items of a benchmark's file.

    Args:
        slug: one of BENCHMARKS.
        data: the file's bytes; `checked_size` with MAX_BYTES refuses a large one before they are there.
        file_name: as it was uploaded.

    Raises:
        FileTooLarge, FileNotText, TableBroken: the file cannot be read as text or as a table.
        BenchmarkColumnsMissing, BenchmarkLineInvalid, BenchmarkJsonInvalid, BenchmarkItemInvalid, BenchmarkEmpty,
            BenchmarkSideUnknown, BenchmarkUnpaired: it is not as published.
        KeyError: there is no such benchmark.
    """
    checked_size(len(data), MAX_BYTES)
    if slug == "winobias":
        return read_winobias(data, file_name)
    return {"crows_pairs": read_crows_pairs, "stereoset": read_stereoset, "winogender": read_winogender}[slug](data)
