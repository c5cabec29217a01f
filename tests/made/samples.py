"""Made-up results with the nasty cases: repeated tokens, markup, templates, TeX, right-to-left text, broken bytes."""

import numpy as np

from dashboard.engine.api.attention import METRICS, QueryRows, Tiles, WeightMap
from dashboard.engine.api.decoding import Processed
from dashboard.engine.api.lens import Attribution, Lens
from dashboard.engine.api.prediction import Candidates, PositionTable
from dashboard.frames import lens as frames_lens
from dashboard.frames import next_token
from dashboard.run_key import ModelVersion, RunKey
from dashboard.tokens import Token

NASTY = [
    "This",
    "<b>bold</b>",
    " is",
    "$x$",
    "%{x}",
    " is",
    "\n",
    "שלום",
    "<a href='http://e.com'>l</a>",
    "=1+1",
    "{layer}",
    "\u202eevil",
    "\u200d",
    " ",
]


def token(text, token_id=7):
    return Token(token_id, text, text, text.encode(), False)


def tokens(count=15):
    """`count` tokens; the nasty ones first, then one of broken bytes, then ordinary words."""
    broken = Token(99, "<0xF0>", None, b"\xf0\x9f", False)
    found = [token(text, i) for i, text in enumerate(NASTY)] + [broken]
    return (found + [token(f" w{i % 7}", 100 + i % 7) for i in range(count)])[:count]


def causal(count, seed=0):
    """(T, T) rows that sum to 1, NaN above the diagonal."""
    raw = np.where(np.tri(count, dtype=bool), np.random.default_rng(seed).exponential(size=(count, count)) ** 3, 0)
    weights = raw / raw.sum(axis=1, keepdims=True)
    return np.where(np.tri(count, dtype=bool), weights, np.nan).astype(np.float32)


def weight_map(count, *, rows=None, cols=None, block=1, seed=0):
    """A map as an engine gives it; pooled cells are the largest of ``block x block``."""
    (r0, r1), (c0, c1) = rows or (0, count), cols or (0, count)
    weights = causal(count, seed)[r0:r1, c0:c1]
    if block > 1:
        small = [-(-size // block) for size in weights.shape]
        padded = np.full([size * block for size in small], -1, np.float32)
        padded[: weights.shape[0], : weights.shape[1]] = np.nan_to_num(weights, nan=-1)
        weights = padded.reshape(small[0], block, small[1], block).max(axis=(1, 3))
        weights[weights < 0] = np.nan
    weights.flags.writeable = False
    return WeightMap(weights, r0, c0, r1, c1, block, 1e-7)


def tiles(layers=3, heads=2, side=5, block=1, missing=()):
    """Tiles in which every head is different; layers in `missing` have no attention."""
    found = np.zeros((layers, heads, side, side), np.uint8)
    for layer in range(layers):
        for head in range(heads):
            if layer not in missing:
                found[layer, head] = np.rint(np.nan_to_num(causal(side, layer * heads + head)) * 255)
    metrics = {
        name: np.random.default_rng(i).random((layers, heads)).astype(np.float32) for i, name in enumerate(METRICS)
    }
    for values in metrics.values():
        values[list(missing)] = np.nan
    return Tiles(found, found[..., 0] // 3, block, metrics, 1e-7, 0.1)


def query_rows(query=5, layers=3, heads=2, missing=()):
    weights = np.random.default_rng(1).dirichlet(np.ones(query + 1), (layers, heads)).astype(np.float32)
    weights[list(missing)] = np.nan
    return QueryRows(query, weights)


def candidates(k=6):
    logits = np.linspace(9, 4, k, dtype=np.float32)
    probs = (np.exp(logits) / (np.exp(logits).sum() * 1.25)).astype(np.float32)
    ids = np.arange(k, dtype=np.int64) + 40
    return Candidates(3, ids, ids - 39, logits, probs, 1.5, tuple(tokens(k)))


def processed(k=6, kept=2):
    """The first `kept` share all probability; top_p cut the next, top_k the rest."""
    q = np.zeros(k, np.float32)
    q[:kept] = 1 / kept
    cut = ("",) * kept + ("top_p",) + ("top_k",) * (k - kept - 1)
    return Processed(("top_k", "top_p"), q, cut, kept, 0.6, 1.5, 0.7, 0.5)


def candidates_frame(k=6):
    return next_token.candidates_frame(candidates(k), processed(k))


def position_table(count):
    log_prob = np.full(count, np.log(0.25), np.float32)
    log_prob[-1] = np.nan
    rank = np.arange(1, count + 1)
    rank[-1] = 0
    entropy = np.linspace(0, 3, count, dtype=np.float32)
    return PositionTable(tuple(tokens(count)[::-1]), np.full(count, 0.5, np.float32), log_prob, rank, entropy)


def lens(layers=2, positions=(1, 4), pins=0):
    """Every cell different; a token settles at another step at each position."""
    shape = (layers + 1, len(positions))
    rng = np.random.default_rng(3)
    probs = -np.sort(-rng.dirichlet(np.ones(6), shape)[..., :5], -1).astype(np.float32)
    ids = rng.permuted(np.tile(np.arange(12), (*shape, 1)), axis=-1)[..., :5]
    settled = np.arange(len(positions)) % (layers + 1)
    return Lens(
        steps=((-1, "embedding"), *((i, "output") for i in range(layers))),
        positions=tuple(positions),
        top_ids=ids,
        top_probs=probs,
        entropy_nats=rng.random(shape).astype(np.float32),
        kl_nats=rng.random(shape).astype(np.float32),
        pin_probs=rng.random((pins, *shape)).astype(np.float32),
        pin_log_probs=np.log(rng.random((pins, *shape))).astype(np.float32),
        pin_ranks=rng.integers(1, 900, (pins, *shape)),
        settled=settled,
        error=1e-6,
    )


def names(found):
    """A nasty token for every id."""
    return {i: token(NASTY[i % len(NASTY)], i) for i in np.unique(found.top_ids).tolist()}


def lens_frame(layers=2, positions=(1, 4), pins=0):
    found = lens(layers, positions, pins)
    followed = token("$x$", 3) if pins else None
    return frames_lens.lens_frame(found, tokens(max(positions) + 1), names(found), followed)


def attribution(layers=3, heads=2):
    """Parts that sum to the logit, heads that sum to their layer."""
    rng = np.random.default_rng(5)
    by_head, rest = (rng.normal(size=size).astype(np.float32) for size in ((layers, heads), layers))
    attention, mlp = by_head.sum(-1) + rest, rng.normal(size=layers).astype(np.float32)
    logit = float(0.5 + attention.sum() + mlp.sum() - 0.25)
    return Attribution(3, 7, logit, 0.5, attention, mlp, -0.25, by_head, rest, 0.0)


def run_key(**changes):
    """A run's key; `changes` of its own fields or of its model's version."""
    version = {"model": "smollm2-135m-instruct", "revision": "abc123", "dtype": "float32", "device": "cpu"}
    version |= {"transformers": "5.23.0", "torch": "2.13.0+cpu"}
    version |= {name: changes.pop(name) for name in list(changes) if name in version}
    return RunKey(**({"version": ModelVersion(**version), "template": "raw", "token_ids": (1, 2, 3)} | changes))


RUN = run_key()
"""For requests of which only the rest is looked at."""
