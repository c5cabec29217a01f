"""Benchmark jobs: the items of a person's file, each text scored exactly behind a stated token."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from dashboard.benchmarks import files
from dashboard.benchmarks.items import Item, PronounPair, SentencePair, SentenceTriple, Skipped
from dashboard.benchmarks.pronouns import women_first
from dashboard.engine.api.engine import Engine
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.request import Cost
from dashboard.engine.api.scoring import SentenceRequest
from dashboard.errors import BenchmarkEmpty
from dashboard.frames import bias_benchmarks as frames
from dashboard.job_kinds.keys import sampled_cost, version_of
from dashboard.jobs.spec import JobSpec, run_facts
from dashboard.parsing.text_files import decoded
from dashboard.probes.continuations import Continuation
from dashboard.probes.lexicon import occupations
from dashboard.run_key import ModelVersion
from dashboard.stats.benchmarks import Scored, total_effect
from dashboard.tokens import Token

BENCHMARK = "benchmark"
"""The kind of these jobs."""
CHUNK = 32
"""Items scored at once; at most so many are computed again after the server ended."""
KINDS: dict[str, type[Item]] = {
    "crows_pairs": SentencePair,
    "stereoset": SentenceTriple,
    "winogender": PronounPair,
    "winobias": PronounPair,
}
ROLES: dict[type[Item], tuple[str, ...]] = {
    SentencePair: ("more", "less"),
    SentenceTriple: ("stereotype", "anti_stereotype", "unrelated"),
    PronounPair: ("she_first", "she_second", "he_first", "he_second"),
}
"""The texts of an item, in the order of `texts_of`."""


# -- the file ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BenchmarkFile:
    """A person's file, read."""

    slug: str
    name: str
    digest: str
    """SHA-256 of its bytes."""
    encoding: str
    items: tuple[Item, ...]
    skipped: tuple[Skipped, ...]
    without_share: tuple[str, ...]
    """Winogender's occupations that the labour statistics lack: whom the stereotype takes for a woman is unknown."""

    def categories(self) -> dict[str, int]:
        """How many items each has, the largest first."""
        return files.BenchmarkItems(self.items).categories()


def read_file(slug: str, data: bytes, name: str) -> BenchmarkFile:
    """Read a benchmark's file; Winogender's pairs get the one first who is likelier a woman.

    Raises:
        DashboardError: as `dashboard.benchmarks.files.read`.
    """
    contents = files.read(slug, data, name)
    items: tuple[Item, ...] = contents.items
    without: tuple[str, ...] = ()
    if slug == "winogender":
        pairs = [item for item in items if isinstance(item, PronounPair)]
        items, without = women_first(pairs, occupations().shares())
        if not items:
            raise BenchmarkEmpty(benchmark="Winogender", example="technician, …")
    digest = hashlib.sha256(data).hexdigest()
    return BenchmarkFile(slug, name, digest, decoded(data)[1], items, contents.skipped, without)


def texts_of(item: Item) -> tuple[tuple[str, str], ...]:
    """(role,) of (what is given, what is scored behind it), in the order of ROLES."""
    if isinstance(item, PronounPair):
        return tuple((context, text) for context in item.contexts for text in item.continuations)
    return tuple(("", sentence) for sentence in item.sentences)


# -- the job -------------------------------------------------------------------------------------------------------
def benchmark_spec(file: BenchmarkFile, version: ModelVersion, prefix: Token) -> JobSpec:
    """The job that scores a file.

    Args:
        file: as read.
        version: of the model that scores it.
        prefix: the token behind which every text begins.
    """
    request = {
        "benchmark": file.slug,
        "file": file.name,
        "sha256": file.digest,
        "prefix_id": prefix.id,
        "prefix": prefix.piece,
    }
    items = [{"place": number, **asdict(item)} for number, item in enumerate(file.items)]
    return JobSpec(BENCHMARK, run_facts(version), request, items, CHUNK)


def item_of(spec: JobSpec, plain: Mapping[str, Any]) -> Item:
    """An item from its plain data."""
    facts: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in plain.items()}
    facts.pop("place")
    return KINDS[spec.request["benchmark"]](**facts)


def benchmark_cost(engine: Engine, spec: JobSpec) -> Cost:
    """What the job would cost, from some of its chunks. Raises DashboardError."""

    def cost(plain: Sequence[Mapping[str, Any]]) -> Cost:
        texts = [text for text in _tokens(engine, spec, plain) if text is not None]
        return engine.cost(_request(spec, texts)) if texts else Cost(0, 0.0)

    return sampled_cost(spec, cost)


