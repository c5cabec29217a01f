"""Each script runs with plain transformers alone and gives the numbers that the dashboard shows."""

import ast
import dataclasses
import sys
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from dashboard.engine.api.attention import (
    METRICS,
    CombineRequest,
    HeadRequest,
    QueryRowsRequest,
    RolloutRequest,
    TilesRequest,
)
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest, ProcessedRequest
from dashboard.frames.attention import metric_frame, query_rows_frame, row_frame, weight_table
from dashboard.frames.lens import attribution_frame, head_attribution_frame, lens_frame, trajectory_frame
from dashboard.frames.next_token import candidates_frame, position_frame
from dashboard.scripts import attention, prediction
from dashboard.settings import BUNDLED
from dashboard.tokens import visible
from tests.made import samples
from tests.made.plain import metrics as plain_metrics
from tests.made.plain import rollout as plain_rollout
from tests.made.samples import RUN

MODEL = "local/tiny"
PROMPT = "zebra lamp river zebra lamp $x$ <b> 👩‍👩‍👧"


@pytest.fixture(scope="module")
def tiny(tiny_settings):
    """Engine, card, key and tokens of the tiny model."""
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    prompt = engine.tokenizer(MODEL).read(PROMPT, chat=False)
    return engine, engine.describe(MODEL), engine.describe(MODEL).run_key(prompt), prompt.tokens


@pytest.fixture(scope="module")
def plain(tiny, tiny_folder):
    """(layer, head, T, T) weights and (T, vocab) logits of plain transformers."""
    import torch
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tiny_folder, attn_implementation="eager").eval()
    with torch.inference_mode():
        output = model(torch.tensor([tiny[2].token_ids]), output_attentions=True)
    return np.stack([part[0].numpy() for part in output.attentions]), output.logits[0].numpy()


PAIRS = [(0, 1), (2, 3)]
SCRIPTS = {
    "head": lambda card, key: attention.head_script(card, key, 1, 2),
    "row": lambda card, key: attention.head_script(card, key, 1, 2, rows=(5, 6)),
    "column": lambda card, key: attention.head_script(card, key, 1, 2, cols=(3, 4)),
    "lines": lambda card, key: attention.head_script(card, key, 1, 2, rows=(2, 9), cols=(2, 9), chart="lines"),
    "mean": lambda card, key: attention.combine_script(card, key, PAIRS, "mean"),
    "max": lambda card, key: attention.combine_script(card, key, PAIRS, "max"),
    "rollout": attention.rollout_script,
    "mosaic": attention.mosaic_script,
    "query_rows": lambda card, key: attention.query_rows_script(card, key, 5),
    "metric": lambda card, key: attention.metric_script(card, key, "induction"),
    "candidates": lambda card, key: prediction.candidates_script(card, key, 3, 5),
    "positions": prediction.position_script,
    "lens": lambda card, key: prediction.lens_script(card, key, LensRequest(RUN, (1, 4), half_steps=True, pins=(7,))),
    "trajectories": lambda card, key: prediction.lens_script(
        card, key, LensRequest(RUN, (4,), pins=(7,)), chart="trajectories"
    ),
    "attribution": lambda card, key: prediction.attribution_script(card, key, 4, 7),
    "head_attribution": lambda card, key: prediction.attribution_script(card, key, 4, 7, layer=1),
}


# -- against plain transformers -----------------------------------------------------------------------------------
def test_one_heads_table_is_the_models_own(tiny, plain, run):
    _, card, key, tokens = tiny
    left = run(attention.head_script(card, key, 1, 2))
    expected = np.where(np.tri(len(tokens), dtype=bool), plain[0][1, 2], np.nan)
    np.testing.assert_allclose(left["numbers"], expected, atol=1e-6)
    assert left["numbers"].index[0] == "0 zebr"
    assert left["figure"].data[0].type == "heatmap"


