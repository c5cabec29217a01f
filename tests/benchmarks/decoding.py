"""Texts: four columns in one batch against calls of ``generate``, in one run; memory in a process of its own.

``python -m dashboard benchmark decoding [--quick] [--check]``
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from dataclasses import replace
from typing import Any

from tests.benchmarks.attention import engine, in_its_own_process, key_for, plain, token_ids
from tests.benchmarks.report import Report, alternating, options

ROWS, NEW = 5, 64
LENGTHS = (10, 512)


def columns(rows: int = ROWS, new: int = NEW, seed: int = 0) -> tuple[Any, ...]:
    """Four ways of drawing, as a teacher would compare them."""
    from dashboard.engine.api.decoding import DecodeSettings
    from dashboard.engine.api.generation import Column

    ways = (
        DecodeSettings(),
        DecodeSettings(top_k=50),
        DecodeSettings(temperature=0.7, top_p=0.9),
        DecodeSettings(min_p=0.05),
    )
    return tuple(Column(way, rows, new, seed=seed) for way in ways)


def endless(made: Any) -> Any:
    """The engine, whose texts go on to their limit: every way then makes the same number of tokens."""
    from dashboard.settings import BUNDLED

    with made._leased(BUNDLED) as ready:
        ready.generator = replace(ready.generator, ending=())
    return made


def plain_call(model: Any, ids: tuple[int, ...], column: Any, rows: int) -> None:
    """One call of transformers' ``generate``, which never ends early either."""
    import torch

    from dashboard.engine.generation.beams import generation_config
    from dashboard.engine.models.generation_config import without_rules

    config = generation_config(replace(column, num_return_sequences=rows), ())
    config.output_scores = False
    with torch.inference_mode():
        without_rules(model).generate(
            torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), generation_config=config
        )


def measure_speed(report: Report, new: int) -> None:
    """One batch, twenty single calls, four calls of five."""
    from dashboard.engine.api.generation import GenerateRequest

    made, model = endless(engine()), plain("sdpa")
    for tokens in LENGTHS:
        ids, fresh = token_ids(tokens), iter(range(1, 1000))
        key = key_for(made, ids)
        ways = columns(new=new)

        def ours(key: Any = key, fresh: Any = fresh) -> None:
            made.answer(GenerateRequest(key, columns(new=new, seed=next(fresh))))

        def fours(ids: tuple[int, ...] = ids, ways: Any = ways) -> None:
            for column in ways:
                plain_call(model, ids, column, ROWS)

        def singles(ids: tuple[int, ...] = ids, ways: Any = ways) -> None:
            for column in ways:
                for _ in range(ROWS):
                    plain_call(model, ids, column, 1)

        calls = [ours, fours] if tokens > LENGTHS[0] else [ours, fours, singles]
        times = alternating(calls, 2)
        report.figure(f"T={tokens} 4 columns x {ROWS} rows x {new} tokens, one batch", times[0], "s")
        goal = 1.6 if tokens == LENGTHS[0] else 3.5
        report.figure(
            f"T={tokens} four generate(num_return_sequences=5) / ours", times[1] / times[0], "x", at_least=goal
        )
        if len(times) > 2:
            report.figure(f"T={tokens} twenty single generate / ours", times[2] / times[0], "x", at_least=5)
        gc.collect()


def measure_steps(report: Report, new: int) -> None:
    """How long until the first token, and how much of a step is not the model's."""
    import torch

    from dashboard.engine.api.generation import GenerateRequest
    from dashboard.engine.generation.prompt_cache import SharedPrefixRows

    made, model = endless(engine()), plain("sdpa")
    ids, fresh = token_ids(128), iter(range(1, 1000))
    key = key_for(made, ids)

    def forward() -> None:
        with torch.inference_mode():
            model(torch.tensor([ids]), use_cache=False, logits_to_keep=1)

    waits: list[float] = []

    def first() -> None:
        began, came = time.perf_counter(), []
        request = GenerateRequest(key, columns(new=2, seed=next(fresh)))
        made.answer(request, on_step=lambda _: came.append(time.perf_counter() - began))
        waits.append(came[0])

    base, _ = alternating([forward, first], 7)
    report.figure("T=128 first token / forward pass", statistics.median(waits[1:]) / base, "x", 1.5)

    inside: list[float] = []
    whole = SharedPrefixRows.step

    def timed(rows: Any, tokens: Any) -> Any:
        began = time.perf_counter()
        found = whole(rows, tokens)
        inside.append(time.perf_counter() - began)
        return found

    SharedPrefixRows.step = timed  # type: ignore[method-assign]
    try:
        outside = []
        for seed in range(3):
            inside.clear()
            ends: list[float] = []
            request = GenerateRequest(key, columns(new=new, seed=1000 + seed))
            made.answer(request, on_step=lambda step, ends=ends: ends.append(time.perf_counter()))
            steps = [end - start for start, end in zip(ends[3::4], ends[7::4], strict=False)]
            outside.append(1 - sum(inside[: len(steps)]) / sum(steps))
    finally:
        SharedPrefixRows.step = whole  # type: ignore[method-assign]
    report.figure("share of a step that is not the model's", statistics.median(outside), "", 0.15)


def memory(variant: str, tokens: int) -> tuple[float, float]:
    """Resident memory above the loaded model, at its peak and afterwards [MB]; for a process of its own."""
    from dashboard.engine.api.generation import GenerateRequest
    from tests.benchmarks.attention import peak_of

    made = endless(engine())
    key = key_for(made, token_ids(tokens))
    made.answer(GenerateRequest(key, columns(1, 2)[:1]))
    wanted = columns() if variant == "batch" else columns(1)[:1]
    return peak_of(lambda: made.answer(GenerateRequest(key, wanted)))


def measure_memory(report: Report) -> None:
    """Twenty rows against one."""
    peaks = {variant: in_its_own_process("decoding", variant, 512)[0] for variant in ("row", "batch")}
    report.figure("T=512 one row: memory, peak", peaks["row"], "MB")
    report.figure("T=512 twenty rows: memory above one row, peak", peaks["batch"] - peaks["row"], "MB", 150)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    new = 16 if chosen.quick else NEW
    measure_steps(report, new)
    measure_memory(report)
    measure_speed(report, new)
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
