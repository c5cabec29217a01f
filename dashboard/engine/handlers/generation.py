"""What follows a prompt: texts, exact comparisons of decode settings, and the tree of continuations."""

from __future__ import annotations

import torch

from dashboard.engine.api.generation import (
    CompareRequest,
    Generated,
    GenerateRequest,
    ProbabilityTree,
    SettingsComparison,
    TreeRequest,
)
from dashboard.engine.api.model import ModelCard
from dashboard.engine.api.request import Cost
from dashboard.engine.device.pace import Work
from dashboard.engine.generation import batch, probability_tree, settings_comparison
from dashboard.engine.generation.prompt_cache import SharedPrefix
from dashboard.engine.generation.sampler import DRAW_BYTES, rows_at_once
from dashboard.engine.handlers.handler import NOISE, Call, Handler, Handlers, always
from dashboard.engine.ready import ReadyModel
from dashboard.errors import GenerationTooLarge, GenerationTooLong
from dashboard.settings import Settings

BEAM_COPIES = 8
"""So many times a step of a search has its beams' logits in memory, roughly, beside the scores that it keeps."""
TOKEN_BYTES = 500
"""What is kept of one generated token with its alternatives, roughly [bytes]."""
NODE_BYTES = 16
"""What is kept of one node of a probability tree, roughly [bytes]."""


# -- texts ---------------------------------------------------------------------------------------------------------
def _generate_cost(request: GenerateRequest, ready: ReadyModel, settings: Settings) -> Cost:
    """Raises GenerationTooLong, GenerationTooLarge."""
    ids = request.token_ids
    tokens = sum(column.num_return_sequences * column.max_new_tokens for column in request.columns)
    ready.reader.vocabulary.check(ids)
    longest = max(column.max_new_tokens for column in request.columns)
    if len(ids) + longest > ready.card.context:
        raise GenerationTooLong(tokens=len(ids), new=longest, limit=ready.card.context)
    nbytes = _cached_bytes(ready, len(ids), request) + _logit_bytes(ready, request)
    if tokens > settings.max_generated or nbytes > settings.run_bytes:
        raise GenerationTooLarge(
            tokens=tokens,
            limit=settings.max_generated,
            needed=round(nbytes / 1e6),
            allowed=round(settings.run_bytes / 1e6),
        )
    return Cost(tokens, ready.pace.seconds(_generate_work(request, None, ready.card)), nbytes)


def _generate_work(request: GenerateRequest, texts: Generated | None, _: ModelCard) -> Work:
    """Of the steps that texts took, which may have ended early; before they are there, of the most."""
    lengths = [column.max_new_tokens for column in request.columns]
    if texts is not None:
        outputs = texts.outputs
        lengths = [max((len(one.ids) for one in outputs if one.column == at), default=0) for at in range(len(lengths))]
    steps = list(zip(request.columns, lengths, strict=True))
    drawn = [length for column, length in steps if column.num_beams == 1]
    searched = [length for column, length in steps if column.num_beams > 1]
    rows = sum(max(column.num_return_sequences, column.num_beams) * length for column, length in steps)
    passes = 1 + max(drawn, default=0) + sum(searched)
    return Work("beams" if searched else "texts", passes, len(request.token_ids) + rows, rows)


def _generate(request: GenerateRequest, call: Call) -> Generated:
    return batch.generate(call.ready.generator, request.token_ids, request, call.turn, call.on_step)


def _noisy(request: GenerateRequest) -> str:
    """Torch has one source of noise for a process: one beam-sample at a time."""
    noisy = any(column.num_beams > 1 and column.settings.do_sample for column in request.columns)
    return NOISE if noisy else ""


def _cached_bytes(ready: ReadyModel, prompt: int, request: GenerateRequest) -> int:
    """Keys and values of all rows behind a prompt of so many tokens, and of the prompt where rows copy it."""
    card, way = ready.card, ready.generator.prompt_cache
    longest = max(column.max_new_tokens for column in request.columns)
    # every row has a copy of the prompt, or gets one on its way
    alone = way.kind is not SharedPrefix or way.crosses(prompt, prompt + longest)
    cached = sum(
        max(column.num_return_sequences, column.num_beams)
        * (column.max_new_tokens + prompt * (alone or column.num_beams > 1))
        for column in request.columns
    )
    return cached * 2 * card.layers * card.kv_heads * card.head_dim * ready.generator.model.dtype.itemsize


