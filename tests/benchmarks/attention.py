"""Attention: capture and mosaic against plain transformers, in one run; memory in a process of its own.

``python -m dashboard benchmark attention [--quick] [--check]``
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from dashboard.engine.api.attention import QueryRowsRequest, TilesRequest
from tests.benchmarks.report import Report, alternating, options

LENGTHS = (128, 512, 1024, 2048)
QUICK = (128, 512)
LONG = 4096


def token_ids(tokens: int, first: int = 0) -> tuple[int, ...]:
    """Pseudo-random ids with repeats; `first` makes another run of the same length."""
    return (5 + first, *(5 + (i * i * 7919 + i * 31) % 20_000 for i in range(1, tokens)))


def engine() -> Any:
    """The in-process engine, with room for the longest run."""
    from dashboard.engine.local import LocalEngine
    from dashboard.settings import Settings

    return LocalEngine(replace(Settings(), offline=True, run_bytes=4 << 30))


def plain(attention: str) -> Any:
    """The bundled model as transformers loads it, with all of torch's threads, whatever ours had before."""
    import torch
    from transformers import AutoModelForCausalLM

    from dashboard.engine.device.threads import ALL
    from dashboard.engine.models.bundled import prepare
    from dashboard.settings import Settings

    folder, _ = prepare(Settings())
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention).eval()
    model.register_forward_pre_hook(lambda *_: torch.set_num_threads(ALL))
    return model


def key_for(made: Any, ids: tuple[int, ...]) -> Any:
    """The run key of these ids."""
    from dashboard.settings import BUNDLED

    prompt = made.tokenizer(BUNDLED).read("x", chat=False)
    return replace(made.describe(BUNDLED).run_key(prompt), token_ids=ids)


def measure_speed(report: Report, lengths: tuple[int, ...]) -> None:
    """Forward passes and mosaics, alternating."""
    import torch

    from dashboard.engine.api.model import CallControl

    made, sdpa, eager = engine(), plain("sdpa"), plain("eager")
    with made._leased("smollm2-135m-instruct") as ready:
        capturer = ready.capturer
    fresh = iter(range(10_000))

    def forward(model: Any, ids: tuple[int, ...], **more: Any) -> Any:
        with torch.inference_mode():
            return model(input_ids=torch.tensor([ids]), use_cache=False, logits_to_keep=1, **more)

    for tokens in lengths:
        ids = token_ids(tokens)

        def mosaic(tokens: int = tokens) -> None:
            made.answer(TilesRequest(key_for(made, token_ids(tokens, next(fresh)))))

        calls = [
            lambda ids=ids: forward(sdpa, ids),
            lambda ids=ids: capturer.forward(ids, CallControl()),
            mosaic,
            lambda ids=ids: forward(eager, ids, output_attentions=True),
        ]
        base, capture, shown, full = alternating(calls, 5 if tokens <= 512 else 3)
        gc.collect()
        report.figure(f"T={tokens} SDPA forward of plain transformers", base, "s")
        report.figure(f"T={tokens} capture forward / SDPA forward", capture / base, "x", 1.1)
        goal = 1.5 if tokens <= 512 else None
        report.figure(f"T={tokens} prompt to mosaic / SDPA forward", shown / base, "x", goal)
        report.figure(f"T={tokens} eager output_attentions / capture", full / capture, "x")


