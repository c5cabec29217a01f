"""Logit lens and decode settings: against a forward pass, bare unembeddings, and the naive way, in one run.

``python -m dashboard benchmark lens [--quick] [--check]``
"""

from __future__ import annotations

import gc
import sys
from typing import Any

from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, ProcessedRequest
from tests.benchmarks.attention import engine, in_its_own_process, key_for, plain, token_ids
from tests.benchmarks.report import Report, alternating, options

LENGTHS = (128, 512)
QUICK = (128,)


def naive(model: Any, ids: tuple[int, ...]) -> Any:
    """Every layer's logits of every position at once, and their statistics: as notebooks do it."""
    import torch

    with torch.inference_mode():
        states = model(torch.tensor([ids]), use_cache=False, output_hidden_states=True).hidden_states
        normed = [model.model.norm(state[0]) for state in states[:-1]] + [states[-1][0]]
        logits = torch.stack([model.lm_head(state) for state in normed])
        log_p = torch.log_softmax(logits, -1)
        entropy = -(log_p.exp() * log_p).sum(-1)
        kl = (log_p[-1].exp() * (log_p[-1] - log_p)).sum(-1)
        return log_p.topk(5, -1), entropy, kl


def measure_speed(report: Report, lengths: tuple[int, ...]) -> None:
    """Lens of one position and of all, beside a pass, bare unembeddings and the naive way."""
    import torch

    from dashboard.engine.api.lens import LensRequest

    made, model = engine(), plain("sdpa")
    fresh = iter(range(10_000))

    def ran(tokens: int) -> Any:
        key = key_for(made, token_ids(tokens, next(fresh)))
        made.answer(RunRequest(key))
        return key

    def forward(ids: tuple[int, ...]) -> None:
        with torch.inference_mode():
            model(torch.tensor([ids]), use_cache=False, logits_to_keep=1)

    def bare(tokens: int, layers: int) -> None:
        state = torch.randn(tokens, model.config.hidden_size)
        with torch.inference_mode():
            for _ in range(layers):
                model.lm_head(state)

    for tokens in lengths:
        ids, layers = token_ids(tokens), model.config.num_hidden_layers
        keys = [ran(tokens) for _ in range(8)]
        ones, alls = iter(keys), iter(keys)
        calls = [
            lambda ids=ids: forward(ids),
            lambda ones=ones, tokens=tokens: made.answer(LensRequest(next(ones), (tokens - 1,))),
            lambda tokens=tokens, layers=layers: bare(tokens, layers),
            lambda alls=alls, tokens=tokens: made.answer(LensRequest(next(alls), tuple(range(tokens)))),
        ]
        calls += [lambda ids=ids: naive(model, ids)] if tokens <= 128 else []
        times = alternating(calls, 5 if tokens <= 128 else 3)
        goal = tokens == 128
        report.figure(f"T={tokens} forward pass of plain transformers", times[0], "s")
        report.figure(f"T={tokens} lens of one position / forward", times[1] / times[0], "x", 0.25 if goal else None)
        report.figure(f"T={tokens} {layers} bare unembeddings", times[2], "s")
        report.figure(f"T={tokens} lens of all / bare unembeddings", times[3] / times[2], "x", 1.2 if goal else None)
        if len(times) > 4:
            report.figure(f"T={tokens} naive way / lens of all", times[4] / times[3], "x")
        gc.collect()


def measure_settings(report: Report) -> None:
    """Decode settings on the bars of a finished run."""
    from dashboard.engine.api.decoding import DecodeSettings
    from tests.benchmarks.attention import median_ms

    made = engine()
    key = key_for(made, token_ids(128))
    ids = tuple(int(i) for i in made.answer(CandidatesRequest(key, 127, 20)).ids)
    passes = made.health()["forward_passes"]

    def look(i: int) -> None:
        settings = DecodeSettings(
            temperature=0.5 + 0.1 * i, top_k=50, top_p=0.9, min_p=0.01, typical_p=0.9, repetition_penalty=1.1
        )
        made.answer(CandidatesRequest(key, 127, 20))
        made.answer(ProcessedRequest(key, 127, ids, settings))

    report.figure("bars after all six settings", median_ms(look), "ms", 100)
    report.figure("forward passes made by them", made.health()["forward_passes"] - passes, "", 0)


def memory(variant: str, tokens: int) -> tuple[float, float]:
    """Resident memory above the finished run, at its peak and afterwards [MB]; for a process of its own."""
    from dashboard.engine.api.lens import LensRequest
    from tests.benchmarks.attention import peak_of

    ids = token_ids(tokens)
    if variant == "lens":
        made = engine()
        key, short = key_for(made, ids), key_for(made, token_ids(16))
        made.answer(LensRequest(short, tuple(range(16))))
        made.answer(RunRequest(key))
        return peak_of(lambda: made.answer(LensRequest(key, tuple(range(tokens)))))
    model = plain("sdpa")
    naive(model, ids[:4])
    return peak_of(lambda: naive(model, ids))


def measure_memory(report: Report, *, quick: bool) -> None:
    """Memory of each way, each in a process of its own."""
    for variant, tokens, goal in (("naive", 128, None), ("lens", 128, None), ("lens", 512, 300)):
        if tokens == 128 or not quick:
            peak, _ = in_its_own_process("lens", variant, tokens)
            report.figure(f"T={tokens} {variant}: memory above the run, peak", peak, "MB", goal)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    measure_speed(report, QUICK if chosen.quick else LENGTHS)
    measure_settings(report)
    measure_memory(report, quick=chosen.quick)
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