def _logit_bytes(ready: ReadyModel, request: GenerateRequest) -> int:
    """Logits of a step of all rows, and what draws and searches work in; a search keeps the scores of every step."""
    vocab, own = ready.card.vocab, ready.generator.model.dtype.itemsize
    together = [column.num_return_sequences for column in request.columns if column.num_beams == 1]
    drawn = sum(min(rows, rows_at_once(vocab)) for rows in together)
    # the model's own, and in float32 where they are not
    logits = sum(together) * (4 + own * (own != 4))
    searches = [column for column in request.columns if column.num_beams > 1]
    kept = max((column.num_beams * (column.max_new_tokens + BEAM_COPIES) for column in searches), default=0)
    return vocab * (logits + DRAW_BYTES * drawn + 4 * kept)


# -- without drawing -----------------------------------------------------------------------------------------------
def _compare(request: CompareRequest, call: Call) -> SettingsComparison:
    with torch.inference_mode():
        return settings_comparison.compare(
            lambda pos: call.ready.logits(call.run, pos, pos + 1)[0],
            request.token_ids,
            request,
            call.control,
            call.ready.generator,
        )


def _compare_cost(request: CompareRequest, ready: ReadyModel, _: Settings) -> Cost:
    start, stop = request.positions
    settings = len(request.settings)
    seconds = ready.pace.seconds(_compare_work(request, None, ready.card))
    return Cost(0, seconds, 8 * settings * settings * (stop - start))


def _compare_work(request: CompareRequest, _: SettingsComparison | None, __: ModelCard) -> Work:
    """Distributions, and each with each."""
    (start, stop), settings = request.positions, len(request.settings)
    return Work("comparison", rows=(stop - start) * (1 + settings + settings * (settings - 1) / 2))


def _tree_check(request: TreeRequest, ready: ReadyModel, _: Settings) -> None:
    ready.generator.way()  # tried out before the answer is timed
    tokens, limit = len(request.token_ids), ready.card.context
    ready.reader.vocabulary.check(request.token_ids)
    if tokens + request.depth - 1 > limit:
        raise GenerationTooLong(tokens=tokens, new=request.depth, limit=limit)


def _tree(request: TreeRequest, call: Call) -> ProbabilityTree:
    return probability_tree.probability_tree(call.ready.generator, request.token_ids, request, call.turn)


def _tree_cost(request: TreeRequest, ready: ReadyModel, settings: Settings) -> Cost:
    _tree_check(request, ready, settings)
    return Cost(request.nodes, ready.pace.seconds(_tree_work(request, None, ready.card)), NODE_BYTES * request.nodes)


def _tree_work(request: TreeRequest, tree: ProbabilityTree | None, _: ModelCard) -> Work:
    nodes = request.nodes if tree is None else len(tree.ids)
    return Work("tree", 1 + nodes / probability_tree.AT_ONCE, len(request.token_ids) + nodes, nodes)


HANDLERS: Handlers = {
    GenerateRequest: Handler[GenerateRequest, Generated](
        _generate,
        _generate_cost,
        lambda _, texts: TOKEN_BYTES * sum(len(output.ids) for output in texts.outputs),
        _generate_work,
        check=_generate_cost,
        run=False,
        device=always,
        alone=_noisy,
        whole=lambda texts: not texts.unfinished,
    ),
    CompareRequest: Handler[CompareRequest, SettingsComparison](
        _compare, _compare_cost, lambda _, answer: 2 * answer.total_variation.nbytes, _compare_work, device=always
    ),
    TreeRequest: Handler[TreeRequest, ProbabilityTree](
        _tree,
        _tree_cost,
        lambda _, tree: 4 * tree.probs.nbytes,
        _tree_work,
        check=_tree_check,
        run=False,
        device=always,
        whole=lambda tree: not tree.unfinished,
    ),
}
