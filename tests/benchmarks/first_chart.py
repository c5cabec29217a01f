"""First chart: from the address opened to the page's first finished chart, in a browser that knows nothing yet.

``python -m dashboard benchmark first_chart [--quick] [--check]``: a server of its own whose model is loaded; beside
it, in turn, Streamlit's smallest page with a chart. Browser and servers share this machine's cores.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from tests.benchmarks.load import server
from tests.benchmarks.report import Report, options
from tests.browser.conftest import find_chromium, serve, settled

PLOT = ".js-plotly-plot .main-svg .xy"
FIRST = {
    "": PLOT,
    "attention": ".st-key-mosaic .mark.selected:not([hidden])",
    "next_token": PLOT,
    "sampling": ".texts [role=row]",
    "bias": PLOT,
}
"""Page -> its first chart, finished. Lessons have none of their own."""
GOAL_SECONDS = 3
BARE = """
import plotly.graph_objects as go
import streamlit as st

st.sidebar.text_area("Prompt")
st.title("A page")
st.plotly_chart(go.Figure(go.Bar(y=[3, 2, 1])))
"""
PATIENCE_SECONDS = 120.0


def seconds(playwright: Playwright, address: str, chart: str, *, whole: bool = False) -> float:
    """Seconds until `chart` is in view, in a browser without caches; `whole` stays until the page is finished."""
    path = find_chromium(playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.locator(chart).first.wait_for(timeout=1000 * PATIENCE_SECONDS)
    passed = time.perf_counter() - began
    if whole:
        settled(page, PATIENCE_SECONDS)
    browser.close()
    return passed


def measure(playwright: Playwright, base: str, bare: str, report: Report, rounds: int) -> None:
    """Each page and the bare one in turn; the first visit of each computes what is then kept."""
    took: dict[str, list[float]] = {name: [] for name in FIRST}
    floor: list[float] = []
    for turn in range(rounds + 1):
        for name, chart in FIRST.items():
            passed = seconds(playwright, f"{base}/{name}", chart, whole=not turn)
            if turn:
                took[name].append(passed)
            else:
                report.figure(f"{name or 'overview'}: first visitor of all", passed, "s")
        floor.append(seconds(playwright, bare, PLOT))
    least = statistics.median(floor)
    report.figure(f"a bare page of Streamlit with a chart, median of {rounds + 1}", least, "s")
    for name, times in took.items():
        median = statistics.median(times)
        report.figure(f"{name or 'overview'}: first chart, median of {rounds}", median, "s", GOAL_SECONDS)
        report.figure(f"{name or 'overview'}: the same / the bare page", median / least, "x")


def main() -> int:
    """Run; the exit code."""
    asked, report = options(), Report()
    with tempfile.TemporaryDirectory() as folder, server() as base, sync_playwright() as playwright:
        script = Path(folder) / "bare.py"
        script.write_text(BARE)
        with serve(script) as bare:
            measure(playwright, base, bare, report, 3 if asked.quick else 9)
    return report.end(asked.check)


if __name__ == "__main__":
    sys.exit(main())
