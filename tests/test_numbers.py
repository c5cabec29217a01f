"""docs/numbers.md has every quantity: each column of each table, each metric, each kind of number that is verified."""

import importlib
import inspect
import pkgutil
import re
import tomllib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from components.bias.notebook import call_frame
from dashboard import frames
from dashboard.engine.checking.plain_model import BOUNDS_OF_CHARTS
from dashboard.frames import (
    attention,
    bias,
    bias_benchmarks,
    bias_gap,
    bias_groups,
    bias_sampled,
    lens,
    next_token,
    sampling,
    sampling_sets,
    trees,
)
from dashboard.i18n import Catalogue
from dashboard.stats import diversity
from dashboard.stats.benchmarks import Scored
from dashboard.view_state import ORDERS
from tests.made import probed, samples
from tests.made import trees as made

ROOT = Path(__file__).parents[1]
NUMBERS = (ROOT / "docs" / "numbers.md").read_text(encoding="utf-8")
SECTIONS = {
    heading: text
    for heading, _, text in (part.partition("\n") for part in re.split(r"^## ", NUMBERS, flags=re.MULTILINE)[1:])
}
NAMES = "What rows are named by"
SECTION = {
    "attention": "Attention",
    "next_token": "Next token",
    "lens": "Through the layers",
    "sampling": "Sampling",
    "trees": "Sampling",
    "sampling_sets": "Sets of texts",
    "bias": "Bias: exact scores",
    "bias_groups": "Bias: exact scores",
    "bias_sampled": "Bias: independent draws",
    "bias_gap": "Bias: where a gap arises",
    "bias_benchmarks": "Bias: published benchmarks",
}
"""Module of tables -> section that has its columns."""


def columns_of(section):
    """Names in the column cells of a section's tables; ``token_1` … `token_5`` are five."""
    listed = set()
    for row in re.findall(r"^\|.+\|$", SECTIONS[section], re.MULTILINE):
        cells = re.split(r"(?<!\\)\|", row)
        cell = cells[1 if section == NAMES else 2]
        listed |= set(re.findall(r"`(\w+)`", cell))
        for name, last in re.findall(r"`(\w+)_1` … `\w+_(\d+)`", cell):
            listed |= {f"{name}_{i}" for i in range(1, int(last) + 1)}
    return listed


def texts(count=2):
    """So many texts of one role of a benchmark, as scored."""
    return Scored(np.linspace(-30, -20, count), np.full(count, 9))


ITEMS = [
    SimpleNamespace(
        **dict.fromkeys(("id", "category", "direction", "more", "less", "target", "context"), str(i)),
        **dict.fromkeys(("stereotype", "anti_stereotype", "unrelated"), str(i)),
        **dict.fromkeys(("contexts", "referents", "continuations"), ("x", "y")),
    )
    for i in range(2)
]
"""Of a benchmark's file, whichever it is."""


def tables():
    """(module, function) -> its table of made-up results: every column that there can be."""
    generated, scores = made.generated(), probed.probe_scores()
    tokens, strings = samples.tokens(15), made.texts(made.generated())
    pinned = samples.lens(positions=(4,), pins=1)
    four = texts(), texts(), texts(), texts()
    counts = probed.counts()
    comparison = made.comparison(), made.NAMES[:3], tokens
    return {
        (attention, "head_frame"): attention.head_frame(samples.weight_map(9, block=3), tokens),
        (attention, "row_frame"): attention.row_frame(samples.query_rows(), 0, 0, tokens),
        (attention, "column_frame"): attention.column_frame(samples.causal(6)[:, 2], 2, tokens),
        (attention, "query_rows_frame"): attention.query_rows_frame(samples.query_rows(), tokens),
        (attention, "metric_frame"): attention.metric_frame(samples.tiles()),
        (attention, "mosaic_frame"): attention.mosaic_frame(samples.tiles(), tokens),
        (next_token, "candidates_frame"): samples.candidates_frame(),
        (next_token, "position_frame"): next_token.position_frame(samples.position_table(9), samples.tokens(9)),
        (lens, "lens_frame"): samples.lens_frame(pins=1),
        (lens, "trajectory_frame"): lens.trajectory_frame(pinned, [samples.token("a")]),
        (lens, "attribution_frame"): lens.attribution_frame(samples.attribution()),
        (lens, "head_attribution_frame"): lens.head_attribution_frame(samples.attribution(), 1),
        (sampling, "sequence_frame"): sampling.sequence_frame(generated, made.NAMES, strings),
        (sampling, "token_frame"): sampling.token_frame(generated, made.NAMES, made.TOKENS),
        (sampling, "comparison_frame"): sampling.comparison_frame(*comparison),
        (sampling, "distance_frame"): sampling.distance_frame(*comparison),
        (sampling_sets, "set_frame"): sampling_sets.set_frame(generated, made.NAMES),
        (sampling_sets, "sweep_frame"): sampling_sets.sweep_frame(made.generated(columns=2), [0.5, 1.0]),
        (sampling_sets, "answer_frame"): sampling_sets.answer_frame(generated, made.NAMES, strings),
        (sampling_sets, "length_frame"): sampling_sets.length_frame(generated, made.NAMES),
        (trees, "beam_frame"): trees.beam_frame(made.beam_tree(), made.TOKENS),
        (trees, "probability_frame"): trees.probability_frame(made.probability_tree(), made.TOKENS),
        (bias, "score_frame"): bias.score_frame(scores),
        (bias, "delta_frame"): bias.delta_frame(scores, 0, 1),
        (bias, "completion_frame"): bias.completion_frame(scores, 0, 1),
        (bias, "forest_frame"): bias.forest_frame(scores, 0, 1, by="template"),
        (bias, "intersection_frame"): bias.intersection_frame(
            scores, first_first=0, second_first=1, first_second=2, second_second=3
        ),
        (bias, "map_frame"): bias.map_frame(scores),
        (bias_groups, "group_frame"): bias_groups.group_frame(scores),
        (bias_groups, "distance_frame"): bias_groups.distance_frame(scores),
        (bias_groups, "lorenz_frame"): bias_groups.lorenz_frame(scores),
        (bias_sampled, "sampled_frame"): bias_sampled.sampled_frame(
            *counts, probed.GROUPS, probed.COMPLETIONS, np.full((4, 5), 0.1)
        ),
        (bias_sampled, "comparison_frame"): bias_sampled.comparison_frame(
            *counts, [(0, 1)], probed.GROUPS, probed.COMPLETIONS
        ),
        (bias_sampled, "missing_frame"): bias_sampled.missing_frame(counts[0].sum(axis=1), counts[1], probed.GROUPS),
        (bias_gap, "gap_frame"): bias_gap.gap_frame([(0, "output")], np.zeros(1), np.ones(1)),
        (bias_gap, "head_gap_frame"): bias_gap.head_gap_frame(np.zeros((2, 2)), np.ones((2, 2))),
        (bias_benchmarks, "crows_frame"): bias_benchmarks.crows_frame(ITEMS, texts(), texts()),
        (bias_benchmarks, "stereoset_frame"): bias_benchmarks.stereoset_frame(ITEMS, *four[:3]),
        (bias_benchmarks, "effect_frame"): bias_benchmarks.effect_frame(ITEMS, np.zeros(2)),
        (bias_benchmarks, "crows_item_frame"): bias_benchmarks.crows_item_frame(ITEMS, *four[:2]),
        (bias_benchmarks, "stereoset_item_frame"): bias_benchmarks.stereoset_item_frame(ITEMS, *four[:3]),
        (bias_benchmarks, "effect_item_frame"): bias_benchmarks.effect_item_frame(ITEMS, *four),
    }


