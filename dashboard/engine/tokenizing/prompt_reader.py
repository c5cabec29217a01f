"""Texts to tokens as data, for any tokenizer: what it appends is left out, and what it raises becomes words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dashboard.engine.api.model import TokenizedPrompt
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
from dashboard.tokens import Token

CHARACTERS_A_TOKEN = 40
"""A prompt with more characters for each token that the model reads is refused before it is tokenised."""

SEARCHED = 200
"""So many characters of what is searched for are looked at as a whole."""

REASON = 200
"""So many characters of what a library says are shown."""


@contextmanager
def explain_tokenizer_errors(error: type[DashboardError] = TokenizerFailed) -> Iterator[None]:
    """Whatever a tokenizer raises, as advice with its own reason."""
    try:
        yield
    except BaseException as problem:
        # a panic of the compiled tokenizers is no Exception
        if not isinstance(problem, Exception) and type(problem).__name__ != "PanicException":
            raise
        said = " ".join(str(problem).split())[:REASON]
        raise error(reason=said or type(problem).__name__) from problem


@dataclass(frozen=True)
class Encoded:
    """A text as its tokenizer gives it."""

    ids: tuple[int, ...]
    own: tuple[bool, ...]
    """(token,) of the text itself; the others the tokenizer puts in front of it or appends."""
    spans: tuple[Span, ...] | None
    """(token,) characters; ``None``: not asked for, or the tokenizer does not say."""

    @property
    def stop(self) -> int:
        """So many tokens are the prompt's: up to the last of its text; 0 where the text gives none."""
        return max((place + 1 for place, own in enumerate(self.own) if own), default=0)


class PromptReader:
    """Reads prompts with one tokenizer of transformers; what is asked again and again is looked up once."""

    def __init__(self, tokenizer: Any, size: int | None = None) -> None:
        """Look the vocabulary up; `size` as of `Vocabulary`."""
        self._tokenizer = tokenizer
        self.vocabulary = Vocabulary(tokenizer, size)
        template = getattr(tokenizer, "chat_template", None)
        self.chat = bool(template)
        named = template if isinstance(template, dict) else {}
        self._template = "" if "default" in named else next(iter(named), "")

    def read(self, prompt: str, *, chat: bool, limit: int, model: str, answer: str = "") -> TokenizedPrompt:
        """`prompt` as the model reads it, each token with the bytes of the text that it stands for.

        What the tokenizer appends (``</s>``, ``[SEP]``) is not part of it: the model would go on behind the end.

        Args:
            prompt: any text; lone surrogates become the replacement character, as no tokenizer can encode them.
            chat: inside the tokenizer's chat template, as one user message that is about to be answered.
            limit: most tokens.
            model: name for the error.
            answer: what follows the prompt, or in a chat the beginning of the answer; read with it as one text.

        Raises:
            PromptEmpty: no text, or text that gives no token.
            PromptTooLarge: too many characters to be worth tokenising.
            PromptTooLong: more tokens than `limit`.
            TokenBeyondModel: the model has no embedding for a token.
            TokenizerFailed, ChatTemplateFailed: what the tokenizer says.
        """
        if not prompt:
            raise PromptEmpty
        characters = len(prompt) + len(answer)
        if characters > CHARACTERS_A_TOKEN * limit:
            raise PromptTooLarge(characters=characters, limit=CHARACTERS_A_TOKEN * limit)
        text = (self._in_template(_clean(prompt)) if chat else _clean(prompt)) + _clean(answer)
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
            chat_template=self._template if chat else "",
        )

    def ids(self, texts: Sequence[str], *, alone: bool) -> list[tuple[int, ...]]:
        """Token ids of many texts at once, without what the tokenizer appends; none for a text that gives no token.

        Args:
            texts: none of them inside a chat template.
            alone: without the special tokens that a prompt begins with.

        Raises:
            TokenizerFailed: what the tokenizer says.
        """
        if not texts:
            return []
        return [one.ids[: one.stop] for one in self._encoded([_clean(text) for text in texts], special=not alone)]

    @cached_property
    def text_starts(self) -> tuple[int, ...]:
        """What the tokenizer puts in front of a text, its named beginnings, its end of text, then other special ones.

        Each once; never the token for what is unknown, unless it bears another name too.
        """
        tokenizer = self._tokenizer
        named = [*self._front(), tokenizer.bos_token_id, tokenizer.cls_token_id, tokenizer.eos_token_id]
        others = [i for i in tokenizer.all_special_ids if i not in self.vocabulary.unknown]
        known = (i for i in (*named, *others) if i is not None and i < self.vocabulary.size)
        return tuple(dict.fromkeys(known))

    def _front(self) -> tuple[int, ...]:
        """What the tokenizer puts in front of a text."""
        for text in ("a", "1", self.vocabulary.token(self.vocabulary.size - 1).piece):
            try:
                encoded = self._encoded([text], special=True)[0]
            except TokenizerFailed:  # it cannot read this one
                continue
            if encoded.stop:
                return encoded.ids[: encoded.own.index(True)]
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
        except TokenizerFailed:  # no pieces then; it may still stand inside a token
            pieces = ()
        return self.vocabulary.find(text, pieces, limit)

    def _encoded(self, texts: Sequence[str], *, special: bool, spans: bool = False) -> list[Encoded]:
        asked = {"return_offsets_mapping": True} if spans and getattr(self._tokenizer, "is_fast", False) else {}
        with explain_tokenizer_errors():
            batch = self._tokenizer(
                list(texts), add_special_tokens=special, return_special_tokens_mask=True, verbose=False, **asked
            )
        offsets = batch["offset_mapping"] if asked else [None] * len(texts)
        rows = zip(batch["input_ids"], batch["special_tokens_mask"], offsets, strict=True)
        return [
            Encoded(tuple(map(int, ids)), tuple(not by_tokenizer for by_tokenizer in mask), tuple(at) if at else None)
            for ids, mask, at in rows
        ]

    def _in_text(self, text: str, encoded: Encoded) -> tuple[Token, ...]:
        """The prompt's tokens; those of its text with the bytes that they stand for, the tokenizer's own with none."""
        tokens = [self.token(i) for i in encoded.ids[: encoded.stop]]
        places = [place for place in range(encoded.stop) if encoded.own[place]]
        pieces = [tokens[place].raw for place in places]
        if encoded.spans is None:
            spans = align_tokens(text, [piece.decode("utf-8", "replace") for piece in pieces])
        else:
            spans = [encoded.spans[place] for place in places]
        parts = dict(zip(places, token_bytes(text, spans, pieces), strict=True))
        return tuple(_standing(token, parts.get(place, b"")) for place, token in enumerate(tokens))

    def _in_template(self, text: str) -> str:
        chosen = {"chat_template": self._template} if self._template else {}
        messages = [{"role": "user", "content": text}]
        with explain_tokenizer_errors(ChatTemplateFailed):
            return str(
                self._tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False, **chosen)
            )


def _clean(text: str) -> str:
    """`text` with the replacement character for lone surrogates."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _standing(token: Token, raw: bytes) -> Token:
    """The token as it stands in a text: special ones keep their name, and those without bytes there their own text."""
    if token.special or not raw:
        return replace(token, raw=raw)
    try:
        return replace(token, text=raw.decode("utf-8"), raw=raw)
    except UnicodeDecodeError:
        return replace(token, text=None, raw=raw)
