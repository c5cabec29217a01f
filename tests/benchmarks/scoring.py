"""Exact scores: one tree of completions against one pass a pair and against batches, in one run; sentences too.

``python -m dashboard benchmark scoring [--quick] [--check]``
"""

from __future__ import annotations

import csv
import gc
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.attention import engine, in_its_own_process, key_for, plain
from tests.benchmarks.report import Report, alternating, options

Ids = tuple[int, ...]
GROUPS = ("The man", "The woman", "The Black man", "The white woman", "My Muslim neighbour", "The old immigrant")
LONG = (
    "In the small town by the river everybody knew everybody else, and people often talked about what their "
    "neighbours did for a living. Some of them had come from far away, others had never left. On market days they met "
    "in the square, drank coffee, and told each other stories about the people who had lived there before them, what "
    "they had made with their hands, whom they had married, and where their children had gone. Nobody wrote these "
    "stories down, and yet nobody forgot them. One of them began like this, and it was told more often than others, "
    "on long evenings, by the fire, when the rain fell and nobody wanted to go home. "
)
"""Makes prompts of about 140 tokens."""
TEXT = "the old man went home and told his wife that nobody in town had seen her brother since last winter"
PART = 6
"""Of the pairs, and of the prompts in batches, one in so many is computed, and the time taken as often."""
CROWS_PAIRS = Path(__file__).parents[2] / "../shared/data/crows_pairs_anonymized.csv"
ROWS = 16
"""Of a bare batch: more or fewer make it slower on a processor."""


def ids_of(made: Any, text: str) -> Ids:
    """Tokens of a text."""
    from dashboard.settings import BUNDLED

    return tuple(made.tokenizer(BUNDLED).read(text, chat=False).ids)


def completions(made: Any) -> tuple[Ids, ...]:
    """The 60 occupations with their article."""
    from dashboard.probes.lexicon import occupations

    return tuple(ids_of(made, one.after(article=True)) for one in occupations().completions)


def one_by_one(model: Any, prompts: Sequence[Ids], behind: Sequence[Ids]) -> None:
    """Every sixth pair by a pass of its own, as one would write it."""
    import torch
    from torch.nn.functional import cross_entropy

    with torch.inference_mode():
        for i, prompt in enumerate(prompts):
            for j, completion in enumerate(behind):
                if (i + j) % PART == 0:
                    ids = torch.tensor([prompt + completion])
                    cross_entropy(model(ids).logits[0, len(prompt) - 1 : -1], ids[0, len(prompt) :], reduction="sum")


def in_a_batch(model: Any, prompt: Ids, behind: Sequence[Ids]) -> None:
    """All completions behind one prompt as right-padded rows, logits only where they are needed."""
    import torch

    longest = max(map(len, behind))
    rows = [(prompt + one)[:-1] + (0,) * (longest - len(one)) for one in behind]
    wanted = torch.tensor([[*one, *[0] * (longest - len(one))] for one in behind])
    with torch.inference_mode():
        log_p = model(torch.tensor(rows), use_cache=False, logits_to_keep=longest).logits.log_softmax(-1)
        log_p.gather(-1, wanted[..., None])


def measure_pairs(report: Report, *, quick: bool) -> None:
    """6 groups x 60 completions behind short prompts, long ones that begin alike, and long ones that do not."""
    from dashboard.engine.api.scoring import ScoreRequest

    made, model = engine(), plain("sdpa")
    key, behind, turn = key_for(made, ()), completions(made), iter(range(1, 1000))
    cases = [("short", "{group} worked as", 30)]
    if not quick:
        cases += [("140", LONG + "{group} worked as", 40), ("140 unlike", "{group}. " + LONG + "{group} worked as", 40)]
    for name, template, goal in cases:
        prompts = tuple(ids_of(made, template.format(group=group)) for group in GROUPS)

        def ours(boundary: bool, prompts: tuple[Ids, ...] = prompts) -> Any:
            first = next(turn) % len(behind)  # another order is another request, which is not kept yet
            return made.answer(ScoreRequest(key.version, prompts, behind[first:] + behind[:first], boundary=boundary))

        calls = [
            lambda ours=ours: ours(False),
            lambda ours=ours: ours(True),
            lambda prompts=prompts: one_by_one(model, prompts, behind),
            lambda prompts=prompts: in_a_batch(model, prompts[0], behind),
        ]
        tree, bounded, pairs, batch = alternating(calls, 3)
        label = f"{name} prompts, 6 x 60:"
        report.figure(f"{label} tokens of the longest prompt", max(map(len, prompts)), "")
        report.figure(f"{label} tokens through the model", ours(False).tokens, "")
        report.figure(f"{label} ours", tree, "s")
        report.figure(f"{label} one pass a pair / ours", PART * pairs / tree, "x", at_least=goal)
        report.figure(f"{label} batches of 60 / ours", PART * batch / tree, "x")
        report.figure(f"{label} one pass a pair / batches of 60", pairs / batch, "x")
        report.figure(f"{label} one pass a pair / ours with the word boundary", PART * pairs / bounded, "x")
        gc.collect()


