"""The one sentence with its numbers that each view of the Bias page opens with."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.bias.pairs import Pair
from components.charts.axes import with_minus
from components.charts.bias.sampled import LEVEL
from components.charts.series import readable
from components.shell.messages import percent
from dashboard.frames.bias_benchmarks import OVERALL
from dashboard.i18n import Catalogue
from dashboard.stats.agreement import Agreement
from dashboard.stats.counts import Independence
from dashboard.tokens import ISOLATE, shortened

FEWEST_RANKED = 10
"""An order of fewer completions is not said to follow another one."""
_NAME_LENGTH = 40
_FOLLOWS, _PARTLY = 0.5, 0.2
"""Least Spearman correlation of a model that follows the world, and that follows it in part."""
_BENCHMARKS = ("pct_stereotype", "ss", "total_effect")
"""The metric of each benchmark that says which side the model prefers."""


def name_in_sentence(name: str) -> str:
    """A person's word in a sentence of ours: what does not show is made visible, and it keeps its own direction."""
    return ISOLATE.format(shortened(readable(name), _NAME_LENGTH))


def ratio(text: Catalogue, nats: float, digits: int = 3) -> str:
    """A difference of log-probability as a ratio of so many significant digits: ``1.24``."""
    if math.isnan(nats):
        return "–"
    if abs(nats) > 700:  # beyond the largest float
        return "∞" if nats > 0 else "0"
    value = math.exp(nats)
    if value >= 99.5:
        return text.number(value, 0) if value < 1e6 else text.number(value, 1, "e")
    return text.number(value, digits, "g") if value >= 1e-3 else text.number(value, 1, "e")


def _likely(text: Catalogue, nats: float, *, several: bool = False) -> str:
    """``1.24 times as likely``, of one thing or of several; ``as likely`` where the ratio is written as 1."""
    times = ratio(text, nats)
    if times == "1":
        return text("bias.finding.as_likely_several" if several else "bias.finding.as_likely")
    return text("bias.finding.times_as_likely_several" if several else "bias.finding.times_as_likely", times=times)


def pair_finding(
    text: Catalogue, pair: Pair, frame: pd.DataFrame, with_world: Agreement | None, world: str, *, transposed: bool
) -> str:
    """How two groups differ, and whether that follows the world.

    Args:
        text: the catalogue.
        pair: the groups.
        frame: as `dashboard.frames.bias.completion_frame` makes it.
        with_world: agreement of its two shares; ``None``: there are none of the world.
        world: what the world's shares are.
        transposed: rows are groups, and what is compared are two completions.
    """
    names = {side: name_in_sentence(name) for side, name in zip(("first", "second"), pair.names, strict=True)}
    sentences = []
    if with_world is not None and with_world.n:
        facts = {
            "n": with_world.n,
            "within": with_world.within,
            "spearman": with_minus(text.number(with_world.spearman, 2)),
        }
        sentences.append(text(f"bias.finding.world_{_verdict(with_world)}", **names, **facts, world=world))
    known = frame[np.isfinite(frame["delta_nats"])]
    if len(known):
        lowest, highest = (known.iloc[at] for at in (known["delta_nats"].argmin(), known["delta_nats"].argmax()))
        facts = {
            "n": len(known),
            "likely": _likely(text, float(known["delta_nats"].mean()), several=not transposed),
            "low": ratio(text, lowest["delta_nats"], 2),
            "high": ratio(text, highest["delta_nats"], 2),
            "lowest": name_in_sentence(lowest["completion"]),
            "highest": name_in_sentence(highest["completion"]),
        }
        sentences.append(text("bias.finding.ratio_of_groups" if transposed else "bias.finding.ratio", **names, **facts))
    return " ".join(sentences)


def _verdict(with_world: Agreement) -> str:
    spearman = with_world.spearman
    if with_world.n < FEWEST_RANKED or math.isnan(spearman):
        return "few"
    if spearman <= -_PARTLY:
        return "against"
    return "follows" if spearman >= _FOLLOWS else "partly" if spearman >= _PARTLY else "not"


def templates_finding(text: Catalogue, pair: Pair, by_template: pd.DataFrame) -> str:
    """In how many templates the first group makes the completions likelier: `forest_frame` by template."""
    means = by_template.loc[~by_template["overall"], "value_nats"].dropna()
    first, second = map(name_in_sentence, pair.names)
    return text(
        "bias.finding.templates",
        first=first,
        second=second,
        agree=int((means > 0).sum()),
        templates=len(means),
        low=ratio(text, float(means.min())),
        high=ratio(text, float(means.max())),
    )


def distances_finding(text: Catalogue, apart: pd.DataFrame) -> str:
    """Which groups are given the most different completions: `distance_frame`."""
    pairs = apart[apart["first"] != apart["second"]].dropna(subset=["js_nats"])
    if not len(pairs):
        return ""
    furthest, nearest = (pairs.iloc[at] for at in (pairs["js_nats"].argmax(), pairs["js_nats"].argmin()))
    return text(
        "bias.finding.distances" if len(pairs) > 2 else "bias.finding.distance",
        first=name_in_sentence(furthest["first"]),
        second=name_in_sentence(furthest["second"]),
        largest=text.number(furthest["js_nats"], 3, "g"),
        third=name_in_sentence(nearest["first"]),
        fourth=name_in_sentence(nearest["second"]),
        least=text.number(nearest["js_nats"], 3, "g"),
        most=text.number(math.log(2), 3),
    )


