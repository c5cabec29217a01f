"""Each script of the Sampling page runs with plain transformers alone and gives the engine's texts and numbers."""

import ast
import dataclasses
import itertools
import sys
from dataclasses import replace

import numpy as np
import pytest

from components.sampling import generation_task
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, CompareRequest, GenerateRequest, TreeRequest
from dashboard.frames.sampling import comparison_frame, distance_frame, sequence_frame
from dashboard.frames.sampling_sets import answer_frame, length_frame, set_frame, sweep_frame, text_ids
from dashboard.frames.trees import beam_frame, probability_frame
from dashboard.sampling import forks as forking
from dashboard.scripts import sampling as scripts
from dashboard.settings import BUNDLED
from dashboard.stats.diversity import answer_of
from tests.made import samples
from tests.made.samples import RUN
from tests.scripts.test_build import HOSTILE, constants_of, shape_of

MODEL = "local/tiny"
BEAMS = Column(DecodeSettings(do_sample=False), 4, 12, num_beams=5, length_penalty=0.5)
COLUMNS = {
    "pure": Column(DecodeSettings(), 3, 20, seed=7),
    "greedy": Column(DecodeSettings(do_sample=False), 1, 20),
    "nucleus, penalty": Column(
        DecodeSettings(temperature=0.7, top_p=0.9, repetition_penalty=1.3), 3, 20, seed=2**64 - 1
    ),
    "greedy, n-gram": Column(DecodeSettings(do_sample=False, repetition_penalty=1.5, no_repeat_ngram_size=2), 1, 20),
    "typical, stop": Column(DecodeSettings(typical_p=0.9), 3, 20, stop_strings=("hnen", "% d"), seed=3),
    "min_p": Column(DecodeSettings(min_p=0.1, top_k=50), 3, 20, seed=9),
    "flat": Column(DecodeSettings(temperature=50.0), 8, 20, seed=25),
    "beams": BEAMS,
    "beam-sample": Column(DecodeSettings(temperature=0.3, top_k=50), 5, 6, num_beams=5, seed=5),
    "beams, a text that ends at once": Column(
        DecodeSettings(temperature=50.0), 6, 8, num_beams=10, seed=25, length_penalty=0.0
    ),
    "beams, a candidate that ends": Column(DecodeSettings(temperature=50.0), 6, 8, num_beams=10, seed=4),
    "beams, one token": Column(DecodeSettings(do_sample=False), 3, 1, num_beams=3),
    "beams, dropped rows": Column(DecodeSettings(temperature=0.002, top_k=5), 8, 5, num_beams=8),
    "beams, stop": Column(
        DecodeSettings(do_sample=False, no_repeat_ngram_size=1), 3, 12, num_beams=3, stop_strings=("sto",)
    ),
}
NAMES = tuple(COLUMNS)
REQUEST = GenerateRequest(RUN, tuple(COLUMNS.values()))
SETS = GenerateRequest(
    RUN,
    (
        Column(DecodeSettings(), 9, 12, seed=1),
        Column(DecodeSettings(temperature=0.4), 9, 12, seed=1),
        Column(DecodeSettings(temperature=0.01, repetition_penalty=0.5), 5, 15, seed=1),
        Column(DecodeSettings(temperature=50.0), 8, 26, seed=25),
        BEAMS,
        Column(DecodeSettings(do_sample=False), 1, 4),
    ),
)
SET_NAMES = ("a", "b", "c", "d", "e", "f")
SETTINGS = CompareRequest(
    RUN,
    (
        DecodeSettings(),
        DecodeSettings(temperature=0.5, top_p=0.8),
        DecodeSettings(do_sample=False, repetition_penalty=1.3),
        DecodeSettings(top_k=3, no_repeat_ngram_size=1),
    ),
    (2, 9),
)
TREES = {
    "p": TreeRequest(RUN, nodes=40),
    "two of each": TreeRequest(RUN, DecodeSettings(top_k=2), depth=3, mass=1.0, nodes=100),
    "every token": TreeRequest(RUN, DecodeSettings(temperature=2.0), depth=2, mass=1.0, nodes=430),
    "penalty": TreeRequest(RUN, DecodeSettings(top_p=0.5, repetition_penalty=1.5), depth=4, mass=0.3, nodes=60),
    "small rests": TreeRequest(RUN, DecodeSettings(top_k=4), depth=2, mass=0.95, nodes=100),
    "greedy": TreeRequest(RUN, DecodeSettings(do_sample=False), depth=3),
}


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    """Engine, card, key and tokens of the tiny model."""
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    prompt = engine.tokenizer(MODEL).read("zebra lamp river zebra lamp <b> 👩‍👩‍👧", chat=False)
    return engine, engine.describe(MODEL), engine.describe(MODEL).run_key(prompt), prompt.tokens