def test_a_part_keeps_the_prompts_positions(tiny, plain, run):
    _, card, key, _ = tiny
    left = run(attention.head_script(card, key, 2, 0, rows=(6, 10), cols=(2, 5)))
    np.testing.assert_allclose(left["numbers"], plain[0][2, 0, 6:10, 2:5], atol=1e-6)
    assert (left["figure"].data[0].x0, left["figure"].data[0].y0) == (2, 6)


def test_a_row_and_a_column_are_bars(tiny, plain, run):
    _, card, key, _ = tiny
    row = run(SCRIPTS["row"](card, key))
    column = run(SCRIPTS["column"](card, key))
    np.testing.assert_allclose(row["numbers"].to_numpy()[0, :6], plain[0][1, 2, 5, :6], atol=1e-6)
    np.testing.assert_allclose(column["numbers"].to_numpy()[3:, 0], plain[0][1, 2, 3:, 3], atol=1e-6)
    for left in (row, column):
        assert left["figure"].data[0].type == "bar"
    np.testing.assert_allclose(row["figure"].data[0].x, np.sort(plain[0][1, 2, 5, :6])[::-1], atol=1e-6)


def test_lines_join_what_they_should(tiny, plain, run):
    _, card, key, _ = tiny
    left = run(SCRIPTS["lines"](card, key))
    drawn = sum(len(trace.x) // 3 for trace in left["figure"].data if trace.mode == "lines")
    assert drawn == (np.tril(plain[0][1, 2, 2:9, 2:9]) >= 0.02).sum()


def test_several_heads_as_one_map(tiny, plain, run):
    _, card, key, tokens = tiny
    both = np.stack([plain[0][layer, head] for layer, head in PAIRS])
    causal = np.tri(len(tokens), dtype=bool)
    for how, expected in (("mean", both.mean(0)), ("max", both.max(0))):
        left = run(attention.combine_script(card, key, PAIRS, how))
        np.testing.assert_allclose(left["numbers"], np.where(causal, expected, np.nan), atol=1e-6)


def test_rollout_is_abnar_and_zuidemas(tiny, plain, run):
    _, card, key, tokens = tiny
    left = run(attention.rollout_script(card, key))
    expected = np.where(np.tri(len(tokens), dtype=bool), plain_rollout(plain[0]), np.nan)
    np.testing.assert_allclose(left["numbers"], expected, atol=1e-6)


def test_every_score_is_the_definitions(tiny, plain, run):
    _, card, key, _ = tiny
    numbers = run(attention.metric_script(card, key, "induction"))["numbers"].set_index(["layer", "head"])
    for layer in range(card.layers):
        for head in range(card.heads):
            expected = plain_metrics(plain[0][layer, head], list(key.token_ids))
            found = numbers.loc[(layer, head), list(METRICS)]
            np.testing.assert_allclose(found.astype(float), [expected[name] for name in METRICS], atol=1e-5)


def test_candidates_and_positions_are_the_models_own(tiny, plain, run):
    _, card, key, tokens = tiny
    probs = np.exp(plain[1].astype(np.float64))
    probs /= probs.sum(axis=1, keepdims=True)
    found = run(prediction.candidates_script(card, key, 3, 5))["numbers"]
    assert found["id"].tolist() == np.argsort(-plain[1][3], kind="stable")[:5].tolist()
    np.testing.assert_allclose(found["prob"], np.sort(probs[3])[::-1][:5], rtol=1e-4)
    table = run(prediction.position_script(card, key))["numbers"]
    for pos in range(len(tokens) - 1):
        p = probs[pos, key.token_ids[pos + 1]]
        assert table["next_prob"][pos] == pytest.approx(p, rel=1e-4)
        assert table["surprisal_bits"][pos] == pytest.approx(-np.log2(p), abs=1e-3)
        assert table["next_rank"][pos] == 1 + (plain[1][pos] > plain[1][pos, key.token_ids[pos + 1]]).sum()
    assert table.iloc[-1][["next_prob", "next_rank"]].isna().all()


def test_the_induction_score_never_counts_the_token_itself(tiny, run):
    engine, card, _, _ = tiny
    key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read("aaaa lamp lamp", chat=False))
    assert any(one == other for one, other in pairwise(key.token_ids))
    scores = run(attention.metric_script(card, key, "induction"))["numbers"]
    np.testing.assert_allclose(scores, metric_frame(engine.answer(TilesRequest(key))), atol=1e-5)


