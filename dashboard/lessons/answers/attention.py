"""Questions about attention: what heads look at, induction, and what attention says about importance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.engine.api.attention import QueryRowsRequest, TilesRequest
from dashboard.engine.api.lens import Attribution, AttributionRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.api.request import Request
from dashboard.i18n import Message
from dashboard.lessons.answers.lens import of_parts
from dashboard.lessons.answers.prediction import candidates, likeliest
from dashboard.lessons.answers.question import (
    MOST_OPTIONS,
    Question,
    RunContext,
    Unanswerable,
    choice,
    largest,
    nothing,
    number,
    question,
    rounded,
    spread_over,
    words,
    yes_no,
)
from dashboard.run_key import RunKey
from dashboard.tokens import visible

Head = tuple[int, int]


def _rows(run: RunContext) -> QueryRowsRequest:
    """What the last token looks at in every head."""
    return QueryRowsRequest(run.key, run.last)


def _of_row(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    return run.forward, _rows(run)


def _of_scores(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    return run.forward, TilesRequest(run.key)


def _of_best_row(run: RunContext, **_: object) -> tuple[Request[Any], ...]:
    return *_of_scores(run), _rows(run)


def _row(run: RunContext, head: Head | None = None) -> NDArray[np.float32]:
    """(key,) weights of the last token: of one head, or the mean over all that there are."""
    weights = run.answer(_rows(run)).weights
    if head is None:
        return np.nanmean(weights.reshape(-1, weights.shape[-1]), axis=0)  # type: ignore[no-any-return]
    if np.isnan(weights[head]).any():
        raise Unanswerable("no_map", layer=head[0], head=head[1])
    return weights[head]  # type: ignore[no-any-return]


def _strongest(run: RunContext, row: NDArray[np.float32], **facts: object) -> Question:
    """Which token has the largest weight in a row?"""
    run.need_tokens(2)
    among = spread_over(row)
    best = among[0]
    labels: dict[str, str | Message] = {str(at): run.position(at) for at in among}
    shown = {"token": visible(run.tokens[best]), "pos": best, "weight": rounded(row[best])}
    asking = {"query": visible(run.tokens[run.last]), "last": run.last}
    return choice(run, labels, map(str, largest(row, among)), **shown, **asking, **facts)


def _scores(run: RunContext, metric: str) -> NDArray[np.float32]:
    """(layer x head,) a score of every head. Raises Unanswerable where no head has it."""
    scores = run.answer(TilesRequest(run.key)).metrics[metric].ravel()
    if np.isnan(scores).all():
        raise Unanswerable("no_repeat" if metric in {"induction", "duplicate_token"} else "short", least=2)
    return scores  # type: ignore[no-any-return]


def _head(run: RunContext, at: int) -> Head:
    return at // run.card.heads, at % run.card.heads


def _name(head: Head) -> str:
    return f"L{head[0]} H{head[1]}"


def _which_head(run: RunContext, values: NDArray[np.float32], **facts: object) -> Question:
    """Which head has the largest of `values` (layer x head,)?"""
    among = spread_over(values)
    heads = {at: _head(run, at) for at in among}
    labels = {f"{layer}.{head}": _name((layer, head)) for layer, head in heads.values()}
    right = [f"{heads[at][0]}.{heads[at][1]}" for at in largest(values, among)]
    shown = {"best": _name(heads[among[0]]), "score": rounded(values[among[0]])}
    return choice(run, labels, right, **shown, **facts)


# -- what a head looks at --------------------------------------------------------------------------------------------
@question(nothing)
def head_count(run: RunContext) -> Question:
    """How many heads does the model have?"""
    return number(run.card.all_heads, {"layers": run.card.layers, "heads": run.card.heads, "count": run.card.all_heads})


@question(_of_row)
def strongest_key(run: RunContext, layer: int, head: int) -> Question:
    """What does the last token look at most in this head?"""
    return _strongest(run, _row(run, (layer, head)), layer=layer, head=head)


@question(_of_row)
def row_sum(run: RunContext, layer: int, head: int) -> Question:
    """What do the weights of one row sum to?"""
    total = float(_row(run, (layer, head)).sum(dtype=np.float64))
    return number(total, {"layer": layer, "head": head, "total": rounded(total)}, tolerance=0.01)


@question(nothing)
def visible_keys(run: RunContext) -> Question:
    """How many tokens can the token in the middle look at?"""
    run.need_tokens(3)
    pos = run.last // 2
    facts = {"token": visible(run.tokens[pos]), "pos": pos, "count": pos + 1, "later": run.last - pos}
    return number(pos + 1, facts)


@question(_of_scores)
def best_head(run: RunContext, metric: str) -> Question:
    """Which head has the highest score?"""
    return _which_head(run, _scores(run, metric))


# -- induction -------------------------------------------------------------------------------------------------------
def followers(run: RunContext) -> tuple[int, ...]:
    """Positions right after earlier tokens that equal the last one. Raises Unanswerable where there are none."""
    ids = run.prompt.ids
    after = tuple(at + 1 for at in range(run.last) if ids[at] == ids[-1])
    if not after:
        raise Unanswerable("last_not_repeated", token=visible(run.tokens[-1]))
    return after


@question(nothing)
def follower(run: RunContext) -> Question:
    """Which token came after the last token when it stood in the prompt before?"""
    after = followers(run)
    ids = run.prompt.ids
    tokens = dict(zip(ids, run.tokens, strict=True))
    right = {ids[at] for at in after}
    shown = [*right, *(token for token in tokens if token not in right)][:MOST_OPTIONS]
    labels = {str(token): visible(tokens[token]) for token in shown}
    facts = {"last": visible(run.tokens[-1]), "token": visible(run.tokens[after[-1]]), "pos": after[-1]}
    return choice(run, labels, map(str, right), **facts)


@question(_of_scores)
def best_score(run: RunContext, metric: str) -> Question:
    """What is the highest score of any head?"""
    scores = _scores(run, metric)
    at = int(np.nanargmax(scores))
    return number(scores[at], {"best": _name(_head(run, at)), "score": rounded(scores[at])}, tolerance=0.02)


@question(_of_best_row)
def strongest_key_of_best(run: RunContext, metric: str) -> Question:
    """What does the last token look at most in the head with the highest score?"""
    head = _head(run, int(np.nanargmax(_scores(run, metric))))
    return _strongest(run, _row(run, head), best=_name(head))


@question(_of_scores)
def layer_order(run: RunContext, first: str, second: str) -> Question:
    """Does the best head of one score lie below the best head of the other?"""
    heads = [_head(run, int(np.nanargmax(_scores(run, metric)))) for metric in (first, second)]
    (low, _), (high, _) = heads
    name = "same_layer" if low == high else "earlier" if low < high else "later"
    return words(name, ("earlier", "same_layer", "later"), first=_name(heads[0]), second=_name(heads[1]))


def _ranked(run: RunContext) -> CandidatesRequest:
    """The likeliest token, and the one that would carry the pattern on. Raises Unanswerable."""
    return CandidatesRequest(run.key, run.last, 1, (run.prompt.ids[followers(run)[-1]],))


def _of_rank(run: RunContext) -> tuple[Request[Any], ...]:
    return run.forward, _ranked(run)


@question(_of_rank)
def follower_rank(run: RunContext) -> Question:
    """What rank has the token that would carry the pattern on?"""
    request = _ranked(run)
    found = run.answer(request)
    at = [int(each) for each in found.ids].index(*request.pins)
    rank = int(found.ranks[at])
    return number(rank, {"token": visible(found.tokens[at]), "rank": rank, "prob": rounded(found.probs[at])})


# -- attention and importance ----------------------------------------------------------------------------------------
def _attribution(run: RunContext) -> tuple[Attribution, str]:
    """What each part adds to the likeliest token's logit, and that token."""
    best = candidates(run).tokens[0]
    return run.answer(AttributionRequest(run.key, run.last, best.id)), visible(best)


