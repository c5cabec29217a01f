"""Built answers for each type of request, of the right shapes; their numbers mean nothing."""

import math

import numpy as np

from dashboard.engine.api.attention import (
    CombineRequest,
    HeadRequest,
    QueryRows,
    QueryRowsRequest,
    RolloutRequest,
    TilesRequest,
)
from dashboard.engine.api.decoding import Processed
from dashboard.engine.api.generation import (
    CompareRequest,
    Generated,
    GenerateRequest,
    Output,
    ProbabilityTree,
    SettingsComparison,
    TreeRequest,
)
from dashboard.engine.api.lens import Attribution, AttributionRequest, Lens, LensRequest
from dashboard.engine.api.model import RunRequest, RunSummary
from dashboard.engine.api.prediction import (
    Candidates,
    CandidatesRequest,
    PositionTable,
    PositionTableRequest,
    ProcessedRequest,
)
from dashboard.engine.api.scoring import ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.api.verification import AnswersChecked, CheckRequest, Deviation, Verification, VerifyRequest
from tests.made import samples

LAYERS, HEADS, VOCAB = 3, 4, 600


def weight_map(request, engine, rng):
    whole = (0, len(request.token_ids))
    rows, cols = request.rows or whole, request.cols or whole
    block = max(math.ceil((stop - start) / request.side) for start, stop in (rows, cols))
    return samples.weight_map(whole[1], rows=rows, cols=cols, block=block, seed=int(rng.integers(1000)))


def query_rows(request, engine, rng):
    return QueryRows(request.query, floats(rng.dirichlet(np.ones(request.query + 1), (LAYERS, HEADS))))


def tiles(request, engine, rng):
    block = math.ceil(len(request.token_ids) / 64)
    return samples.tiles(LAYERS, HEADS, math.ceil(len(request.token_ids) / block), block)


def candidates(request, engine, rng):
    probs = -np.sort(-rng.dirichlet(np.ones(VOCAB)))
    ids = rng.permutation(VOCAB)
    ranks = [*range(request.k), *(int(np.flatnonzero(ids == pin)[0]) for pin in request.pins)]
    ranks = list(dict.fromkeys(ranks))
    shown = ids[ranks]
    entropy = float(-(probs * np.log(probs)).sum())
    logits, named = np.log(probs[ranks]) + 9, engine.tokenizer("").tokens(shown.tolist())
    return Candidates(request.pos, shown, np.array(ranks) + 1, floats(logits), floats(probs[ranks]), entropy, named)


def processed(request, engine, rng):
    probs = np.full(len(request.ids), 1 / max(1, len(request.ids)))
    return Processed(request.settings.acting, floats(probs), ("",) * len(probs), len(probs), 0.9, 1.5, 1.2, 0.1)


def position_table(request, engine, rng):
    count = len(request.token_ids)
    table = samples.position_table(count)
    return PositionTable(**{**vars(table), "predicted": engine.tokenizer("").tokens(rng.integers(0, VOCAB, count))})


def lens(request, engine, rng):
    kinds = ("attention", "output") if request.half_steps else ("output",)
    steps = ((-1, "embedding"), *((layer, kind) for layer in range(LAYERS) for kind in kinds))
    shape, pins = (len(steps), len(request.positions)), len(request.pins)
    pinned = rng.random((pins, *shape))
    return Lens(
        steps=steps,
        positions=request.positions,
        top_ids=rng.integers(0, VOCAB, (*shape, 5)),
        top_probs=floats(-np.sort(-rng.dirichlet(np.ones(9), shape)[..., :5])),
        entropy_nats=floats(rng.random(shape)),
        kl_nats=floats(rng.random(shape)),
        pin_probs=floats(pinned),
        pin_log_probs=floats(np.log(pinned)),
        pin_ranks=rng.integers(1, VOCAB, (pins, *shape)),
        settled=rng.integers(0, len(steps), shape[1]),
        error=1e-6,
    )


def attribution(request, engine, rng):
    parts = samples.attribution(LAYERS, HEADS)
    return Attribution(**{**vars(parts), "pos": request.pos, "token": request.token})


