"""What an engine takes and gives: the vocabulary of shapes, result types, requests and the protocol.

Axes, always in this order: ``layer, head, query, key, pos, k, vocab``. All 0-based. Arrays are NumPy and read-only.
Every call carries its full specification, so any engine (in this process or elsewhere) can answer any call, and what
it keeps only makes it faster.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from dashboard.run_key import RunKey

if TYPE_CHECKING:
    from dashboard.engine.api.generation import (
        CompareRequest,
        Generated,
        GenerateRequest,
        GenerationCost,
        OnStep,
        ProbabilityTree,
        SettingsComparison,
        TreeRequest,
    )
    from dashboard.engine.api.scoring import ScoreCost, ScoreRequest, Scores, SentenceRequest, SentenceScores

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Ints = NDArray[np.int64]

METRICS = ("entropy_nats", "first_token", "previous_token", "self", "duplicate_token", "induction", "distance_tokens")
"""Head metrics, in the order of NUMBERS; the unit is in the name, a bare name is a weight in [0, 1]."""

TILE_SIDE = 64
"""A tile has at most this many rows and columns."""


@dataclass(frozen=True)
class Job:
    """How a caller follows and stops a long call."""

    cancel: Event = field(default_factory=Event)
    """Set it and the call raises ``Cancelled`` at the next layer or block."""
    progress: Callable[[float], None] = lambda _share: None
    """Called with the share done in [0, 1]; from the thread that computes."""
    waits: Callable[[int], None] = lambda _before: None
    """Called with how many others are before it while it waits for the device, and with 0 when it has it."""


@dataclass(frozen=True)
class StreamMap:
    """Where the residual stream is read in this model, as names of modules for ``get_submodule``."""

    blocks: str
    """The list of decoder layers."""
    tail: tuple[str, ...]
    """What runs between the last of them and the head."""
    project: tuple[str, ...]
    """(layer,) below its block: the projection of the heads' values to the residual's width."""
    then: tuple[tuple[str, ...], ...]
    """(layer,) below its block: what runs on that before it is added."""
    scale: tuple[float, ...]
    """(layer,) what it is multiplied by."""
    softcap: float | None
    """Of the final logits."""
    lens_refused: str
    """Why there is no lens; empty when there is. These three are ids below ``lens.refused.``."""
    half_steps_refused: str
    attribution_refused: str


PENALTIES = (
    *("sequence_bias", "encoder_repetition_penalty", "repetition_penalty", "no_repeat_ngram"),
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
class ModelCard:
    """What is loaded, as far as a person wants to know."""

    model: str
    """Registry id."""
    label: str
    revision: str
    source: str
    """``bundled``, ``hub`` or ``local``."""
    licence: str
    """As the model's own card says; empty when unknown."""
    architecture: str
    """Class in transformers, e.g. ``LlamaForCausalLM``."""
    layers: int
    heads: int
    """Query heads of a layer; where layers differ, here and in the next two, the most."""
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    """Most tokens that one prompt may have here: what the model reads, or the operator's limit."""
    parameters: int
    dtype: str
    device: str
    device_name: str
    kernel: str
    """``sdpa``, ``eager`` (the family's own, in blocks) or ``replay`` (old style: one layer run again on demand)."""
    weight_formula: str
    """How this family makes a weight, e.g. ``softmax(q·k/√64)``; plain text."""
    chat: bool
    """Whether the tokenizer has a chat template."""
    without_attention: tuple[tuple[int, str], ...]
    """Layers that have no map to show, with the reason (``linear_attention`` …)."""
    stream: StreamMap
    transformers: str
    torch: str
    heads_by_layer: tuple[int, ...] = ()
    """(layer,) query heads of each layer, 0 where it has none; empty where all have `heads`."""
    uneven: bool = False
    """Layers differ in their heads, or in the width of these."""
    rules: ModelRules = field(default_factory=ModelRules)
    """What the model's own generation config does to texts."""

    def heads_of(self, layer: int) -> int:
        """Query heads of one layer."""
        return self.heads_by_layer[layer] if self.heads_by_layer else self.heads

    @property
    def all_heads(self) -> int:
        """Query heads of all layers."""
        return sum(map(self.heads_of, range(self.layers)))