TABLES = tables()


def name_of(module):
    return module.__name__.rpartition(".")[2]


def test_no_table_is_left_out():
    """Of any module below dashboard/frames/, a new one too."""
    modules = [
        importlib.import_module(f"dashboard.frames.{entry.name}") for entry in pkgutil.iter_modules(frames.__path__)
    ]
    functions = {
        (module, name)
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.endswith("_frame") and not name.startswith("_") and function.__module__ == module.__name__
    }
    assert functions == set(TABLES)


@pytest.mark.parametrize(
    ("module", "function"), TABLES, ids=lambda part: part if isinstance(part, str) else name_of(part)
)
def test_every_column_of_a_table_has_its_row(module, function):
    section = SECTION[name_of(module)]
    missing = set(TABLES[module, function].columns) - columns_of(section) - columns_of(NAMES)
    assert not missing, f"docs/numbers.md, {section}: {sorted(missing)}"


def test_every_column_of_the_notebook_s_call_has_its_row():
    generated = made.generated(columns=4, rows=2)
    repeated = SimpleNamespace(seeds=Counter(), order=())
    call = SimpleNamespace(group="man", generated=generated, texts=made.texts(generated), repeated=repeated)
    missing = set(call_frame([call]).columns) - columns_of("Bias: the notebook's call") - columns_of(NAMES)
    assert not missing


def test_every_field_of_the_tokens_file_has_its_row():
    record = next(sampling.token_records(made.generated(), made.NAMES, made.TOKENS))
    assert not set(record) - columns_of("Sampling") - columns_of(NAMES)


@pytest.mark.parametrize(
    ("section", "names", "words"),
    [
        ("Attention", ORDERS[1:], "metrics"),
        ("Sets of texts", diversity.METRICS, "charts.metric"),
        ("Bias: published benchmarks", bias_benchmarks.METRICS, ""),
    ],
)
def test_every_metric_has_its_row_with_the_name_that_is_on_screen(section, names, words):
    text = Catalogue("en")
    rows = re.findall(r"^\|.+\|$", SECTIONS[section], re.MULTILINE)
    for name in names:
        own = [row for row in rows if f"`{name}`" in row.split("|")[2]]
        assert own, f"docs/numbers.md, {section}: {name}"
        if words:
            on_screen = text(f"{words}.{name}").partition(" [")[0]
            assert on_screen.lower() in own[0].split("|")[1].lower()


def test_every_kind_of_number_that_is_verified_has_its_bound():
    words = tomllib.loads((ROOT / "dashboard/locale/en/verify.toml").read_text(encoding="utf-8"))["verify"]["quantity"]
    assert words.keys() == BOUNDS_OF_CHARTS.keys()
    for name, quantity in words.items():
        written = re.search(rf"^\| {re.escape(quantity)} \| ([\d.e-]+) \|$", NUMBERS, re.MULTILINE)
        assert written, quantity
        assert float(written[1]) == pytest.approx(BOUNDS_OF_CHARTS[name], rel=0.02), quantity


def test_every_row_has_a_unit_a_formula_and_a_source():
    for section in dict.fromkeys(SECTION.values()):
        for row in re.findall(r"^\|.+\|$", SECTIONS[section], re.MULTILINE):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]]
            assert len(cells) == 5, row
            assert all(cells), row