def same_tiles(drawn, tiles):
    """Equal but for a rare step where rounding falls the other way."""
    assert np.abs(drawn.astype(int) - tiles).max() <= 1
    assert (drawn == tiles).mean() > 0.999


# -- against what the dashboard shows -----------------------------------------------------------------------------
def compare(engine, card, key, tokens, run, *, atol):
    """Every script against the engine's own results."""
    count, layer, head = len(tokens), card.layers // 2, card.heads - 1
    shown = weight_table(engine.answer(HeadRequest(key, layer, head)), tokens, digits=7)
    np.testing.assert_allclose(run(attention.head_script(card, key, layer, head))["numbers"], shown, atol=atol)
    pairs, part = [(0, 0), (layer, head)], {"rows": (1, count), "cols": (0, 3)}
    requests = [
        (CombineRequest(RUN, tuple(pairs), "mean"), attention.combine_script(card, key, pairs, "mean")),
        (CombineRequest(RUN, tuple(pairs), "max", **part), attention.combine_script(card, key, pairs, "max", **part)),
        (RolloutRequest(RUN), attention.rollout_script(card, key)),
    ]
    for request, source in requests:
        np.testing.assert_allclose(run(source)["numbers"], engine.answer(replace(request, run=key)).weights, atol=atol)
    tiles = engine.answer(TilesRequest(key))
    same_tiles(run(attention.mosaic_script(card, key))["numbers"], tiles.tiles)
    scores = run(attention.metric_script(card, key))["numbers"]
    np.testing.assert_allclose(scores, metric_frame(tiles), atol=10 * atol)
    rows = engine.answer(QueryRowsRequest(key, count - 1))
    most = run(attention.query_rows_script(card, key, count - 1))["numbers"]
    np.testing.assert_allclose(most["weight"], query_rows_frame(rows, tokens)["weight"], atol=atol)
    row = run(attention.head_script(card, key, layer, head, rows=(count - 1, count)))["numbers"]
    np.testing.assert_allclose(row.to_numpy()[0], row_frame(rows, layer, head, tokens)["weight"], atol=atol)
    same_candidates(engine, card, key, run, DecodeSettings())
    same_candidates(engine, card, key, run, DecodeSettings(temperature=0.6, top_k=40, top_p=0.8, min_p=0.01))
    same_candidates(engine, card, key, run, DecodeSettings(do_sample=False, repetition_penalty=1.3))
    same_lens(engine, card, key, tokens, run)
    table = position_frame(engine.answer(PositionTableRequest(key)), tokens)
    again = run(prediction.position_script(card, key))["numbers"]
    assert list(again.columns) == list(table.columns)
    assert again["predicted_id"].tolist() == table["predicted_id"].tolist()
    np.testing.assert_allclose(again["surprisal_bits"], table["surprisal_bits"], atol=1e-3)


def same_lens(engine, card, key, tokens, run):
    request = LensRequest(key, (0, 3, len(tokens) - 1), half_steps=True, pins=(7,))
    found = engine.answer(request)
    ids = np.unique(found.top_ids).tolist()
    names = dict(zip(ids, engine.tokenizer(card.model).tokens(tuple(ids)), strict=True))
    shown = lens_frame(found, tokens, names, engine.tokenizer(card.model).tokens((7,))[0])
    same_table(run(prediction.lens_script(card, key, request))["numbers"], shown.drop(columns="settled"))
    one = LensRequest(key, (3,), pins=(7, 11))
    lines = trajectory_frame(engine.answer(one), engine.tokenizer(card.model).tokens(one.pins))
    same_table(run(prediction.lens_script(card, key, one, chart="trajectories"))["numbers"], lines)
    moved = engine.answer(AttributionRequest(key, 3, 7))
    same_table(run(prediction.attribution_script(card, key, 3, 7))["numbers"], attribution_frame(moved))
    heads = run(prediction.attribution_script(card, key, 3, 7, layer=1))["numbers"]
    same_table(heads, head_attribution_frame(moved, 1))