@pytest.fixture(scope="module")
def tokens(tiny):
    """Id -> token of the whole vocabulary."""
    every = range(tiny[1].vocab)
    return dict(zip(every, tiny[0].tokenizer(MODEL).tokens(tuple(every)), strict=True))


SCRIPTS = {
    "texts": lambda card, key: scripts.texts_script(card, key, REQUEST, names=NAMES),
    **{
        chart: lambda card, key, chart=chart: scripts.sets_script(card, key, SETS, chart, names=SET_NAMES)
        for chart in scripts.SETS
    },
    "calls": lambda card, key: scripts.calls_script(
        card, key, [GenerateRequest(key, (BEAMS,)), GenerateRequest(key, (BEAMS,))], ("man", "woman")
    ),
    "sweep": lambda card, key: scripts.sweep_script(card, key, SETS, "T", (0.1, 2, 3, 4, 5, 6)),
    "settings_lines": lambda card, key: scripts.settings_script(card, key, SETTINGS, "settings_lines"),
    "settings_map": lambda card, key: scripts.settings_script(card, key, SETTINGS, "settings_map", value="js_nats"),
    "probability_tree": lambda card, key: scripts.probability_tree_script(card, key, TREES["p"]),
    "beam_tree": lambda card, key: scripts.beam_tree_script(card, key, BEAMS),
}


def same(again, shown, *, atol, leave=()):
    """Equal columns but for `leave`; numbers within `atol`, all else exactly; names of tokens are the tokenizer's."""
    assert list(again.columns) == [name for name in shown.columns if name not in leave]
    assert len(again) == len(shown)
    for name in again:
        if shown[name].dtype.kind == "f":
            np.testing.assert_allclose(again[name].astype(float), shown[name], atol=atol, rtol=1e-6, err_msg=name)
        elif name != "token":
            # one NaN (or NA) is not another
            assert list(map(str, again[name])) == list(map(str, shown[name])), name


# -- texts ---------------------------------------------------------------------------------------------------------
def same_texts(engine, key, request, numbers, *, atol=2e-5):
    """Token for token the engine's texts, and their sums within `atol`."""
    found = engine.answer(replace(request, run=key))
    assert list(zip(numbers["column"], numbers["row"], strict=True)) == [(o.column, o.row) for o in found.outputs]
    assert numbers["ids"].tolist() == [output.ids.tolist() for output in found.outputs]
    said = engine.tokenizer(key.version.model).decode(tuple(tuple(output.ids.tolist()) for output in found.outputs))
    shown = sequence_frame(found, [""] * len(request.columns), said)
    leave = {"name", "ranked", "perplexity", "close_draws"}
    again = numbers.drop(columns="ids")[[name for name in shown if name not in leave]]
    same(again, shown, atol=atol, leave=leave)
    return found


def test_all_texts_are_the_engines_token_for_token(tiny, run):
    engine, card, key, _ = tiny
    left = run(SCRIPTS["texts"](card, key))
    found = same_texts(engine, key, REQUEST, left["numbers"])
    assert {output.stopped for output in found.outputs} == {"limit", "stop", "end"}
    assert [0] in [output.ids.tolist() for output in found.outputs]
    assert found.dropped[NAMES.index("beams, dropped rows")] > 0
    assert "stop" in {output.stopped for output in found.outputs if output.column == NAMES.index("beams, stop")}
    assert list(left["numbers"]) == [
        *("column", "row", "text", "ids", "tokens", "sum_log_p_nats", "mean_log_p_nats", "sum_log_q_nats"),
        *("stopped", "beam_score"),
    ]
    assert left["figure"].data[0].type == "table"


