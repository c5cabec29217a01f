"""PromptReader: texts to tokens with any tokenizer; appended special tokens are left out, errors are explained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dashboard.conversation import ALONE, Conversation
from dashboard.engine.api.model import TokenizedPrompt
from dashboard.engine.tokenizing.chat_template import ChatTemplate
from dashboard.engine.tokenizing.spans import Span, align_tokens, token_bytes
from dashboard.engine.tokenizing.vocabulary import Vocabulary
from dashboard.errors import (
    ChatTemplateFailed,
    DashboardError,
    PromptEmpty,
    PromptTooLarge,
    PromptTooLong,
    TokenizerFailed,
)
from dashboard.tokens import Token, without_surrogates

CHARACTERS_A_TOKEN = 40
"""A prompt with more characters for each token that the model can read is refused before it is tokenised."""

SEARCHED = 200
"""Characters of a search text that are tokenised."""

REASON = 200
"""Characters of a library's message that are shown."""


@contextmanager
def explain_tokenizer_errors(error: type[DashboardError] = TokenizerFailed) -> Iterator[None]:
    """Turn any error of a tokenizer into `error`, with the tokenizer's message as reason."""
    try:
        yield
    except BaseException as problem:
        # a panic of the compiled tokenizers is no Exception
        if not isinstance(problem, Exception) and type(problem).__name__ != "PanicException":
            raise
        if isinstance(problem, DashboardError):  # has its words already
            raise
        message = " ".join(str(problem).split())[:REASON]
        raise error(reason=message or type(problem).__name__) from problem


@dataclass(frozen=True)
class Encoded:
    """A tokenised text."""

    ids: tuple[int, ...]
    from_text: tuple[bool, ...]
    """(token,) whether it is of the text; the tokenizer adds the others before or after it."""
    spans: tuple[Span, ...] | None
    """(token,) characters; ``None``: not requested, or the tokenizer does not give them."""

    @property
    def stop(self) -> int:
        """The number of the prompt's tokens: up to the last of its text; 0 where the text gives none."""
        return max((index + 1 for index, from_text in enumerate(self.from_text) if from_text), default=0)


