"""Kinds of tokenizers, built tiny: one entry a kind, each as transformers has it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertTokenizer,
    ByT5Tokenizer,
    OpenAIGPTTokenizer,
    PreTrainedTokenizer,
    PreTrainedTokenizerFast,
    XGLMTokenizer,
)

TEXT = [
    "The nurse said that she was tired. The doctor said that he was busy. The engineer works as a teacher, the teacher"
    " works as an engineer. zebra lamp river café"
] * 2
WORDS = ("The", "the", "nurse", "said", "that", "works", "as", "a", "teacher", "tired")
LETTERS = "abcdefghijklmnopqrstuvwxyz."
NASTY = (
    "The nurse said",
    "  The  nurse ",
    "\tThe\nnurse\r\n",
    "👩‍👩‍👧 nurse👧",
    "cafe\u0301 café đem",
    "عربي said שלום",
    "ﬃ ① ｆｕｌｌ ½ Å nurse",
    "THE NURSE Said İstanbul ẞ",
    "zebra.Ω 漢字 said",
    "a</s>b [SEP] <s> <|end|> nurse",
    "▁The ▁ <0x41> A##s",
    "\u200bnurse\u202e\ufeff",
    "\x00\x01nurse\ufffd",
    "the cat <mask>  the",
    " ",
    "\u0301",
)
"""Texts in which a token and what was typed part."""


@dataclass(frozen=True)
class Kind:
    """A kind of tokenizer, and what is known of it without asking it."""

    build: Callable[[], Any]
    appends: tuple[str, ...] = ()
    """Pieces that it puts behind every text."""
    front: tuple[str, ...] = ()
    """Pieces that it puts in front of every text."""
    starts: tuple[str, ...] | None = None
    """The first of what a text may begin with; ``None``: as `front`."""
    beyond: int = 0
    """So many of its last tokens the model has no embedding for."""

    @property
    def first_start(self) -> tuple[str, ...]:
        """The piece that is offered first as a text's beginning; none where there is none."""
        return self.front[:1] if self.starts is None else self.starts


def _fast(raw: Tokenizer, front: tuple[str, ...] = (), appends: tuple[str, ...] = (), **names: str) -> Any:
    if front or appends:
        special = [(piece, raw.token_to_id(piece)) for piece in dict.fromkeys((*front, *appends))]
        raw.post_processor = processors.TemplateProcessing(
            single=[*front, "$A", *appends], pair="$A $B", special_tokens=special
        )
    return PreTrainedTokenizerFast(tokenizer_object=raw, **names)


def byte_level(*, prefix_space: bool = False, front: tuple[str, ...] = ()) -> Any:
    """GPT-2's kind: every byte has a printable character."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix_space)
    raw.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|end|>", "<|begin|>"]
    raw.train_from_iterator(
        TEXT,
        trainers.BpeTrainer(vocab_size=380, special_tokens=special, initial_alphabet=alphabet, show_progress=False),
    )
    return _fast(raw, front, eos_token="<|end|>", **({"bos_token": front[0]} if front else {}))


def sentencepiece(
    *, prepend: bool = True, metaspace: bool = False, front: tuple[str, ...] = ("<s>",), appends: tuple[str, ...] = ()
) -> Any:
    """Llama 2's kind: spaces as ``▁``, unknown characters as bytes; `metaspace` instead of a normalizer."""
    alphabet = sorted({character for text in TEXT for character in text.replace(" ", "▁")})
    raw = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    raw.normalizer = normalizers.Replace(" ", "▁")
    raw.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")  # words apart while merges are learnt
    special = ["<unk>", "<s>", "</s>"]
    pieces = [*special, *(f"<0x{byte:02X}>" for byte in range(256))]
    raw.train_from_iterator(
        TEXT, trainers.BpeTrainer(vocab_size=400, special_tokens=pieces, initial_alphabet=alphabet, show_progress=False)
    )
    plain = json.loads(raw.to_str())
    plain["added_tokens"] = [token for token in plain["added_tokens"] if token["content"] in special]
    plain["pre_tokenizer"] = plain["normalizer"] = None
    plain["model"]["byte_fallback"] = True
    raw = Tokenizer.from_str(json.dumps(plain))
    if metaspace:
        raw.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        raw.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="first")])
    else:
        steps = [normalizers.Prepend("▁")] if prepend else []
        raw.normalizer = normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")])
        parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
        raw.decoder = decoders.Sequence(parts + ([decoders.Strip(" ", 1, 0)] if prepend else []))
    return _fast(raw, front, appends, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def unigram_t5() -> Any:
    """T5's kind: NFKC first, no byte for what is unknown, ``</s>`` behind every text."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((f"▁{word}", -2.0) for word in WORDS)]
    raw = Tokenizer(models.Unigram([*pieces, *((letter, -8.0) for letter in f"▁{LETTERS}")], unk_id=2))
    raw.normalizer = normalizers.NFKC()
    raw.pre_tokenizer = pre_tokenizers.Metaspace()
    raw.decoder = decoders.Metaspace()
    return _fast(raw, (), ("</s>",), eos_token="</s>", unk_token="<unk>", pad_token="<pad>")


def unigram_xglm() -> Any:
    """XGLM's own class: ``</s>`` in front."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁nurse", -2.0), ("nurse", -3.0)]
    return XGLMTokenizer(vocab=[*pieces, ("▁said", -2.0), *((letter, -8.0) for letter in f"▁{LETTERS}")])


def bert() -> Any:
    """BERT's own class: lowercases, strips accents, drops spaces."""
    words = ["the", "nurse", "said", "doctor", "works", "as", "a", "teacher", "tired", "##s", "##er", "cafe", "zebra"]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    return BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})


