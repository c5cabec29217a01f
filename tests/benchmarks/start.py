"""Start: from the command to a usable page and to the model's first finding, in a browser that opens at once.

``python -m dashboard benchmark start [--quick] [--check]``: everything is installed and the bundled model is there.
In turn with it what no dashboard can go below: Streamlit's smallest page with a chart from its own start, and a script
that imports torch and transformers, loads the same model and runs it once.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import Playwright, sync_playwright

from dashboard.engine.models.bundled import prepare
from dashboard.launch.commands import healthy, pick_port
from dashboard.launch.preparation import ROOT, surroundings
from dashboard.settings import Settings
from tests.benchmarks.first_chart import BARE, PATIENCE_SECONDS, PLOT
from tests.benchmarks.report import Report, options
from tests.browser.conftest import find_chromium

PROMPT = "textarea[aria-label=Prompt]"
FINDING = ".ls-finding"
GOAL_SECONDS = 3
"""To a usable page, and from there to the model."""
PLAIN = """
import sys
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
with torch.inference_mode():
    model(**tokenizer("The capital of Italy is", return_tensors="pt"))
"""


def shown(playwright: Playwright, command: Sequence[str], marks: Sequence[str]) -> list[float]:
    """Seconds from `command`, which serves on the port that is added to it, until each of `marks` is in view."""
    port = pick_port("127.0.0.1", None)
    path = find_chromium(playwright.chromium.executable_path)
    browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    seconds: list[float] = []
    began = time.perf_counter()
    with subprocess.Popen([*command, str(port)], cwd=ROOT, env=surroundings(), stdout=subprocess.DEVNULL) as process:
        try:
            while not healthy(f"http://127.0.0.1:{port}"):
                if process.poll() is not None or time.perf_counter() - began > PATIENCE_SECONDS:
                    raise SystemExit("the server did not start")
                time.sleep(0.02)
            page.goto(f"http://127.0.0.1:{port}", wait_until="commit")
            for mark in marks:
                page.locator(mark).first.wait_for(timeout=1000 * PATIENCE_SECONDS)
                seconds.append(time.perf_counter() - began)
        finally:
            browser.close()
            process.terminate()
    return seconds


def main() -> int:
    """Run; the exit code."""
    asked, report = options(), Report()
    rounds = 2 if asked.quick else 5
    model_folder, _ = prepare(Settings.load())
    usable: list[float] = []
    model: list[float] = []
    bare: list[float] = []
    plain: list[float] = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        page, script = Path(folder) / "bare.py", Path(folder) / "plain.py"
        page.write_text(BARE)
        script.write_text(PLAIN)
        streamlit = [sys.executable, "-m", "streamlit", "run", str(page), "--server.headless", "true", "--server.port"]
        for _ in range(rounds):
            ours = shown(playwright, [sys.executable, "-m", "dashboard", "--headless", "--port"], [PROMPT, FINDING])
            usable.append(ours[0])
            model.append(ours[1])
            bare += shown(playwright, streamlit, [PLOT])
            began = time.perf_counter()
            subprocess.run([sys.executable, str(script), str(model_folder)], check=True, capture_output=True)
            plain.append(time.perf_counter() - began)
    page_floor, model_floor = statistics.median(bare), statistics.median(plain)
    report.figure(f"Streamlit and a bare page, median of {rounds}", page_floor, "s")
    report.figure("a script of transformers with the same model", model_floor, "s")
    report.figure("to a usable page", statistics.median(usable), "s", GOAL_SECONDS)
    report.figure("the same / Streamlit and a bare page", statistics.median(usable) / page_floor, "x")
    report.figure("to the model's first finding", statistics.median(model), "s", 2 * GOAL_SECONDS)
    floor = page_floor + model_floor
    report.figure("the same / both, one after the other", statistics.median(model) / floor, "x")
    return report.end(asked.check)


if __name__ == "__main__":
    sys.exit(main())