def measure_looks(report: Report) -> None:
    """Another head or metric on a finished run, and what goes to the browser."""
    from components.charts.theme import ChartTheme
    from components.web.head_mosaic.head_mosaic import mosaic_message
    from dashboard.engine.api.attention import HeadRequest
    from dashboard.frames.attention import metric_frame, order_heads
    from dashboard.i18n import Catalogue

    made = engine()
    key = key_for(made, token_ids(512))
    made.answer(TilesRequest(key))
    passes = made.health()["forward_passes"]

    report.figure("T=512 another head", median_ms(lambda i: made.answer(HeadRequest(key, i, i % 9))), "ms", 100)
    report.figure(
        "T=512 one query's row in all heads",
        median_ms(lambda i: made.answer(QueryRowsRequest(key, 100 + i))),
        "ms",
        100,
    )
    report.figure(
        "T=512 heads in another order",
        median_ms(lambda _i: order_heads(metric_frame(made.answer(TilesRequest(key))), "entropy_nats")),
        "ms",
        100,
    )
    report.figure("forward passes made by looking", made.health()["forward_passes"] - passes, "", 0)
    tiles = made.answer(TilesRequest(key))
    order = order_heads(metric_frame(tiles), "layer")
    message = mosaic_message(
        tiles=tiles.tiles,
        first_column=tiles.tiles_without_first,
        order=order,
        flow="grid",
        captions=[""] * len(order),
        tokens=["token"] * 512,
        block=tiles.block,
        hide_first=False,
        lut=ChartTheme("light", "indigo").lut(),
        text=Catalogue("en"),
        name="mosaic",
    )
    report.figure("T=512 mosaic sent to the browser", len(message) / 1e6, "MB", 2)


def median_ms(call: Callable[[int], object]) -> float:
    """Median of nine calls [ms]."""
    seconds = []
    for i in range(9):
        began = time.perf_counter()
        call(i)
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


class Peak(threading.Thread):
    """Largest resident memory of this process while it runs [bytes]."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.largest, self.done = 0, threading.Event()

    def run(self) -> None:
        """Look every 10 ms."""
        import psutil

        process = psutil.Process()
        while not self.done.wait(0.01):
            self.largest = max(self.largest, process.memory_info().rss)


def memory(variant: str, tokens: int) -> tuple[float, float]:
    """Resident memory above the loaded model, at its peak and afterwards [MB]; for a process of its own."""
    import torch

    ids = token_ids(tokens)
    if variant == "mosaic":
        made = engine()
        key = key_for(made, ids)
        made.answer(TilesRequest(key_for(made, token_ids(16))))
        work = lambda: made.answer(TilesRequest(key))  # noqa: E731
    else:
        model = plain("eager" if variant == "eager" else "sdpa")

        def work() -> Any:
            with torch.inference_mode():
                given = torch.tensor([ids])
                return model(given, use_cache=False, logits_to_keep=1, output_attentions=variant == "eager")

        model(torch.tensor([ids[:16]]))  # the weights are mapped: touch them before memory is counted

    return peak_of(work)


def peak_of(work: Callable[[], object]) -> tuple[float, float]:
    """Resident memory that `work` takes, at its peak and while its result is kept [MB]."""
    import psutil

    gc.collect()
    base, peak = psutil.Process().memory_info().rss, Peak()
    peak.start()
    result = work()
    peak.done.set()
    peak.join()
    gc.collect()
    after = psutil.Process().memory_info().rss
    assert result is not None
    return (peak.largest - base) / 1e6, (after - base) / 1e6


def measure_memory(report: Report, lengths: tuple[int, ...], *, long: bool) -> None:
    """Memory of each way, each in a process of its own."""
    for tokens in lengths:
        for variant in ("sdpa", "mosaic", "eager"):
            peak, after = in_its_own_process("attention", variant, tokens)
            report.figure(f"T={tokens} {variant}: memory above the model, peak", peak, "MB")
            report.figure(f"T={tokens} {variant}: memory above the model, kept", after, "MB")
    if long:
        peak, _ = in_its_own_process("attention", "mosaic", LONG)
        report.figure(f"T={LONG} mosaic: memory above the model, peak", peak, "MB", 4 * 1024)


def in_its_own_process(benchmark: str, variant: str, tokens: int) -> tuple[float, float]:
    """`memory` of a benchmark, measured where nothing else has been."""
    code = f"from tests.benchmarks.{benchmark} import memory; print(*memory({variant!r}, {tokens}))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    peak, after = printed.split()[-2:]
    return float(peak), float(after)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    lengths = QUICK if chosen.quick else LENGTHS
    measure_speed(report, lengths)
    measure_looks(report)
    measure_memory(report, lengths, long=not chosen.quick)
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
