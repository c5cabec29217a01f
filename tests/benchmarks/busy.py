"""A busy machine: steps of texts and long prompts while other processes compute, against the same alone.

``python -m dashboard benchmark busy [--quick] [--check]``
"""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.attention import engine, key_for, plain, token_ids
from tests.benchmarks.report import Report, options

CORES = os.cpu_count() or 1
NEIGHBOURS = (0, CORES, 2 * CORES)
"""On two cores none, two and four processes that compute."""
ROWS, NEW = 7, 12
LONG = (128, 512)
TORCHS_OWN = {"GOMP_SPINCOUNT": "300000"}
"""What GNU's OpenMP does by itself."""


# -- what is measured, in a process of its own ---------------------------------------------------------------------
def ours() -> None:
    """Answer each number of tokens on standard input with seconds: of a pass, or (0) of a step of texts."""
    from dashboard.engine.device.threads import Threads

    made, model = engine(), plain("sdpa")
    Threads(0).adjust_by_pass(model)
    key = key_for(made, token_ids(30))
    fresh = iter(range(1_000_000))
    _answer(model, lambda: _step(made, key, next(fresh)))


def torchs_own() -> None:
    """The same with plain transformers, all threads and OpenMP's own way to wait; it has no steps."""
    _answer(plain("sdpa"), lambda: float("nan"))


def _step(made: Any, key: Any, seed: int) -> float:
    from dashboard.engine.api.decoding import DecodeSettings
    from dashboard.engine.api.generation import Column, GenerateRequest

    texts = made.answer(GenerateRequest(key, (Column(DecodeSettings(), ROWS, NEW, seed=seed),)))
    return float((texts.seconds - texts.prompt_seconds) / max(len(output.ids) for output in texts.outputs))


def _answer(model: Any, step: Callable[[], float]) -> None:
    import torch

    print("ready", flush=True)
    for line in sys.stdin:
        tokens = int(line)
        began = time.perf_counter()
        if tokens:
            with torch.inference_mode():
                model(torch.tensor([token_ids(tokens)]), use_cache=False, logits_to_keep=1)
        print(time.perf_counter() - began if tokens else step(), flush=True)


class Worker:
    """One of the two processes."""

    def __init__(self, name: str, environ: dict[str, str]) -> None:
        """Start it and wait until it is ready."""
        code = f"from tests.benchmarks import busy; busy.{name}()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            env=os.environ | environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._line("ready")

    def _line(self, wanted: str = "") -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith(wanted):
            raise SystemExit(f"a measured process ended: {line!r}")
        return line

    def seconds(self, tokens: int) -> float:
        """Of a pass over so many tokens, or (0) of a step."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{tokens}\n")
        self._process.stdin.flush()
        return float(self._line())

    def end(self) -> None:
        """No more questions."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


# -- around it -----------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def neighbours(count: int) -> Iterator[None]:
    """So many other processes that compute."""
    loop = "number = 1\nwhile True: number = number * 3 % 1000003"
    others = [subprocess.Popen([sys.executable, "-c", loop]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def measure_idle(report: Report, own: Worker, torchs: Worker, rounds: int) -> None:
    """Long prompts must not pay for the calm of busy machines."""
    for tokens in LONG:
        pairs = [(own.seconds(tokens), torchs.seconds(tokens)) for _ in range(rounds + 1)][1:]
        mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
        report.figure(f"alone: T={tokens} forward with torch's own threads", theirs, "s")
        report.figure(f"alone: T={tokens} ours / torch's own", mine / theirs, "x", 1.05)


def measure_busy(report: Report, own: Worker, rounds: int) -> None:
    """The same among neighbours."""
    alone: dict[int, float] = {}
    for count in NEIGHBOURS:
        with neighbours(count):
            for tokens in (0, *LONG):
                seconds = statistics.median(own.seconds(tokens) for _ in range(rounds))
                what = f"T={tokens} forward" if tokens else f"step of {ROWS} rows"
                if not count:
                    alone[tokens] = seconds
                    report.figure(f"alone: {what}", seconds, "s")
                else:
                    goal = 4.0 if not tokens and count == NEIGHBOURS[-1] else None
                    report.figure(f"{count} neighbours: {what} / alone", seconds / alone[tokens], "x", goal)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    rounds = 3 if chosen.quick else 7
    own, torchs = Worker("ours", {}), Worker("torchs_own", TORCHS_OWN)
    measure_idle(report, own, torchs, rounds)
    torchs.end()
    measure_busy(report, own, rounds)
    own.end()
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