@dataclass(frozen=True)
class Token:
    """One token of a prompt, as data."""

    id: int
    piece: str
    """As the tokenizer writes it (``Ġclass``, ``▁the``, ``<0x0A>``)."""
    text: str | None
    """In a prompt the text that it stands for as it was typed, by itself what its piece says; a special token's is its
    name. ``None`` when its bytes alone are not valid UTF-8."""
    raw: bytes
    """In a prompt the bytes of the typed text that it stands for: those of all tokens join to it, and a token that the
    tokenizer adds has none. By itself those of its piece."""
    special: bool


@dataclass(frozen=True)
class TokenizedPrompt:
    """A prompt as the model reads it."""

    tokens: tuple[Token, ...]
    template: str
    """``raw`` or ``chat``."""
    left_out: tuple[Token, ...] = ()
    """What the tokenizer appends to every text (``</s>``, ``[SEP]``): not part of the prompt."""
    chat_template: str = ""
    """Which of the tokenizer's several chat templates it stands in; empty where there is one, or a default."""

    @property
    def ids(self) -> tuple[int, ...]:
        """Token ids in order."""
        return tuple(token.id for token in self.tokens)


@dataclass(frozen=True)
class Estimate:
    """What a run would cost, before it is made."""

    tokens: int
    seconds: float
    """Of the forward pass, from the last passes of this model on this device."""
    nbytes: int
    """Memory the run would hold [bytes]."""
    cached: bool
    """The run is there already: no forward pass."""


@dataclass(frozen=True)
class RunSummary:
    """A finished forward pass, as far as it is shown."""

    key: RunKey
    tokens: int
    seconds: float
    """Of the forward pass when it was made [s]."""
    nbytes: int
    """Memory that the run holds [bytes]."""
    logits_error: float
    """Largest |Δ| between the model's own logits of the last position and those remade from the kept residual."""


# -- attention: requests and results ------------------------------------------------------------------------------
@dataclass(frozen=True)
class HeadRequest:
    """One head's weights, exact, or max-pooled when `side` is smaller than the span."""

    layer: int
    head: int
    rows: tuple[int, int] | None = None
    """Query span [start, stop); ``None`` = all."""
    cols: tuple[int, int] | None = None
    """Key span [start, stop); ``None`` = all."""
    side: int = 512
    """At most so many rows and columns come back."""


@dataclass(frozen=True)
class CombineRequest:
    """Mean or max over chosen heads, as one map."""

    heads: tuple[tuple[int, int], ...]
    """(layer, head) pairs; not empty."""
    how: str
    """``mean`` or ``max``."""
    rows: tuple[int, int] | None = None
    cols: tuple[int, int] | None = None
    side: int = 512


@dataclass(frozen=True)
class RolloutRequest:
    """Attention rollout (Abnar & Zuidema 2020) after all layers, for a span of query rows."""

    rows: tuple[int, int] | None = None
    cols: tuple[int, int] | None = None
    side: int = 512


@dataclass(frozen=True)
class WeightMap:
    """A map of weights: exact where `block` is 1, else each cell is the largest of ``block x block`` weights."""

    weights: Floats
    """(query, key) in [0, 1]; what cannot be (key after query) is NaN."""
    row_start: int
    col_start: int
    row_stop: int
    col_stop: int
    block: int
    row_sum_error: float
    """Largest |1 - row sum| over the whole rows computed; sinks and gates make it honest to be large; NaN if the rows
    were not whole."""


@dataclass(frozen=True)
class QueryRows:
    """One query's row of every head of every layer."""

    query: int
    weights: Floats
    """(layer, head, key); key <= query; NaN for layers without attention and heads that a layer lacks."""


@dataclass(frozen=True)
class KeyColumn:
    """How much every query of one head looks at one key."""

    layer: int
    head: int
    key: int
    weights: Floats
    """(query,); NaN where query < key."""


