"""The model's own generation config: fields that act on texts, fields that cannot act here, and their processors."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig
from transformers.generation.logits_process import (
    EncoderNoRepeatNGramLogitsProcessor,
    EncoderRepetitionPenaltyLogitsProcessor,
    EpsilonLogitsWarper,
    EtaLogitsWarper,
    ExponentialDecayLengthPenalty,
    ForcedBOSTokenLogitsProcessor,
    ForcedEOSTokenLogitsProcessor,
    InfNanRemoveLogitsProcessor,
    LogitsProcessor,
    MinLengthLogitsProcessor,
    MinNewTokensLengthLogitsProcessor,
    NoBadWordsLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensAtBeginLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TopHLogitsWarper,
)

from dashboard.engine.api.decoding import ModelRules, RuleValue

OF_COLUMNS = frozenset(
    {
        *("do_sample", "num_beams", "num_return_sequences", "max_length", "max_new_tokens", "length_penalty"),
        *("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty", "no_repeat_ngram_size"),
    }
)
"""Fields that are settings of a column: the column's value acts."""
WITHOUT_EFFECT = frozenset(
    {
        *("output_attentions", "output_hidden_states", "output_scores", "output_logits", "return_dict_in_generate"),
        *("use_cache", "cache_config", "max_cache_len", "prefill_chunk_size", "compile_config", "disable_compile"),
        *("bos_token_id", "pad_token_id", "decoder_start_token_id", "low_memory", "continuous_batching_config"),
        # speculative decoding, which leaves the texts as they are or needs a second model
        *("use_mtp", "prompt_lookup_num_tokens", "max_matching_ngram_size", "assistant_early_exit", "speculation_type"),
        *("num_assistant_tokens", "num_assistant_tokens_schedule", "assistant_confidence_threshold"),
        *("assistant_lookbehind", "target_lookbehind", "assistant_ensemble_weight"),
    }
)
"""Fields that change how texts are computed, not which texts."""


def _given(value: Any) -> bool:
    return value is not None and value != []


def _positive(value: Any) -> bool:
    return value is not None and value > 0


def _true(value: Any) -> bool:
    return value is True


def _inside(value: Any) -> bool:
    return value is not None and 0 < value < 1


ACTS: dict[str, Callable[[Any], bool]] = {
    "sequence_bias": _given,
    "encoder_repetition_penalty": lambda value: value is not None and value != 1,
    "encoder_no_repeat_ngram_size": _positive,
    "bad_words_ids": _given,
    "min_length": _positive,
    "min_new_tokens": _positive,
    "forced_bos_token_id": _given,
    "forced_eos_token_id": _given,
    "remove_invalid_values": _true,
    "exponential_decay_length_penalty": _given,
    "suppress_tokens": _given,
    "begin_suppress_tokens": _given,
    "top_h": _given,
    "epsilon_cutoff": _inside,
    "eta_cutoff": _inside,
    "renormalize_logits": _true,
    "early_stopping": lambda value: value in (True, "never"),
    "stop_strings": _given,
}
"""Field that acts -> whether a value of it has an effect, by the test of ``generate``."""
NEEDS_END = frozenset({"min_length", "min_new_tokens"})
"""Fields without effect where no token ends a text."""
LEFT_OUT: dict[str, tuple[Callable[[Any], bool], str]] = {
    "guidance_scale": (lambda value: value is not None and value != 1, "second_pass"),
    "watermarking_config": (_given, "watermark"),
    "penalty_alpha": (_positive, "foreign"),
    "dola_layers": (_given, "foreign"),
    "num_beam_groups": (lambda value: value is not None and value > 1, "foreign"),
    "diversity_penalty": (_positive, "foreign"),
    "constraints": (_given, "foreign"),
    "force_words_ids": (_given, "foreign"),
    "token_healing": (_true, "prompt"),
    "max_time": (_given, "clock"),
    "cache_implementation": (lambda value: value == "quantized", "numbers"),
    "is_assistant": (_true, "assistant"),
}
"""Field that cannot act here -> whether a value of it would have an effect in ``generate``, and why it cannot."""
REFUSED = "refused"
"""Why a rule is left out for which transformers itself raises an error."""
LONGEST_TRIAL = 10_000
"""Most tokens that a rule is tried on."""


def read_rules(config: Any, vocab: int) -> ModelRules:
    """The rules of a model's generation config.

    Args:
        config: the model's ``generation_config``; ``None``: it has none.
        vocab: size of the vocabulary; a rule about tokens beyond it is left out.
    """
    ending = ending_of(config)
    values = {name: getattr(config, name, None) for name in ACTS}
    left_out = [(name, why) for name, (acts, why) in LEFT_OUT.items() if _acts(acts, getattr(config, name, None))]
    rules: list[tuple[str, RuleValue]] = []
    for name, acts in ACTS.items():
        value = values[name]
        if not _acts(acts, value) or (name in NEEDS_END and not ending):
            continue
        if name == "min_length" and values["min_new_tokens"] is not None:
            continue  # generate replaces it by the sum of prompt and min_new_tokens
        plain = _plain(name, value)
        if _works(name, plain, ending, vocab):
            rules.append((name, plain))
        else:
            left_out.append((name, REFUSED))
    return ModelRules(tuple(rules), tuple(left_out), ending)