def same_table(again, shown):
    """Equal columns; numbers up to rounding, all else exactly; names of bytes alone are the tokenizer's in a script."""
    assert list(again.columns) == list(shown.columns)
    for name in shown:
        if shown[name].dtype.kind == "f":
            np.testing.assert_allclose(again[name], shown[name], atol=1e-4, err_msg=name)
        elif "token" not in name:
            assert again[name].tolist() == shown[name].tolist(), name


def same_candidates(engine, card, key, run, settings):
    pos, pins = len(key.token_ids) - 1, (7, 300)
    found = engine.answer(CandidatesRequest(key, pos, 5, pins))
    shown = candidates_frame(found, engine.answer(ProcessedRequest(key, pos, tuple(found.ids.tolist()), settings)))
    again = run(prediction.candidates_script(card, key, pos, 5, pins=pins, settings=settings))["numbers"]
    assert list(again.columns) == list(shown.columns)
    for name in ("rank", "id", "cut_by"):
        assert again[name].tolist() == shown[name].tolist()
    for name in ("logit", "prob", "q"):
        np.testing.assert_allclose(again[name], shown[name], atol=1e-4 if name == "logit" else 1e-5)


def test_scripts_give_what_the_dashboard_shows(tiny, run):
    compare(*tiny, run, atol=1e-5)


def test_a_pooled_mosaic_is_the_same_too(tiny, run):
    engine, card, _, _ = tiny
    key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read("zebra lamp river " * 40, chat=False))
    tiles = engine.answer(TilesRequest(key))
    assert tiles.block > 1
    same_tiles(run(attention.mosaic_script(card, key))["numbers"], tiles.tiles)


@pytest.mark.parametrize("prompt", ["a", "zebra lamp"])
def test_short_prompts_without_repeats_run_too(tiny, run, prompt):
    engine, card, _, _ = tiny
    key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read(prompt, chat=False))
    scores = run(attention.metric_script(card, key, "entropy_nats"))["numbers"]
    np.testing.assert_allclose(scores, metric_frame(engine.answer(TilesRequest(key))), atol=1e-5)
    assert run(attention.mosaic_script(card, key))["numbers"].shape[-1] == len(key.token_ids)


@pytest.mark.model
def test_scripts_of_the_bundled_model_give_what_the_dashboard_shows(bundled_engine, run):
    prompt = bundled_engine.tokenizer(BUNDLED).read(
        "When Mary and John went to the store, John gave a drink to", chat=False
    )
    card, key = bundled_engine.describe(BUNDLED), bundled_engine.describe(BUNDLED).run_key(prompt)
    head = run(attention.head_script(card, key, 17, 5))["numbers"]
    shown = bundled_engine.answer(HeadRequest(key, 17, 5)).weights
    np.testing.assert_allclose(head, shown, atol=1e-5)
    found = run(prediction.candidates_script(card, key, len(prompt.tokens) - 1, 10))["numbers"]
    top = bundled_engine.answer(CandidatesRequest(key, len(prompt.tokens) - 1, 10))
    assert found["id"].tolist() == top.ids.tolist()
    assert found["token"].tolist() == [visible(token) for token in top.tokens]
    np.testing.assert_allclose(found["prob"], top.probs, atol=1e-5)


# -- what a script may hold ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_needs_nothing_of_ours(tiny, name):
    tree = ast.parse(SCRIPTS[name](tiny[1], tiny[2]))
    imported = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    known = {"numpy", "pandas", "plotly", "torch", "transformers", *sys.stdlib_module_names}
    assert {module.split(".")[0] for module in imported} <= known


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_says_where_it_comes_from_and_how_to_install_what_it_needs(tiny, name):
    _, card, key, _ = tiny
    source = SCRIPTS[name](card, key)
    assert "pip install torch==" in ast.get_docstring(ast.parse(source))
    constants = constants_of(source)
    assert constants["PROVENANCE"] == key.provenance()
    assert tuple(constants["TOKEN_IDS"]) == key.token_ids
    assert max(len(line) for line in source.splitlines()) <= 120