def test_a_call_behind_several_prompts_gives_the_engines_texts_of_each(tiny, run):
    engine, card, key, _ = tiny
    keys = [key, replace(key, token_ids=key.token_ids[:3])]
    requests = [GenerateRequest(own_key, (COLUMNS["beam-sample"],)) for own_key in keys]
    left = run(scripts.calls_script(card, key, requests, ("man", HOSTILE[1])))
    numbers = left["numbers"]
    assert numbers["group"].drop_duplicates().tolist() == ["man", HOSTILE[1]]
    for own_key, request, group in zip(keys, requests, ("man", HOSTILE[1]), strict=True):
        same_texts(engine, own_key, request, numbers[numbers["group"] == group])
    assert left["figure"].data[0].type == "table"


def test_given_tokens_and_the_first_row_are_kept(tiny, run):
    engine, card, key, _ = tiny
    request = dataclasses.replace(REQUEST, forced=(5, 9, 5), first_row=4)
    numbers = run(scripts.texts_script(card, key, request))["numbers"]
    found = same_texts(engine, key, request, numbers)
    alone = [output for output in found.outputs if output.column < 7]
    assert all(output.ids[:3].tolist() == [5, 9, 5] for output in alone)
    assert [output.row for output in alone[:3]] == [4, 5, 6]


FORKS = "0.1.4.7,f0.9.12,0.2.0.5,2.0.3.11,7.0.2.9,0.9.1.5,0.0.19.3,0.0.40.3,f5.2.3,f1.10.8"
"""From rows, from forks, from beams, from a row and a step that are not there, and from a fork that is not."""


def test_forks_are_written_as_the_page_writes_them(tiny, run):
    engine, card, key, _ = tiny
    request = GenerateRequest(key, (*REQUEST.columns[:3], *REQUEST.columns[4:9]))
    forks = forking.read(FORKS)
    numbers = run(scripts.texts_script(card, key, request, forks=forks))["numbers"]
    work = generation_task.GenerationTask("forks")
    made = generation_task.make(engine, request, forks, work)
    assert sorted(made.forks) == [0, 1, 2, 3, 6, 9]
    found = made.with_forks().outputs
    assert numbers["row"].tolist() == [output.row for output in found]
    assert numbers["column"].tolist() == [output.column for output in found]
    assert numbers["ids"].tolist() == [output.ids.tolist() for output in found]
    wanted = [output.log_p.sum(dtype=np.float64) for output in found]
    np.testing.assert_allclose(numbers["sum_log_p_nats"], wanted, atol=1e-3)


def test_a_given_token_that_ends_a_text_ends_it(tiny, run):
    engine, card, key, _ = tiny
    request = GenerateRequest(RUN, REQUEST.columns[:2], forced=(5, 0, 9))
    numbers = run(scripts.texts_script(card, key, request))["numbers"]
    same_texts(engine, key, request, numbers)
    assert numbers["stopped"].tolist() == ["end"] * 4


def test_other_columns_and_rows_do_not_change_a_text(tiny, run):
    engine, card, key, _ = tiny
    alone = GenerateRequest(RUN, (dataclasses.replace(COLUMNS["min_p"], num_return_sequences=1),), first_row=1)
    numbers = run(scripts.texts_script(card, key, alone))["numbers"]
    beside = [one for one in engine.answer(replace(REQUEST, run=key)).outputs if (one.column, one.row) == (5, 1)]
    assert numbers["ids"].tolist() == [beside[0].ids.tolist()]


def test_a_model_without_a_cache_gives_the_same_texts(tiny, run):
    _, card, key, _ = tiny
    left = run(scripts.texts_script(card, key, GenerateRequest(RUN, REQUEST.columns[:3])))

    class Forgetful:
        def __init__(self, model):
            self.generation_config, self.model = model.generation_config, model

        def __call__(self, ids, **_):
            return self.model(ids, use_cache=False)

    again = left["made_texts"](Forgetful(left["model"]), left["tokenizer"])
    assert again["ids"].tolist() == left["numbers"]["ids"].tolist()


