"""The in-process engine: models in a pool, one lock around the device, runs bounded in bytes."""

from __future__ import annotations

import contextlib
import inspect
import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

from dashboard.engine import (
    anatomy,
    decoding,
    exact,
    generation,
    heads,
    lens,
    registry,
    tiles,
    unembedding,
    verification,
)
from dashboard.engine.base import (
    AttentionRequest,
    Attribution,
    AttributionRequest,
    Candidates,
    DecodeSettings,
    Estimate,
    HeadRequest,
    Job,
    KeyColumn,
    Lens,
    LensRequest,
    ModelCard,
    PositionTable,
    Processed,
    QueryRows,
    RunSummary,
    Tiles,
    Token,
    TokenizedPrompt,
    Verification,
    WeightMap,
)
from dashboard.engine.capture import Capturer, Recording, install, keep_values
from dashboard.engine.device_lock import DeviceLock
from dashboard.engine.devices import device_name, pick_device, return_large_blocks
from dashboard.engine.failures import loading_in_words, memory_in_words
from dashboard.engine.generated import (
    CompareRequest,
    Generated,
    GenerateRequest,
    GenerationCost,
    OnStep,
    ProbabilityTree,
    SettingsComparison,
    TreeRequest,
)
from dashboard.engine.limits import Proof
from dashboard.engine.loaded_model import numbers
from dashboard.engine.model_rules import read_rules
from dashboard.engine.pool import ModelPool
from dashboard.engine.prefix import SharedPrompt
from dashboard.engine.runs import Footprint, Kept, Pace, Run, RunStore, without_values
from dashboard.engine.sampling import DRAW_BYTES, rows_at_once
from dashboard.engine.scored import ScoreCost, ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.scoring import Request, Scorer
from dashboard.engine.stream import Stream, Tail, find_stream
from dashboard.engine.threads import Threads
from dashboard.engine.tokenizing import PromptReader
from dashboard.engine.unembedding import CHECK_TOKENS, Head, ResidualHook, exact_head
from dashboard.engine.ways import bounded, find_way
from dashboard.engine.writer import Turn, Writer
from dashboard.errors import (
    GenerationTooLarge,
    GenerationTooLong,
    ModelNotFinite,
    PromptTooLong,
    RunTooLarge,
    StreamRefused,
)
from dashboard.run_key import RunKey
from dashboard.settings import Settings

T = TypeVar("T")
Scored = TypeVar("Scored", Scores, SentenceScores)
UNLIMITED = 2048
"""Most tokens of a prompt where a model names no limit."""
CHECK_TEXT = 8
"""Tokens with which it is tried how texts are carried on."""
BEAM_COPIES = 8
"""So many times a step of a search has its beams' logits in memory, roughly, beside the scores that it keeps."""
TOKEN_BYTES = 500
"""What is kept of one generated token with its alternatives, roughly [bytes]."""


@dataclass
class ReadyModel:
    """A loaded model and what the engine needs of it."""

    card: ModelCard
    capturer: Capturer
    reader: PromptReader
    hook: ResidualHook
    head: Head | None
    """``None``: the family's head cannot be run on the residual; runs keep the model's own logits."""
    stream: Stream
    """How the residual stream is read between the layers."""
    footprint: Footprint
    """What a run holds in memory, measured when the model was loaded."""
    pace: Pace
    """How long passes took."""
    head_pace: Pace
    """How long the head and the statistics of its logits took, by rows of logits."""
    writer: Writer
    """How texts are made."""
    step_pace: Pace
    """How long a step of texts took, by rows."""
    scorer: Scorer
    """How given texts are scored."""

    def step_seconds(self, rows: int) -> float:
        """How long a step of so many rows takes; before the first, what a pass over so many tokens takes."""
        measured = self.step_pace.seconds(rows)
        return self.pace.seconds(rows) if math.isnan(measured) else measured

    def pass_of(self, ids: tuple[int, ...], job: Job) -> tuple[Any, Recording]:
        """One forward pass with capture, with the logits of every position only where they must be kept."""
        # not every family's forward takes the argument; those that do not give all logits anyway
        takes = "logits_to_keep" in inspect.signature(self.capturer.model.forward).parameters
        whole = {"logits_to_keep": 0} if self.head is None and takes else {}
        return self.capturer.forward(ids, job, **whole)


