"""Scripts of the Sampling page's charts: texts, sets of texts, sweeps, compared settings, the two trees.

Texts are written row by row, one after the other: a draw depends on (seed, row, step) alone, so they are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from dashboard.engine.api.decoding import ModelRules
from dashboard.engine.api.generation import FLOAT_NOISE, Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.engine.api.model import ModelCard
from dashboard.run_key import Origin
from dashboard.sampling.forks import Fork
from dashboard.scripts.build import chart_script, rule_constants, rule_parts
from dashboard.tokens import without_surrogates

SETS = ("sets", "quality", "answers", "lengths")
"""Charts of `sets_script`."""
OF_SETTINGS = ("kept", "kept_mass", "entropy_nats")
"""What settings leave at a position."""
OF_PAIRS = ("total_variation", "js_nats")
"""How far apart two settings are there."""

_TEXTS = ("left", "ending", "noise", "written", "beams", "texts")
WRITE = ("processors", "without_rules", *_TEXTS)
"""Parts of a script that makes texts without the model's own rules."""
_SET_PARTS = {
    "sets": ["sets", "draw_sets"],
    "quality": ["sets", "draw_quality"],
    "answers": ["answers"],
    "lengths": ["lengths"],
}
ONE_BY_ONE = (
    "Texts are made one after the other here; all at once, as Logitscope makes them, it is much faster.",
    f"A draw that is won by less than {FLOAT_NOISE:g} nats may go to another token.",
)
"""What such a script says of itself."""
_NO_RESAMPLING = "Intervals that come of resampling are left out."


def texts_script(
    card: ModelCard, origin: Origin, request: GenerateRequest, *, names: Sequence[str] = (), forks: Sequence[Fork] = ()
) -> str:
    """The texts of `request` and their likelihoods, as a table.

    Args:
        card: the model.
        origin: what the chart shows.
        request: columns, forced tokens, first row.
        names: of the columns; none: their numbers.
        forks: of these texts.
    """
    constants = column_constants(request, names, card) | {"FORKS": [asdict(fork) for fork in forks]}
    return chart_script(card, origin, constants, [*_write(card), "texts_table"], notes=ONE_BY_ONE)


def calls_script(card: ModelCard, origin: Origin, requests: Sequence[GenerateRequest], groups: Sequence[str]) -> str:
    """One way of making texts behind several prompts: the texts of each and their likelihoods, as a table.

    Args:
        card: the model.
        origin: what the chart shows; of its tokens nothing is read.
        requests: the same columns behind each prompt.
        groups: (request,) names of the prompts.
    """
    constants = column_constants(requests[0], (), card) | {"GROUPS": [without_surrogates(name) for name in groups]}
    prompts = [request.token_ids for request in requests]
    return chart_script(card, origin, constants, [*_write(card), "calls"], notes=ONE_BY_ONE, prompts=prompts)


def sets_script(
    card: ModelCard,
    origin: Origin,
    request: GenerateRequest,
    chart: str,
    *,
    names: Sequence[str] = (),
    diversity: str = "distinct_2",
) -> str:
    """The texts as sets: set metrics, quality and diversity, answers or lengths.

    Of the set metrics only loops have an interval (Wilson's): those of the others come of resampling and are left out.
    An answer is of the text without the token that ended it.

    Args:
        card: the model.
        origin: what the chart shows.
        request: columns, forced tokens, first row.
        chart: of SETS.
        names: of the columns; none: their numbers.
        diversity: the metric upwards of the chart ``quality``.

    Raises:
        ValueError: there is no such chart.
    """
    if chart not in SETS:
        raise ValueError(f"chart {chart!r} is not in {SETS}")
    constants = column_constants(request, names, card) | ({"DIVERSITY": diversity} if chart == "quality" else {})
    notes = (*ONE_BY_ONE, *([_NO_RESAMPLING] if chart in ("sets", "quality") else []))
    return chart_script(card, origin, constants, [*_write(card), "wilson", "columns", *_SET_PARTS[chart]], notes=notes)