@dataclass(frozen=True)
class Tiles:
    """Every head of every layer, max-pooled to at most 64 x 64, as 8 bit."""

    tiles: Bytes
    """(layer, head, side, side), weight x 255, rounded; 0 where nothing can be."""
    tiles_without_first: Bytes
    """(layer, head, side): the first column again, with key 0 left out of its maximum."""
    block: int
    """Tokens a cell stands for along each side; 1: the map itself."""
    metrics: dict[str, Floats]
    """name of METRICS -> (layer, head); NaN where it does not exist (no token repeats, layer without attention)."""
    row_sum_error: float
    """Largest |1 - row sum| over every row of every head."""
    seconds: float
    lacking: frozenset[tuple[int, int]] = frozenset()
    """(layer, head) of heads that there are in other layers and not in this one."""


# -- next token ---------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Candidates:
    """The k likeliest tokens after one position, and pinned ones that are not among them, from the raw logits."""

    pos: int
    ids: Ints
    """(k',) likeliest first, then the pinned ones."""
    ranks: Ints
    """(k',) 1 = likeliest; ties count those strictly likelier."""
    logits: Floats
    """(k',)"""
    probs: Floats
    """(k',) softmax over the whole vocabulary, temperature 1."""
    entropy_nats: float
    """Of the whole distribution [nats]."""
    tokens: tuple[Token, ...]
    """(k',) the candidates as tokens."""


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
    no_repeat_ngram: int = 0
    """A token that would complete an n-gram of this length for the second time is cut; 0 = off."""
    model_rules: bool = True
    """Whether the model's own rules (`ModelRules`) act too, as they do in ``generate``."""

    @property
    def acting(self) -> tuple[str, ...]:
        """Settings with an effect, in the order in which ``generate`` runs their processors.

        As `GenerationMixin._get_logits_processor` of transformers 5.23 does for one beam: penalties always, all others
        only when tokens are drawn.
        """
        penalties = {"repetition_penalty": self.repetition_penalty != 1, "no_repeat_ngram": self.no_repeat_ngram > 0}
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


@dataclass(frozen=True)
class PositionTable:
    """For every position: what was predicted and what followed."""

    predicted: tuple[Token, ...]
    """(pos,) the likeliest next token."""
    predicted_prob: Floats
    """(pos,)"""
    actual_log_prob: Floats
    """(pos,) ln p of the token that follows [nats]; NaN at the last position."""
    actual_rank: Ints
    """(pos,) 1 = likeliest; ties count those strictly likelier; 0 at the last position: nothing follows."""
    entropy_nats: Floats
    """(pos,) of the whole distribution [nats]."""


# -- through the layers -------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class LensRequest:
    """Where to ask what the model would say if it ended there."""

    positions: tuple[int, ...]
    """Ascending; not empty."""
    half_steps: bool = False
    """After each attention too, before the layer's MLP."""
    pins: tuple[int, ...] = ()
    """Token ids to follow."""


@dataclass(frozen=True)
class Lens:
    """The model's own end (norm, head, scaling, capping) on the residual before, between and after its layers."""

    steps: tuple[tuple[int, str], ...]
    """(layer, ``embedding`` | ``attention`` | ``output``), first to last; the embedding's layer is -1."""
    positions: tuple[int, ...]
    top_ids: Ints
    """(step, pos, 5) likeliest tokens."""
    top_probs: Floats
    """(step, pos, 5)"""
    entropy_nats: Floats
    """(step, pos) [nats]"""
    kl_nats: Floats
    """(step, pos) KL(p_final‖p_step) [nats]"""
    pin_probs: Floats
    """(pin, step, pos)"""
    pin_log_probs: Floats
    """(pin, step, pos) ln p [nats], also where p is too small for its own array."""
    pin_ranks: Ints
    """(pin, step, pos) 1 = likeliest; ties count those strictly likelier."""
    settled: Ints
    """(pos,) first step, of those that are no half steps, from which the final top token stays on top."""
    error: float
    """Largest |Δ| between the last step's logits and the model's own, at the last of the positions."""


@dataclass(frozen=True)
class AttributionRequest:
    """Whose logit, after which position."""

    pos: int
    token: int


@dataclass(frozen=True)
class Attribution:
    """Direct logit attribution: what each part of the model adds to one logit, the final norm's scale held fixed.

    `embedding`, `attention`, `mlp` and `constant` sum to `logit`; `heads` and `heads_rest` to their layer's
    `attention`.
    """

    pos: int
    token: int
    logit: float
    """Before a final soft-cap."""
    embedding: float
    attention: Floats
    """(layer,)"""
    mlp: Floats
    """(layer,)"""
    constant: float
    """Biases of the final norm and of the head."""
    heads: Floats
    """(layer, head); NaN for heads that a layer lacks."""
    heads_rest: Floats
    """(layer,) what attention adds beside its heads: biases, and all of it in a layer without heads."""
    error: float
    """Sum of the parts - logit."""