class LocalEngine:
    """See `dashboard.engine.base.Engine`; any number of threads may call it."""

    def __init__(self, settings: Settings) -> None:
        """Loads nothing yet."""
        self._settings = settings
        return_large_blocks()
        self._threads = Threads(settings.threads)
        self._device = DeviceLock(settings.busy_seconds, self._threads.whole)
        self._runs = RunStore(settings.run_bytes)
        self._results = Kept(settings.result_bytes)
        # torch has one source of noise for a process: one beam-sample at a time
        self._noise = DeviceLock(settings.busy_seconds)
        self._verifying = DeviceLock(settings.busy_seconds)
        self._passes = 0
        self._pool: ModelPool[ReadyModel] = ModelPool(self._load, settings.max_models, self._check)

    # -- models ---------------------------------------------------------------------------------------------------
    def describe(self, model: str, job: Job | None = None) -> ModelCard:
        """See `Engine.describe`."""
        with self._leased(model, job) as ready:
            return ready.card

    def tokenize(self, model: str, prompt: str, *, chat: bool, answer: str = "") -> TokenizedPrompt:
        """See `Engine.tokenize`."""
        with self._leased(model) as ready:
            card, read = ready.card, ready.reader.read
            return read(prompt, chat=chat and card.chat, limit=card.context, model=card.label, answer=answer)

    def token_ids(self, model: str, texts: tuple[str, ...], *, alone: bool = False) -> tuple[tuple[int, ...], ...]:
        """See `Engine.token_ids`."""
        with self._leased(model) as ready:
            return tuple(ready.reader.ids(texts, alone=alone))

    def run_key(self, model: str, prompt: TokenizedPrompt) -> RunKey:
        """See `Engine.run_key`."""
        with self._leased(model) as ready:
            card = ready.card
        return RunKey(
            model=card.model,
            revision=card.revision,
            dtype=card.dtype,
            device=card.device,
            template=prompt.template,
            token_ids=prompt.ids,
            transformers=card.transformers,
            torch=card.torch,
        )

    @contextlib.contextmanager
    def _leased(self, model: str, job: Job | None = None) -> Iterator[ReadyModel]:
        with memory_in_words(), self._pool.lease(model, timeout=self._settings.busy_seconds, job=job or Job()) as ready:
            yield ready

    def _check(self, model: str, job: Job) -> None:
        """Whatever can fail without loading fails here, before room is made for the model."""
        with loading_in_words(model):
            spec = registry.find(model, self._settings)
            folder, _ = registry.fetch(spec, self._settings, job.progress)
            registry.check(folder, spec, self._settings, pick_device(self._settings.device))

    def _load(self, model: str, job: Job) -> ReadyModel:
        with loading_in_words(model):
            spec = registry.find(model, self._settings)
            device = pick_device(self._settings.device)
            loaded = registry.load(spec, self._settings, device, job.progress)
            with self._threads.whole():
                ready = _ready(loaded, device, self._settings)
            self._threads.follow(loaded.model)
            return ready

    # -- runs -----------------------------------------------------------------------------------------------------
    def estimate(self, key: RunKey) -> Estimate:
        """See `Engine.estimate`."""
        cached = self._runs.find(key) is not None
        with self._leased(key.model) as ready:
            ready.reader.vocabulary.check(key.token_ids)
            count, card = len(key.token_ids), ready.card
            if count > card.context:
                raise PromptTooLong(tokens=count, limit=card.context, model=card.label)
            nbytes, limit = ready.footprint.nbytes(count), self._settings.run_bytes
            if nbytes > limit:
                raise RunTooLarge(tokens=count, needed=round(nbytes / 1e6), limit=round(limit / 1e6))
            return Estimate(count, ready.pace.seconds(count), nbytes, cached)

    def run(self, key: RunKey, job: Job | None = None) -> RunSummary:
        """See `Engine.run`."""
        return self._run(key, job or Job()).summary

    def _run(self, key: RunKey, job: Job) -> Run:
        self._threads.small()
        found = self._runs.find(key)
        if found is not None:
            return found
        self.estimate(key)
        with self._leased(key.model, job) as ready, self._device.held(job):
            found = self._runs.find(key)  # another may have made it while we waited
            if found is None:
                _same_model(key, ready.card)
                found = self._forward(ready, key, job)
                self._runs.keep(key, found)
            return found

    def _forward(self, ready: ReadyModel, key: RunKey, job: Job) -> Run:
        began = time.perf_counter()
        (output, recording), residual = ready.hook.during(lambda: ready.pass_of(key.token_ids, job))
        _synchronize(key.device)
        seconds = time.perf_counter() - began
        self._passes += 1
        ready.pace.add(len(key.token_ids), seconds)
        last = output.logits[0, -1].float()
        if not numbers(last[None]):  # a NaN anywhere before has come down to the last position
            raise ModelNotFinite(model=ready.card.label, where="logits")
        logits = None if ready.head else output.logits[0].float()
        error = 0.0
        if ready.head:
            with torch.inference_mode():
                error = float((ready.head.logits(residual[-1:])[0] - last).abs().max())
        layers, nbytes = without_values(recording.layers)
        nbytes += _nbytes((residual, *recording.stream)) + (0 if logits is None else logits.nbytes)
        summary = RunSummary(key, len(key.token_ids), seconds, nbytes, error)
        reasons = dict(ready.card.without_attention)
        return Run(summary, layers, reasons, ready.card.heads, residual, recording.stream, logits)

    # -- attention ------------------------------------------------------------------------------------------------
    def weights(self, key: RunKey, request: AttentionRequest, job: Job | None = None) -> WeightMap:
        """See `Engine.weights`."""
        job = job or Job()
        run = self._run(key, job)
        make = lambda: heads.weight_map(run.layers, request, run.reasons, job)  # noqa: E731
        # one head is a small look; many heads are a sweep, and wait for the device
        held = None if isinstance(request, HeadRequest) else self._device.held(job)
        return self._runs.derive(run, ("weights", request), make, lambda made: made.weights.nbytes, held)

    @memory_in_words()
    def query_rows(self, key: RunKey, query: int) -> QueryRows:
        """See `Engine.query_rows`."""
        run = self._run(key, Job())
        return heads.query_rows(run.layers, run.reasons, query, run.heads)

    @memory_in_words()
    def key_column(self, key: RunKey, layer: int, head: int, col: int) -> KeyColumn:
        """See `Engine.key_column`."""
        run = self._run(key, Job())
        return heads.key_column(run.layers, run.reasons, layer, head, col)

    def tiles(self, key: RunKey, job: Job | None = None) -> Tiles:
        """See `Engine.tiles`."""
        job = job or Job()
        run = self._run(key, job)
        make = lambda: tiles.sweep(run.layers, key.token_ids, run.heads, job)  # noqa: E731
        return self._runs.derive(run, ("tiles",), make, tiles.nbytes, self._device.held(job))

    # -- next token -----------------------------------------------------------------------------------------------
    def next_token(self, key: RunKey, pos: int, k: int, pins: tuple[int, ...] = ()) -> Candidates:
        """See `Engine.next_token`."""
        run = self._run(key, Job())
        with self._leased(key.model) as ready, torch.inference_mode():
            ready.reader.vocabulary.check(pins)
            logits = _logits(ready, run, pos, pos + 1)[0]
            return unembedding.candidates(logits, pos, k, ready.reader.token, pins)

    def processed(self, key: RunKey, pos: int, ids: tuple[int, ...], settings: DecodeSettings) -> Processed:
        """See `Engine.processed`."""
        run = self._run(key, Job())
        with self._leased(key.model) as ready, torch.inference_mode():
            ready.reader.vocabulary.check(ids)
            logits = _logits(ready, run, pos, pos + 1)[0]
            before = key.token_ids[: pos + 1]
            origin = ready.writer.origin(torch.tensor(before, device=logits.device))
            return decoding.process(logits, before, settings, ids, origin)

    def token(self, model: str, ids: tuple[int, ...]) -> tuple[Token, ...]:
        """See `Engine.token`."""
        with self._leased(model) as ready:
            return tuple(ready.reader.token(i) for i in ids)

    def texts(self, model: str, sequences: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
        """See `Engine.texts`."""
        with self._leased(model) as ready:
            return tuple(ready.writer.text(ids) for ids in sequences)

    def vocabulary(self, model: str, text: str, limit: int) -> tuple[Token, ...]:
        """See `Engine.vocabulary`."""
        with self._leased(model) as ready:
            return ready.reader.search(text, limit)

    def position_table(self, key: RunKey, job: Job | None = None) -> PositionTable:
        """See `Engine.position_table`."""
        job = job or Job()
        run = self._run(key, job)

        kept: PositionTable | None = self._runs.derived(run, ("positions",))
        if kept is not None:
            return kept
        # the model before the device, as everywhere: two threads that took them in turn could wait for each other
        with self._leased(key.model, job) as ready:

            def make() -> PositionTable:
                rows: Callable[[int, int], Tensor] = lambda start, stop: _logits(ready, run, start, stop)  # noqa: E731
                began = time.perf_counter()
                with torch.inference_mode():
                    made = unembedding.position_table(rows, key.token_ids, ready.reader.token, job)
                ready.head_pace.add(len(key.token_ids), time.perf_counter() - began)
                return made

            size: Callable[[PositionTable], int] = lambda made: 400 * len(made.predicted)  # noqa: E731
            return self._runs.derive(run, ("positions",), make, size, self._device.held(job))

    # -- through the layers ---------------------------------------------------------------------------------------
    def lens(self, key: RunKey, request: LensRequest, job: Job | None = None) -> Lens:
        """See `Engine.lens`."""
        job = job or Job()
        run = self._run(key, job)
        with self._leased(key.model, job) as ready:
            ready.reader.vocabulary.check(request.pins)
            where = ready.card.stream
            tail = _allowed(ready.stream.tail, where.half_steps_refused if request.half_steps else where.lens_refused)
            values = self._head_values(ready, run, job) if request.half_steps else ()

            def make() -> Lens:
                began = time.perf_counter()
                with torch.inference_mode():
                    rows = lens.residuals(request, run.stream, values, ready.stream.additions)
                    last = request.positions[-1]
                    own = _logits(ready, run, last, last + 1)[0]
                    made = lens.lens(request, rows, tail, own, job)
                ready.head_pace.add(len(request.positions) * len(made.steps), time.perf_counter() - began)
                return made

            # one position is a small look; many are a sweep, and wait for the device
            held = self._device.held(job) if len(request.positions) > 1 else None
            return self._runs.derive(run, ("lens", request), make, lambda made: 3 * made.top_ids.nbytes, held)

    def lens_seconds(self, key: RunKey, positions: int) -> float:
        """See `Engine.lens_seconds`."""
        with self._leased(key.model) as ready:
            return ready.head_pace.seconds(positions * (ready.card.layers + 1))

    def attribution(self, key: RunKey, request: AttributionRequest, job: Job | None = None) -> Attribution:
        """See `Engine.attribution`."""
        job = job or Job()
        run = self._run(key, job)
        with self._leased(key.model, job) as ready:
            ready.reader.vocabulary.check((request.token,))
            _allowed(ready.stream.tail, ready.card.stream.attribution_refused)
            values = self._head_values(ready, run, job)
            return lens.attribution(request, ready.stream, run.stream, values, ready.capturer.heads)

    def _head_values(self, ready: ReadyModel, run: Run, job: Job) -> tuple[Tensor, ...]:
        """(T, width) heads' values of every layer: kept with the run, made by one more forward pass."""

        def make() -> tuple[Tensor, ...]:
            self._passes += 1
            return ready.capturer.head_values(run.summary.key.token_ids, job)

        return self._runs.derive(run, ("head values",), make, _nbytes, self._device.held(job))

    # -- texts ----------------------------------------------------------------------------------------------------
    def generation_cost(self, key: RunKey, request: GenerateRequest) -> GenerationCost:
        """See `Engine.generation_cost`."""
        tokens = sum(column.rows * column.max_new_tokens for column in request.columns)
        with self._leased(key.model) as ready:
            ready.reader.vocabulary.check(key.token_ids)
            card, longest = ready.card, max(column.max_new_tokens for column in request.columns)
            whole = len(key.token_ids) + longest
            if whole > card.context:
                raise GenerationTooLong(tokens=len(key.token_ids), new=longest, limit=card.context)
            nbytes = _cached_bytes(ready, len(key.token_ids), request) + _logit_bytes(ready, request)
            if tokens > self._settings.max_generated or nbytes > self._settings.run_bytes:
                raise GenerationTooLarge(
                    tokens=tokens,
                    limit=self._settings.max_generated,
                    needed=round(nbytes / 1e6),
                    allowed=round(self._settings.run_bytes / 1e6),
                )
            together = sum(column.rows for column in request.columns if column.num_beams == 1)
            steps = [longest * ready.step_seconds(together)] if together else []
            searches = [column for column in request.columns if column.num_beams > 1]
            steps += [column.max_new_tokens * ready.step_seconds(column.num_beams) for column in searches]
            return GenerationCost(tokens, ready.pace.seconds(len(key.token_ids)) + sum(steps), nbytes)

    def generated(self, key: RunKey, request: GenerateRequest) -> Generated | None:
        """See `Engine.generated`."""
        return self._results.find((key, request))

    def generate(
        self, key: RunKey, request: GenerateRequest, job: Job | None = None, on_step: OnStep = lambda _: None
    ) -> Generated:
        """See `Engine.generate`."""
        job = job or Job()
        found: Generated | None = self._results.find((key, request))
        if found is not None:
            return found
        self.generation_cost(key, request)
        noisy = any(column.num_beams > 1 and column.settings.do_sample for column in request.columns)
        alone = self._noise.held(job) if noisy else contextlib.nullcontext()
        with self._leased(key.model, job) as ready, alone, self._device.held(job):
            _same_model(key, ready.card)
            made, pace = generation.generate(ready.writer, key.token_ids, request, Turn(self._device, job), on_step)
            if pace:
                ready.step_pace.add(sum(column.rows for column in request.columns if column.num_beams == 1), pace)
        if not made.unfinished:
            self._results.keep((key, request), made, TOKEN_BYTES * sum(len(output.ids) for output in made.outputs))
        return made

    def compare_settings(self, key: RunKey, request: CompareRequest, job: Job | None = None) -> SettingsComparison:
        """See `Engine.compare_settings`."""
        job = job or Job()
        run = self._run(key, job)
        with self._leased(key.model, job) as ready:

            def make() -> SettingsComparison:
                with torch.inference_mode():
                    at: Callable[[int], Tensor] = lambda pos: _logits(ready, run, pos, pos + 1)[0]  # noqa: E731
                    return exact.compare(at, key.token_ids, request, job, ready.writer)

            size: Callable[[SettingsComparison], int] = lambda made: 2 * made.total_variation.nbytes  # noqa: E731
            return self._runs.derive(run, ("settings", request), make, size, self._device.held(job))

    def probability_tree(self, key: RunKey, request: TreeRequest, job: Job | None = None) -> ProbabilityTree:
        """See `Engine.probability_tree`."""
        job = job or Job()
        found: ProbabilityTree | None = self._results.find((key, request))
        if found is None:
            with self._leased(key.model, job) as ready, self._device.held(job):
                _same_model(key, ready.card)
                ready.reader.vocabulary.check(key.token_ids)
                if len(key.token_ids) + request.depth - 1 > ready.card.context:
                    tokens, limit = len(key.token_ids), ready.card.context
                    raise GenerationTooLong(tokens=tokens, new=request.depth, limit=limit)
                found = exact.probability_tree(ready.writer, key.token_ids, request, Turn(self._device, job))
            if not found.unfinished:
                self._results.keep((key, request), found, 4 * found.probs.nbytes)
        return found

    # -- scores ---------------------------------------------------------------------------------------------------
    def word_ends(self, model: str) -> tuple[int, ...]:
        """See `Engine.word_ends`."""
        with self._leased(model) as ready:
            return ready.scorer.word_ends

    def text_starts(self, model: str) -> tuple[int, ...]:
        """See `Engine.text_starts`."""
        with self._leased(model) as ready:
            return ready.reader.text_starts

    def score_cost(self, key: RunKey, request: Request) -> ScoreCost:
        """See `Engine.score_cost`."""
        with self._leased(key.model) as ready:
            return ready.scorer.cost(request, ready.card.context, self._settings.max_scored, ready.pace)

    def scored(self, key: RunKey, request: Request) -> Scores | SentenceScores | None:
        """See `Engine.scored`."""
        return self._results.find(_scores_name(key, request))

    def score(self, key: RunKey, request: ScoreRequest, job: Job | None = None) -> Scores:
        """See `Engine.score`."""
        return self._scored(key, request, job or Job(), lambda scorer, turn: scorer.score(request, turn))

    def score_sentences(self, key: RunKey, request: SentenceRequest, job: Job | None = None) -> SentenceScores:
        """See `Engine.score_sentences`."""
        return self._scored(key, request, job or Job(), lambda scorer, turn: scorer.score_sentences(request, turn))

    def _scored(self, key: RunKey, request: Request, job: Job, make: Callable[[Scorer, Turn], Scored]) -> Scored:
        name = _scores_name(key, request)
        found: Scored | None = self._results.find(name)
        if found is not None:
            return found
        self.score_cost(key, request)
        with self._leased(key.model, job) as ready, self._device.held(job):
            found = self._results.find(name)  # another may have made it while we waited
            if found is None:
                _same_model(key, ready.card)
                found = make(ready.scorer, Turn(self._device, job))
                self._results.keep(name, found, found.nbytes + request.nbytes)
        return found

    def verify(self, model: str, job: Job | None = None) -> Verification:
        """See `Engine.verify`."""
        job = job or Job()
        card = self.describe(model, job)
        with self._verifying.held(job):  # one second copy at a time
            self._check(model, job)  # which must fit beside the first
            with loading_in_words(model):
                spec, device = registry.find(model, self._settings), pick_device(self._settings.device)
                plain = registry.load(spec, self._settings, device, lambda _share: None).model
            with memory_in_words():
                return verification.verify(self, card, plain, job, lambda: self._device.held(job))

    def health(self) -> dict[str, object]:
        """See `Engine.health`."""
        facts = {"models": self._pool.names(), "forward_passes": self._passes, "queue": self._device.waiting}
        return facts | self._runs.facts() | self._results.facts()


def _logits(ready: ReadyModel, run: Run, start: int, stop: int) -> Tensor:
    """(P, vocab) raw logits of positions [start, stop)."""
    if run.logits is not None:
        return run.logits[start:stop]
    assert ready.head is not None
    return ready.head.logits(run.residual[start:stop])


def _cached_bytes(ready: ReadyModel, prompt: int, request: GenerateRequest) -> int:
    """Keys and values of all rows behind a prompt of so many tokens, and of the prompt where rows copy it."""
    card, way = ready.card, ready.writer.way
    longest = max(column.max_new_tokens for column in request.columns)
    # every row has a copy of the prompt, or gets one on its way
    alone = way.kind is not SharedPrompt or way.crosses(prompt, prompt + longest)
    cached = sum(
        max(column.rows, column.num_beams) * (column.max_new_tokens + prompt * (alone or column.num_beams > 1))
        for column in request.columns
    )
    return cached * 2 * card.layers * card.kv_heads * card.head_dim * ready.writer.model.dtype.itemsize


def _logit_bytes(ready: ReadyModel, request: GenerateRequest) -> int:
    """Logits of a step of all rows, and what draws and searches work in; a search keeps the scores of every step."""
    vocab, own = ready.card.vocab, ready.writer.model.dtype.itemsize
    together = [column.rows for column in request.columns if column.num_beams == 1]
    drawn = sum(min(rows, rows_at_once(vocab)) for rows in together)
    # the model's own, and in float32 where they are not
    logits = sum(together) * (4 + own * (own != 4))
    searches = [column for column in request.columns if column.num_beams > 1]
    kept = max((column.num_beams * (column.max_new_tokens + BEAM_COPIES) for column in searches), default=0)
    return vocab * (logits + DRAW_BYTES * drawn + 4 * kept)


def _nbytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)