@pytest.mark.model
def test_texts_and_trees_of_the_bundled_model_are_the_engines(bundled_engine, run):
    prompt = bundled_engine.tokenizer(BUNDLED).read("When Mary and John went to the store, John gave", chat=False)
    card, key = bundled_engine.describe(BUNDLED), bundled_engine.describe(BUNDLED).run_key(prompt)
    ways = (DecodeSettings(temperature=0.7, top_p=0.9), DecodeSettings(do_sample=False), DecodeSettings(typical_p=0.9))
    columns = tuple(Column(way, 1, 8, seed=3) for way in ways)
    search = Column(DecodeSettings(temperature=0.3, top_k=50), 3, 4, num_beams=3, seed=1)
    request = GenerateRequest(RUN, (*columns, search))
    numbers = run(scripts.texts_script(card, key, request))["numbers"]
    same_texts(bundled_engine, key, request, numbers, atol=1e-3)
    tree = TreeRequest(key, depth=2, nodes=8)
    again = run(scripts.probability_tree_script(card, key, tree))["numbers"]
    found = bundled_engine.answer(tree)
    assert again["id"].dropna().tolist() == found.ids.tolist()
    np.testing.assert_allclose(again["prob"][1 : len(found.ids) + 1], found.probs, atol=1e-5)


# -- sets ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("chart", ["sets", "quality"])
def test_set_metrics_are_the_engines_texts(tiny, run, chart):
    engine, card, key, _ = tiny
    left = run(SCRIPTS[chart](card, key))
    shown = set_frame(engine.answer(replace(SETS, run=key)), SET_NAMES)
    resampled = shown["metric"] != "loops"
    shown.loc[resampled, ["low", "high"]] = np.nan
    same(left["numbers"], shown, atol=1e-6)
    loops = shown[~resampled].set_index("column")["value"]
    assert loops[2] > loops[0]
    bleu = shown[shown["metric"] == "self_bleu"].set_index("column")["value"]
    assert bleu.notna().tolist() == [True, True, True, False, True, False]
    assert shown["ranked"].any()
    assert "end" in {output.stopped for output in engine.answer(replace(SETS, run=key)).outputs}


def test_the_quality_chart_has_one_point_a_column_and_hollow_ones_for_ranked_lists(tiny, run):
    _, card, key, _ = tiny
    left = run(scripts.sets_script(card, key, SETS, "quality", names=SET_NAMES, diversity="distinct_3"))
    values = left["numbers"].pivot(index="column", columns="metric", values="value")
    drawn = [(trace.x[0], trace.y[0]) for trace in left["figure"].data]
    assert drawn == list(zip(values["mean_log_p"], values["distinct_3"], strict=True))
    assert [trace.marker.symbol.endswith("-open") for trace in left["figure"].data] == [False] * 4 + [True, False]


def test_answers_and_lengths_are_the_engines_texts(tiny, run):
    engine, card, key, _ = tiny
    found = engine.answer(replace(SETS, run=key))
    said = engine.tokenizer(MODEL).decode(tuple(text_ids(output) for output in found.outputs))
    same(run(SCRIPTS["answers"](card, key))["numbers"], answer_frame(found, SET_NAMES, said), atol=1e-9)
    shown = length_frame(found, SET_NAMES)
    assert shown["to_tokens"].iloc[0] > shown["from_tokens"].iloc[0]
    same(run(SCRIPTS["lengths"](card, key))["numbers"], shown, atol=1e-9)


def test_loops_answers_and_intervals_are_those_of_the_definitions(tiny, run):
    left = run(SCRIPTS["answers"](tiny[1], tiny[2]))
    assert left["wilson"](1, 5) == pytest.approx((0.0362, 0.6245), abs=1e-4)
    assert left["wilson"](5, 5) == pytest.approx((0.5655, 1), abs=1e-4)
    for text in (" Paris!\nx", "\n\u00a0 \n?a, b:; ", "...", "", "A nurse.\r\n"):
        assert left["answer_of"](text) == answer_of(text)
    assert left["answer_of"]("\n ?Paris!;: \n x") == "Paris"
    loops = run(SCRIPTS["sets"](tiny[1], tiny[2]))["ends_in_loop"]
    assert loops([1, 2] * 3)
    assert loops([7, *[1, 2, 3] * 3])
    assert not loops([1, 2] * 3 + [3])
    assert not loops([1, 1, 1])


def test_a_sweep_is_the_engines_texts(tiny, run):
    engine, card, key, _ = tiny
    values = (0.2, 1, 3.0)
    columns = tuple(Column(DecodeSettings(temperature=float(value)), 6, 10, seed=2) for value in values)
    left = run(scripts.sweep_script(card, key, GenerateRequest(RUN, columns), "temperature", values))
    shown = sweep_frame(engine.answer(GenerateRequest(key, columns)), values)
    shown.loc[shown["metric"] != "loops", ["low", "high"]] = np.nan
    same(left["numbers"], shown, atol=1e-6)
    assert list(left["figure"].layout.xaxis.ticktext) == ["0.2", "1", "3"]


