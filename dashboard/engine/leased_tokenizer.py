"""Texts and tokens of a model of the pool, leased for each call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from dashboard.conversation import ALONE, Conversation
from dashboard.engine.api.engine import Ids
from dashboard.engine.api.model import TokenizedPrompt
from dashboard.engine.ready import ReadyModel
from dashboard.tokens import Token


class LeasedTokenizer:
    """See `dashboard.engine.api.engine.Tokenizer`."""

    def __init__(self, leased: Callable[[], AbstractContextManager[ReadyModel]]) -> None:
        """Loads nothing yet.

        Args:
            leased: leases the model, loaded if need be.
        """
        self._leased = leased

    def read(self, prompt: str, *, chat: bool, answer: str = "", conversation: Conversation = ALONE) -> TokenizedPrompt:
        """See `Tokenizer.read`."""
        with self._leased() as ready:
            card = ready.card
            return ready.reader.read(
                prompt,
                chat=chat and card.chat,
                limit=card.context,
                model=card.label,
                answer=answer,
                conversation=conversation,
            )

    def ids(self, texts: Sequence[str], *, alone: bool = False) -> tuple[Ids, ...]:
        """See `Tokenizer.ids`."""
        with self._leased() as ready:
            return tuple(ready.reader.ids(texts, alone=alone))

    def tokens(self, ids: Sequence[int]) -> tuple[Token, ...]:
        """See `Tokenizer.tokens`."""
        with self._leased() as ready:
            return tuple(ready.reader.token(i) for i in ids)

    def decode(self, sequences: Sequence[Sequence[int]]) -> tuple[str, ...]:
        """See `Tokenizer.decode`."""
        with self._leased() as ready:
            return tuple(ready.generator.text(ids) for ids in sequences)

    def search(self, text: str, limit: int) -> tuple[Token, ...]:
        """See `Tokenizer.search`."""
        with self._leased() as ready:
            return ready.reader.search(text, limit)

    def word_ends(self) -> Ids:
        """See `Tokenizer.word_ends`."""
        with self._leased() as ready:
            return ready.scorer.word_ends

    def text_starts(self) -> Ids:
        """See `Tokenizer.text_starts`."""
        with self._leased() as ready:
            return ready.reader.text_starts