@question(_of_row)
def most_attended(run: RunContext) -> Question:
    """Which token does the last one look at most, on the mean over all heads?"""
    return _strongest(run, _row(run))


@question(_of_row)
def first_token_share(run: RunContext) -> Question:
    """How much of its attention does the last token give to the first, on the mean over all heads?"""
    weight = float(_row(run)[0])
    return number(weight, {"token": visible(run.tokens[0]), "weight": rounded(weight)}, tolerance=0.02)


@question(of_parts)
def most_adding_head(run: RunContext) -> Question:
    """Which head adds most to the predicted token's logit?"""
    parts, token = _attribution(run)
    return _which_head(run, parts.heads.ravel(), token=token)


def _of_looks(run: RunContext) -> tuple[Request[Any], ...]:
    return *of_parts(run), _rows(run)


@question(_of_looks)
def looks_and_adds(run: RunContext) -> Question:
    """Is the head that looks hardest at a token behind the first also the one that adds most to the prediction?"""
    run.need_tokens(2)
    parts, token = _attribution(run)
    strongest = run.answer(_rows(run)).weights[:, :, 1:].max(axis=2).ravel()
    looks, adds = int(np.nanargmax(strongest)), int(np.nanargmax(parts.heads.ravel()))
    facts = {"looks": _name(_head(run, looks)), "weight": rounded(strongest[looks])}
    facts |= {"looks_adds": rounded(parts.heads.ravel()[looks]), "token": token}
    facts |= {"adds": _name(_head(run, adds)), "logit": rounded(parts.heads.ravel()[adds])}
    return yes_no(looks == adds, **facts)