# -- against plain transformers -----------------------------------------------------------------------------------
@dataclass(frozen=True)
class Deviation:
    """The largest difference of one kind of number from plain transformers, on one text."""

    name: str
    """An id below ``verify.quantity.``, which says the unit."""
    tokens: int
    """Of the text."""
    error: float
    """NaN where the engine refuses."""
    bound: float
    refused: str = ""
    """Message id of the refusal; empty: the numbers were compared."""
    facts: tuple[tuple[str, object], ...] = ()
    """Of the refusal."""

    @property
    def ok(self) -> bool:
        """Whether the difference is within its bound; what is refused is not wrong."""
        return bool(self.refused) or self.error <= self.bound


@dataclass(frozen=True)
class Verification:
    """A loaded model checked against plain transformers."""

    card: ModelCard
    rows: tuple[Deviation, ...]

    @property
    def ok(self) -> bool:
        """Whether every difference is within its bound."""
        return all(row.ok for row in self.rows)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens of the texts, ascending."""
        return tuple(sorted({row.tokens for row in self.rows}))

    @property
    def quantities(self) -> tuple[tuple[str, float, tuple[Deviation | None, ...]], ...]:
        """(name, bound, its deviation at each of `lengths`); ``None``: transformers gives nothing to compare with."""
        there = {(row.name, row.tokens): row for row in self.rows}
        bounds = {row.name: row.bound for row in self.rows}
        return tuple(
            (name, bound, tuple(there.get((name, tokens)) for tokens in self.lengths)) for name, bound in bounds.items()
        )


AttentionRequest = HeadRequest | CombineRequest | RolloutRequest


class Engine(Protocol):
    """What pages talk to. Safe from any number of threads; no call changes another's answer."""

    def describe(self, model: str, job: Job | None = None) -> ModelCard:
        """Load the model if need be and say what it is. Raises the ``Model…`` errors."""

    def tokenize(self, model: str, prompt: str, *, chat: bool, answer: str = "") -> TokenizedPrompt:
        """Tokens of `prompt` as the model reads them, with `answer` behind it (in a chat behind the template).

        Raises PromptEmpty, PromptTooLarge, PromptTooLong, TokenBeyondModel, TokenizerFailed, ChatTemplateFailed.
        """

    def token_ids(self, model: str, texts: tuple[str, ...], *, alone: bool = False) -> tuple[tuple[int, ...], ...]:
        """Ids of many texts, as raw prompts, or (`alone`) without the special tokens that a prompt begins with.

        What the tokenizer appends is left out. Raises TokenizerFailed.
        """

    def run_key(self, model: str, prompt: TokenizedPrompt) -> RunKey:
        """The key of the run that would answer for this prompt here."""

    def estimate(self, key: RunKey) -> Estimate:
        """What `run` would cost. Raises PromptTooLong, RunTooLarge."""

    def run(self, key: RunKey, job: Job | None = None) -> RunSummary:
        """One forward pass with capture, or the kept one. Raises RunTooLarge, Busy, Cancelled."""

    def weights(self, key: RunKey, request: AttentionRequest, job: Job | None = None) -> WeightMap:
        """A map of weights. Raises LayerHasNoAttention."""

    def query_rows(self, key: RunKey, query: int) -> QueryRows:
        """One query's row in all heads."""

    def key_column(self, key: RunKey, layer: int, head: int, col: int) -> KeyColumn:
        """One key's column of one head."""

    def tiles(self, key: RunKey, job: Job | None = None) -> Tiles:
        """Tiles and metrics of all heads; kept with the run."""

    def next_token(self, key: RunKey, pos: int, k: int, pins: tuple[int, ...] = ()) -> Candidates:
        """The k likeliest after position `pos`, and the tokens with the ids `pins`."""

    def processed(self, key: RunKey, pos: int, ids: tuple[int, ...], settings: DecodeSettings) -> Processed:
        """What `settings` make of the distribution after `pos`, for the tokens `ids`; no forward pass.

        The text up to `pos` is the prompt that the model's rules count from. Raises NothingLeft.
        """

    def token(self, model: str, ids: tuple[int, ...]) -> tuple[Token, ...]:
        """Ids of the vocabulary as tokens."""

    def texts(self, model: str, sequences: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
        """What sequences of ids say, special tokens included."""

    def vocabulary(self, model: str, text: str, limit: int) -> tuple[Token, ...]:
        """Tokens of the model that `text` means or that contain it: exact ones, its pieces, others, at most `limit`."""

    def position_table(self, key: RunKey, job: Job | None = None) -> PositionTable:
        """Prediction and outcome at every position; kept with the run."""

    def lens(self, key: RunKey, request: LensRequest, job: Job | None = None) -> Lens:
        """What the model would say at each step of the stream; kept with the run. Raises StreamRefused, Cancelled."""

    def lens_seconds(self, key: RunKey, positions: int) -> float:
        """How long `lens` would take at so many positions, from those made; ``nan`` before the first."""

    def attribution(self, key: RunKey, request: AttributionRequest, job: Job | None = None) -> Attribution:
        """What each part of the model adds to one logit. Raises StreamRefused, Cancelled."""

    def generation_cost(self, key: RunKey, request: GenerateRequest) -> GenerationCost:
        """What `generate` would cost. Raises GenerationTooLong, GenerationTooLarge."""

    def generated(self, key: RunKey, request: GenerateRequest) -> Generated | None:
        """Texts that were made and are still kept."""

    def generate(
        self, key: RunKey, request: GenerateRequest, job: Job | None = None, on_step: OnStep = lambda _: None
    ) -> Generated:
        """Texts that go on from the prompt; `on_step` is told each token of the sampled columns as it comes.

        Cancelled, or without the device for too long, after the first token, it gives what came. Raises as
        `generation_cost`, and NothingLeft, Busy, Cancelled.
        """

    def compare_settings(self, key: RunKey, request: CompareRequest, job: Job | None = None) -> SettingsComparison:
        """What decode settings leave at each position, and how far apart they are; kept with the run.

        Each position is the end of a prompt that the model's rules count from. Raises NothingLeft, Cancelled.
        """

    def probability_tree(self, key: RunKey, request: TreeRequest, job: Job | None = None) -> ProbabilityTree:
        """Continuations of the prompt with their exact probabilities. Raises NothingLeft, Busy, Cancelled."""

    def word_ends(self, model: str) -> tuple[int, ...]:
        """Tokens that cannot carry a word on: they begin a new word, punctuation, a new line or the end.

        Empty where the tokenizer marks no words.
        """

    def text_starts(self, model: str) -> tuple[int, ...]:
        """Tokens after which a text may be said to begin.

        What the tokenizer itself puts in front, beginning and end of text, then its other special ones, but never the
        one for what is unknown. Empty where the tokenizer has none.
        """

    def score_cost(self, key: RunKey, request: ScoreRequest | SentenceRequest) -> ScoreCost:
        """What `score` or `score_sentences` would cost.

        Raises PromptEmpty, NothingToScore, TokenBeyondModel, ScoresTooLong, ScoresTooLarge, WordsNotMarked.
        """

    def scored(self, key: RunKey, request: ScoreRequest | SentenceRequest) -> Scores | SentenceScores | None:
        """Scores that were computed and are still kept."""

    def score(self, key: RunKey, request: ScoreRequest, job: Job | None = None) -> Scores:
        """Exact log-probabilities of completions behind prompts; the key's own tokens take no part.

        Raises as `score_cost`, and Busy, Cancelled.
        """

    def score_sentences(self, key: RunKey, request: SentenceRequest, job: Job | None = None) -> SentenceScores:
        """Exact log-probabilities of the tokens of texts; the key's own take no part. Raises as `score`."""

    def verify(self, model: str, job: Job | None = None) -> Verification:
        """Compare the loaded model with plain transformers, loaded anew. Raises the ``Model…`` errors, Cancelled."""

    def health(self) -> dict[str, object]:
        """What an operator's probe wants: models loaded, runs kept, bytes, forward passes made, queue."""
