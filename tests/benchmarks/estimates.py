"""Estimates: what each kind of work was estimated at before it was done, against what it took.

``python -m dashboard benchmark estimates [--quick] [--check]`` prints the factors, max(estimated / taken, taken /
estimated), by kind. ``python -m tests.benchmarks.estimates --record [--processor]`` writes what it measured to
`tests/engine/device/timings.json`, which `tests/engine/device/test_pace.py` feeds to the estimator again.
"""

from __future__ import annotations

import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.benchmarks.attention import key_for, token_ids
from tests.benchmarks.report import Report, factor, reached_by

FILE = Path(__file__).parents[1] / "engine" / "device" / "timings.json"
SESSIONS, QUICK_SESSIONS = 4, 1
MEDIAN, MOST = 1.5, 3.0
LENGTHS = (12, 12, 40, 40, 90, 160, 256)
LONG = (400, 700, 1024)
LEAST_SECONDS = 0.02
"""Work shorter than this, done before anybody could read an estimate, is not judged."""


class Asked:
    """Requests of every kind, each of a prompt of its own."""

    def __init__(self, made: Any, rng: random.Random) -> None:
        """On an engine, drawn by `rng`."""
        self._engine, self._rng = made, rng
        self._version = key_for(made, ()).version
        self._fresh = iter(range(rng.randrange(10_000), 1_000_000))

    def _key(self, tokens: int) -> Any:
        return key_for(self._engine, token_ids(tokens, next(self._fresh)))

    def of_run(self, tokens: int) -> Iterator[Any]:
        """What pages ask of one run."""
        from dashboard.engine.api import attention, lens, prediction
        from dashboard.engine.api.decoding import DecodeSettings
        from dashboard.engine.api.model import RunRequest

        key, last = self._key(tokens), tokens - 1
        some = tuple((layer, head) for layer in range(5) for head in range(9))
        yield RunRequest(key)
        yield attention.TilesRequest(key)
        yield attention.HeadRequest(key, 3, 2)
        yield attention.QueryRowsRequest(key, last)
        yield attention.CombineRequest(key, some, "mean")
        yield prediction.CandidatesRequest(key, last, 20)
        yield prediction.ProcessedRequest(key, last, tuple(range(20)), DecodeSettings(top_k=40, top_p=0.9))
        yield prediction.PositionTableRequest(key)
        yield lens.LensRequest(key, (last,))
        yield lens.AttributionRequest(key, last, 7)
        yield lens.AttributionRequest(key, last, 9)
        yield lens.LensRequest(key, tuple(range(max(0, tokens - 8), tokens)), True)
        if tokens <= 100:
            yield lens.LensRequest(key, tuple(range(tokens)))
        if tokens <= 1024:
            yield attention.RolloutRequest(key)

    def texts(self) -> Iterator[Any]:
        """Columns, drawn, greedy and searched; a sweep is several such requests."""
        from dashboard.engine.api.decoding import DecodeSettings
        from dashboard.engine.api.generation import Column, GenerateRequest

        drawn = [((1, 20),), ((5, 20),), ((5, 20), (5, 20)), ((3, 20),) * 4, ((1, 60),), ((20, 20),), ((1, 8),)]
        for columns in self._rng.sample(drawn, 6):
            settings = DecodeSettings(top_p=self._rng.choice([0.9, 1.0]), temperature=self._rng.choice([0.7, 1.0]))
            made = (Column(settings, rows, new, seed=next(self._fresh)) for rows, new in columns)
            yield GenerateRequest(self._key(self._rng.choice([8, 40, 200])), tuple(made))
        for beams, new in ((5, 20), (3, 20), (5, 8)):
            settings = DecodeSettings(do_sample=self._rng.random() < 0.5, top_k=50)
            column = Column(settings, beams, new, num_beams=beams, seed=next(self._fresh))
            yield GenerateRequest(self._key(self._rng.choice([8, 40])), (column,))

    def exact(self) -> Iterator[Any]:
        """Trees, and settings compared."""
        from dashboard.engine.api.decoding import DecodeSettings
        from dashboard.engine.api.generation import CompareRequest, TreeRequest

        for nodes in (30, 100, 150):
            yield TreeRequest(self._key(self._rng.choice([8, 40])), depth=5, mass=1.0, nodes=nodes)
        for positions, settings in ((8, 2), (40, 3), (40, 4)):
            different = tuple(DecodeSettings(top_k=10 * (number + 1)) for number in range(settings))
            yield CompareRequest(self._key(positions), different, (0, positions))

    def scores(self) -> Iterator[Any]:
        """Probes and the items of benchmarks."""
        from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest

        for prompts, tokens, completions, boundary in ((2, 6, 12, False), (6, 6, 60, True), (12, 40, 60, False)):
            at = next(self._fresh)
            begin = token_ids(tokens, at)
            behind = tuple((300 + at + 7 * one, 301 + at + 7 * one) for one in range(completions))
            texts = tuple((*begin[:2], 200 + at + one, *begin[2:]) for one in range(prompts))
            yield ScoreRequest(self._version, texts, behind, boundary=boundary)
        for count in (4, 40):
            texts = tuple(token_ids(self._rng.randrange(8, 24), next(self._fresh)) for _ in range(count))
            yield SentenceRequest(self._version, texts, (1,) * count)

    def all(self) -> list[Any]:
        """In the order of somebody who goes from page to page."""
        runs = [*self._rng.sample(LENGTHS, 5), self._rng.choice(LONG)]
        visits = [[*self.of_run(tokens)] for tokens in runs]
        visits += [[one] for one in (*self.texts(), *self.exact(), *self.scores())]
        self._rng.shuffle(visits)
        return [request for visit in visits for request in visit]