# -- settings ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("chart", "value"), itertools.product(("settings_lines", "settings_map"), ("kept", "js_nats")))
def test_compared_settings_are_the_engines(tiny, run, chart, value):
    engine, card, key, text = tiny
    found = engine.answer(replace(SETTINGS, run=key))
    names = ("A", "B", "C", "D")
    left = run(scripts.settings_script(card, key, SETTINGS, chart, names=names, value=value))
    if value == "kept":
        shown = comparison_frame(found, names, text, SETTINGS.positions[0])
    else:
        shown = distance_frame(found, names, text, SETTINGS.positions[0])
    named = {"name", "first_name", "second_name"}
    again = left["numbers"]
    same(again[[name for name in again if name not in named]], shown, atol=1e-6, leave=named & set(shown))
    drawn = left["figure"].data
    rows = [list(row) for row in drawn[0].z] if chart == "settings_map" else [list(trace.y) for trace in drawn]
    assert rows == [part[value].tolist() for _, part in again.groupby(again.columns[0])]


# -- trees ---------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", TREES)
def test_the_probability_tree_is_the_engines(tiny, tokens, run, name):
    engine, card, key, _ = tiny
    left = run(scripts.probability_tree_script(card, key, TREES[name]))
    shown = probability_frame(engine.answer(replace(TREES[name], run=key)), tokens)
    same(left["numbers"], shown, atol=1e-6)
    assert ("end" in set(shown["state"])) == (name == "every token")
    rests = shown[shown["state"] == "rest"]["step_prob"]
    assert (len(rests) > 0) == (name not in {"two of each", "greedy"})
    assert name != "small rests" or rests.min() < 0.2
    drawn = left["figure"].data[0]
    assert drawn.type == "icicle"
    below = {}
    for parent, value in zip(drawn.parents, drawn["values"], strict=True):
        below[parent] = below.get(parent, 0) + value
    whole = dict(zip(drawn.ids, drawn["values"], strict=True))
    assert below.pop("") == 1
    for parent, value in below.items():
        assert value == pytest.approx(whole[parent], rel=1e-6)


@pytest.mark.parametrize("name", [name for name, column in COLUMNS.items() if column.num_beams > 1])
def test_the_beam_tree_is_the_engines(tiny, tokens, run, name):
    engine, card, key, _ = tiny
    left = run(scripts.beam_tree_script(card, key, COLUMNS[name]))
    shown = beam_frame(engine.answer(GenerateRequest(key, (COLUMNS[name],))).beams[0], tokens)
    assert ("pruned" in set(shown["state"])) == (name != "beams, dropped rows")
    unused = shown[(shown["state"] == "finished") & ~shown["returned"]]
    assert len(unused) or name != "beams, a candidate that ends"
    same(left["numbers"], shown, atol=2e-5)
    lines = [trace for trace in left["figure"].data if trace.mode == "lines"]
    assert sum(len(trace.x) for trace in lines) == 3 * len(shown)


# -- what a script may hold ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_needs_nothing_of_ours_and_says_what_it_needs(tiny, name):
    _, card, key, _ = tiny
    source = SCRIPTS[name](card, key)
    tree = ast.parse(source)
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    aliases = [
        alias for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names
    ]
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    needed = {module.split(".")[0] for module in imported} - set(sys.stdlib_module_names)
    known = {"numpy", "pandas", "plotly", "torch", "transformers"}
    assert needed <= known | ({"nltk"} if name in {"sets", "quality", "sweep"} else set())
    assert ("pip install nltk" in ast.get_docstring(tree)) == ("nltk" in needed)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert {(alias.asname or alias.name).split(".")[0] for alias in aliases} <= used
    constants = constants_of(source)
    assert constants["PROVENANCE"] == key.provenance()
    assert tuple(constants.get("TOKEN_IDS", constants.get("PROMPTS", [()])[0])) == key.token_ids
    assert max(len(line) for line in source.splitlines()) <= 120


@pytest.mark.parametrize("name", ["sets", "quality", "sweep"])
def test_a_script_says_that_it_leaves_intervals_out(tiny, name):
    assert "resampling" in ast.get_docstring(ast.parse(SCRIPTS[name](tiny[1], tiny[2])))


