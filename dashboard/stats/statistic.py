"""The statistics that charts show: name, unit, range and scale of each, for pickers, axes, colours, hovers and docs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dashboard.i18n import Catalogue

VOCABULARY = "vocabulary"
LN_VOCABULARY = "ln vocabulary"
LN_TOKENS = "ln T"
LAST_POSITION = "T−1"
"""Upper ends that depend on the model or on the prompt, as docs/numbers.md writes them; T is the number of tokens."""


@dataclass(frozen=True)
class Statistic:
    """A quantity that a chart shows."""

    name: str
    """What pickers and links call it."""
    unit: str = ""
    """``nats``, ``tokens``, ``percent``, ``nats per token``; empty: a share, a score, a count or a rank."""
    low: float = 0.0
    """Least possible value."""
    high: float | str = 1.0
    """Largest possible value: a number, one of the names above, or infinity."""
    column: str = ""
    """Its column in tables and files; empty: its name."""
    words: str = ""
    """Catalogue id of its name on screen, with unit or range where an axis needs one."""
    neutral: float | None = None
    """The value of no preference, where a reference line stands."""
    limit: float | None = None
    """Colours do not change beyond -limit and limit."""
    logarithmic: bool = False
    """Whether its axis or colour scale is."""
    of_pairs: bool = False
    """Whether it compares two settings, rather than describing one."""

    def __post_init__(self) -> None:
        if not self.column:
            object.__setattr__(self, "column", self.name)

    def label(self, text: Catalogue, **facts: object) -> str:
        """Its name on screen."""
        return text(self.words, **facts)

    @property
    def is_share(self) -> bool:
        """Whether it lies in [0, 1], so that two charts of it compare."""
        return self.low == 0 and self.high == 1

    @property
    def is_bounded(self) -> bool:
        """Whether its largest possible value is known without model and prompt."""
        return not isinstance(self.high, str) and math.isfinite(self.high)

    def scale_end(self, largest: float = 0.0, *, vocab: int = 0) -> float:
        """Upper end of a colour scale or an axis that begins at 0.

        Args:
            largest: the largest value that is drawn: the end, where the largest possible one is not known.
            vocab: tokens in the vocabulary, where the end depends on them.
        """
        if not isinstance(self.high, str) and math.isfinite(self.high):
            return self.high
        if self.high == LN_VOCABULARY and vocab:
            return math.log(vocab)
        return largest or 1.0


Table = Mapping[str, Statistic]


def _table(prefix: str, *statistics: Statistic) -> Table:
    """By name; one without words of its own has those at ``<prefix>.<name>``."""
    return {
        statistic.name: statistic if statistic.words else replace(statistic, words=f"{prefix}.{statistic.name}")
        for statistic in statistics
    }


WEIGHT = Statistic("weight", words="charts.axis.weight")
LARGEST_WEIGHT = Statistic("weight", words="charts.axis.largest")
HEADS = _table(
    "metrics",
    Statistic("entropy_nats", "nats", high=LN_TOKENS),
    Statistic("first_token"),
    Statistic("previous_token"),
    Statistic("self"),
    Statistic("duplicate_token"),
    Statistic("induction"),
    Statistic("distance_tokens", "tokens", high=LAST_POSITION),
)
"""Scores of a head; as ``METRICS`` of `dashboard.engine.api.attention`."""

CANDIDATES = _table(
    "charts.axis",
    Statistic("prob"),
    Statistic("logit", low=-math.inf, high=math.inf),
)
"""Of a token that may follow."""

LENS = _table(
    "lens.colours",
    Statistic("prob", column="prob_1"),
    Statistic("entropy", "nats", high=LN_VOCABULARY, column="entropy_nats"),
    Statistic("kl", "nats", high=math.inf, column="kl_nats"),
    Statistic("followed_prob"),
    Statistic("followed_rank", low=1, high=VOCABULARY, logarithmic=True),
)
"""What the colour of a cell of the logit lens says."""
TRAJECTORIES = _table(
    "charts.axis",
    Statistic("prob"),
    Statistic("rank", low=1, high=VOCABULARY, words="charts.axis.rank_log", logarithmic=True),
)
"""Of a followed token, step by step."""

ATTRIBUTION = Statistic("logit", low=-math.inf, high=math.inf, words="charts.axis.attribution", neutral=0.0)
"""What a part of the model adds to a token's logit."""

SETTINGS = _table(
    "charts.settings",
    Statistic("kept_mass"),
    Statistic("kept", low=1, high=VOCABULARY, logarithmic=True),
    Statistic("entropy_nats", "nats", high=LN_VOCABULARY),
    Statistic("total_variation", of_pairs=True),
    Statistic("js_nats", "nats", high=math.log(2), of_pairs=True),
)
"""Of decode settings at one position."""
STEP_PROB = Statistic("step_prob", words="charts.trees.scale")

SETS = _table(
    "charts.metric",
    Statistic("unique"),
    Statistic("distinct_1"),
    Statistic("distinct_2"),
    Statistic("distinct_3"),
    Statistic("self_bleu"),
    Statistic("loops"),
    Statistic("mean_log_p", "nats per token", low=-math.inf, high=0.0),
)
"""Of a set of texts."""

DIFFERENCE = Statistic(
    "delta_nats", "nats", low=-math.inf, high=math.inf, words="charts.bias.axis", neutral=0.0, limit=3.0
)
"""Of log-probability between two groups; colours end where a completion is 20 times as likely, or a 20th."""
DUMBBELL = _table("charts.dumbbell", Statistic("prob"), Statistic("lexicon_prob"))
"""Of a completion in two groups."""
DISTANCES = _table(
    "charts.distances",
    Statistic("js_nats", "nats", high=math.log(2)),
    Statistic("total_variation"),
)
"""Of two groups' distributions over the list."""
GAP = Statistic("gap_nats", "nats", low=-math.inf, high=math.inf, words="charts.bias.axis", neutral=0.0)
HEAD_GAP = Statistic("difference", low=-1.0, words="charts.head_gap.scale", neutral=0.0)
SAMPLED = Statistic("share", words="charts.sampled.share")
SAMPLED_DIFFERENCE = Statistic("difference", low=-1.0, words="charts.differences.axis", neutral=0.0)

BENCHMARKS = _table(
    "charts.benchmark",
    Statistic("pct_stereotype", "percent", high=100.0, neutral=50.0),
    Statistic("lms", "percent", high=100.0),
    Statistic("ss", "percent", high=100.0, neutral=50.0),
    Statistic("icat", high=100.0),
    Statistic("total_effect", low=-1.0, high=math.inf, neutral=0.0),
    Statistic("total_effect_filtered", low=-1.0, high=math.inf, neutral=0.0),
)
"""Scores of published benchmarks."""

SHOWN: Mapping[str, tuple[Statistic, ...]] = {
    "Attention": (WEIGHT, LARGEST_WEIGHT, *HEADS.values()),
    "Next token": tuple(CANDIDATES.values()),
    "Through the layers": (*LENS.values(), *TRAJECTORIES.values(), ATTRIBUTION),
    "Sampling": (*SETTINGS.values(), STEP_PROB),
    "Sets of texts": tuple(SETS.values()),
    "Bias: exact scores": (DIFFERENCE, *DUMBBELL.values(), *DISTANCES.values()),
    "Bias: independent draws": (SAMPLED, SAMPLED_DIFFERENCE),
    "Bias: where a gap arises": (GAP, HEAD_GAP),
    "Bias: published benchmarks": tuple(BENCHMARKS.values()),
}
"""Section of docs/numbers.md -> its statistics that charts show."""
