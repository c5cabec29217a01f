"""Every chart has its words in both languages, and leaves what it is given alone."""

import importlib
import inspect
import json
import pkgutil
import re
import string
import tomllib
from functools import partial
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest

import components.charts.attention.heatmap as attention
from components import charts
from components.charts.attribution import attribution_figure, head_attribution_figure
from components.charts.bias.benchmarks import benchmark_figure
from components.charts.bias.exact import bias_map_figure, dumbbell_figure
from components.charts.bias.gap import gap_figure, head_gap_figure
from components.charts.bias.groups import distances_figure, lorenz_figure
from components.charts.bias.sampled import differences_figure, sampled_figure
from components.charts.bias.spread import forest_figure, strip_figure
from components.charts.bias.world import against_world_figure
from components.charts.lens import lens_figure, trajectories_figure
from components.charts.next_token import candidates_figure
from components.charts.overview import setting_bars_figure
from components.charts.sampling.answers import answers_figure, lengths_figure
from components.charts.sampling.sets import quality_diversity_figure, sets_figure, sweep_figure
from components.charts.sampling.settings import settings_lines_figure, settings_map_figure
from components.charts.sampling.trees import beam_tree_figure, probability_tree_figure
from components.charts.theme import ChartTheme
from dashboard.frames.attention import column_frame, metric_frame, query_rows_frame, row_frame
from dashboard.frames.bias import completion_frame, delta_frame, forest_frame, map_frame
from dashboard.frames.bias_groups import distance_frame as group_distance_frame
from dashboard.frames.bias_groups import lorenz_frame
from dashboard.frames.bias_sampled import comparison_frame as group_comparison_frame
from dashboard.frames.bias_sampled import sampled_frame
from dashboard.frames.lens import attribution_frame, head_attribution_frame, trajectory_frame
from dashboard.frames.sampling import comparison_frame, distance_frame
from dashboard.frames.sampling_sets import answer_frame, length_frame, set_frame, sweep_frame
from dashboard.frames.trees import beam_frame, probability_frame
from dashboard.i18n import Catalogue
from tests.components.charts.bias.test_benchmarks import stereo
from tests.components.charts.bias.test_gap import gaps, heads
from tests.made import probed, samples, trees

LOCALE = Path(__file__).parents[3] / "dashboard" / "locale"
TOKENS = samples.tokens(15)
MADE = trees.generated()
PROBED = probed.probe_scores()
PAIR = completion_frame(PROBED, 1, 2)
COUNTED = probed.counts()
NASTY_PAIR = {"first": probed.GROUPS[1], "second": probed.GROUPS[2]}
SAMPLES = {
    "head": (attention.head_figure, (samples.weight_map(15), TOKENS)),
    "lines": (attention.lines_figure, (samples.weight_map(15), TOKENS)),
    "row": (attention.row_figure, (row_frame(samples.query_rows(), 0, 0, TOKENS),)),
    "column": (attention.column_figure, (column_frame(samples.causal(15)[:, 1], 1, TOKENS),)),
    "query_rows": (attention.query_rows_figure, (query_rows_frame(samples.query_rows(), TOKENS),)),
    "metric_map": (attention.metric_map_figure, (metric_frame(samples.tiles()), "self")),
    "mosaic": (attention.mosaic_figure, (samples.tiles(), [(0, 0), (1, 1)])),
    "candidates": (candidates_figure, (samples.candidates_frame(14),)),
    "setting_bars": (setting_bars_figure, (samples.candidates_frame(8),)),
    "lens": (partial(lens_figure, value="prob", vocab=1000), (samples.lens_frame(),)),
    "trajectories": (
        partial(trajectories_figure, value="rank"),
        (trajectory_frame(samples.lens(positions=(1,), pins=2), TOKENS[:2]),),
    ),
    "attribution": (attribution_figure, (attribution_frame(samples.attribution()),)),
    "head_attribution": (head_attribution_figure, (head_attribution_frame(samples.attribution(), 1),)),
    "sets": (sets_figure, (set_frame(MADE, trees.NAMES),)),
    "quality": (quality_diversity_figure, (set_frame(MADE, trees.NAMES),)),
    "answers": (answers_figure, (answer_frame(MADE, trees.NAMES, trees.texts(MADE)),)),
    "lengths": (lengths_figure, (length_frame(MADE, trees.NAMES),)),
    "settings_lines": (
        partial(settings_lines_figure, value="entropy_nats"),
        (comparison_frame(trees.comparison(), trees.NAMES[:3], TOKENS),),
    ),
    "settings_map": (
        partial(settings_map_figure, value="js_nats"),
        (distance_frame(trees.comparison(), trees.NAMES[:3], TOKENS),),
    ),
    "beam_tree": (beam_tree_figure, (beam_frame(trees.beam_tree(beams=5, steps=12), trees.TOKENS),)),
    "probability_tree": (
        probability_tree_figure,
        (probability_frame(trees.probability_tree(), trees.TOKENS),),
    ),
    "sweep": (partial(sweep_figure, knob="temperature"), (sweep_frame(MADE, [0.1, 0.5, 1, 2]),)),
    "bias_map": (bias_map_figure, (map_frame(PROBED, 1),)),
    "dumbbell": (partial(dumbbell_figure, value="prob"), (PAIR,)),
    "against_world": (partial(against_world_figure, world="women at work"), (PAIR,)),
    "forest": (partial(forest_figure, title="Δ"), (forest_frame(PROBED, 1, 2, by="template"),)),
    "strip": (strip_figure, (delta_frame(PROBED, 1, 2),)),
    "lorenz": (lorenz_figure, (lorenz_frame(PROBED),)),
    "distances": (partial(distances_figure, value="js_nats"), (group_distance_frame(PROBED),)),
    "sampled": (sampled_figure, (sampled_frame(*COUNTED, probed.GROUPS, probed.COMPLETIONS),)),
    "differences": (
        differences_figure,
        (group_comparison_frame(*COUNTED, [(1, 2)], probed.GROUPS, probed.COMPLETIONS),),
    ),
    "benchmark": (benchmark_figure, (stereo(),)),
    "gap": (partial(gap_figure, **NASTY_PAIR), (gaps(),)),
    "head_gap": (partial(head_gap_figure, **NASTY_PAIR), (heads(missing=True),)),
}
FACTS = {
    "mosaic": {"heads", "layers", "tokens"},
    "head": {"what", "tokens"},
    "matrix": set(),
    "text": {"token"},
    "row": {"token"},
    "column": {"token"},
    "query_rows": {"token"},
    "lines": {"tokens"},
    "metric_map": {"metric"},
    "candidates": {"pos", "k"},
    "positions": set(),
    "lens": {"count", "layers"},
    "trajectories": {"pos", "count"},
    "attribution": {"pos"},
    "head_attribution": {"pos", "layer"},
    "sets": {"columns"},
    "quality": {"columns"},
    "answers": {"columns"},
    "lengths": {"columns"},
    "settings_lines": {"value", "count"},
    "settings_map": {"value", "count"},
    "beam_tree": {"nodes", "steps"},
    "probability_tree": {"nodes", "mass"},
    "sweep": {"values"},
    "bias_map": {"completions", "groups"},
    "dumbbell": {"completions"},
    "against_world": {"completions"},
    "forest": {"rows"},
    "strip": {"templates", "completions"},
    "lorenz": {"groups"},
    "distances": {"groups"},
    "sampled": {"completions", "groups"},
    "differences": {"completions", "tests"},
    "benchmark": {"categories"},
    "gap": {"steps"},
    "head_gap": set(),
}


