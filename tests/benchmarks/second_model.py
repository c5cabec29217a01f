"""Second model: from its folder to a first run, against plain transformers, in turn in one process.

``python -m dashboard benchmark second_model [--quick] [--check]``: every library is loaded, and every file read before.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.benchmarks.report import Report, options

PROMPT = "This class is really interesting. It is about language models."
GOAL = 5
"""So many times the processor time of transformers: beside loading, all is tried out that a first run shows."""


def bundled() -> Path:
    """The bundled model's folder."""
    from dashboard.engine.models.bundled import prepare
    from dashboard.settings import Settings

    return prepare(Settings())[0]


def random_model(folder: Path) -> Path:
    """A model of the bundled one's sizes with random weights, written to `folder`."""
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(bundled())).save_pretrained(folder)
    AutoTokenizer.from_pretrained(bundled()).save_pretrained(folder)
    return folder


def plain(folder: Path) -> None:
    """What transformers needs: tokenizer, model, one pass."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from dashboard.engine.device.threads import ALL

    torch.set_num_threads(ALL)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    with torch.inference_mode():
        model(**tokenizer(PROMPT, return_tensors="pt"), use_cache=False)


def ours(folder: Path) -> None:
    """The same by an engine that has no model in memory yet, with all that it checks."""
    from dashboard.engine.api.model import RunRequest
    from dashboard.engine.local import LocalEngine
    from dashboard.settings import Settings

    engine, model = LocalEngine(Settings(local_models=(str(folder),), offline=True)), f"local/{folder.name}"
    prompt = engine.tokenizer(model).read(PROMPT, chat=False)
    engine.answer(RunRequest(engine.describe(model).run_key(prompt)))


def taken(call: Callable[[], None]) -> tuple[float, float]:
    """Seconds on the clock, and of the processor: a busy machine changes the first far more."""
    gc.collect()
    clock, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - clock, time.process_time() - processor


def measure(report: Report, name: str, folder: Path, rounds: int) -> None:
    """In turn; the first of each is not counted."""
    calls = [partial(plain, folder), partial(ours, folder)]
    times = [[taken(call) for call in calls] for _ in range(rounds + 1)][1:]
    for at, kind, goal in ((0, "", None), (1, ", processor time", GOAL)):
        base, found = (statistics.median(turn[of][at] for turn in times) for of in (0, 1))
        report.figure(f"{name}: plain transformers{kind}", base, "s")
        report.figure(f"{name}: the dashboard / that{kind}", found / base, "x", goal)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    rounds = 3 if chosen.quick else 9
    measure(report, "bundled model", bundled(), rounds)
    with tempfile.TemporaryDirectory() as folder:
        measure(report, "random weights", random_model(Path(folder) / "random"), rounds)
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