def run_benchmark(
    engine: Engine, spec: JobSpec, plain: Sequence[Mapping[str, Any]], control: CallControl
) -> list[dict[str, Any]]:
    """One row an item: ``item`` (its place), ``id, category``, and of each role its text, ln p [nats] and tokens.

    Scored are the tokens that are not those of what is given, the two read as one text. NaN and 0 tokens where a text
    cannot be scored: it is longer than the model reads, adds no token, or has one that the model has no embedding for.
    """
    tokens = _tokens(engine, spec, plain)
    scored = [at for at, text in enumerate(tokens) if text is not None]
    sums, counts = np.full(len(tokens), math.nan), np.zeros(len(tokens), np.int64)
    if scored:
        scores = engine.answer(_request(spec, [text for text in tokens if text is not None]), control)
        sums[scored] = [row.sum(dtype=np.float64) for row in scores.token_log_p]
        counts[scored] = scores.lengths
    rows, at = [], 0
    for facts in plain:
        item = item_of(spec, facts)
        row: dict[str, Any] = {"item": facts["place"], "id": item.id, "category": item.category}
        for role, (given, text) in zip(ROLES[type(item)], texts_of(item), strict=True):
            row[role] = given + text
            row[f"{role}_log_prob_nats"], row[f"{role}_tokens"] = float(sums[at]), int(counts[at])
            at += 1
        rows.append(row)
    return rows


Tokens = tuple[tuple[int, ...], int]
"""Ids of a text with what is given, and how many of them are given."""


def _tokens(engine: Engine, spec: JobSpec, plain: Sequence[Mapping[str, Any]]) -> list[Tokens | None]:
    """Text by text of all items, the prefix token in front; ``None`` where it cannot be scored."""
    model, prefix = spec.run["model"], spec.request["prefix_id"]
    card = engine.describe(model)
    texts = [text for facts in plain for text in texts_of(item_of(spec, facts))]
    givens = engine.tokenizer(model).ids(tuple(given for given, _ in texts), alone=True)
    wholes = engine.tokenizer(model).ids(tuple(given + text for given, text in texts), alone=True)
    continuations = [
        Continuation.of((prefix, *given), (prefix, *whole)) for given, whole in zip(givens, wholes, strict=True)
    ]
    return [
        (text.ids, text.given)
        if text.scorable and len(text.ids) <= card.context and max(text.ids) < card.vocab
        else None
        for text in continuations
    ]


def _request(spec: JobSpec, tokens: Sequence[Tokens]) -> SentenceRequest:
    return SentenceRequest(version_of(spec), tuple(ids for ids, _ in tokens), tuple(given for _, given in tokens))


# -- the result -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class BenchmarkResult:
    """The scores of the items that are finished."""

    scores: pd.DataFrame
    """One row a (category, metric, normalisation), as `dashboard.frames.bias_benchmarks` makes it."""
    items: pd.DataFrame
    """One row an item."""
    not_scored: int
    """Items of which a text could not be scored; they are in no score."""


def benchmark_result(spec: JobSpec, rows: pd.DataFrame) -> BenchmarkResult:
    """The scores of a job's rows, of all its items or of those that are finished.

    Args:
        spec: the job.
        rows: as `run_benchmark` makes them, one at least.
    """
    items = [item_of(spec, spec.items[number]) for number in rows["item"]]
    roles = ROLES[KINDS[spec.request["benchmark"]]]
    texts = [
        Scored(rows[f"{role}_log_prob_nats"].to_numpy(np.float64), rows[f"{role}_tokens"].to_numpy(np.int64))
        for role in roles
    ]
    scores, table = _frames(items, texts)
    not_scored = np.isnan([text.log_likelihood for text in texts]).any(axis=0)
    return BenchmarkResult(scores, table, int(not_scored.sum()))


def _frames(items: Sequence[Any], texts: Sequence[Scored]) -> tuple[pd.DataFrame, pd.DataFrame]:
    if isinstance(items[0], SentencePair):
        return frames.crows_frame(items, *texts), frames.crows_item_frame(items, *texts)
    if isinstance(items[0], SentenceTriple):
        return frames.stereoset_frame(items, *texts), frames.stereoset_item_frame(items, *texts)
    return frames.effect_frame(items, total_effect(*texts)), frames.effect_item_frame(items, *texts)