def session(seed: int, processor: bool) -> None:
    """Measure in this process, whose model is loaded first; one line of JSON a measurement.

    Args:
        seed: of the requests.
        processor: measure the processor's time of one thread: what others compute then counts less.
    """
    from dashboard.engine import local, ready
    from dashboard.engine.device.pace import Pace, Work
    from dashboard.engine.handlers import runs
    from dashboard.settings import Settings

    add = Pace.add
    if processor:
        for module in (local, ready, runs):
            vars(module)["time"] = SimpleNamespace(perf_counter=time.process_time)

    def written(pace: Pace, work: Work, seconds: float) -> None:
        line = {**asdict(work), "estimated": pace.seconds(work), "seconds": seconds, "load": os.getloadavg()[0]}
        print(json.dumps(line), flush=True)
        add(pace, work, seconds)

    Pace.add = written  # type: ignore[method-assign, assignment]
    made = local.LocalEngine(replace(Settings(), offline=True, run_bytes=4 << 30, threads=int(processor)))
    for request in Asked(made, random.Random(seed)).all():
        made.answer(request)


def measured(seed: int, processor: bool) -> Iterator[dict[str, Any]]:
    """The measurements of one session, in a process of its own."""
    code = f"from tests.benchmarks import estimates; estimates.session({seed}, {processor})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("{"):
                yield json.loads(line)
    if process.returncode:
        raise SystemExit("a measured process failed")


def record(lines: list[list[dict[str, Any]]], processor: bool) -> None:
    """Add the measurements to the file, with the conditions that they were made under."""
    names = ("kind", "passes", "tokens", "rows", "cells", "seconds")
    loads = [line["load"] for one in lines for line in one]
    part = {
        "date": time.strftime("%Y-%m-%d"),
        "model": "SmolLM2-135M-Instruct, float32, on the processor",
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": f"{min(loads):.1f} to {max(loads):.1f} threads that wanted to compute meanwhile",
        "seconds": "of the processor, one thread" if processor else "of the clock",
        "columns": names,
        "sessions": [[[line["kind"], *(round(line[name], 4) for name in names[1:])] for line in one] for one in lines],
    }
    parts = json.loads(FILE.read_text(encoding="utf-8"))["parts"] if FILE.exists() else []
    text = json.dumps({"parts": [*parts, part]}, indent=1)
    rows = re.compile(r"\[\s+(\"[a-z ]+\"(?:,\s+[-+.\de]+)+)\s+\]")  # one a line
    text = rows.sub(lambda row: "[" + " ".join(row[1].split()) + "]", text)
    FILE.write_text(text + "\n", encoding="utf-8")


def main() -> int:
    """Run and report."""
    arguments, report = sys.argv[1:], Report()
    count = QUICK_SESSIONS if "--quick" in arguments else SESSIONS
    lines = [list(measured(seed, "--processor" in arguments)) for seed in range(count)]
    judged = [line for one in lines for line in one if line["seconds"] >= LEAST_SECONDS]
    kinds = defaultdict(list)
    for line in judged:
        kinds[line["kind"]].append(factor(line["estimated"], line["seconds"]))
    for kind, factors in sorted(kinds.items()):
        report.figure(f"{kind}: median factor of {len(factors)}", statistics.median(factors), "x")
        report.figure(f"{kind}: largest", max(factors), "x")
    everything = [each for factors in kinds.values() for each in factors]
    report.figure("all: median factor", statistics.median(everything), "x", MEDIAN)
    report.figure("all: factor of 95 %", reached_by(0.95, everything), "x", MOST)
    if "--record" in arguments:
        record(lines, "--processor" in arguments)
    return report.end("--check" in arguments)


if __name__ == "__main__":
    sys.exit(main())
