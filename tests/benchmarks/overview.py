"""Overview: how soon a slider's chart stands again, and the page with the model loaded.

``python -m dashboard benchmark overview [--quick] [--check]``: a server of its own, a visitor over Streamlit's own
protocol; what the browser then draws is not in it.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from urllib.parse import quote

import psutil

from components.overview.settings import RANGES
from components.overview.texts import MOST_BEAMS
from tests.benchmarks.load import server
from tests.benchmarks.report import Report, options
from tests.made.visitor import Visitor

PROMPT = "This class is really interesting. It is about language models."
PATIENCE_SECONDS = 120.0
READY = 'class="ls-texts"'
"""Stands on the page when all of it is there."""
GENERATE = "overview_go_texts"
SLIDER_MS = 150
VALUES = {name: (limits.low, limits.high, limits.step) for name, limits in RANGES.items()} | {
    "beams": (1, MOST_BEAMS, 1)
}


def busy_seconds() -> float:
    """Processor time that the server has taken: a busy machine makes waiting longer, this hardly."""
    return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children())


async def measure(base: str, report: Report, rounds: int) -> None:
    """Each slider through its range, `rounds` values of it that were not asked for before where there are so many."""
    visitor = Visitor(base)
    async with visitor.connected("", f"prompt={quote(PROMPT)}"):
        if GENERATE in visitor.widgets:  # the first estimate of a process on a busy machine
            await visitor.press(GENERATE)
        if not await visitor.until(READY, PATIENCE_SECONDS):
            raise SystemExit("the page did not become whole")
        for name, (low, high, step) in VALUES.items():
            count = round((high - low) / step) + 1
            values = [low + step * (at * 7 % count) for at in range(rounds)]
            began = busy_seconds()
            times = [1000 * await visitor.slide(f"overview_{name}", value) for value in values]
            busy = 1000 * (busy_seconds() - began) / rounds
            median = statistics.median(times)
            report.figure(f"{name}: a slider's chart, median of {rounds}", median, "ms", SLIDER_MS)
            report.figure(f"{name}: the same / its goal", median / SLIDER_MS, "x")
            report.figure(f"{name}: processor time of the server", busy, "ms")
        await visitor.go("next_token")
        report.figure("back to the page, everything computed", await visitor.go(""), "s", 3)
        print(*visitor.errors, sep="\n", end="\n" if visitor.errors else "")


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    with server() as base:
        asyncio.run(measure(base, report, 9 if chosen.quick else 30))
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
