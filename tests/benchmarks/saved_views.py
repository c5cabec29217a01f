"""Saved views on SQLite and PostgreSQL: how long a save takes, and lists and searches among ten thousand."""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dashboard.store.store import Store
from tests.benchmarks.report import Report, options, reached_by
from tests.made.postgres import NoPostgres, postgres
from tests.made.saved import EVERYBODY, content

VIEWS = 10_000
SAVE_MS, LIST_MS = 50, 200
"""The goals."""
WORDS = ("zebra", "lamp", "river", "niño", "head", "layer", "temperature", "nurse", "stripe", "日本")


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    rounds = 10 if chosen.quick else 50
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", Store("", Path(folder)), report, rounds)
        try:
            with postgres() as address:
                measure("PostgreSQL", Store(address, Path(folder) / "backups"), report, rounds)
        except NoPostgres as error:
            print(error)
    return report.end(chosen.check)


def measure(name: str, store: Store, report: Report, rounds: int) -> None:
    """The figures of one database."""
    views, began = store.views, datetime(2026, 1, 1, tzinfo=UTC)
    made = [(view(number), began + timedelta(minutes=number)) for number in range(VIEWS)]
    assert views.add_all(made, EVERYBODY) == VIEWS
    numbers = iter(range(VIEWS, VIEWS + rounds + 1))
    cases: dict[str, tuple[Callable[[], object], float]] = {
        "save one": (lambda: views.save(view(next(numbers)), EVERYBODY), SAVE_MS),
        "list the newest 20": (lambda: views.find(EVERYBODY, limit=20), LIST_MS),
        "list the last 20 by title": (
            lambda: views.find(EVERYBODY, order="title", offset=VIEWS - 20, limit=20),
            LIST_MS,
        ),
        "search, many found": (lambda: views.find(EVERYBODY, search="Zebra nino", limit=20), LIST_MS),
        "search, none found": (lambda: views.find(EVERYBODY, search="no such word", limit=20), LIST_MS),
        "search with tags": (lambda: views.find(EVERYBODY, search="lamp", tags=["tag 1"], limit=20), LIST_MS),
        "count the tags": (lambda: views.tags(EVERYBODY), LIST_MS),
    }
    for case, (call, goal) in cases.items():
        call()
        times = [milliseconds(call) for _ in range(rounds)]
        report.figure(f"{name}, {VIEWS:,} views: {case}, median", statistics.median(times), "ms", goal)
        report.figure(f"{name}, {VIEWS:,} views: {case}, 95 %", reached_by(0.95, times), "ms", goal)
    store.database.close()


def view(number: int) -> object:
    """One of many, none like another: a prompt of some sentences, a note of some lines."""
    words = [WORDS[(number * step + step) % len(WORDS)] for step in range(1, 9)]
    prompt = "+".join(words * 6)
    return content(
        title=f"{words[0]} {words[1]} {number}",
        note=" ".join(words * 12),
        query=f"model=smollm2-135m-instruct&prompt={prompt}&attention_layer={number % 30}&attention_head={number % 9}",
        tags=tuple(sorted({f"tag {number % 7}", f"tag {number % 40}"})),
    )


def milliseconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    call()
    return 1000 * (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
