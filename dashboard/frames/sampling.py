"""Made texts and compared settings as tidy tables: one row a text, a token, or a position under one setting.

`names` are what a person calls the columns of settings; `tokens` tells every id as a token.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dashboard.engine.api.generation import FLOAT_NOISE, Generated, Output, SettingsComparison
from dashboard.tokens import Token, visible

Tokens = Mapping[int, Token]
_RECORDED_AS = {"no_repeat_ngram_size": "no_repeat_ngram"}
"""Setting -> its name in `cut_by`, where that is not transformers': records of earlier versions have it."""


def generated_ids(generated: Generated) -> tuple[int, ...]:
    """Every id that the tables of tokens name, each once."""
    arrays = [ids for output in generated.outputs for ids in (output.ids, output.alternatives.ravel())]
    return tuple(np.unique(np.concatenate(arrays)).tolist()) if arrays else ()


def column_facts(generated: Generated, column: int, names: Sequence[str]) -> dict[str, Any]:
    """``column, name, ranked``: of what a row of a table is; `ranked` where beams made a list, not a sample."""
    return {"column": column, "name": names[column], "ranked": generated.beams[column] is not None}


def sequence_frame(generated: Generated, names: Sequence[str], texts: Sequence[str]) -> pd.DataFrame:
    """One row a text, with its likelihood to the model and to the sampler.

    Args:
        generated: the texts of a run.
        names: of the columns.
        texts: (output,) as a person reads them.

    Returns:
        ``column, name, ranked, row, text, stopped, tokens, sum_log_p_nats, mean_log_p_nats, perplexity,
        sum_log_q_nats, close_draws, beam_score``. The token that ended a text counts. `close_draws` were won by less
        than float noise: another batch size may draw another token. NaN: `sum_log_q_nats` of beams, which draw no
        single token, and `beam_score` of everything else.
    """
    rows = [_sequence(generated, output, names, text) for output, text in zip(generated.outputs, texts, strict=True)]
    return pd.DataFrame(rows, columns=_SEQUENCE)


_SEQUENCE = [
    *("column", "name", "ranked", "row", "text", "stopped", "tokens", "sum_log_p_nats", "mean_log_p_nats"),
    *("perplexity", "sum_log_q_nats", "close_draws", "beam_score"),
]


def _sequence(generated: Generated, output: Output, names: Sequence[str], text: str) -> dict[str, Any]:
    total, count = float(output.log_p.sum(dtype=np.float64)), len(output.ids)
    mean = total / count if count else float("nan")
    return {
        **column_facts(generated, output.column, names),
        "row": output.row,
        "text": text,
        "stopped": output.stopped,
        "tokens": count,
        "sum_log_p_nats": total,
        "mean_log_p_nats": mean,
        "perplexity": float(np.exp(-mean)),
        "sum_log_q_nats": float(output.log_q.sum(dtype=np.float64)),
        "close_draws": int((output.margins < FLOAT_NOISE).sum()),
        "beam_score": output.score,
    }


def token_frame(generated: Generated, names: Sequence[str], tokens: Tokens) -> pd.DataFrame:
    """One row a token of every text.

    Returns:
        ``column, name, row, step, token, id, prob, q, rank, surprisal_bits, margin_nats``. `prob` is the model's own,
        `q` of the distribution really drawn from, `rank` by `prob`; `surprisal_bits` keeps what underflows as a
        probability. NaN: `q` of beams, and `margin_nats` where nothing was drawn.
    """
    parts = [_tokens_of(output, names[output.column], tokens) for output in generated.outputs]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_TOKEN)


_TOKEN = ["column", "name", "row", "step", "token", "id", "prob", "q", "rank", "surprisal_bits", "margin_nats"]


def _tokens_of(output: Output, name: str, tokens: Tokens) -> pd.DataFrame:
    log_p = output.log_p.astype(np.float64)
    return pd.DataFrame(
        {
            "column": output.column,
            "name": name,
            "row": output.row,
            "step": np.arange(len(output.ids)),
            "token": [visible(tokens[i]) for i in output.ids.tolist()],
            "id": output.ids,
            "prob": np.exp(log_p).astype(np.float32),
            "q": np.exp(output.log_q),
            "rank": output.ranks,
            # + 0.0 turns -0.0 into 0
            "surprisal_bits": (-log_p / np.log(2) + 0.0).astype(np.float32),
            "margin_nats": output.margins,
        }
    )


