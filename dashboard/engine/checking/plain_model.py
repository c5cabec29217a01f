"""PlainModel: a model as transformers loads it, asked the plain way: whole passes, eager attention, no cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor
from transformers import GenerationConfig

from dashboard.engine.api.model import CallControl, ModelCard
from dashboard.engine.api.verification import Deviation
from dashboard.engine.capture.limits import last_logits
from dashboard.engine.models.anatomy import run
from dashboard.engine.models.generation_config import without_rules
from dashboard.engine.models.precision import HALF_PRECISION_FACTOR
from dashboard.engine.ready import ReadyModel
from dashboard.engine.verification import BOUNDS
from dashboard.errors import Cancelled, RunTooLarge

BOUNDS_OF_CHARTS = BOUNDS | {
    "probs": 1e-4,
    "entropy": 1e-3,
    "tiles": 1 / 255,
    "attribution": 1e-3,
    "lens_steps": 1e-3,
    "log_q": 1e-3,
    "half_steps": 1e-3,
    "parts": 1e-3,
    "word_ends": 2e-3,
    "draws": 0.0,
    "beams": 0.0,
    "beam_scores": 1e-3,
    "mass": 1e-3,
}
"""Largest difference allowed in float32; of logits, their parts and metrics: relative to the largest, where above 1."""


@dataclass
class PlainModel:
    """One plain model and what it is asked with."""

    model: Any
    """Loaded anew, with eager attention."""
    ready: ReadyModel
    """The loaded model that is checked: only its rules, its ends and its final modules are used."""
    control: CallControl
    held: Callable[[], contextlib.AbstractContextManager[object]]
    """The device, taken for each pass."""
    most_bytes: int
    """Of maps or logits of one pass."""
    passes: int = 0
    """How many there will be."""
    done: int = 0

    @property
    def card(self) -> ModelCard:
        """Of the model that is checked."""
        return self.ready.card

    def logits(self, ids: Sequence[int], count: int) -> Tensor:
        """(count, vocab) float32 logits after the last tokens of `ids`. Raises RunTooLarge, Cancelled."""
        self._fits(len(ids), 8 * count * self.card.vocab)
        with self._pass():
            return last_logits(self.model, ids, count)

    def log_p(self, ids: Sequence[int], new: int) -> np.ndarray:
        """(new,) ln p of the last tokens of `ids`."""
        log_p = self.logits(ids, new + 1)[:-1].double().cpu().log_softmax(-1)
        return log_p.gather(-1, torch.tensor(list(ids[-new:]))[:, None])[:, 0].numpy()

    def maps(self, ids: Sequence[int]) -> list[np.ndarray]:
        """(head, T, T) weights of each layer that returns any. Raises RunTooLarge, Cancelled."""
        self._fits(len(ids), 4 * self.card.layers * self.card.heads * len(ids) ** 2)
        with self._pass():
            output = run(self.model, tuple(ids), output_attentions=True)
        weights = [value for value in getattr(output, "attentions", None) or () if value is not None]
        return [value[0].float().cpu().numpy() for value in weights]

    def hidden_states(self, ids: Sequence[int]) -> list[Tensor]:
        """(T, d) before each layer; the last is behind the model's final norm. Raises Cancelled."""
        with self._pass():
            return [value[0] for value in run(self.model, tuple(ids), output_hidden_states=True).hidden_states]

    def generate(self, ids: Sequence[int], generation_config: GenerationConfig, **options: Any) -> Any:
        """What transformers' own ``generate`` gives behind `ids`. Raises RunTooLarge, Cancelled."""
        beams = generation_config.num_beams or 1
        self._fits(len(ids), 16 * beams * self.card.vocab)
        given = torch.tensor([list(ids)], device=self.model.device)
        mask = torch.ones_like(given)
        options |= {"attention_mask": mask, "generation_config": generation_config}
        with self._pass():
            return without_rules(self.model).generate(given, **options)

    def watched(
        self,
        ids: Sequence[int],
        before: Mapping[str, Callable[..., None]],
        after: Sequence[tuple[str, Callable[..., None]]],
    ) -> None:
        """One pass with hooks on modules by their names, `before` and `after` they run. Raises Cancelled."""
        part = self.model.get_submodule
        handles = [part(name).register_forward_pre_hook(hook, with_kwargs=True) for name, hook in before.items()]
        handles += [part(name).register_forward_hook(hook, with_kwargs=True) for name, hook in after]
        try:
            with self._pass():
                run(self.model, tuple(ids))
        finally:
            for handle in handles:
                handle.remove()

    def deviation(
        self, name: str, tokens: int, ours: ArrayLike, plain: ArrayLike, *, relative: bool = False
    ) -> Deviation:
        """The largest difference of `ours` from `plain`; what one has and the other lacks is infinite.

        Args:
            name: of BOUNDS_OF_CHARTS.
            tokens: of the text.
            ours: the engine's.
            plain: plain transformers', of the same shape.
            relative: to the largest finite one of `plain`, where that is above 1.
        """
        first, second = np.asarray(ours, np.float64), np.asarray(plain, np.float64)
        assert first.shape == second.shape, (name, first.shape, second.shape)
        lacking = np.isnan(first) != np.isnan(second)
        with np.errstate(invalid="ignore"):  # infinity less itself, where both are
            apart = np.where(first == second, 0.0, np.abs(first - second))
        error = np.inf if lacking.any() else float(np.nanmax(apart, initial=0))
        size = max(1.0, float(np.abs(second[np.isfinite(second)]).max(initial=0))) if relative else 1.0
        factor = 1 if self.card.dtype == "float32" else HALF_PRECISION_FACTOR
        count = int((~np.isnan(second)).sum())
        return Deviation(name, tokens, error / size, BOUNDS_OF_CHARTS[name] * factor, numbers=count)

    def _fits(self, tokens: int, nbytes: int) -> None:
        if nbytes > self.most_bytes:
            raise RunTooLarge(tokens=tokens, needed=round(nbytes / 1e6), limit=round(self.most_bytes / 1e6))

    @contextlib.contextmanager
    def _pass(self) -> Any:
        if self.control.cancel.is_set():
            raise Cancelled
        with self.held(), torch.inference_mode():
            yield
        self.done += 1
        self.control.progress(min(1.0, self.done / max(1, self.passes)))
