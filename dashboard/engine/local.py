"""The in-process engine: models in a pool, one lock around the device, runs bounded in bytes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from dashboard.engine import verification
from dashboard.engine.api.attention import AttentionRequest, HeadRequest, KeyColumn, QueryRows, Tiles, WeightMap
from dashboard.engine.api.decoding import DecodeSettings, Processed
from dashboard.engine.api.generation import (
    CompareRequest,
    Generated,
    GenerateRequest,
    GenerationCost,
    OnStep,
    ProbabilityTree,
    SettingsComparison,
    TreeRequest,
)
from dashboard.engine.api.lens import Attribution, AttributionRequest, Lens, LensRequest
from dashboard.engine.api.model import CallControl, Estimate, ModelCard, RunSummary, TokenizedPrompt
from dashboard.engine.api.prediction import Candidates, PositionTable
from dashboard.engine.api.scoring import ScoreCost, ScoreRequest, Scores, SentenceRequest, SentenceScores
from dashboard.engine.api.verification import Verification
from dashboard.engine.attention import tiles, weight_maps
from dashboard.engine.capture.residual_stream import FinalModules
from dashboard.engine.capture.runs import Run, tensor_bytes, without_values
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.device.devices import pick_device, return_large_blocks, synchronize
from dashboard.engine.device.memory import explain_memory_errors
from dashboard.engine.device.threads import Threads
from dashboard.engine.generation import batch, probability_tree, settings_comparison
from dashboard.engine.generation.prompt_cache import SharedPrefix
from dashboard.engine.generation.sampler import DRAW_BYTES, rows_at_once
from dashboard.engine.generation.text_generator import DeviceTurn
from dashboard.engine.models import registry
from dashboard.engine.models.failures import explain_loading_errors
from dashboard.engine.models.loaded_model import all_finite
from dashboard.engine.models.pool import ModelPool
from dashboard.engine.prediction import attribution as attributions
from dashboard.engine.prediction import candidates, decoding, lens
from dashboard.engine.ready import ReadyModel, make_ready
from dashboard.engine.result_cache import Kept, RunStore
from dashboard.engine.scoring.scorer import Request, Scorer
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
from dashboard.tokens import Token

T = TypeVar("T")

Scored = TypeVar("Scored", Scores, SentenceScores)

BEAM_COPIES = 8
"""So many times a step of a search has its beams' logits in memory, roughly, beside the scores that it keeps."""

TOKEN_BYTES = 500
"""What is kept of one generated token with its alternatives, roughly [bytes]."""


