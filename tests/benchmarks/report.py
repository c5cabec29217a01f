"""One line a figure: name, value, unit, goal, met or not."""

from __future__ import annotations

import argparse
import math
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Report:
    """Figures of one benchmark, printed as they come."""

    missed: list[str] = field(default_factory=list)

    def figure(
        self, name: str, value: float, unit: str, goal: float | None = None, *, at_least: float | None = None
    ) -> None:
        """Print one figure; a goal is an upper limit, `at_least` a lower one."""
        verdict = ""
        for sign, limit, met in (
            ("<=", goal, goal is None or value <= goal),
            (">=", at_least, at_least is None or value >= at_least),
        ):
            verdict += "" if limit is None else f"  goal {sign} {limit:g} {unit}  " + ("met" if met else "MISSED")
            if not met:
                self.missed.append(name)
        print(f"{name:<58} {value:>10.3f} {unit}{verdict}", flush=True)

    def end(self, check: bool) -> int:
        """The exit code: with `check`, non-zero when a goal was missed."""
        if self.missed:
            print("missed: " + "; ".join(self.missed))
        return 1 if check and self.missed else 0


def options() -> argparse.Namespace:
    """``--quick`` and ``--check``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a short form")
    parser.add_argument("--check", action="store_true", help="end non-zero when a goal is missed")
    return parser.parse_args()


def factor(estimated: float, taken: float) -> float:
    """How far an estimate was off: the larger of the two over the smaller, at least 1."""
    return max(estimated / taken, taken / estimated)


def reached_by(share: float, values: Sequence[float]) -> float:
    """The smallest of `values` that a `share` of them do not exceed."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def alternating(calls: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Median seconds of each call, all called in turn so that a noisy machine hits them alike; one round to warm up."""
    times: list[list[float]] = [[] for _ in calls]
    for turn in range(rounds + 1):
        for seconds, call in zip(times, calls, strict=True):
            began = time.perf_counter()
            call()
            if turn:
                seconds.append(time.perf_counter() - began)
    return [statistics.median(seconds) for seconds in times]