def ending_of(config: Any) -> tuple[int, ...]:
    """Tokens that end a text: those of the generation config alone, as in ``generate``."""
    ending = getattr(config, "eos_token_id", None)
    if ending is None:
        return ()
    return tuple(int(token) for token in ending) if isinstance(ending, list | tuple) else (int(ending),)


def _acts(acts: Callable[[Any], bool], value: Any) -> bool:
    try:
        return acts(value)
    except TypeError:  # not of the type that transformers expects: it would raise there too
        return True


def _plain(name: str, value: Any) -> RuleValue:
    """A value as immutable data."""
    if name == "stop_strings" and isinstance(value, str):
        return (value,)
    if isinstance(value, dict):  # sequence_bias as a mapping
        return _frozen([[list(ids), bias] for ids, bias in value.items()])
    return _frozen(value)


def _frozen(value: Any) -> RuleValue:
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value if isinstance(value, int | float | str) else str(value)


def as_lists(value: RuleValue) -> Any:
    """A rule's value with lists, as transformers takes it."""
    return [as_lists(item) for item in value] if isinstance(value, tuple) else value


# -- their processors ----------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Origin:
    """Where texts begin: the model's rules count from there."""

    rules: ModelRules
    prompt: Tensor
    """(T,) its tokens."""
    ending: tuple[int, ...] = ()
    """Tokens that end a text."""
    limit: int = 0
    """Most tokens of a text; 0: not given, and nothing is forced at its end."""

    @property
    def device(self) -> Any:
        """The device of the prompt."""
        return self.prompt.device

    @property
    def input_ids(self) -> Any:
        """(1, T) the prompt, as in ``generate``."""
        return self.prompt[None]

    @property
    def length(self) -> int:
        """Tokens of the prompt."""
        return len(self.prompt)


def rule_processors(origin: Origin, names: Sequence[str]) -> dict[str, LogitsProcessor]:
    """Rule -> transformers' own processor, built as in ``generate``; without those that cannot act here."""
    values = dict(origin.rules.values)
    acting = [name for name in names if name in values and (name != "forced_eos_token_id" or origin.limit)]
    return {name: _MAKERS[name](as_lists(values[name]), origin) for name in acting}


def _suppressing_at_begin(value: Any, origin: Origin) -> LogitsProcessor:
    forced = "forced_bos_token_id" in dict(origin.rules.values)
    begin = origin.length + (1 if forced and origin.length == 1 else 0)
    return SuppressTokensAtBeginLogitsProcessor(value, begin, device=origin.device)


_MAKERS: dict[str, Callable[[Any, Origin], LogitsProcessor]] = {
    "sequence_bias": lambda value, _: SequenceBiasLogitsProcessor(value),
    "encoder_repetition_penalty": lambda value, o: EncoderRepetitionPenaltyLogitsProcessor(value, o.input_ids),
    "encoder_no_repeat_ngram_size": lambda value, o: EncoderNoRepeatNGramLogitsProcessor(value, o.input_ids),
    "bad_words_ids": lambda value, o: NoBadWordsLogitsProcessor(value, list(o.ending) or None),
    "min_length": lambda value, o: MinLengthLogitsProcessor(value, list(o.ending), device=o.device),
    "min_new_tokens": lambda value, o: MinNewTokensLengthLogitsProcessor(
        o.length, value, list(o.ending), device=o.device
    ),
    "forced_bos_token_id": lambda value, _: ForcedBOSTokenLogitsProcessor(value),
    "forced_eos_token_id": lambda value, o: ForcedEOSTokenLogitsProcessor(o.length + o.limit, value, device=o.device),
    "remove_invalid_values": lambda _, __: InfNanRemoveLogitsProcessor(),
    "exponential_decay_length_penalty": lambda value, o: ExponentialDecayLengthPenalty(value, list(o.ending), o.length),
    "suppress_tokens": lambda value, o: SuppressTokensLogitsProcessor(value, device=o.device),
    "begin_suppress_tokens": _suppressing_at_begin,
    "top_h": lambda value, _: TopHLogitsWarper(value),
    "epsilon_cutoff": lambda value, _: EpsilonLogitsWarper(value),
    "eta_cutoff": lambda value, o: EtaLogitsWarper(value, device=o.device),
}


def _works(name: str, value: RuleValue, ending: tuple[int, ...], vocab: int) -> bool:
    """Whether transformers accepts a rule: its processor is tried on uniform logits at lengths where it acts."""
    if name == "stop_strings":
        return isinstance(value, tuple) and all(isinstance(stop, str) and stop for stop in value)
    if name not in _MAKERS:
        return True
    origin = Origin(ModelRules(((name, value),)), torch.zeros(1, dtype=torch.long), ending, limit=1)
    try:
        start = as_lists(value)[0] if name == "exponential_decay_length_penalty" else 0
        processor = rule_processors(origin, (name,))[name]
        for length in {1, min(max(start, 0) + 2, LONGEST_TRIAL)}:
            processor(torch.zeros(1, length, dtype=torch.long), torch.zeros(1, vocab))
    # a value of the wrong type or a token beyond the vocabulary may raise any of these
    except (ValueError, TypeError, IndexError, KeyError, RuntimeError, AttributeError, OverflowError):
        return False
    return True


def without_rules(model: Any) -> Any:
    """The same model with an empty generation config, so that ``generate`` has no hidden defaults.

    All else is shared with `model`, which stays unchanged.
    """
    bare = copy.copy(model)
    bare.generation_config = GenerationConfig()
    return bare
