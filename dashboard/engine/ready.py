"""A loaded model, set up for capture, generation and scoring."""

from __future__ import annotations

import inspect
import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.api.model import CallControl, ModelCard
from dashboard.engine.capture.capture import Capturer, Recording, record_head_values
from dashboard.engine.capture.capture_choice import pick_capturer
from dashboard.engine.capture.footprint import Footprint
from dashboard.engine.capture.head import CHECK_TOKENS, Head, ResidualHook, exact_head
from dashboard.engine.capture.limits import Proof
from dashboard.engine.capture.residual_stream import ResidualStream, find_residual_stream
from dashboard.engine.capture.runs import Run, tensor_bytes, without_values
from dashboard.engine.device.devices import device_name, measure_memory, pick_device, synchronize
from dashboard.engine.device.pace import Pace, Work
from dashboard.engine.device.threads import Threads
from dashboard.engine.generation.cache_choice import PromptCache, limit_prompt_cache, pick_prompt_cache
from dashboard.engine.generation.text_generator import TextGenerator
from dashboard.engine.model_files.quantization import is_packed
from dashboard.engine.models import anatomy, registry
from dashboard.engine.models.failures import explain_loading_errors
from dashboard.engine.models.first_use import FirstUse
from dashboard.engine.models.generation_config import read_rules
from dashboard.engine.scoring.scorer import Scorer
from dashboard.engine.tokenizing.prompt_reader import PromptReader
from dashboard.settings import Settings

UNLIMITED = 2048
"""Most tokens of a prompt where a model names no limit."""

CHECK_TEXT = 8
"""Tokens with which it is tried how texts are carried on."""

CALIBRATIONS, CALIBRATION_TOKENS = 3, 16
"""Passes, and tokens of each, that are timed when a model was loaded."""

LONG_SECONDS = 0.5
"""One pass of a large model is enough."""


@dataclass
class ReadyModel:
    """A loaded model and what the engine needs of it."""

    card: ModelCard
    capturer: Capturer
    reader: PromptReader
    hook: ResidualHook
    head: Head | None
    """``None``: the family's head cannot be run on the residual; runs keep the model's own logits."""
    stream: ResidualStream
    """How the residual stream is read between the layers."""
    footprint: Footprint
    """What a run holds in memory, measured when the model was loaded."""
    pace: Pace
    """How long its work takes here."""
    generator: TextGenerator
    """How texts are made."""
    scorer: Scorer
    """How given texts are scored."""

    def calibrate(self) -> None:
        """Time a few short passes for the first estimates; all that was computed before was cold."""
        ids = anatomy.check_ids(self.capturer.model, min(CALIBRATION_TOKENS, self.card.context))
        for _ in range(CALIBRATIONS):
            began = time.perf_counter()
            self.hook.during(lambda: self.pass_of(ids, CallControl()))
            synchronize(self.card.device)
            seconds = time.perf_counter() - began
            self.pace.add(Work.of_pass(len(ids), self.card), seconds)
            if seconds > LONG_SECONDS:
                break

    def logits(self, run: Run, start: int, stop: int) -> Tensor:
        """(P, vocab) raw logits of positions [start, stop) of a run."""
        if run.logits is not None:
            return run.logits[start:stop]
        assert self.head is not None
        return self.head.logits(run.residual[start:stop])

    def pass_of(self, ids: tuple[int, ...], control: CallControl) -> tuple[Any, Recording]:
        """One forward pass with capture, with the logits of every position only where they must be kept."""
        # not every family's forward takes the argument; those that do not give all logits anyway
        takes = "logits_to_keep" in inspect.signature(self.capturer.model.forward).parameters
        whole = {"logits_to_keep": 0} if self.head is None and takes else {}
        return self.capturer.forward(ids, control, **whole)


def check_model(model: str, settings: Settings, control: CallControl) -> None:
    """Whatever can fail without loading fails here, before room is made for the model. Raises the ``Model…`` errors."""
    with explain_loading_errors(model):
        spec = registry.find(model, settings)
        folder, _ = registry.fetch(spec, settings, control)
        measure_memory(settings.device)
        registry.check(folder, spec, settings, pick_device(settings.device))


