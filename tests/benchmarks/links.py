"""Links: from a shared link opened to its finished chart, beside the same done by hand, in browsers that know nothing.

``python -m dashboard benchmark links [--quick] [--check]``: a server of its own whose model is loaded. By hand: the
page is opened, the prompt typed and run as soon as its field takes it. Each turn has a prompt of its own for either
way, so neither finds it computed. The links name page and prompt, without the fingerprint of numbers.
"""

from __future__ import annotations

import statistics
import sys
import time
from urllib.parse import urlencode

from playwright.sync_api import Page, Playwright, sync_playwright

from tests.benchmarks.load import server
from tests.benchmarks.report import Report, options
from tests.browser.conftest import find_chromium, settled

GOAL = 1.2
"""Seconds of the link / seconds by hand."""
PATIENCE_SECONDS = 120.0
PAGES = ("", "attention", "next_token")
"""Pages whose charts come from the prompt by themselves; elsewhere a person also chooses settings or lists."""
NAMES = ("Rome", "Oslo", "Cairo", "Lima", "Quito", "Delhi", "Paris", "Seoul", "Dakar", "Tunis")


def by_link(page: Page, base: str, slug: str, prompt: str) -> None:
    """Open the link of a view."""
    page.goto(f"{base}/{slug}?{urlencode({'prompt': prompt, 'lang': 'en'})}", wait_until="commit")


def by_hand(page: Page, base: str, slug: str, prompt: str) -> None:
    """Open the page, type the prompt and run it as soon as the page lets a person."""
    page.goto(f"{base}/{slug}?lang=en", wait_until="commit")
    field = page.get_by_role("textbox", name="Prompt").first
    field.wait_for(timeout=1000 * PATIENCE_SECONDS)
    field.fill(prompt)
    page.locator(".st-key-prompt_run button").click()


def seconds(playwright: Playwright, base: str, slug: str, prompt: str, *, link: bool) -> float:
    """Seconds until the page of `prompt` has come to its end."""
    path = find_chromium(playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    began = time.perf_counter()
    (by_link if link else by_hand)(page, base, slug, prompt)
    last = prompt.rsplit(maxsplit=1)[-1]
    page.get_by_text(last).first.wait_for(timeout=1000 * PATIENCE_SECONDS)
    settled(page, PATIENCE_SECONDS)
    passed = time.perf_counter() - began
    browser.close()
    return passed


def measure(playwright: Playwright, base: str, report: Report, rounds: int) -> None:
    """Both ways in turn, the first of each turn alternating; the first turn warms up."""
    for slug in PAGES:
        took: dict[bool, list[float]] = {True: [], False: []}
        for turn in range(rounds + 1):
            for link in (True, False) if turn % 2 else (False, True):
                way = "by link" if link else "by hand"
                prompt = f"{slug or 'overview'} {turn} {way}, the way to {NAMES[turn % len(NAMES)]}"
                passed = seconds(playwright, base, slug, prompt, link=link)
                if turn:
                    took[link].append(passed)
        link_median, hand_median = (statistics.median(took[way]) for way in (True, False))
        name = slug or "overview"
        report.figure(f"{name}: by hand, median of {rounds}", hand_median, "s")
        report.figure(f"{name}: by link, median of {rounds}", link_median, "s")
        report.figure(f"{name}: by link / by hand", link_median / hand_median, "x", GOAL)


def main() -> int:
    """Run; the exit code."""
    asked, report = options(), Report()
    with server() as base, sync_playwright() as playwright:
        measure(playwright, base, report, 3 if asked.quick else 9)
    return report.end(asked.check)


if __name__ == "__main__":
    sys.exit(main())