def _allowed(tail: Tail | None, refused: str) -> Tail:
    """The tail, where what is asked of it is possible in this family."""
    if refused or tail is None:
        raise StreamRefused(reason=refused)
    return tail


def _scores_name(key: RunKey, request: Request) -> tuple[RunKey, Request]:
    """What scores are kept by: the key says whose model; the request has tokens of its own."""
    return replace(key, token_ids=()), request


def _same_model(key: RunKey, card: ModelCard) -> None:
    """A key made with other weights would be kept with numbers that are not its own."""
    wanted, there = (key.revision, key.dtype, key.device), (card.revision, card.dtype, card.device)
    if wanted != there:
        raise ValueError(f"the run is of {wanted}, the model here is {there}")


def _ready(loaded: registry.LoadedModel, device: str, settings: Settings) -> ReadyModel:
    """Set a freshly loaded model up for capture and say what it is."""
    import transformers

    model, config = loaded.model, loaded.model.config.get_text_config()
    reads = anatomy.context(model) or UNLIMITED
    proof = Proof.of(model, reads)
    capturer = install(model, proof)
    hook = ResidualHook(model)
    reader = PromptReader(loaded.tokenizer, model.get_input_embeddings().weight.shape[0])
    head = exact_head(capturer, hook)
    stream = find_stream(model, capturer.blocks, anatomy.check_ids(model, CHECK_TOKENS), head)
    for addition in stream.additions:
        addition.project.register_forward_pre_hook(keep_values)
    said = anatomy.largest(config, "num_attention_heads", default=1)
    width = anatomy.largest(config, "hidden_size", default=0) // said
    vocab = model.get_input_embeddings().weight.shape[0]
    card = ModelCard(
        model=loaded.spec.id,
        label=loaded.spec.label,
        revision=loaded.revision,
        source=loaded.spec.source,
        licence=loaded.spec.licence,
        architecture=type(model).__name__,
        layers=capturer.layers,
        heads=max(capturer.heads, default=0) or said,
        kv_heads=anatomy.largest(config, "num_key_value_heads", default=said),
        head_dim=anatomy.largest(config, "head_dim", default=width),
        vocab=vocab,
        context=min(reads, settings.max_tokens or reads),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        dtype=str(model.dtype).removeprefix("torch."),
        device=device,
        device_name=device_name(device),
        kernel=capturer.kernel,
        weight_formula=capturer.weight_formula,
        chat=reader.chat,
        without_attention=capturer.without_attention,
        stream=stream.where,
        transformers=transformers.__version__,
        torch=torch.__version__,
        heads_by_layer=capturer.heads,
        uneven=len({count for count in capturer.heads if count}) > 1
        or any(len(set(anatomy.settings(config, name))) > 1 for name in ("num_key_value_heads", "head_dim")),
        rules=read_rules(getattr(model, "generation_config", None), vocab),
    )
    pace = Pace()
    footprint = _footprint(capturer, hook, card, pace, head is None)
    way = find_way(model, anatomy.check_ids(model, CHECK_TEXT), shared=capturer.plain)
    way = bounded(way, proof, model)
    writer = Writer(model, loaded.tokenizer, way, card.rules.ending, card.rules)
    scorer = Scorer(writer, reader, capturer)
    return ReadyModel(card, capturer, reader, hook, head, stream, footprint, pace, Pace(), writer, Pace(), scorer)


def _footprint(capturer: Capturer, hook: ResidualHook, card: ModelCard, pace: Pace, logits: bool) -> Footprint:
    """What runs of this model hold; `logits`: those of every position too. The passes that tell it are timed."""

    def nbytes(tokens: int) -> int:
        ids = anatomy.check_ids(capturer.model, tokens)
        began = time.perf_counter()
        (_, recording), residual = hook.during(lambda: capturer.forward(ids, Job()))
        _synchronize(card.device)
        pace.add(tokens, time.perf_counter() - began)
        return (
            without_values(recording.layers)[1]
            + _nbytes((residual, *recording.stream))
            + 4 * card.vocab * tokens * logits
        )

    windows = anatomy.settings(capturer.model.config.get_text_config(), "sliding_window")
    return Footprint.measured(nbytes, min(windows, default=None), card.context)


def _synchronize(device: str) -> None:
    """Wait until the device has done what it was given, so that seconds are true."""
    kind = device.partition(":")[0]
    if kind != "cpu":
        module: Any = getattr(torch, kind)
        module.synchronize()
