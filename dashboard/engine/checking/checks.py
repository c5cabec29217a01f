"""CHECKS: type of request -> how its answer is compared with plain transformers, and the passes that this takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from dashboard.engine.api.attention import CombineRequest, HeadRequest, QueryRowsRequest, RolloutRequest, TilesRequest
from dashboard.engine.api.generation import Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest, ProcessedRequest
from dashboard.engine.api.request import Request
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.engine.api.verification import Deviation
from dashboard.engine.checking import attention, generation, prediction, scoring
from dashboard.engine.checking.plain_model import PlainModel

Check = Callable[[Any, Any, PlainModel], Iterator[Deviation]]

CHECKS: dict[type[Request[Any]], Check] = {
    HeadRequest: attention.check_map,
    CombineRequest: attention.check_map,
    RolloutRequest: attention.check_map,
    QueryRowsRequest: attention.check_rows,
    TilesRequest: attention.check_tiles,
    CandidatesRequest: prediction.check_candidates,
    ProcessedRequest: prediction.check_processed,
    PositionTableRequest: prediction.check_table,
    LensRequest: prediction.check_lens,
    AttributionRequest: prediction.check_attribution,
    CompareRequest: prediction.check_comparison,
    GenerateRequest: generation.check_texts,
    TreeRequest: generation.check_tree,
    ScoreRequest: scoring.check_scores,
    SentenceRequest: scoring.check_sentences,
}


def passes(request: Request[Any]) -> list[int]:
    """Tokens of each plain pass that a check takes, at most."""
    count = len(request.token_ids)
    match request:
        case GenerateRequest(columns=columns):
            texts = [(column, column.num_return_sequences) for column in columns]
            beams = [(column, column.num_beams) for column in columns if _is_search(column)]
            return [count + column.max_new_tokens for column, rows in (*texts, *beams) for _ in range(rows)]
        case TreeRequest(depth=depth, nodes=nodes):
            return [count + depth] * nodes
        case ScoreRequest(prompts=prompts, completions=completions):
            return [len(prompt) + len(completion) for prompt in prompts for completion in completions]
        case SentenceRequest(sentences=sentences):
            return [len(ids) for ids in sentences]
        case LensRequest() | AttributionRequest():
            return [count] * (3 if getattr(request, "half_steps", False) else 2)
    return [count]


def _is_search(column: Column) -> bool:
    """Whether a column's texts come from a beam search that draws nothing."""
    return column.num_beams > 1 and not column.settings.do_sample
