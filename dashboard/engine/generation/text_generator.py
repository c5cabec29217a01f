"""What making texts works with: a model that goes on from prompts, and its turn on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.generation import Column
from dashboard.engine.api.model import CallControl
from dashboard.engine.capture.capture import following
from dashboard.engine.capture.limits import last_logits
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.generation.cache_choice import PromptCache
from dashboard.engine.generation.prompt_cache import Prompt
from dashboard.engine.models.generation_config import Origin
from dashboard.engine.tokenizing.prompt_reader import in_words
from dashboard.errors import Busy, Cancelled


@dataclass(frozen=True)
class DeviceTurn:
    """The device, which is held, and whose control holds it."""

    device: DeviceLock
    control: CallControl

    def give_way(self) -> None:
        """Between two steps: let others in. Raises Cancelled, Busy."""
        self.device.give_way(self.control)

    def interrupted(self) -> str:
        """Between two steps: let others in. Why it does not go on then: ``cancelled``, ``busy``; empty: it does."""
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
    """A model, and what making texts needs of it."""

    model: Any
    tokenizer: Any
    way: PromptCache
    """How rows go on from a prompt."""
    ending: tuple[int, ...]
    """Tokens that end a text."""
    rules: ModelRules = field(default_factory=ModelRules)
    """What the model's own generation config does to texts."""

    def ids(self, tokens: Sequence[int]) -> Tensor:
        """(T,) on the model's device."""
        return torch.tensor(list(tokens), device=self.model.device)

    def prompt(self, ids: Tensor, control: CallControl) -> Prompt:
        """The computed prompt, (T,). Raises Cancelled."""
        with torch.inference_mode(), following(CallControl(cancel=control.cancel)):
            return self.way.prompt(self.model, ids)

    def along(self, prompt: Prompt, ids: Sequence[int], text: Sequence[int]) -> Tensor:
        """(n, vocab) float32 logits before each token of `text`, (n,), behind the computed `prompt` of `ids`.

        Those of one pass over prompt and text: where the text crosses a length at which the family changes, what was
        computed for the prompt alone does not count.
        """
        with torch.inference_mode():
            if self.way.crosses(len(ids), len(ids) + len(text)):
                return last_logits(self.model, [*ids, *text], len(text) + 1)[:-1]
            behind = prompt.begin(1).step(self.ids(text[:-1])[None])[0] if len(text) > 1 else prompt.logits[None][:0]
            return torch.cat([prompt.logits[None], behind])

    def text(self, ids: Sequence[int]) -> str:
        """What tokens say, special ones included."""
        with in_words():
            return str(self.tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

    def origin(self, prompt: Tensor, limit: int = 0) -> Origin:
        """Where texts come from, for the model's rules: behind a prompt, (T,), at most `limit` tokens (0: not said)."""
        return Origin(self.rules, prompt, self.ending, limit)

    def why_stopped(self, ids: Sequence[int], column: Column, prompt: Sequence[int] = ()) -> str:
        """Why a text ends here; empty where it goes on.

        Args:
            ids: its tokens behind the prompt.
            column: how it is made.
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
        reach = max(len(stop.encode()) for stop in stops) + 4  # no token is shorter than a byte
        tail = [*prompt[-reach:], *ids[-reach:]][-reach:]
        whole, before = self.text(tail), len(self.text(tail[:-1]).rstrip("\ufffd"))
        return any(whole.find(stop, max(0, before - len(stop) + 1)) >= 0 for stop in stops)