def sentences(count: int) -> list[str]:
    """So many pairs: CrowS-Pairs where the file is, or else made-up ones of the same lengths."""
    if CROWS_PAIRS.exists():
        with CROWS_PAIRS.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return [row[side] for row in rows[:: len(rows) // count][:count] for side in ("sent_more", "sent_less")]
    words = TEXT.split()
    # a pair differs in one word, early or late
    pairs = [(words[i % 7 :][: 8 + i % 12], i % 8) for i in range(count)]
    return [" ".join([*some[:at], who, *some[at:], "."]) for some, at in pairs for who in ("Mary", "John")]


def bare(model: Any, texts: Sequence[Ids]) -> None:
    """Forward passes over the same texts and nothing else: sorted by length, right-padded."""
    import torch

    ordered = sorted(texts, key=len, reverse=True)
    with torch.inference_mode():
        for start in range(0, len(ordered), ROWS):
            part = ordered[start : start + ROWS]
            _ = model(torch.tensor([[*one, *[0] * (len(part[0]) - len(one))] for one in part]), use_cache=False).logits


def measure_sentences(report: Report, count: int) -> None:
    """Whole sentences against bare passes."""
    from dashboard.engine.api.scoring import SentenceRequest
    from dashboard.settings import BUNDLED

    made, model = engine(), plain("sdpa")
    key, turn = key_for(made, ()), iter(range(1, 1000))
    with made._leased(BUNDLED) as ready:
        begin = ready.generator.tokenizer.bos_token_id
    texts = [(begin, *ids_of(made, text)) for text in sentences(count)]

    def ours() -> Any:
        first = next(turn)
        return made.answer(SentenceRequest(key.version, (*texts[first:], *texts[:first]), (1,) * len(texts)))

    mine, passes = alternating([ours, lambda: bare(model, texts)], 3)
    source = "CrowS-Pairs" if CROWS_PAIRS.exists() else "made-up"
    report.figure(f"{source}, {len(texts)} sentences: tokens", sum(map(len, texts)), "")
    report.figure(f"{source}, {len(texts)} sentences: tokens through the model", ours().tokens, "")
    report.figure(f"{source}, {len(texts)} sentences: bare passes", passes, "s")
    report.figure(f"{source}, {len(texts)} sentences: ours / bare passes", mine / passes, "x", 1.3)


def memory(variant: str, tokens: int) -> tuple[float, float]:
    """Resident memory above the loaded model, at its peak and afterwards [MB]; for a process of its own."""
    from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
    from tests.benchmarks.attention import peak_of, token_ids

    made = engine()
    key, behind = key_for(made, ()), completions(made)
    made.answer(ScoreRequest(key.version, (token_ids(8),), behind[:2]))
    if variant == "pairs":
        request = ScoreRequest(
            key.version, tuple(token_ids(tokens, first) for first in range(6)), behind, boundary=True
        )
        return peak_of(lambda: made.answer(request))
    return peak_of(lambda: made.answer(SentenceRequest(key.version, (token_ids(tokens),), (1,))))


def measure_memory(report: Report, *, quick: bool) -> None:
    """Memory of many completions, and of one long text."""
    for variant, tokens in (("pairs", 140), ("text", 2048)):
        if variant == "pairs" or not quick:
            peak, _ = in_its_own_process("scoring", variant, tokens)
            report.figure(f"T={tokens} {variant}: memory above the model, peak", peak, "MB", 400)


def main() -> int:
    """Run and report."""
    chosen, report = options(), Report()
    measure_pairs(report, quick=chosen.quick)
    measure_sentences(report, 24 if chosen.quick else 150)
    measure_memory(report, quick=chosen.quick)
    return report.end(chosen.check)


if __name__ == "__main__":
    sys.exit(main())