def _most_and_least(row: NDArray[np.float32]) -> tuple[int, int]:
    """Positions inside the prompt that get the most and the least weight of a row (key,)."""
    inner = row[1:-1]
    return 1 + int(inner.argmax()), 1 + int(inner.argmin())


def _without(run: RunContext, pos: int) -> RunKey:
    """The run of the prompt without the token at `pos`."""
    ids = run.prompt.ids
    return RunKey(run.key.version, run.key.template, (*ids[:pos], *ids[pos + 1 :]))


def _of_removal(run: RunContext) -> tuple[Request[Any], ...]:
    """Before the row is there, nobody knows which two tokens; any two prompts of that length cost the same."""
    run.need_tokens(4)
    known = run.engine.kept(run.forward) is not None
    shorter = [_without(run, pos) for pos in (_most_and_least(_row(run)) if known else (1, 2))]
    looks = (CandidatesRequest(key, run.last - 1, 1, (0,)) for key in shorter)
    return *_of_row(run), likeliest(run), *map(RunRequest, shorter), *looks


@question(_of_removal)
def removal(run: RunContext) -> Question:
    """Which of two tokens changes the prediction more when it is taken out?"""
    run.need_tokens(4)
    row = _row(run)
    most, least = _most_and_least(row)
    best = candidates(run)
    before, token = float(best.probs[0]), int(best.ids[0])
    after = {pos: _probability_without(run, pos, token) for pos in (most, least)}
    change = np.array([abs(np.log(after[pos] / before)) for pos in (most, least)])
    facts = {"token": visible(best.tokens[0]), "before": rounded(before)}
    for name, pos in (("most", most), ("least", least)):
        facts |= {name: visible(run.tokens[pos]), f"{name}_pos": pos, f"{name}_after": rounded(after[pos])}
        facts |= {f"{name}_weight": rounded(row[pos])}
    right = [str((most, least)[at]) for at in largest(change, [0, 1])]
    return choice(run, {str(pos): run.position(pos) for pos in (most, least)}, right, **facts)


def _probability_without(run: RunContext, pos: int, token: int) -> float:
    """Of `token` after the prompt without the token at `pos`."""
    found = run.answer(CandidatesRequest(_without(run, pos), run.last - 1, 1, (token,)))
    return float(found.probs[[int(each) for each in found.ids].index(token)])
