"""Continuations: prompt and completion tokenized as one text, split where it leaves the prompt's own tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

Ids = tuple[int, ...]
Tokenise = Callable[[Sequence[str], bool], Sequence[Ids]]
"""(texts, alone) -> ids of each, without what the tokenizer appends; alone: without what it puts in front, too."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """A prompt and its completion as one text."""

    ids: Ids
    """Of the whole text."""
    given: int
    """So many tokens it shares with the prompt by itself, from the first on; those after them are scored."""

    @classmethod
    def of(cls, prompt: Ids, whole: Ids) -> Continuation:
        """Split `whole` where it first differs from the prompt's own ids."""
        same = min(len(prompt), len(whole))
        if prompt[:same] != whole[:same]:
            same = next(at for at in range(same) if prompt[at] != whole[at])
        return cls(whole, same)

    @property
    def scored(self) -> Ids:
        """The completion's tokens; where the prompt's last token changes, that one too."""
        return self.ids[self.given :]

    @property
    def scorable(self) -> bool:
        """Whether it has a probability: something is given, and something comes after it."""
        return 0 < self.given < len(self.ids)


Rows = tuple[tuple[Continuation, ...], ...]
"""(prompt, completion)"""


def continuations(prompt_ids: Sequence[Ids], prompts: Sequence[str], texts: Sequence[str], tokenise: Tokenise) -> Rows:
    """Every completion behind every prompt.

    Args:
        prompt_ids: of each prompt by itself.
        prompts: their texts.
        texts: the completions, as they stand behind a prompt.
        tokenise: asked for all pairs at once.
    """
    whole = iter(tokenise([prompt + text for prompt in prompts for text in texts], False))
    return tuple(tuple(Continuation.of(tuple(prompt), tuple(next(whole))) for _ in texts) for prompt in prompt_ids)


def shared(rows: Rows, prompt_ids: Sequence[Ids]) -> bool:
    """Whether every completion has the same tokens behind every prompt, and every prompt keeps its own."""
    tails = [continuation.scored for continuation in rows[0]]
    return all(
        continuation.given == len(prompt) and continuation.scored == tail
        for row, prompt in zip(rows, prompt_ids, strict=True)
        for continuation, tail in zip(row, tails, strict=True)
    )