def word_level(*, unknown: bool) -> Any:
    """A word a token, with or without one for what is unknown."""
    words = [*(["[UNK]"] if unknown else []), *WORDS]
    vocabulary = {word: number for number, word in enumerate(words)}
    raw = Tokenizer(models.WordLevel(vocabulary, **({"unk_token": "[UNK]"} if unknown else {})))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return _fast(raw)


def characters() -> Any:
    """A character a token."""
    pieces = ["<unk>", *dict.fromkeys("".join(TEXT)), "\n", "A", "N"]
    raw = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token="<unk>"))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    return _fast(raw, unk_token="<unk>")


def openai_gpt() -> Any:
    """The first GPT's own class: ``</w>`` at the end of words, lowercases."""
    pieces = ["<unk>", "th", "the</w>", "nu", "nur", *LETTERS, *(f"{letter}</w>" for letter in LETTERS)]
    merges = [("t", "h"), ("th", "e</w>"), ("n", "u"), ("nu", "r")]
    return OpenAIGPTTokenizer(vocab={piece: number for number, piece in enumerate(pieces)}, merges=merges)


def with_added() -> Any:
    """Byte level with tokens added later: with accents, of two words, and one that takes the spaces around it."""
    tokenizer = byte_level()
    tokenizer.add_tokens(["café", "đem", "İstanbul", "as teacher", AddedToken("<mask>", lstrip=True, rstrip=True)])
    return tokenizer


def toy() -> Any:
    """Eight tokens; the one for what is unknown ends the text as well."""
    words = ["[UNK]", *WORDS[:7]]
    raw = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}))
    raw.model.unk_token = "[UNK]"
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return _fast(raw, unk_token="[UNK]", eos_token="[UNK]")


def grown() -> Any:
    """Two tokens more than the model, which was not resized."""
    tokenizer = byte_level()
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    tokenizer.add_tokens(["zzyzx"])
    return tokenizer


class LowercaseWords(PreTrainedTokenizer):
    """A tokenizer in Python, which does not say where its tokens stand: words, lowercased."""

    def __init__(self, **options: Any) -> None:
        """Know a few words."""
        self._ids = {piece: number for number, piece in enumerate(["<unk>", *dict.fromkeys(map(str.lower, WORDS))])}
        super().__init__(unk_token="<unk>", special_tokens_pattern="none", **options)

    @property
    def vocab_size(self) -> int:
        """Words that it knows."""
        return len(self._ids)

    def get_vocab(self) -> dict[str, int]:
        """Piece -> id."""
        return dict(self._ids)

    def _tokenize(self, text: str, **_options: Any) -> list[str]:
        return text.lower().split()

    def _convert_token_to_id(self, token: str) -> int:
        return self._ids.get(token, 0)

    def _convert_id_to_token(self, index: int) -> str:
        return list(self._ids)[index]


KINDS: dict[str, Kind] = {
    "byte level": Kind(byte_level, starts=("<|end|>",)),
    "byte level, prefix space": Kind(lambda: byte_level(prefix_space=True), starts=("<|end|>",)),
    "begin of text by template": Kind(lambda: byte_level(front=("<|begin|>",)), front=("<|begin|>",)),
    "Llama 2": Kind(sentencepiece, front=("<s>",)),
    "Llama 2 that appends": Kind(lambda: sentencepiece(appends=("</s>",)), appends=("</s>",), front=("<s>",)),
    "Metaspace": Kind(lambda: sentencepiece(metaspace=True), front=("<s>",)),
    "byte fallback": Kind(lambda: sentencepiece(prepend=False), front=("<s>",)),
    "Unigram, T5": Kind(unigram_t5, appends=("</s>",), starts=("</s>",)),
    "Unigram, XGLM": Kind(unigram_xglm, front=("</s>",)),
    "WordPiece, BERT": Kind(bert, appends=("[SEP]",), front=("[CLS]",)),
    "words": Kind(lambda: word_level(unknown=True), starts=()),
    "words without unknown": Kind(lambda: word_level(unknown=False), starts=()),
    "characters": Kind(characters, starts=()),
    "OpenAI-GPT": Kind(openai_gpt, starts=()),
    "added tokens": Kind(with_added, starts=("<|end|>",)),
    "toy": Kind(toy, starts=("[UNK]",)),
    "larger than the model": Kind(grown, starts=("<|end|>",), beyond=2),
    "in Python, words": Kind(LowercaseWords, starts=()),
    "in Python, ByT5": Kind(lambda: ByT5Tokenizer(extra_ids=2), appends=("</s>",), starts=("</s>",)),
}


@cache
def tokenizer_of(name: str) -> Any:
    """The tokenizer of a kind, built once."""
    return KINDS[name].build()


def saved(folder: Path, name: str, chat_template: str | dict[str, str] | None = None) -> Path:
    """A tiny random GPT-2 with the tokenizer of a kind, saved below `folder`."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    tokenizer, path = KINDS[name].build(), folder / name.replace(" ", "-").replace(",", "")
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(path)
    torch.manual_seed(0)
    size = len(tokenizer) - KINDS[name].beyond
    config = GPT2Config(
        vocab_size=size, n_embd=32, n_layer=2, n_head=4, n_positions=128, bos_token_id=None, eos_token_id=None
    )
    model = GPT2LMHeadModel(config)
    for parameter_name, parameter in model.named_parameters():
        if parameter.ndim == 2 and "wte" not in parameter_name and "wpe" not in parameter_name:
            parameter.data.mul_(6)
    model.save_pretrained(path)
    return path
