"""The in-process engine: models in a pool, one lock around the device, runs bounded in bytes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from dashboard.engine import heads, registry, tiles, unembedding
from dashboard.engine.base import (
    AttentionRequest,
    Candidates,
    Estimate,
    Job,
    KeyColumn,
    ModelCard,
    PositionTable,
    QueryRows,
    RunSummary,
    Tiles,
    TokenizedPrompt,
    WeightMap,
)
from dashboard.engine.capture import Capturer, install
from dashboard.engine.device_lock import DeviceLock
from dashboard.engine.devices import device_name, pick_device
from dashboard.engine.pool import ModelPool
from dashboard.engine.runs import Run, RunStore
from dashboard.engine.tokenizing import PromptReader
from dashboard.engine.unembedding import Head, ResidualHook
from dashboard.errors import RunTooLarge
from dashboard.run_key import RunKey
from dashboard.settings import Settings

T = TypeVar("T")
HEAD_ERROR = 1e-4
"""Logits remade from the residual may differ so much from the model's own, relative to the largest [1]."""


@dataclass
class ReadyModel:
    """A loaded model and what the engine needs of it."""

    card: ModelCard
    capturer: Capturer
    reader: PromptReader
    hook: ResidualHook
    head: Head | None
    """``None``: the family's head cannot be run on the residual; runs keep the model's own logits."""
    seconds_a_token: float = float("nan")
    """Measured, averaged over the last passes."""

    @property
    def reasons(self) -> dict[int, str]:
        """Layer -> why it has no attention map."""
        return dict(self.card.without_attention)


class LocalEngine:
    """See `dashboard.engine.base.Engine`; any number of threads may call it."""

    def __init__(self, settings: Settings) -> None:
        """Loads nothing yet."""
        self._settings = settings
        if settings.threads:
            torch.set_num_threads(settings.threads)
        self._device = DeviceLock(settings.busy_seconds)
        self._runs = RunStore(settings.run_bytes)
        self._passes = 0
        self._pool: ModelPool[ReadyModel] = ModelPool(self._load, settings.max_models, self._check)

    # -- models ---------------------------------------------------------------------------------------------------
    def describe(self, model: str, job: Job | None = None) -> ModelCard:
        """See `Engine.describe`."""
        with self._leased(model, job) as ready:
            return ready.card

    def tokenize(self, model: str, prompt: str, *, chat: bool) -> TokenizedPrompt:
        """See `Engine.tokenize`."""
        with self._leased(model) as ready:
            card = ready.card
            return ready.reader.read(prompt, chat=chat and card.chat, limit=card.context, model=card.label)

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

    def _leased(self, model: str, job: Job | None = None) -> AbstractContextManager[ReadyModel]:
        return self._pool.lease(model, timeout=self._settings.busy_seconds, job=job or Job())

    def _check(self, model: str, job: Job) -> None:
        """Whatever can fail without loading fails here, before room is made for the model."""
        spec = registry.find(model, self._settings)
        folder, _ = registry.fetch(spec, self._settings, job.progress)
        registry.check(folder, spec, self._settings, pick_device(self._settings.device))

    def _load(self, model: str, job: Job) -> ReadyModel:
        spec = registry.find(model, self._settings)
        device = pick_device(self._settings.device)
        loaded = registry.load(spec, self._settings, device, job.progress)
        return _ready(loaded, device, self._settings)

    # -- runs -----------------------------------------------------------------------------------------------------
    def estimate(self, key: RunKey) -> Estimate:
        """See `Engine.estimate`."""
        run = self._runs.find(key)
        with self._leased(key.model) as ready:
            card, count = ready.card, len(key.token_ids)
            width = torch.empty((), dtype=getattr(torch, card.dtype)).element_size()
            kept = card.layers * (card.heads + card.kv_heads) * card.head_dim + card.heads * card.head_dim
            nbytes = count * kept * width
            if ready.head is None:
                nbytes += 4 * count * card.vocab
            if nbytes > self._settings.run_bytes:
                raise RunTooLarge(tokens=count, needed=megabytes(nbytes), limit=megabytes(self._settings.run_bytes))
            return Estimate(count, count * ready.seconds_a_token, nbytes, run is not None)

    def run(self, key: RunKey, job: Job | None = None) -> RunSummary:
        """See `Engine.run`."""
        return self._run(key, job or Job()).summary

    def _run(self, key: RunKey, job: Job) -> Run:
        found = self._runs.find(key)
        if found is not None:
            return found
        self.estimate(key)
        with self._leased(key.model, job) as ready, self._device.held(job):
            found = self._runs.find(key)  # another may have made it while we waited
            if found is None:
                found = self._forward(ready, key, job)
                self._runs.keep(key, found)
            return found

    def _forward(self, ready: ReadyModel, key: RunKey, job: Job) -> Run:
        began = time.perf_counter()
        whole = {} if ready.head else {"logits_to_keep": 0}
        (output, recording), residual = ready.hook.during(lambda: ready.capturer.forward(key.token_ids, job, **whole))
        _synchronize(key.device)
        seconds = time.perf_counter() - began
        self._passes += 1
        rate = seconds / len(key.token_ids)
        old = ready.seconds_a_token
        ready.seconds_a_token = rate if math.isnan(old) else 0.5 * (old + rate)
        last = output.logits[0, -1].float()
        logits = None if ready.head else output.logits[0].float().clone()
        error = 0.0
        if ready.head:
            with torch.inference_mode():
                error = float((ready.head.logits(residual[-1:])[0] - last).abs().max())
        nbytes = recording.nbytes + residual.nbytes + (0 if logits is None else logits.nbytes)
        summary = RunSummary(key, len(key.token_ids), seconds, nbytes, error)
        return Run(summary, recording.layers, residual, logits)

    # -- attention ------------------------------------------------------------------------------------------------
    def weights(self, key: RunKey, request: AttentionRequest, job: Job | None = None) -> WeightMap:
        """See `Engine.weights`."""
        job = job or Job()
        run = self._run(key, job)
        with self._leased(key.model) as ready:
            reasons = ready.reasons
        make = lambda: heads.weight_map(run.layers, request, reasons, job)  # noqa: E731
        return self._runs.derive(run, ("weights", request), make, lambda made: made.weights.nbytes)

    def query_rows(self, key: RunKey, query: int) -> QueryRows:
        """See `Engine.query_rows`."""
        run = self._run(key, Job())
        with self._leased(key.model) as ready:
            return heads.query_rows(run.layers, query, ready.card.heads)

    def key_column(self, key: RunKey, layer: int, head: int, col: int) -> KeyColumn:
        """See `Engine.key_column`."""
        run = self._run(key, Job())
        with self._leased(key.model) as ready:
            return heads.key_column(run.layers, ready.reasons, layer, head, col)

    def tiles(self, key: RunKey, job: Job | None = None) -> Tiles:
        """See `Engine.tiles`."""
        job = job or Job()
        run = self._run(key, job)
        with self._leased(key.model) as ready:
            heads_a_layer = ready.card.heads

        def make() -> Tiles:
            with self._device.held(job):
                return tiles.sweep(run.layers, key.token_ids, heads_a_layer, job)

        return self._runs.derive(run, ("tiles",), make, lambda made: made.tiles.nbytes)

    # -- next token -----------------------------------------------------------------------------------------------
    def next_token(self, key: RunKey, pos: int, k: int) -> Candidates:
        """See `Engine.next_token`."""
        run = self._run(key, Job())
        with self._leased(key.model) as ready, torch.inference_mode():
            logits = _logits(ready, run, pos, pos + 1)[0]
            return unembedding.candidates(logits, pos, k, ready.reader.token)

    def position_table(self, key: RunKey, job: Job | None = None) -> PositionTable:
        """See `Engine.position_table`."""
        job = job or Job()
        run = self._run(key, job)

        def make() -> PositionTable:
            with self._leased(key.model) as ready, self._device.held(job), torch.inference_mode():
                rows: Callable[[int, int], Tensor] = lambda start, stop: _logits(ready, run, start, stop)  # noqa: E731
                return unembedding.position_table(rows, key.token_ids, ready.reader.token, job)

        return self._runs.derive(run, ("positions",), make, lambda made: 400 * len(made.predicted))

    def health(self) -> dict[str, object]:
        """See `Engine.health`."""
        facts = {"models": self._pool.names(), "forward_passes": self._passes, "queue": self._device.waiting}
        return facts | self._runs.facts()


