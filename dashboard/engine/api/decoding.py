"""Decode settings, the model's own rules beside them, and what they leave of a distribution."""

from __future__ import annotations

from dataclasses import dataclass

from dashboard.engine.api.arrays import Floats

PENALTIES = (
    *("sequence_bias", "encoder_repetition_penalty", "repetition_penalty", "no_repeat_ngram_size"),
    *("encoder_no_repeat_ngram_size", "bad_words_ids", "min_length", "min_new_tokens", "forced_bos_token_id"),
    *("forced_eos_token_id", "remove_invalid_values", "exponential_decay_length_penalty", "suppress_tokens"),
    "begin_suppress_tokens",
)
"""What acts whether or not tokens are drawn, in the order in which ``generate`` runs it."""

WARPERS = ("temperature", "top_h", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
"""What acts only when tokens are drawn, behind the penalties; in order."""

OF_BEAMS = ("renormalize_logits", "early_stopping")
"""What changes nothing but a search with beams."""

AT_ENDS = frozenset({"forced_eos_token_id", "stop_strings"})
"""What acts only where a text ends: on no distribution by itself."""

RuleValue = int | float | str | tuple["RuleValue", ...]
"""Plain data of a generation config; its lists are tuples here."""


@dataclass(frozen=True)
class ModelRules:
    """What the model's own generation config does to texts, beside the settings that a column has itself.

    Those (temperature, top_k, num_beams, max_new_tokens …) are always the column's: the model's value for them never
    acts.
    """

    values: tuple[tuple[str, RuleValue], ...] = ()
    """(field, value) of the rules that act unless `DecodeSettings.model_rules` is off, by transformers' names."""
    left_out: tuple[tuple[str, str], ...] = ()
    """(field, why) of what would change the texts of ``generate`` and cannot act here: ids below ``rules.why.``."""
    ending: tuple[int, ...] = ()
    """Tokens that end a text; not a rule, they always do."""

    def acting(self, settings: DecodeSettings, *, beams: bool = False) -> tuple[str, ...]:
        """Fields that act beside `settings`: on texts of a search with `beams`, or token by token."""
        idle = (() if settings.do_sample else WARPERS) + (() if beams else OF_BEAMS)
        return tuple(name for name, _ in self.values if settings.model_rules and name not in idle)

    def in_order(self, settings: DecodeSettings, *, beams: bool = False) -> tuple[str, ...]:
        """Settings and rules that change the distribution, in the order in which ``generate`` runs their processors."""
        acts = {*settings.acting, *self.acting(settings, beams=beams)}
        return tuple(name for name in (*PENALTIES, *WARPERS, OF_BEAMS[0]) if name in acts)

    def stops(self, settings: DecodeSettings) -> tuple[str, ...]:
        """Stop strings of the model that end a text made by `settings`."""
        found = dict(self.values).get("stop_strings", ()) if settings.model_rules else ()
        return tuple(map(str, found)) if isinstance(found, tuple) else ()


@dataclass(frozen=True)
class DecodeSettings:
    """How ``generate`` would draw the next token; all of it explicit, a bare call means other values than one thinks.

    Ranges are those of transformers' processors.
    """

    do_sample: bool = True
    temperature: float = 1.0
    """> 0"""
    top_k: int = 0
    """0 = off; a bare ``do_sample=True`` means 50."""
    top_p: float = 1.0
    """[0, 1]; 1 = off; 0 keeps the likeliest token alone."""
    min_p: float = 0.0
    """[0, 1]; 0 = off."""
    typical_p: float = 1.0
    """(0, 1]; 1 = off."""
    repetition_penalty: float = 1.0
    """> 0; 1 = off."""
    no_repeat_ngram_size: int = 0
    """A token that would complete an n-gram of this length for the second time is cut; 0 = off."""
    model_rules: bool = True
    """Whether the model's own rules (`ModelRules`) act too, as they do in ``generate``."""

    @property
    def acting(self) -> tuple[str, ...]:
        """Settings with an effect, in the order in which ``generate`` runs their processors.

        As `GenerationMixin._get_logits_processor` of transformers does for one beam: penalties always, all others
        only when tokens are drawn.
        """
        penalties = {
            "repetition_penalty": self.repetition_penalty != 1,
            "no_repeat_ngram_size": self.no_repeat_ngram_size > 0,
        }
        warpers = {
            "temperature": self.temperature != 1,
            "top_k": self.top_k > 0,
            "top_p": self.top_p < 1,
            "min_p": self.min_p > 0,
            "typical_p": self.typical_p < 1,
        }
        return tuple(name for name, acts in (penalties | (warpers if self.do_sample else {})).items() if acts)


PURE = DecodeSettings(model_rules=False)
"""Leaves the model's own distribution p as it is."""


@dataclass(frozen=True)
class Processed:
    """What decode settings leave of the distribution after one position."""

    names: tuple[str, ...]
    """Settings that had a processor, in the order in which they ran."""
    probs: Floats
    """(k,) q of the tokens asked for: the distribution really drawn from."""
    cut_by: tuple[str, ...]
    """(k,) the first setting that removed the token; empty where it stays."""
    kept: int
    """Tokens with q > 0."""
    kept_mass: float
    """Σ p over the kept tokens."""
    entropy_before_nats: float
    entropy_after_nats: float
    kl_nats: float
    """KL(q‖p) [nats]."""