@pytest.mark.parametrize("text", HOSTILE)
def test_names_and_stop_strings_are_data_and_never_code(tiny, text):
    card = tiny[1]
    clean = samples.run_key(model="m", revision="r")
    hostile_key = samples.run_key(model=text, revision=text)

    def made(key, words):
        column, search = (dataclasses.replace(one, stop_strings=(words, words)) for one in (COLUMNS["pure"], BEAMS))
        request = GenerateRequest(RUN, (column, search))
        settings = CompareRequest(RUN, SETTINGS.settings[:2], (0, 2))
        yield scripts.texts_script(card, key, request, names=(words, words))
        for chart in scripts.SETS:
            yield scripts.sets_script(card, key, request, chart, names=(words, words), diversity=words)
        yield scripts.sweep_script(card, key, request, words, (1, 2))
        yield scripts.settings_script(card, key, settings, "settings_map", names=(words, words))
        yield scripts.beam_tree_script(card, key, search)

    for hostile, plain in zip(made(hostile_key, text), made(clean, "x"), strict=True):
        constants = constants_of(hostile)
        columns = constants.get("COLUMNS") or [constants[name] for name in ("COLUMN",) if name in constants]
        assert all(column["stop_strings"] == [text, text] for column in columns)
        assert shape_of(hostile) == shape_of(plain)


def test_hostile_names_are_drawn_as_they_are(tiny, run):
    _, card, key, _ = tiny
    nasty = "<b>%{x} $y$</b>"
    shown = "&lt;b&gt;%&#123;x} &#36;y&#36;&lt;/b&gt;"
    column = dataclasses.replace(
        COLUMNS["pure"], stop_strings=(nasty, "'; raise SystemExit #", '"""'), max_new_tokens=9
    )
    request = GenerateRequest(RUN, (column, column))
    texts = run(scripts.texts_script(card, key, request, names=(nasty, nasty)))["figure"]
    assert set(texts.data[0].cells["values"][0]) == {shown}
    for chart in scripts.SETS[:3]:
        figure = run(scripts.sets_script(card, key, request, chart, names=(nasty, nasty)))["figure"]
        assert {trace.name for trace in figure.data} == {shown}
    lengths = run(scripts.sets_script(card, key, request, "lengths", names=(nasty, nasty)))["figure"]
    assert {note.text for note in lengths.layout.annotations} == {shown}
    sweep = run(scripts.sweep_script(card, key, request, nasty, (1, 2)))["figure"]
    assert shown in {axis.title.text for axis in sweep.select_xaxes()}
    settings = CompareRequest(RUN, SETTINGS.settings[:2], (0, 2))
    lines = scripts.settings_script(card, key, settings, "settings_lines", names=(nasty, nasty), value="js_nats")
    assert run(lines)["figure"].data[0].name == f"{shown} – {shown}"


def test_long_texts_stay_whole_in_a_script(tiny):
    _, card, key, _ = tiny
    stops = tuple(f"{i}  blanks   and\na line {'x y' * 8}" for i in range(4))
    request = GenerateRequest(RUN, (dataclasses.replace(COLUMNS["pure"], stop_strings=stops),))
    source = scripts.texts_script(card, key, request, names=("many  words " * 3,))
    assert constants_of(source)["COLUMNS"][0]["stop_strings"] == list(stops)
    assert constants_of(source)["NAMES"] == ["many  words " * 3]


def test_what_cannot_be_drawn_is_our_mistake(tiny):
    _, card, key, _ = tiny
    one = dataclasses.replace(SETTINGS, settings=SETTINGS.settings[:1])
    with pytest.raises(ValueError, match="histogram"):
        scripts.sets_script(card, key, SETS, "histogram")
    with pytest.raises(ValueError, match="2 values of 6"):
        scripts.sweep_script(card, key, SETS, "T", (1, 2))
    with pytest.raises(ValueError, match="needs two"):
        scripts.settings_script(card, key, one, "settings_lines", value="js_nats")
    with pytest.raises(ValueError, match="no chart"):
        scripts.settings_script(card, key, SETTINGS, "settings_bars")
    with pytest.raises(ValueError, match="no beams"):
        scripts.beam_tree_script(card, key, COLUMNS["pure"])