def sweep_script(
    card: ModelCard, origin: Origin, request: GenerateRequest, knob_name: str, values: Sequence[float]
) -> str:
    """Set metrics of columns that differ in one knob; intervals as of `sets_script`.

    Args:
        card: the model.
        origin: what the chart shows.
        request: a column for each value.
        knob_name: for the axis.
        values: (column,) of the knob.

    Raises:
        ValueError: there are not as many values as columns.
    """
    if len(values) != len(request.columns):
        raise ValueError(f"{len(values)} values of {len(request.columns)} columns")
    plain = [value if isinstance(value, int) else float(value) for value in values]
    constants = column_constants(request, (), card) | {"KNOB": knob_name, "VALUES": plain}
    parts = [*_write(card), "wilson", "columns", "sets", "sweep"]
    return chart_script(card, origin, constants, parts, notes=(*ONE_BY_ONE, _NO_RESAMPLING))


def settings_script(
    card: ModelCard,
    origin: Origin,
    request: CompareRequest,
    chart: str,
    *,
    names: Sequence[str] = (),
    value: str = "kept_mass",
) -> str:
    """What settings leave of the prediction after each position, or how far apart they are.

    Args:
        card: the model.
        origin: what the chart shows.
        request: settings and positions.
        chart: ``settings_lines`` or ``settings_map``.
        names: of the settings; none: their numbers.
        value: of OF_SETTINGS, or of OF_PAIRS.

    Raises:
        ValueError: there is no such chart or value, or no pair of settings.
    """
    if chart not in ("settings_lines", "settings_map") or value not in (*OF_SETTINGS, *OF_PAIRS):
        raise ValueError(f"no chart {chart!r} of {value!r}")
    if value in OF_PAIRS and len(request.settings) < 2:
        raise ValueError(f"{value} needs two settings")
    constants = {
        "SETTINGS": [asdict(settings) for settings in request.settings],
        "NAMES": _names(names, len(request.settings)),
        "POSITIONS": [int(pos) for pos in request.positions],
        "VALUE": value,
    } | rule_constants(card)
    table = "settings_each" if value in OF_SETTINGS else "settings_pairs"
    return chart_script(card, origin, constants, [*rule_parts(card), "left", "settings", table, chart])


def probability_tree_script(card: ModelCard, origin: Origin, request: TreeRequest) -> str:
    """The likeliest continuations with their exact probabilities, one forward pass for each that goes on."""
    constants = {
        "SETTINGS": asdict(request.settings),
        "DEPTH": request.depth,
        "MASS": request.mass,
        "NODES": request.nodes,
        "LIMIT": request.limit,
    } | rule_constants(card)
    return chart_script(card, origin, constants, [*rule_parts(card), "left", "ending", "probability_tree"])


def beam_tree_script(card: ModelCard, origin: Origin, column: Column) -> str:
    """What the search of `column` looked at: every candidate with its score, pruned ones included.

    Raises:
        ValueError: the column has no beams.
    """
    if column.num_beams < 2:
        raise ValueError("the column has no beams")
    constants = {"COLUMN": _column(column, card.rules), "RULES": rule_constants(card).get("RULES", {})}
    return chart_script(card, origin, constants, ["ending", "beams", "beam_tree"])


def _write(card: ModelCard) -> list[str]:
    """Parts of a script that makes texts."""
    return [*rule_parts(card), *_TEXTS]


def column_constants(
    request: GenerateRequest, names: Sequence[str], card: ModelCard | None = None
) -> dict[str, object]:
    """A request's columns.

    Args:
        request: whose.
        names: theirs; none: their numbers.
        card: whose rules act; ``None``: none do.
    """
    rules: dict[str, object] = {"RULES": {}} | (rule_constants(card) if card else {})
    return rules | {
        "COLUMNS": [_column(column, card.rules if card else ModelRules()) for column in request.columns],
        "NAMES": _names(names, len(request.columns)),
        "FORCED": [int(token) for token in request.forced],
        "FIRST_ROW": int(request.first_row),
    }


def _names(names: Sequence[str], count: int) -> list[str]:
    return [str(name) for name in names or range(count)]


def _column(column: Column, rules: ModelRules) -> dict[str, object]:
    """All of a column in one dictionary, the model's own stop strings behind those of the column."""
    facts = asdict(column)
    settings: dict[str, object] = facts.pop("settings")
    return settings | facts | {"stop_strings": [*column.stop_strings, *rules.stops(column.settings)]}