def _logits(ready: ReadyModel, run: Run, start: int, stop: int) -> Tensor:
    """(P, vocab) raw logits of positions [start, stop)."""
    if run.logits is not None:
        return run.logits[start:stop]
    assert ready.head is not None
    return ready.head.logits(run.residual[start:stop])


def _ready(loaded: registry.LoadedModel, device: str, settings: Settings) -> ReadyModel:
    """Set a freshly loaded model up for capture and say what it is."""
    import transformers

    model, config = loaded.model, loaded.model.config.get_text_config()
    capturer = install(model)
    hook = ResidualHook(model)
    reader = PromptReader(loaded.tokenizer)
    heads_count = config.num_attention_heads
    reads = getattr(config, "max_position_embeddings", None) or getattr(config, "max_seq_len", None) or 2048
    card = ModelCard(
        model=loaded.spec.id,
        label=loaded.spec.label,
        revision=loaded.revision,
        source=loaded.spec.source,
        licence=loaded.spec.licence,
        architecture=type(model).__name__,
        layers=config.num_hidden_layers,
        heads=heads_count,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads_count,
        head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads_count,
        vocab=model.get_input_embeddings().weight.shape[0],
        context=min(reads, settings.max_tokens or reads),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        dtype=str(model.dtype).removeprefix("torch."),
        device=device,
        device_name=device_name(device),
        kernel=capturer.kernel,
        weight_formula=capturer.weight_formula,
        chat=reader.chat,
        without_attention=capturer.without_attention,
        transformers=transformers.__version__,
        torch=torch.__version__,
    )
    return ReadyModel(card, capturer, reader, hook, exact_head(capturer, hook))


def exact_head(capturer: Capturer, hook: ResidualHook) -> Head | None:
    """The model's head on its own, if it remakes the model's logits; ``None`` if the family needs more than that."""
    head = Head(capturer.model)
    ids = tuple(range(3, 9))
    try:
        (output, _), residual = hook.during(lambda: capturer.forward(ids, Job()))
        with torch.inference_mode():
            last, own = head.logits(residual[-1:])[0], output.logits[0, -1].float()
    except (AttributeError, TypeError, RuntimeError, KeyError):
        return None
    return head if (last - own).abs().max() <= HEAD_ERROR * max(1.0, float(own.abs().max())) else None


def _synchronize(device: str) -> None:
    """Wait until the device has done what it was given, so that seconds are true."""
    kind = device.partition(":")[0]
    if kind != "cpu":
        module: Any = getattr(torch, kind)
        module.synchronize()


def megabytes(nbytes: float) -> str:
    """`nbytes` for people."""
    return f"{nbytes / 1e6:,.0f} MB"