def token_records(generated: Generated, names: Sequence[str], tokens: Tokens) -> Iterator[dict[str, Any]]:
    """One JSON record a token of every text, with its likeliest alternatives; what does not exist is ``None``.

    Yields:
        ``column, name, row, step, id, text, log_p_nats, log_q_nats, prob, q, rank, margin_nats, stopped,
        alternatives``: `stopped` only with the last token; of each alternative ``id, text, prob, q, cut_by``, the
        setting that removed it, ``None`` where it stays. `text` is ``None`` where a token's bytes alone are no text.
    """
    for output in generated.outputs:
        for step, token_id in enumerate(output.ids.tolist()):
            log_p, log_q = float(output.log_p[step]), float(output.log_q[step])
            yield {
                "column": output.column,
                "name": names[output.column],
                "row": output.row,
                "step": step,
                "id": token_id,
                "text": tokens[token_id].text,
                "log_p_nats": _number(log_p),
                "log_q_nats": _number(log_q),
                "prob": _number(np.exp(log_p)),
                "q": _number(np.exp(log_q)),
                "rank": int(output.ranks[step]),
                "margin_nats": _number(output.margins[step]),
                "stopped": output.stopped if step == len(output.ids) - 1 else None,
                "alternatives": _alternatives(output, step, generated.names[output.column], tokens),
            }


def _alternatives(output: Output, step: int, settings: Sequence[str], tokens: Tokens) -> list[dict[str, Any]]:
    return [
        {
            "id": token_id,
            "text": tokens[token_id].text,
            "prob": _number(np.exp(log_p)),
            "q": _number(np.exp(log_q)),
            "cut_by": _RECORDED_AS.get(settings[cut - 1], settings[cut - 1]) if cut else None,
        }
        for token_id, log_p, log_q, cut in zip(
            output.alternatives[step].tolist(),
            output.alternative_log_p[step].tolist(),
            output.alternative_log_q[step].tolist(),
            output.alternative_cut_by[step].tolist(),
            strict=True,
        )
    ]


def _number(value: float) -> float | None:
    """JSON has no NaN and no infinity."""
    return float(value) if np.isfinite(value) else None


# -- settings compared without drawing -----------------------------------------------------------------------------
def comparison_frame(
    comparison: SettingsComparison, names: Sequence[str], text: Sequence[Token], start: int = 0
) -> pd.DataFrame:
    """One row a (setting, pos): what each setting leaves of the prediction after a position.

    Args:
        comparison: the comparison.
        names: of the settings.
        text: all tokens of the text.
        start: the comparison's first position.

    Returns:
        ``setting, name, pos, token, kept, kept_mass, entropy_nats, own_entropy_nats``: tokens left to draw from, the
        probability that they have to the model, the entropy of what is drawn from, and the model's own.
    """
    settings, count = comparison.kept.shape
    return pd.DataFrame(
        {
            "setting": np.repeat(np.arange(settings), count),
            "name": np.repeat(np.array(names, object), count),
            **_positions(text, start, count, settings),
            "kept": comparison.kept.ravel(),
            "kept_mass": comparison.kept_mass.ravel(),
            "entropy_nats": comparison.entropy_nats.ravel(),
            "own_entropy_nats": np.tile(comparison.own_entropy_nats, settings),
        }
    )


def distance_frame(
    comparison: SettingsComparison, names: Sequence[str], text: Sequence[Token], start: int = 0
) -> pd.DataFrame:
    """One row a (pair of settings, pos): how far apart they are; arguments as in `comparison_frame`.

    Returns:
        ``pair, first, second, first_name, second_name, pos, token, total_variation, js_nats``.
    """
    settings, count = comparison.kept.shape
    first, second = np.triu_indices(settings, 1)
    pairs, called = len(first), np.array(names, object)
    return pd.DataFrame(
        {
            "pair": np.repeat(np.arange(pairs), count),
            "first": np.repeat(first, count),
            "second": np.repeat(second, count),
            "first_name": np.repeat(called[first], count),
            "second_name": np.repeat(called[second], count),
            **_positions(text, start, count, pairs),
            "total_variation": comparison.total_variation[first, second].ravel(),
            "js_nats": comparison.js_nats[first, second].ravel(),
        }
    )


def _positions(text: Sequence[Token], start: int, count: int, times: int) -> dict[str, NDArray[Any] | list[str]]:
    tokens = [visible(token) for token in text[start : start + count]]
    return {"pos": np.tile(np.arange(start, start + count), times), "token": tokens * times}