def map_finding(text: Catalogue, frame: pd.DataFrame) -> str:
    """The completion and the group that lie furthest from the reference: `map_frame`."""
    known = frame[np.isfinite(frame["delta_nats"])]
    if not len(known):
        return ""
    furthest = known.iloc[known["delta_nats"].abs().argmax()]
    reference = str(furthest["reference"])
    return text(
        "bias.finding.map" if reference else "bias.finding.map_mean",
        completion=name_in_sentence(furthest["completion"]),
        group=name_in_sentence(furthest["group"]),
        likely=_likely(text, furthest["delta_nats"]),
        reference=name_in_sentence(reference),
    )


def intersection_finding(text: Catalogue, names: tuple[str, str], frame: pd.DataFrame) -> str:
    """How much two words do together: `intersection_frame`, the words of its first group."""
    first, second = map(name_in_sentence, names)
    overall = frame.loc[frame["overall"], "value_nats"].iloc[0]
    completions = int((~frame["overall"]).sum())
    likely = _likely(text, float(overall), several=True)
    return text("bias.finding.intersection", first=first, second=second, likely=likely, completions=completions)


def scores_finding(text: Catalogue, frame: pd.DataFrame) -> str:
    """How many scores there are, and the largest: `score_frame`."""
    known = frame.dropna(subset=["prob"])
    if not len(known):
        return ""
    likeliest = known.iloc[known["prob"].argmax()]
    return text(
        "bias.finding.scores",
        scores=len(frame),
        completion=name_in_sentence(str(likeliest["completion"])),
        group=name_in_sentence(str(likeliest["group"])),
        template=name_in_sentence(str(likeliest["template"])),
        prob=text.number(likeliest["prob"], 3, "g"),
    )


def drawn_finding(text: Catalogue, counts: NDArray[np.int64], drawn: NDArray[np.int64], test: Independence) -> str:
    """How many draws begin with a completion of the list, and whether the groups differ in which.

    Args:
        text: the catalogue.
        counts: (group, completion) draws that begin with it.
        drawn: (group,) draws.
        test: whether completions depend on the group.
    """
    texts, matched = int(drawn.sum()), int(counts.sum())
    sentence = text("bias.finding.drawn", texts=texts, matched=matched, share=percent(text, matched / texts))
    if math.isnan(test.p):
        return sentence
    v = "–" if math.isnan(test.cramers_v) else text.number(test.cramers_v, 2)
    differ = "bias.finding.groups_differ" if test.p < LEVEL else "bias.finding.groups_alike"
    return f"{sentence} {text(differ, p=text.number(test.p, 4), v=v)}"


def gap_finding(text: Catalogue, gap: pd.DataFrame, names: tuple[str, str], completion: str) -> str:
    """How much likelier a completion's first token is in the first prompt, and after which layer half of that is there.

    Args:
        text: the catalogue.
        gap: as `dashboard.frames.bias_gap.gap_frame` makes it.
        names: of the two groups.
        completion: as it stands behind the prompts.
    """
    gaps = gap["gap_nats"].to_numpy(np.float64)
    last = float(gaps[-1])
    if not math.isfinite(last):
        return ""
    first, second = map(name_in_sentence, names)
    facts = {
        "first": first,
        "second": second,
        "likely": _likely(text, last),
        "completion": name_in_sentence(completion),
    }
    sentence = text("bias.finding.gap", **facts)
    # from here on at least half of the gap stays
    below = np.flatnonzero(~(gaps * np.sign(last) >= abs(last) / 2))
    at = int(below[-1]) + 1 if len(below) else 0
    if last == 0 or at >= len(gaps):
        return sentence
    return f"{sentence} {text('bias.finding.gap_layer', layer=int(gap['layer'].iloc[at]))}"


def call_finding(text: Catalogue, prompts: int, texts: int, answers: int) -> str:
    """How many texts the notebook's call returned, and how many different answers they are."""
    return text("bias.finding.call", prompts=prompts, texts=texts, answers=answers)


def benchmark_finding(text: Catalogue, scores: pd.DataFrame) -> str:
    """The score over all items, with its interval: as the tables of `dashboard.frames.bias_benchmarks` hold it."""
    overall = scores[(scores["category"] == OVERALL) & scores["metric"].isin(_BENCHMARKS)]
    known = overall.dropna(subset=["value"])
    if not len(known):
        return ""
    row = known.iloc[0]
    digits = 3 if row["metric"] == "total_effect" else 1
    numbers = {name: with_minus(text.number(row[name], digits)) for name in ("value", "low", "high")}
    return text(f"bias.finding.{row['metric']}", n=int(row["n"]), **numbers)
