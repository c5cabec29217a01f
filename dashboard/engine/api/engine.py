"""The Engine protocol: what pages and jobs ask, whoever computes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from dashboard.conversation import ALONE, Conversation
from dashboard.engine.api.generation import OnStep
from dashboard.engine.api.model import CallControl, ModelCard, TokenizedPrompt
from dashboard.engine.api.request import Answer, Cost, Request
from dashboard.tokens import Token

Ids = tuple[int, ...]


class Tokenizer(Protocol):
    """Texts and tokens of one model; each call loads the model if need be."""

    def read(self, prompt: str, *, chat: bool, answer: str = "", conversation: Conversation = ALONE) -> TokenizedPrompt:
        """Tokens of `prompt` as the model reads them, with `answer` behind it (in a chat behind the template).

        In a chat the prompt is the last user message, and `conversation` holds those before it. Raises PromptEmpty,
        PromptTooLarge, PromptTooLong, TokenBeyondModel, TokenizerFailed, ChatTemplateFailed, ChatToolsUnreadable.
        """

    def ids(self, texts: Sequence[str], *, alone: bool = False) -> tuple[Ids, ...]:
        """Ids of many texts, as raw prompts, or (`alone`) without the special tokens that a prompt begins with.

        What the tokenizer appends is left out. Raises TokenizerFailed.
        """

    def tokens(self, ids: Sequence[int]) -> tuple[Token, ...]:
        """Ids of the vocabulary as tokens."""

    def decode(self, sequences: Sequence[Sequence[int]]) -> tuple[str, ...]:
        """What sequences of ids say, special tokens included."""

    def search(self, text: str, limit: int) -> tuple[Token, ...]:
        """Tokens that `text` means or that contain it: exact ones, its pieces, others, at most `limit`."""

    def word_ends(self) -> Ids:
        """Tokens that cannot carry a word on: they begin a new word, punctuation, a new line or the end.

        Empty where the tokenizer marks no words.
        """

    def text_starts(self) -> Ids:
        """Tokens after which a text may be said to begin.

        What the tokenizer itself puts in front, beginning and end of text, then its other special ones, but never the
        one for what is unknown. Empty where the tokenizer has none.
        """


class Engine(Protocol):
    """What pages talk to. Safe from any number of threads; no call changes another's answer."""

    def describe(self, model: str, control: CallControl | None = None) -> ModelCard:
        """Load the model if need be and say what it is. Raises the ``Model…`` errors."""

    def tokenizer(self, model: str) -> Tokenizer:
        """The model's texts and tokens."""

    def cost(self, request: Request[Any]) -> Cost:
        """What `answer` would cost. Raises what its type says before it is computed, e.g. RunTooLarge."""

    def kept(self, request: Request[Answer]) -> Answer | None:
        """The answer, if it was computed and is still there."""

    def answer(
        self, request: Request[Answer], control: CallControl | None = None, on_step: OnStep | None = None
    ) -> Answer:
        """The answer, or the kept one. Raises what the request's type says, and Busy, Cancelled.

        Args:
            request: the question.
            control: how to follow and stop it.
            on_step: told each token of texts as it comes.
        """

    def health(self) -> dict[str, object]:
        """What an operator's probe wants: models loaded, runs and results kept, bytes, forward passes, queue."""
