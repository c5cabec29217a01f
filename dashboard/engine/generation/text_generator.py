"""TextGenerator: a model that continues prompts, and its turn on the device."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.generation import Column
from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.capture import controlled_by
from dashboard.engine.capture.limits import last_logits
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.generation.cache_choice import PromptCache
from dashboard.engine.generation.prompt_cache import Prompt
from dashboard.engine.models.generation_config import Origin
from dashboard.engine.tokenizing.prompt_reader import explain_tokenizer_errors
from dashboard.errors import Busy, Cancelled


@dataclass
class DeviceTurn:
    """The device, which the caller holds, and the control of the call."""

    device: DeviceLock
    control: CallControl
    waited: float = 0.0
    """For others, between two steps [s]."""

    def give_way(self) -> None:
        """Between two steps: let others in. Raises Cancelled, Busy."""
        began = time.perf_counter()
        try:
            self.device.give_way(self.control)
        finally:
            self.waited += time.perf_counter() - began

    def interrupted(self) -> str:
        """Let others in between two steps. Why the call ends here: ``cancelled``, ``busy``; empty: it goes on."""
        if self.control.cancel.is_set():
            return "cancelled"
        try:
            self.give_way()
        except Cancelled:
            return "cancelled"
        except Busy:
            return "busy"
        return ""


@dataclass(frozen=True)
class TextGenerator:
    """A model, and all that generation needs of it."""

    model: Any
    tokenizer: Any
    way: Callable[[], PromptCache]
    """How rows continue a prompt; proven when it is first asked for."""
    ending: tuple[int, ...]
    """Tokens that end a text."""
    rules: ModelRules = field(default_factory=ModelRules)
    """What the model's own generation config does to texts."""
    model_id: str = ""
    """For messages."""

    @property
    def prompt_cache(self) -> PromptCache:
        """How rows continue a prompt."""
        return self.way()

    def ids(self, tokens: Sequence[int]) -> Tensor:
        """(T,) on the model's device."""
        return torch.tensor(list(tokens), device=self.model.device)

    def prompt(self, ids: Tensor, control: CallControl) -> Prompt:
        """Run the prompt, (T,). Raises Cancelled."""
        with torch.inference_mode(), controlled_by(CallControl(cancel=control.cancel)):
            return self.prompt_cache.prompt(self.model, ids)

    def along(self, prompt: Prompt, ids: Sequence[int], text: Sequence[int]) -> Tensor:
        """(n, vocab) float32 logits before each token of `text`, (n,), behind the computed `prompt` of `ids`.

        They equal those of one pass over prompt and text; where the text crosses a length at which the family changes,
        that pass is run, as the cache of the prompt is invalid there.
        """
        with torch.inference_mode():
            if self.prompt_cache.crosses(len(ids), len(ids) + len(text)):
                return last_logits(self.model, [*ids, *text], len(text) + 1)[:-1]
            later = prompt.begin(1).step(self.ids(text[:-1])[None])[0] if len(text) > 1 else prompt.logits[None][:0]
            return torch.cat([prompt.logits[None], later])

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens, special ones included."""
        with explain_tokenizer_errors():
            return str(self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

    def origin(self, prompt: Tensor, limit: int = 0) -> Origin:
        """Where texts begin, for the model's rules: behind a prompt, (T,), at most `limit` tokens (0: not given)."""
        return Origin(self.rules, prompt, self.ending, limit)

    def why_stopped(self, ids: Sequence[int], column: Column, prompt: Sequence[int] = ()) -> str:
        """Why a text ends here; empty where it goes on.

        Args:
            ids: its tokens behind the prompt.
            column: its settings.
            prompt: the tokens before it: as in ``generate``, a stop string may begin there.
        """
        if ids[-1] in self.ending:
            return "end"
        stops = (*column.stop_strings, *self.rules.stops(column.settings))
        if stops and self._completed(prompt, ids, stops):
            return "stop"
        return "limit" if len(ids) >= column.max_new_tokens else ""

    def _completed(self, prompt: Sequence[int], ids: Sequence[int], stops: Sequence[str]) -> bool:
        """Whether the last token completes one of `stops`."""
        count = max(len(stop.encode()) for stop in stops) + 4  # no token is shorter than a byte
        tail = [*prompt[-count:], *ids[-count:]][-count:]
        whole, before = self.text(tail), len(self.text(tail[:-1]).rstrip("\ufffd"))
        return any(whole.find(stop, max(0, before - len(stop) + 1)) >= 0 for stop in stops)