def texts(language):
    def flat(name, value):
        if isinstance(value, dict):
            return {k: v for key, child in value.items() for k, v in flat(f"{name}.{key}", child).items()}
        return {name: value}

    return flat("", tomllib.loads((LOCALE / language / "charts.toml").read_text(encoding="utf-8")))


def fields(template):
    return {name for _, name, _, _ in string.Formatter().parse(template) if name}


def test_both_languages_have_the_same_texts_with_the_same_facts():
    english, spanish = texts("en"), texts("es")
    assert english.keys() == spanish.keys()
    for name in english:
        assert fields(english[name]) == fields(spanish[name]), name


@pytest.mark.parametrize("name", FACTS)
@pytest.mark.parametrize("language", ["en", "es"])
def test_every_chart_has_title_reading_care_and_alt_text_with_its_facts(name, language):
    text = Catalogue(language)
    assert {fact for word in ("title", "reading", "careful") for fact in fields(text(f"charts.{name}.{word}"))} == set()
    assert fields(text(f"charts.{name}.alt")) == FACTS[name]


@pytest.mark.parametrize("name", SAMPLES)
def test_how_to_read_a_chart_stands_in_the_catalogue_alone(name):
    """A docstring says what is drawn, of which table."""
    doc = function_of(name).__doc__
    assert "Args:" in doc
    assert not re.search(r"Reading|Careful", doc)


def function_of(name):
    return getattr(SAMPLES[name][0], "func", SAMPLES[name][0])


def test_every_chart_function_has_a_sample_here():
    drawn = {function_of(name) for name in SAMPLES}
    for entry in pkgutil.walk_packages(charts.__path__, "components.charts."):
        module = importlib.import_module(entry.name)
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.endswith("_figure") and not name.startswith("_") and function.__module__ == module.__name__:
                assert function in drawn, f"{entry.name}.{name}"


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_chart_names_its_axes_and_carries_its_own_look(name, mode):
    function, given = SAMPLES[name]
    theme = ChartTheme(mode)
    figure = function(*given, text=Catalogue("en"), theme=theme)
    written = json.loads(figure.to_json())["layout"]
    assert written["template"]["layout"]["paper_bgcolor"] == theme.paper
    assert figure.layout.height
    if name not in {"mosaic", "probability_tree"}:  # axes of the one are labelled L0, H0; the other has none
        assert figure.layout.xaxis.title.text
    scales = [trace.colorscale for trace in figure.data if isinstance(trace, go.Heatmap)]
    assert all(scales)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_chart_writes_a_token_as_markup(name):
    function, given = SAMPLES[name]
    written = json.loads(function(*given, text=Catalogue("en"), theme=ChartTheme()).to_json())
    written["layout"].pop("template")
    shown = json.dumps(written, ensure_ascii=False)
    assert "<b>" not in shown
    assert "<a " not in shown
    assert "$x$" not in shown
    assert "\u202e" not in shown
    # templates are ours: they name only values of the chart
    assert set(re.findall(r"%\{(\w+)", shown)) <= {"x", "y", "z", "hovertext"}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_chart_leaves_its_input_alone_and_gives_the_same_again(name):
    function, given = SAMPLES[name]
    look = {"text": Catalogue("es"), "theme": ChartTheme("dark", "cividis")}
    first = function(*given, **look).to_json()
    assert function(*given, **look).to_json() == first


def test_numbers_on_screen_have_the_languages_decimal_sign():
    frame = row_frame(samples.query_rows(), 0, 0, TOKENS)
    figure = attention.row_figure(frame, text=Catalogue("es"), theme=ChartTheme())
    assert all("," in note and "." not in note for note in figure.data[1].text)
    assert np.isfinite(figure.data[0].x).all()