class LocalEngine:
    """See `dashboard.engine.api.engine.Engine`; any number of threads may call it."""

    def __init__(self, settings: Settings) -> None:
        """Loads nothing yet."""
        self._settings = settings
        return_large_blocks()
        self._threads = Threads(settings.threads)
        self._device = DeviceLock(settings.busy_seconds, self._threads.long_work)
        self._runs = RunStore(settings.run_bytes)
        self._results = Kept(settings.result_bytes)
        # torch has one source of noise for a process: one beam-sample at a time
        self._noise = DeviceLock(settings.busy_seconds)
        self._verifying = DeviceLock(settings.busy_seconds)
        self._passes = 0
        self._pool: ModelPool[ReadyModel] = ModelPool(self._load, settings.max_models, self._check)

    # -- models ---------------------------------------------------------------------------------------------------
    def describe(self, model: str, control: CallControl | None = None) -> ModelCard:
        """See `Engine.describe`."""
        with self._leased(model, control) as ready:
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
    def _leased(self, model: str, control: CallControl | None = None) -> Iterator[ReadyModel]:
        with (
            explain_memory_errors(),
            self._pool.lease(model, timeout=self._settings.busy_seconds, control=control or CallControl()) as ready,
        ):
            yield ready

    def _check(self, model: str, control: CallControl) -> None:
        """Whatever can fail without loading fails here, before room is made for the model."""
        with explain_loading_errors(model):
            spec = registry.find(model, self._settings)
            folder, _ = registry.fetch(spec, self._settings, control.progress)
            registry.check(folder, spec, self._settings, pick_device(self._settings.device))

    def _load(self, model: str, control: CallControl) -> ReadyModel:
        with explain_loading_errors(model):
            spec = registry.find(model, self._settings)
            device = pick_device(self._settings.device)
            loaded = registry.load(spec, self._settings, device, control.progress)
            with self._threads.long_work():
                ready = make_ready(loaded, device, self._settings)
            self._threads.adjust_by_pass(loaded.model)
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

    def run(self, key: RunKey, control: CallControl | None = None) -> RunSummary:
        """See `Engine.run`."""
        return self._run(key, control or CallControl()).summary

    def _run(self, key: RunKey, control: CallControl) -> Run:
        self._threads.short_work()
        found = self._runs.find(key)
        if found is not None:
            return found
        self.estimate(key)
        with self._leased(key.model, control) as ready, self._device.held(control):
            found = self._runs.find(key)  # another may have made it while we waited
            if found is None:
                _same_model(key, ready.card)
                found = self._forward(ready, key, control)
                self._runs.keep(key, found)
            return found

    def _forward(self, ready: ReadyModel, key: RunKey, control: CallControl) -> Run:
        began = time.perf_counter()
        (output, recording), residual = ready.hook.during(lambda: ready.pass_of(key.token_ids, control))
        synchronize(key.device)
        seconds = time.perf_counter() - began
        self._passes += 1
        ready.pace.add(len(key.token_ids), seconds)
        last = output.logits[0, -1].float()
        if not all_finite(last[None]):  # a NaN anywhere before has come down to the last position
            raise ModelNotFinite(model=ready.card.label, where="logits")
        logits = None if ready.head else output.logits[0].float()
        error = 0.0
        if ready.head:
            with torch.inference_mode():
                error = float((ready.head.logits(residual[-1:])[0] - last).abs().max())
        layers, nbytes = without_values(recording.layers)
        nbytes += tensor_bytes((residual, *recording.stream)) + (0 if logits is None else logits.nbytes)
        summary = RunSummary(key, len(key.token_ids), seconds, nbytes, error)
        reasons = dict(ready.card.without_attention)
        return Run(summary, layers, reasons, ready.card.heads, residual, recording.stream, logits)

    # -- attention ------------------------------------------------------------------------------------------------
    def weights(self, key: RunKey, request: AttentionRequest, control: CallControl | None = None) -> WeightMap:
        """See `Engine.weights`."""
        control = control or CallControl()
        run = self._run(key, control)
        make = lambda: weight_maps.weight_map(run.layers, request, run.reasons, control)  # noqa: E731
        # one head is a small look; many heads are a sweep, and wait for the device
        held = None if isinstance(request, HeadRequest) else self._device.held(control)
        return self._runs.derive(run, ("weights", request), make, lambda made: made.weights.nbytes, held)

    @explain_memory_errors()
    def query_rows(self, key: RunKey, query: int) -> QueryRows:
        """See `Engine.query_rows`."""
        run = self._run(key, CallControl())
        return weight_maps.query_rows(run.layers, run.reasons, query, run.heads)

    @explain_memory_errors()
    def key_column(self, key: RunKey, layer: int, head: int, col: int) -> KeyColumn:
        """See `Engine.key_column`."""
        run = self._run(key, CallControl())
        return weight_maps.key_column(run.layers, run.reasons, layer, head, col)

    def tiles(self, key: RunKey, control: CallControl | None = None) -> Tiles:
        """See `Engine.tiles`."""
        control = control or CallControl()
        run = self._run(key, control)
        make = lambda: tiles.sweep(run.layers, key.token_ids, run.heads, control)  # noqa: E731
        return self._runs.derive(run, ("tiles",), make, tiles.nbytes, self._device.held(control))

    # -- next token -----------------------------------------------------------------------------------------------
    def next_token(self, key: RunKey, pos: int, k: int, pins: tuple[int, ...] = ()) -> Candidates:
        """See `Engine.next_token`."""
        run = self._run(key, CallControl())
        with self._leased(key.model) as ready, torch.inference_mode():
            ready.reader.vocabulary.check(pins)
            logits = _logits(ready, run, pos, pos + 1)[0]
            return candidates.candidates(logits, pos, k, ready.reader.token, pins)

    def processed(self, key: RunKey, pos: int, ids: tuple[int, ...], settings: DecodeSettings) -> Processed:
        """See `Engine.processed`."""
        run = self._run(key, CallControl())
        with self._leased(key.model) as ready, torch.inference_mode():
            ready.reader.vocabulary.check(ids)
            logits = _logits(ready, run, pos, pos + 1)[0]
            before = key.token_ids[: pos + 1]
            origin = ready.generator.origin(torch.tensor(before, device=logits.device))
            return decoding.process(logits, before, settings, ids, origin)

    def token(self, model: str, ids: tuple[int, ...]) -> tuple[Token, ...]:
        """See `Engine.token`."""
        with self._leased(model) as ready:
            return tuple(ready.reader.token(i) for i in ids)

    def texts(self, model: str, sequences: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
        """See `Engine.texts`."""
        with self._leased(model) as ready:
            return tuple(ready.generator.text(ids) for ids in sequences)

    def vocabulary(self, model: str, text: str, limit: int) -> tuple[Token, ...]:
        """See `Engine.vocabulary`."""
        with self._leased(model) as ready:
            return ready.reader.search(text, limit)

    def position_table(self, key: RunKey, control: CallControl | None = None) -> PositionTable:
        """See `Engine.position_table`."""
        control = control or CallControl()
        run = self._run(key, control)

        kept: PositionTable | None = self._runs.derived(run, ("positions",))
        if kept is not None:
            return kept
        # the model before the device, as everywhere: two threads that took them in turn could wait for each other
        with self._leased(key.model, control) as ready:

            def make() -> PositionTable:
                rows: Callable[[int, int], Tensor] = lambda start, stop: _logits(ready, run, start, stop)  # noqa: E731
                began = time.perf_counter()
                with torch.inference_mode():
                    made = candidates.position_table(rows, key.token_ids, ready.reader.token, control)
                ready.head_pace.add(len(key.token_ids), time.perf_counter() - began)
                return made

            size: Callable[[PositionTable], int] = lambda made: 400 * len(made.predicted)  # noqa: E731
            return self._runs.derive(run, ("positions",), make, size, self._device.held(control))

    # -- through the layers ---------------------------------------------------------------------------------------
    def lens(self, key: RunKey, request: LensRequest, control: CallControl | None = None) -> Lens:
        """See `Engine.lens`."""
        control = control or CallControl()
        run = self._run(key, control)
        with self._leased(key.model, control) as ready:
            ready.reader.vocabulary.check(request.pins)
            where = ready.card.stream
            tail = _allowed(
                ready.stream.final_modules, where.why_no_half_steps if request.half_steps else where.why_no_lens
            )
            values = self._head_values(ready, run, control) if request.half_steps else ()

            def make() -> Lens:
                began = time.perf_counter()
                with torch.inference_mode():
                    rows = lens.residuals(request, run.stream, values, ready.stream.attention_writes)
                    last = request.positions[-1]
                    own = _logits(ready, run, last, last + 1)[0]
                    made = lens.lens(request, rows, tail, own, control)
                ready.head_pace.add(len(request.positions) * len(made.steps), time.perf_counter() - began)
                return made

            # one position is a small look; many are a sweep, and wait for the device
            held = self._device.held(control) if len(request.positions) > 1 else None
            return self._runs.derive(run, ("lens", request), make, lambda made: 3 * made.top_ids.nbytes, held)

    def lens_seconds(self, key: RunKey, positions: int) -> float:
        """See `Engine.lens_seconds`."""
        with self._leased(key.model) as ready:
            return ready.head_pace.seconds(positions * (ready.card.layers + 1))

    def attribution(self, key: RunKey, request: AttributionRequest, control: CallControl | None = None) -> Attribution:
        """See `Engine.attribution`."""
        control = control or CallControl()
        run = self._run(key, control)
        with self._leased(key.model, control) as ready:
            ready.reader.vocabulary.check((request.token,))
            _allowed(ready.stream.final_modules, ready.card.stream.why_no_attribution)
            values = self._head_values(ready, run, control)
            return attributions.attribution(request, ready.stream, run.stream, values, ready.capturer.heads)

    def _head_values(self, ready: ReadyModel, run: Run, control: CallControl) -> tuple[Tensor, ...]:
        """(T, width) heads' values of every layer: kept with the run, made by one more forward pass."""

        def make() -> tuple[Tensor, ...]:
            self._passes += 1
            return ready.capturer.head_values(run.summary.key.token_ids, control)

        return self._runs.derive(run, ("head values",), make, tensor_bytes, self._device.held(control))

    # -- texts ----------------------------------------------------------------------------------------------------
    def generation_cost(self, key: RunKey, request: GenerateRequest) -> GenerationCost:
        """See `Engine.generation_cost`."""
        tokens = sum(column.num_return_sequences * column.max_new_tokens for column in request.columns)
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
            together = sum(column.num_return_sequences for column in request.columns if column.num_beams == 1)
            steps = [longest * ready.step_seconds(together)] if together else []
            searches = [column for column in request.columns if column.num_beams > 1]
            steps += [column.max_new_tokens * ready.step_seconds(column.num_beams) for column in searches]
            return GenerationCost(tokens, ready.pace.seconds(len(key.token_ids)) + sum(steps), nbytes)

    def generated(self, key: RunKey, request: GenerateRequest) -> Generated | None:
        """See `Engine.generated`."""
        return self._results.find((key, request))

    def generate(
        self,
        key: RunKey,
        request: GenerateRequest,
        control: CallControl | None = None,
        on_step: OnStep = lambda _: None,
    ) -> Generated:
        """See `Engine.generate`."""
        control = control or CallControl()
        found: Generated | None = self._results.find((key, request))
        if found is not None:
            return found
        self.generation_cost(key, request)
        noisy = any(column.num_beams > 1 and column.settings.do_sample for column in request.columns)
        alone = self._noise.held(control) if noisy else contextlib.nullcontext()
        with self._leased(key.model, control) as ready, alone, self._device.held(control):
            _same_model(key, ready.card)
            made, pace = batch.generate(
                ready.generator, key.token_ids, request, DeviceTurn(self._device, control), on_step
            )
            if pace:
                ready.step_pace.add(
                    sum(column.num_return_sequences for column in request.columns if column.num_beams == 1), pace
                )
        if not made.unfinished:
            self._results.keep((key, request), made, TOKEN_BYTES * sum(len(output.ids) for output in made.outputs))
        return made

    def compare_settings(
        self, key: RunKey, request: CompareRequest, control: CallControl | None = None
    ) -> SettingsComparison:
        """See `Engine.compare_settings`."""
        control = control or CallControl()
        run = self._run(key, control)
        with self._leased(key.model, control) as ready:

            def make() -> SettingsComparison:
                with torch.inference_mode():
                    at: Callable[[int], Tensor] = lambda pos: _logits(ready, run, pos, pos + 1)[0]  # noqa: E731
                    return settings_comparison.compare(at, key.token_ids, request, control, ready.generator)

            size: Callable[[SettingsComparison], int] = lambda made: 2 * made.total_variation.nbytes  # noqa: E731
            return self._runs.derive(run, ("settings", request), make, size, self._device.held(control))

    def probability_tree(
        self, key: RunKey, request: TreeRequest, control: CallControl | None = None
    ) -> ProbabilityTree:
        """See `Engine.probability_tree`."""
        control = control or CallControl()
        found: ProbabilityTree | None = self._results.find((key, request))
        if found is None:
            with self._leased(key.model, control) as ready, self._device.held(control):
                _same_model(key, ready.card)
                ready.reader.vocabulary.check(key.token_ids)
                if len(key.token_ids) + request.depth - 1 > ready.card.context:
                    tokens, limit = len(key.token_ids), ready.card.context
                    raise GenerationTooLong(tokens=tokens, new=request.depth, limit=limit)
                found = probability_tree.probability_tree(
                    ready.generator, key.token_ids, request, DeviceTurn(self._device, control)
                )
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

    def score(self, key: RunKey, request: ScoreRequest, control: CallControl | None = None) -> Scores:
        """See `Engine.score`."""
        return self._scored(key, request, control or CallControl(), lambda scorer, turn: scorer.score(request, turn))

    def score_sentences(
        self, key: RunKey, request: SentenceRequest, control: CallControl | None = None
    ) -> SentenceScores:
        """See `Engine.score_sentences`."""
        return self._scored(
            key, request, control or CallControl(), lambda scorer, turn: scorer.score_sentences(request, turn)
        )

    def _scored(
        self, key: RunKey, request: Request, control: CallControl, make: Callable[[Scorer, DeviceTurn], Scored]
    ) -> Scored:
        name = _scores_name(key, request)
        found: Scored | None = self._results.find(name)
        if found is not None:
            return found
        self.score_cost(key, request)
        with self._leased(key.model, control) as ready, self._device.held(control):
            found = self._results.find(name)  # another may have made it while we waited
            if found is None:
                _same_model(key, ready.card)
                found = make(ready.scorer, DeviceTurn(self._device, control))
                self._results.keep(name, found, found.nbytes + request.nbytes)
        return found

    def verify(self, model: str, control: CallControl | None = None) -> Verification:
        """See `Engine.verify`."""
        control = control or CallControl()
        card = self.describe(model, control)
        with self._verifying.held(control):  # one second copy at a time
            self._check(model, control)  # which must fit beside the first
            with explain_loading_errors(model):
                spec, device = registry.find(model, self._settings), pick_device(self._settings.device)
                plain = registry.load(spec, self._settings, device, lambda _share: None).model
            with explain_memory_errors():
                return verification.verify(self, card, plain, control, lambda: self._device.held(control))

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


def _allowed(tail: FinalModules | None, refused: str) -> FinalModules:
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