class PromptReader:
    """Reads prompts with one tokenizer of transformers; its vocabulary is looked up once."""

    def __init__(self, tokenizer: Any, size: int | None = None) -> None:
        """Look the vocabulary up; `size` as of `Vocabulary`."""
        self._tokenizer = tokenizer
        self.vocabulary = Vocabulary(tokenizer, size)
        self.chat_template = ChatTemplate(tokenizer)

    def read(
        self,
        prompt: str,
        *,
        chat: bool,
        limit: int,
        model: str,
        answer: str = "",
        conversation: Conversation = ALONE,
    ) -> TokenizedPrompt:
        """`prompt` as the model reads it, each token with the bytes of the text that it stands for.

        Tokens that the tokenizer appends (``</s>``, ``[SEP]``) are left out: the model would continue after the end.

        Args:
            prompt: any text; lone surrogates become the replacement character, as no tokenizer can encode them.
            chat: inside the tokenizer's chat template, as the last user message, which is about to be answered.
            limit: most tokens.
            model: name for the error.
            answer: what follows the prompt, or in a chat the beginning of the answer; read with it as one text.
            conversation: what stands before the prompt in a chat, and the template's switches.

        Raises:
            PromptEmpty: no text, or text that gives no token.
            PromptTooLarge: so many characters that they cannot fit.
            PromptTooLong: more tokens than `limit`.
            TokenBeyondModel: the model has no embedding for a token.
            TokenizerFailed, ChatTemplateFailed: with the tokenizer's message.
            ChatToolsUnreadable: tools that the template would read are no list of objects in JSON.
        """
        if not prompt:
            raise PromptEmpty
        characters = len(prompt) + len(answer) + (conversation.characters if chat else 0)
        if characters > CHARACTERS_A_TOKEN * limit:
            raise PromptTooLarge(characters=characters, limit=CHARACTERS_A_TOKEN * limit)
        prompt, answer = without_surrogates(prompt), without_surrogates(answer)
        text = (self._in_template(prompt, conversation) if chat else prompt) + answer
        encoded = self._encoded([text], special=not chat, spans=True)[0]
        if not encoded.stop:
            raise PromptEmpty
        if encoded.stop > limit:
            raise PromptTooLong(tokens=encoded.stop, limit=limit, model=model)
        self.vocabulary.check(encoded.ids[: encoded.stop])
        return TokenizedPrompt(
            self._in_text(text, encoded),
            "chat" if chat else "raw",
            left_out=tuple(self.token(i) for i in encoded.ids[encoded.stop :]),
            chat_template=self.chat_template.name if chat else "",
        )

    def ids(self, texts: Sequence[str], *, alone: bool) -> list[tuple[int, ...]]:
        """Token ids of many texts at once, without tokens that the tokenizer appends; empty where a text gives none.

        Args:
            texts: none of them inside a chat template.
            alone: without the special tokens that a prompt begins with.

        Raises:
            TokenizerFailed: with the tokenizer's message.
        """
        if not texts:
            return []
        encoded = self._encoded([without_surrogates(text) for text in texts], special=not alone)
        return [each.ids[: each.stop] for each in encoded]

    @cached_property
    def text_starts(self) -> tuple[int, ...]:
        """Tokens that may begin a text: those the tokenizer prepends, BOS, CLS, EOS, then its other special tokens.

        Each once; without the unknown token, unless that is one of the named ones too.
        """
        tokenizer = self._tokenizer
        named = [*self._prepended(), tokenizer.bos_token_id, tokenizer.cls_token_id, tokenizer.eos_token_id]
        others = [i for i in tokenizer.all_special_ids if i not in self.vocabulary.unknown]
        known = (i for i in (*named, *others) if i is not None and i < self.vocabulary.size)
        return tuple(dict.fromkeys(known))

    def _prepended(self) -> tuple[int, ...]:
        """Tokens that the tokenizer prepends to a text."""
        for text in ("a", "1", self.vocabulary.token(self.vocabulary.size - 1).piece):
            try:
                encoded = self._encoded([text], special=True)[0]
            except TokenizerFailed:  # it cannot read this text
                continue
            if encoded.stop:
                return encoded.ids[: encoded.from_text.index(True)]
        return ()

    def token(self, token_id: int) -> Token:
        """One id as a token out of any text; see `Vocabulary.token`."""
        return self.vocabulary.token(token_id)

    def search(self, text: str, limit: int) -> tuple[Token, ...]:
        """Tokens of the model that `text` may mean, at most `limit`; see `Vocabulary.find`."""
        if not text:
            return ()
        try:
            pieces = self.ids([text[:SEARCHED]], alone=True)[0]
        except TokenizerFailed:  # no pieces then; the text may still be part of a token
            pieces = ()
        return self.vocabulary.find(text, pieces, limit)

    def _encoded(self, texts: Sequence[str], *, special: bool, spans: bool = False) -> list[Encoded]:
        options = {"return_offsets_mapping": True} if spans and getattr(self._tokenizer, "is_fast", False) else {}
        with explain_tokenizer_errors():
            batch = self._tokenizer(
                list(texts), add_special_tokens=special, return_special_tokens_mask=True, verbose=False, **options
            )
        offsets = batch["offset_mapping"] if options else [None] * len(texts)
        rows = zip(batch["input_ids"], batch["special_tokens_mask"], offsets, strict=True)
        return [
            Encoded(tuple(map(int, ids)), tuple(not special for special in mask), tuple(at) if at else None)
            for ids, mask, at in rows
        ]

    def _in_text(self, text: str, encoded: Encoded) -> tuple[Token, ...]:
        """The prompt's tokens, with the bytes of the text that they stand for; added tokens have none."""
        tokens = [self.token(i) for i in encoded.ids[: encoded.stop]]
        indices = [index for index in range(encoded.stop) if encoded.from_text[index]]
        pieces = [tokens[index].raw for index in indices]
        if encoded.spans is None:
            spans = align_tokens(text, [piece.decode("utf-8", "replace") for piece in pieces])
        else:
            spans = [encoded.spans[index] for index in indices]
        parts = dict(zip(indices, token_bytes(text, spans, pieces), strict=True))
        return tuple(_with_bytes(token, parts.get(index, b"")) for index, token in enumerate(tokens))

    def _in_template(self, prompt: str, conversation: Conversation) -> str:
        with explain_tokenizer_errors(ChatTemplateFailed):
            return self.chat_template.written(prompt, conversation)


def _with_bytes(token: Token, raw: bytes) -> Token:
    """The token with its bytes in a text, and their text; special tokens and tokens without bytes keep their own."""
    if token.special or not raw:
        return replace(token, raw=raw)
    try:
        return replace(token, text=raw.decode("utf-8"), raw=raw)
    except UnicodeDecodeError:
        return replace(token, text=None, raw=raw)
