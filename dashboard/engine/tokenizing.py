"""Prompts to tokens as data, for any tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, cached_property
from typing import Any

from dashboard.engine.base import Token, TokenizedPrompt
from dashboard.errors import PromptEmpty, PromptTooLarge, PromptTooLong
from dashboard.tokens import visible

CHARACTERS_A_TOKEN = 40
"""A prompt with more characters for each token that the model reads is refused before it is tokenised."""

SEARCHED = 200
"""So many characters of what is searched for are looked at as a whole."""


class PromptReader:
    """Reads prompts with one tokenizer of transformers; what is asked again and again is looked up once."""

    def __init__(self, tokenizer: Any) -> None:
        """Look up the special tokens and the alphabet of `tokenizer`."""
        self._tokenizer = tokenizer
        added = getattr(tokenizer, "added_tokens_decoder", {})
        self._special = set(tokenizer.all_special_ids) | {i for i, entry in added.items() if entry.special}
        vocabulary = tokenizer.get_vocab()
        self._fallback = "<0x0A>" in vocabulary
        self._byte_level = not self._fallback and ("Ċ" in vocabulary or "Ġ" in vocabulary)
        self.chat = bool(getattr(tokenizer, "chat_template", None))

    def read(self, prompt: str, *, chat: bool, limit: int, model: str) -> TokenizedPrompt:
        """`prompt` as the model reads it.

        Args:
            prompt: any text; lone surrogates become the replacement character, as no tokenizer can encode them.
            chat: inside the tokenizer's chat template, as one user message that is about to be answered.
            limit: most tokens.
            model: name for the error.

        Raises:
            PromptEmpty: no text, or text that gives no token.
            PromptTooLarge: too many characters to be worth tokenising.
            PromptTooLong: more tokens than `limit`.
        """
        if not prompt:
            raise PromptEmpty
        if len(prompt) > CHARACTERS_A_TOKEN * limit:
            raise PromptTooLarge(characters=len(prompt), limit=CHARACTERS_A_TOKEN * limit)
        text = prompt.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if chat:
            text = self._tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], add_generation_prompt=True, tokenize=False
            )
        ids = self._tokenizer(text, add_special_tokens=not chat, verbose=False)["input_ids"]
        if not ids:
            raise PromptEmpty
        if len(ids) > limit:
            raise PromptTooLong(tokens=len(ids), limit=limit, model=model)
        return TokenizedPrompt(tuple(self.token(int(i)) for i in ids), "chat" if chat else "raw")

    def ids(self, texts: Sequence[str], *, alone: bool) -> list[tuple[int, ...]]:
        """Token ids of many texts at once.

        Args:
            texts: none of them inside a chat template.
            alone: without the special tokens that a prompt begins with.
        """
        if not texts:
            return []
        clean = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
        found = self._tokenizer(clean, add_special_tokens=not alone, verbose=False)["input_ids"]
        return [tuple(int(i) for i in ids) for ids in found]

    @cached_property
    def text_starts(self) -> tuple[int, ...]:
        """The tokenizer's beginning-of-text token, its end-of-text token, then its other special ones, each once."""
        named = (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id)
        return tuple(dict.fromkeys(i for i in (*named, *self._tokenizer.all_special_ids) if i is not None))

    def token(self, token_id: int) -> Token:
        """One id as a token: its piece, its text where its bytes alone are valid, its bytes."""
        piece = self._tokenizer.convert_ids_to_tokens(token_id)
        if piece is None:  # a model's vocabulary may be padded beyond its tokenizer's
            piece = f"<{token_id}>"
            return Token(token_id, piece, piece, piece.encode(), special=True)
        if token_id in self._special:
            return Token(token_id, piece, piece, piece.encode(), special=True)
        raw = self._bytes(piece)
        if raw is None:
            text = self._tokenizer.decode([token_id], clean_up_tokenization_spaces=False)
            return Token(token_id, piece, text, text.encode("utf-8", "replace"), special=False)
        try:
            return Token(token_id, piece, raw.decode("utf-8"), raw, special=False)
        except UnicodeDecodeError:
            return Token(token_id, piece, None, raw, special=False)

    def search(self, text: str, limit: int) -> tuple[Token, ...]:
        """Tokens that `text` may mean, at most `limit`: those that are it, its own pieces, then those that contain it.

        Args:
            text: as typed, with and without a space before it; or as a page shows it (``·`` for a space, ``⏎``).
            limit: most tokens.
        """
        if not text:
            return ()
        pieces = self._tokenizer(text[:SEARCHED], add_special_tokens=False, verbose=False)["input_ids"]
        wanted = {text, " " + text}
        found = [i for i, (whole, shown) in enumerate(self._texts) if whole in wanted or shown == text]
        inside = [i for i, (whole, shown) in enumerate(self._texts) if text in whole or text in shown]
        inside.sort(key=lambda i: len(self._texts[i][0]))
        ids = list(dict.fromkeys([*found, *(int(i) for i in pieces), *inside]))
        return tuple(self.token(i) for i in ids[:limit])

    @cached_property
    def _texts(self) -> list[tuple[str, str]]:
        """What every id stands for (its piece where its bytes alone are no text), and how it is shown."""
        tokens = (self.token(i) for i in range(len(self._tokenizer)))
        return [(token.text if token.text is not None else token.piece, visible(token)) for token in tokens]

    def _bytes(self, piece: str) -> bytes | None:
        """The bytes of a piece of a byte-level or byte-fallback vocabulary; ``None`` when the piece does not tell."""
        table = byte_alphabet()
        if self._byte_level:
            return bytes(table[character] for character in piece) if all(c in table for c in piece) else None
        if self._fallback and len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"):
            return bytes([int(piece[3:5], 16)])
        return piece.replace("▁", " ").encode() if self._fallback else None


@cache
def byte_alphabet() -> dict[str, int]:
    """GPT-2's printable character -> byte: printable bytes stand for themselves, the others from U+0100 on."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return {chr(byte): byte for byte in own} | {chr(256 + i): byte for i, byte in enumerate(others)}