def load_model(model: str, settings: Settings, control: CallControl, threads: Threads) -> ReadyModel:
    """Load a model and set it up; its passes then have `threads` by their tokens. Raises the ``Model…`` errors."""
    with explain_loading_errors(model):
        spec = registry.find(model, settings)
        device = pick_device(settings.device)
        loaded = registry.load(spec, settings, device, control)
        with threads.long_work():
            ready = make_ready(loaded, device, settings)
        threads.adjust_by_pass(loaded.model)
        ready.calibrate()
        return ready


def make_ready(loaded: registry.LoadedModel, device: str, settings: Settings) -> ReadyModel:
    """Set a freshly loaded model up for capture and say what it is."""
    import transformers

    model, config = loaded.model, loaded.model.config.get_text_config()
    reads = anatomy.context_length(model) or UNLIMITED
    proof = Proof.of(model, reads)
    capturer = pick_capturer(model, proof)
    hook = ResidualHook(model)
    reader = PromptReader(loaded.tokenizer, model.get_input_embeddings().weight.shape[0])
    head = exact_head(capturer, hook)
    stream = find_residual_stream(model, capturer.blocks, anatomy.check_ids(model, CHECK_TOKENS), head)
    for addition in stream.attention_writes:
        addition.output_projection.register_forward_pre_hook(record_head_values)
    said = anatomy.largest_config_value(config, "num_attention_heads", default=1)
    width = anatomy.largest_config_value(config, "hidden_size", default=0) // said
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
        kv_heads=anatomy.largest_config_value(config, "num_key_value_heads", default=said),
        head_dim=anatomy.largest_config_value(config, "head_dim", default=width),
        vocab=vocab,
        context=min(reads, settings.max_tokens or reads),
        parameters=model.num_parameters(),  # several in a byte where weights stay quantised
        dtype=str(model.dtype).removeprefix("torch."),
        device=device,
        device_name=device_name(device),
        kernel=capturer.kernel,
        weight_formula=capturer.weight_formula,
        chat=reader.chat_template.exists,
        chat_reads=reader.chat_template.reads,
        without_attention=capturer.without_attention,
        stream=stream.module_map,
        transformers=transformers.__version__,
        torch=torch.__version__,
        heads_by_layer=capturer.heads,
        uneven=len({count for count in capturer.heads if count}) > 1
        or any(len(set(anatomy.config_values(config, name))) > 1 for name in ("num_key_value_heads", "head_dim")),
        rules=read_rules(getattr(model, "generation_config", None), vocab),
        hub_name=registry.hub_name(loaded.spec, settings),
        quantized=loaded.quantized,
        base=loaded.spec.base,
        dequantized=bool(loaded.quantized) and not is_packed(model),
    )
    footprint = _footprint(capturer, hook, card, head is None)
    way = FirstUse(card.model, lambda: _prompt_cache(capturer, proof))
    generator = TextGenerator(model, loaded.tokenizer, way, card.rules.ending, card.rules, card.model)
    scorer = Scorer(generator, reader, capturer)
    return ReadyModel(card, capturer, reader, hook, head, stream, footprint, Pace(card), generator, scorer)


def _prompt_cache(capturer: Capturer, proof: Proof) -> PromptCache:
    """How texts are carried on, as far as it is proven."""
    ids = anatomy.check_ids(capturer.model, CHECK_TEXT)
    cache = pick_prompt_cache(capturer.model, ids, shared=capturer.plain_softmax)
    return limit_prompt_cache(cache, proof, capturer.model)


def _footprint(capturer: Capturer, hook: ResidualHook, card: ModelCard, logits: bool) -> Footprint:
    """What runs of this model hold; `logits`: those of every position too."""

    def nbytes(tokens: int) -> int:
        ids = anatomy.check_ids(capturer.model, tokens)
        (_, recording), residual = hook.during(lambda: capturer.forward(ids, CallControl()))
        return (
            without_values(recording.layers)[1]
            + tensor_bytes((residual, *recording.stream))
            + 4 * card.vocab * tokens * logits
        )

    windows = anatomy.config_values(capturer.model.config.get_text_config(), "sliding_window")
    return Footprint.measured(nbytes, min(windows, default=None), card.context)
