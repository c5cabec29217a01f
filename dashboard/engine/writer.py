"""What making texts works with: a model that goes on from prompts, and its turn on the device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dashboard.engine.base import Job
from dashboard.engine.capture import following
from dashboard.engine.device_lock import DeviceLock
from dashboard.engine.generated import Column
from dashboard.engine.limits import last_logits
from dashboard.engine.prefix import Prompt
from dashboard.engine.tokenizing import in_words
from dashboard.engine.ways import Way


@dataclass(frozen=True)
class Turn:
    """The device, which is held, and whose job holds it."""

    device: DeviceLock
    job: Job

    def give_way(self) -> None:
        """Between two steps: let others in. Raises Cancelled, Busy."""
        self.device.give_way(self.job)


@dataclass(frozen=True)
class Writer:
    """A model, and what making texts needs of it."""

    model: Any
    tokenizer: Any
    way: Way
    """How rows go on from a prompt."""
    ending: tuple[int, ...]
    """Tokens that end a text."""

    def ids(self, tokens: Sequence[int]) -> Tensor:
        """(T,) on the model's device."""
        return torch.tensor(list(tokens), device=self.model.device)

    def prompt(self, ids: Tensor, job: Job) -> Prompt:
        """The computed prompt, (T,). Raises Cancelled."""
        with torch.inference_mode(), following(Job(cancel=job.cancel)):
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

    def why_stopped(self, ids: Sequence[int], column: Column) -> str:
        """Why a text, the tokens behind the prompt, ends here; empty where it goes on."""
        if ids[-1] in self.ending:
            return "end"
        if column.stop:
            # no token is shorter than a byte
            tail = self.text(ids[-(max(len(stop.encode()) for stop in column.stop) + 4) :])
            if any(stop in tail for stop in column.stop):
                return "stop"
        return "limit" if len(ids) >= column.max_new_tokens else ""


def ending_of(model: Any, tokenizer: Any) -> tuple[int, ...]:
    """Tokens that end a text, as ``generate`` would see it: of the generation config, the config or the tokenizer."""
    for owner in (getattr(model, "generation_config", None), model.config, tokenizer):
        found = getattr(owner, "eos_token_id", None)
        if found is not None:
            return tuple(found) if isinstance(found, list | tuple) else (int(found),)
    return ()