def constants_of(source):
    """The literal constants at the top of a script, evaluated as nothing but literals."""
    found = {}
    for node in ast.parse(source).body:
        if name := constant_name(node):
            found[name] = ast.literal_eval(node.value)
    return found


def constant_name(node):
    target = node.targets[0] if isinstance(node, ast.Assign) else None
    return target.id if isinstance(target, ast.Name) and target.id.isupper() else ""


HOSTILE = ["'; import os; os.abort() #", '"""\nraise SystemExit', "a\nb = 1", "{x}", "\\", "ж\u202e"]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("source", ["hub", "local", "bundled"])
def test_a_name_is_data_and_never_code(tiny, text, source):
    card = dataclasses.replace(tiny[1], source=source, label=text, weight_formula=text, licence=text)
    facts = dict.fromkeys(("model", "revision", "dtype", "device", "template", "transformers", "torch"), text)
    key = samples.run_key(**facts)
    clean = samples.run_key(model="m", revision="r")
    for hostile, plain_one in (
        (prediction.position_script(card, key), prediction.position_script(card, clean)),
        (
            attention.combine_script(card, key, PAIRS, text),
            attention.combine_script(card, clean, PAIRS, "mean"),
        ),
    ):
        assert constants_of(hostile)["PROVENANCE"]["model"] == text
        assert shape_of(hostile) == shape_of(plain_one)


def shape_of(source):
    """The script's code without the values of its constants and without its docstring."""
    tree = ast.parse(source)
    body = tree.body[1:]
    for node in body:
        if constant_name(node):
            node.value = ast.Constant(None)
    return [ast.dump(node) for node in body]


def test_a_local_models_script_never_names_the_servers_folder(tiny, tiny_folder):
    source = attention.head_script(tiny[1], tiny[2], 0, 0)
    assert constants_of(source)["MODEL_FOLDER"] == "tiny"
    assert str(tiny_folder.parent) not in source


def test_a_hub_models_script_pins_the_revision_and_takes_safetensors_only(tiny):
    card = dataclasses.replace(tiny[1], source="hub")
    key = samples.run_key(model="openai-community/gpt2", revision="0123abc")
    source = prediction.position_script(card, key)
    assert constants_of(source)["REVISION"] == "0123abc"
    assert source.count("revision=REVISION") == 2
    assert "use_safetensors=True" in source
    assert "trust_remote_code" not in source


@pytest.mark.parametrize("model", ["gpt2", "gpt2@step1", "gpt2@" + "a" * 40, "org/m@refs/pr/2"])
def test_a_revisions_script_loads_its_commit_from_the_models_own_name(tiny, model):
    key = samples.run_key(model=model, revision="a" * 40)
    names = constants_of(prediction.position_script(dataclasses.replace(tiny[1], source="hub"), key))
    assert (names["MODEL"], names["REVISION"]) == (model.partition("@")[0], "a" * 40)
    assert names["PROVENANCE"]["model"] == model


def test_layers_without_attention_are_left_out_in_the_right_places(tiny):
    card = dataclasses.replace(tiny[1], without_attention=((1, "linear_attention"),))
    assert constants_of(attention.head_script(card, tiny[2], 2, 0))["ATTENTION_LAYERS"] == [0, 2]


def test_a_long_prompt_stays_readable(tiny):
    key = samples.run_key(token_ids=tuple(range(5000)))
    source = prediction.position_script(tiny[1], key)
    assert max(len(line) for line in source.splitlines()) <= 120
    assert tuple(constants_of(source)["TOKEN_IDS"]) == key.token_ids


def test_an_unknown_metric_is_our_mistake(tiny):
    with pytest.raises(ValueError, match="entropy"):
        attention.metric_script(tiny[1], tiny[2], "entropy")