def generated(request, engine, rng):
    outputs = []
    for at, column in enumerate(request.columns):
        for row in range(column.num_return_sequences):
            steps = (column.max_new_tokens,)
            log_p = -rng.random(steps)
            outputs.append(
                Output(
                    column=at,
                    row=request.first_row + row,
                    ids=rng.integers(0, VOCAB, steps),
                    log_p=floats(log_p),
                    log_q=floats(log_p),
                    ranks=np.ones(steps, np.int64),
                    margins=floats(rng.random(steps)),
                    alternatives=rng.integers(0, VOCAB, (*steps, 10)),
                    alternative_log_p=floats(-rng.random((*steps, 10))),
                    alternative_log_q=floats(-rng.random((*steps, 10))),
                    alternative_cut_by=np.zeros((*steps, 10), np.int64),
                    stopped="limit",
                )
            )
    count = len(request.columns)
    return Generated(tuple(outputs), ((),) * count, (None,) * count, (0,) * count, 0.1, 0.01, "shared")


def comparison(request, engine, rng):
    settings, positions = len(request.settings), request.positions[1] - request.positions[0]
    each, pairs = (settings, positions), (settings, settings, positions)
    return SettingsComparison(
        *(rng.integers(1, VOCAB, each), floats(rng.random(each)), floats(rng.random(each))),
        *(floats(rng.random(positions)), floats(rng.random(pairs)), floats(rng.random(pairs))),
    )


def probability_tree(request, engine, rng):
    parents, depths = np.array([-1, -1, 0, 0]), np.array([1, 1, 2, 2])
    ids, probs = rng.integers(0, VOCAB, 4), floats([0.6, 0.3, 0.4, 0.1])
    return ProbabilityTree(parents, ids, depths, probs, ("inner", "open", "depth", "depth"), 0.5, 0.1, 0.1)


def scores(request, engine, rng):
    lengths = [len(ids) for ids in request.completions]
    paths = np.full((len(lengths), max(lengths)), -1)
    for at, length in enumerate(lengths):
        paths[at, :length] = sum(lengths[:at]) + np.arange(length)
    nodes = -rng.random((len(request.prompts), sum(lengths)))
    log_p = np.stack([nodes[:, path[path >= 0]].sum(1) for path in paths], 1)
    mass = floats(-rng.random(log_p.shape)) if request.boundary else None
    return Scores(floats(log_p), floats(nodes), paths, mass, request.count, 0.1, "tree")


def sentence_scores(request, engine, rng):
    rows = [floats(-rng.random(len(ids) - given)) for ids, given in zip(request.sentences, request.given, strict=True)]
    log_p, lengths = floats([row.sum() for row in rows]), np.array([len(row) for row in rows])
    mass = floats(-rng.random(len(rows))) if request.boundary else None
    return SentenceScores(tuple(rows), log_p, mass, lengths, request.count, 0.1, "tree")


def run(request, engine, rng):
    return RunSummary(request.run, len(request.token_ids), 0.1, 1000, 1e-6)


def verification(request, engine, rng):
    return Verification(engine.card, (Deviation("logits", 8, 1e-6, 1e-4),))


def answers_checked(request, engine, rng):
    return AnswersChecked((Deviation("logits", 8, 1e-6, 1e-4, numbers=6),), 0.1)


def floats(values):
    return np.asarray(values, np.float32)


ANSWERS = {
    RunRequest: run,
    HeadRequest: weight_map,
    CombineRequest: weight_map,
    RolloutRequest: weight_map,
    QueryRowsRequest: query_rows,
    TilesRequest: tiles,
    CandidatesRequest: candidates,
    ProcessedRequest: processed,
    PositionTableRequest: position_table,
    LensRequest: lens,
    AttributionRequest: attribution,
    GenerateRequest: generated,
    CompareRequest: comparison,
    TreeRequest: probability_tree,
    ScoreRequest: scores,
    SentenceRequest: sentence_scores,
    VerifyRequest: verification,
    CheckRequest: answers_checked,
}
