"""The Engine protocol: what pages and jobs ask, whoever computes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

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
from dashboard.engine.api.attention import AttentionRequest, KeyColumn, QueryRows, Tiles, WeightMap
from dashboard.engine.api.decoding import DecodeSettings, Processed
from dashboard.engine.api.lens import Attribution, AttributionRequest, Lens, LensRequest
from dashboard.engine.api.model import CallControl, Estimate, ModelCard, RunSummary, TokenizedPrompt
from dashboard.engine.api.prediction import Candidates, PositionTable
from dashboard.engine.api.verification import Verification
from dashboard.tokens import Token


class Engine(Protocol):
    """What pages talk to. Safe from any number of threads; no call changes another's answer."""

    def describe(self, model: str, control: CallControl | None = None) -> ModelCard:
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

    def run(self, key: RunKey, control: CallControl | None = None) -> RunSummary:
        """One forward pass with capture, or the kept one. Raises RunTooLarge, Busy, Cancelled."""

    def weights(self, key: RunKey, request: AttentionRequest, control: CallControl | None = None) -> WeightMap:
        """A map of weights. Raises LayerHasNoAttention."""

    def query_rows(self, key: RunKey, query: int) -> QueryRows:
        """One query's row in all heads."""

    def key_column(self, key: RunKey, layer: int, head: int, col: int) -> KeyColumn:
        """One key's column of one head."""

    def tiles(self, key: RunKey, control: CallControl | None = None) -> Tiles:
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

    def position_table(self, key: RunKey, control: CallControl | None = None) -> PositionTable:
        """Prediction and outcome at every position; kept with the run."""

    def lens(self, key: RunKey, request: LensRequest, control: CallControl | None = None) -> Lens:
        """What the model would say at each step of the stream; kept with the run. Raises StreamRefused, Cancelled."""

    def lens_seconds(self, key: RunKey, positions: int) -> float:
        """How long `lens` would take at so many positions, from those made; ``nan`` before the first."""

    def attribution(self, key: RunKey, request: AttributionRequest, control: CallControl | None = None) -> Attribution:
        """What each part of the model adds to one logit. Raises StreamRefused, Cancelled."""

    def generation_cost(self, key: RunKey, request: GenerateRequest) -> GenerationCost:
        """What `generate` would cost. Raises GenerationTooLong, GenerationTooLarge."""

    def generated(self, key: RunKey, request: GenerateRequest) -> Generated | None:
        """Texts that were made and are still kept."""

    def generate(
        self,
        key: RunKey,
        request: GenerateRequest,
        control: CallControl | None = None,
        on_step: OnStep = lambda _: None,
    ) -> Generated:
        """Texts that go on from the prompt; `on_step` is told each token of the sampled columns as it comes.

        Cancelled, or without the device for too long, after the first token, it gives what came. Raises as
        `generation_cost`, and NothingLeft, Busy, Cancelled.
        """

    def compare_settings(
        self, key: RunKey, request: CompareRequest, control: CallControl | None = None
    ) -> SettingsComparison:
        """What decode settings leave at each position, and how far apart they are; kept with the run.

        Each position is the end of a prompt that the model's rules count from. Raises NothingLeft, Cancelled.
        """

    def probability_tree(
        self, key: RunKey, request: TreeRequest, control: CallControl | None = None
    ) -> ProbabilityTree:
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

    def score(self, key: RunKey, request: ScoreRequest, control: CallControl | None = None) -> Scores:
        """Exact log-probabilities of completions behind prompts; the key's own tokens take no part.

        Raises as `score_cost`, and Busy, Cancelled.
        """

    def score_sentences(
        self, key: RunKey, request: SentenceRequest, control: CallControl | None = None
    ) -> SentenceScores:
        """Exact log-probabilities of the tokens of texts; the key's own take no part. Raises as `score`."""

    def verify(self, model: str, control: CallControl | None = None) -> Verification:
        """Compare the loaded model with plain transformers, loaded anew. Raises the ``Model…`` errors, Cancelled."""

    def health(self) -> dict[str, object]:
        """What an operator's probe wants: models loaded, runs kept, bytes, forward passes made, queue."""
