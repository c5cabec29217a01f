"""Scores behind prompts are those of plain transformers on the two as one text: on the page, in jobs and in scripts."""

import dataclasses
import runpy
from functools import cache

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from components.bias.gap import sides
from dashboard.benchmarks.items import PronounPair
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest, TreeRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, ProcessedRequest
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.engine.local import LocalEngine
from dashboard.errors import NothingToScore, PromptEmpty, TokenBeyondModel
from dashboard.job_kinds.benchmark import BenchmarkFile, benchmark_spec, run_benchmark
from dashboard.job_kinds.probe import probe_spec, run_probe
from dashboard.probes import tokenized_probe as preparing
from dashboard.probes.continuations import Continuation
from dashboard.probes.pair_scores import Pairs, tokeniser
from dashboard.probes.spec import ProbeSpec
from dashboard.probes.tokenized_probe import tokenize_probe
from dashboard.scripts.bias import benchmark_script, scores_script
from dashboard.settings import Settings
from tests.made.tokenizer_zoo import KINDS, saved, tokenizer_of

SPEC = ProbeSpec(
    templates=("The {who} works as", "the {who} said that the"),
    neutral=("That works as", ""),
    words=(("who", "nurse, teacher"),),
    lexicon="own",
    own="teacher\nnurse\nsaid that",
    article=False,
    boundary=False,
)
UNEVEN = dataclasses.replace(SPEC, templates=("The {who} works as", "the {who} <mask>"), neutral=("", ""))
NAMES = [
    "byte level",
    "begin of text by template",
    "Llama 2",
    "Llama 2 that appends",
    "Metaspace",
    "byte fallback",
    "Unigram, T5",
    "Unigram, XGLM",
    "WordPiece, BERT",
    "words",
    "OpenAI-GPT",
    "added tokens",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Name of a kind -> a saved model with its tokenizer."""
    root = tmp_path_factory.mktemp("zoo")
    return {name: saved(root, name) for name in [*NAMES, "larger than the model"]}


@pytest.fixture(scope="module")
def engine(folders, tmp_path_factory):
    paths = tuple(map(str, folders.values()))
    settings = Settings(models=(), local_models=paths, cache_dir=tmp_path_factory.mktemp("cache"), offline=True)
    return LocalEngine(dataclasses.replace(settings, device="cpu", max_models=len(paths)))


@pytest.fixture
def opened(engine, folders):
    """Kind -> model id, a raw key of it, and the folder."""

    def of(name):
        model = f"local/{folders[name].name}"
        return (
            model,
            engine.describe(model).run_key(engine.tokenizer(model).read("the nurse", chat=False)),
            folders[name],
        )

    return of


@cache
def plain(folder):
    """The model as transformers has it."""
    return AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


def expected(name, folder, prompt, completion):
    """ln p of what follows the shared beginning of the two texts' ids, in one plain pass over the whole."""
    tokenizer, appends = tokenizer_of(name), len(KINDS[name].appends)
    first, whole = (tokenizer(text)["input_ids"] for text in (prompt, prompt + completion))
    first, whole = first[: len(first) - appends], whole[: len(whole) - appends]
    start = next(
        (at for at, (a, b) in enumerate(zip(first, whole, strict=False)) if a != b), min(len(first), len(whole))
    )
    with torch.no_grad():
        log_p = plain(folder)(torch.tensor([whole])).logits[0].double().log_softmax(-1)
    return sum(float(log_p[at - 1, whole[at]]) for at in range(start, len(whole)))


def table(name, folder, made):
    return np.array([[expected(name, folder, prompt, text) for text in made.texts] for prompt in made.prompts])


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_prompt_and_completion_as_one_text(name, engine, opened):
    model, key, folder = opened(name)
    made = tokenize_probe(SPEC, tokeniser(engine, model))
    found = Pairs.of_probe(key.version, made).scores(engine)
    np.testing.assert_allclose(found.log_p, table(name, folder, made), atol=1e-3)
    assert found.lengths.shape == found.log_p.shape


def test_where_a_prompt_ends_otherwise_its_pairs_are_scored_one_by_one_and_it_is_said(engine, opened):
    model, key, folder = opened("added tokens")
    made = tokenize_probe(UNEVEN, tokeniser(engine, model))
    pairs = Pairs.of_probe(key.version, made)
    assert isinstance(pairs.request, SentenceRequest)
    np.testing.assert_allclose(pairs.scores(engine).log_p, table("added tokens", folder, made), atol=1e-3)
    findings = dict(made.findings)
    assert findings["boundary_lost"] == ("teacher",)
    assert made.lengths == tuple(pairs.scores(engine).lengths.max(0))
    assert findings["by_prompt"] == ("teacher", "nurse", "said that")


@pytest.mark.parametrize(
    ("name", "spec"), [("Llama 2 that appends", SPEC), ("added tokens", UNEVEN), ("WordPiece, BERT", SPEC)]
)
def test_a_job_and_a_script_give_the_pages_scores(name, spec, engine, opened, tmp_path, monkeypatch):
    model, key, folder = opened(name)
    made = tokenize_probe(spec, tokeniser(engine, model))
    page = Pairs.of_probe(key.version, made).scores(engine)
    job = probe_spec(made, key.version)
    rows = run_probe(engine, job, job.items, CallControl())
    np.testing.assert_allclose(rows["log_prob_nats"], page.log_p.ravel(), atol=1e-4)
    assert rows["tokens"].tolist() == page.lengths.ravel().tolist()
    path = tmp_path / "chart.py"
    path.write_text(scores_script(engine.describe(model), key, made), encoding="utf-8")
    monkeypatch.chdir(folder.parent)
    numbers = runpy.run_path(str(path), run_name="script")["numbers"]
    grouped = np.prod(made.shape)
    np.testing.assert_allclose(numbers["log_prob_nats"], page.log_p.ravel()[:grouped], atol=1e-3)


def test_the_end_of_the_word_is_added_pair_by_pair_too(engine, opened):
    model, key, _ = opened("added tokens")
    uneven = tokenize_probe(dataclasses.replace(UNEVEN, boundary=True), tokeniser(engine, model))
    found = Pairs.of_probe(key.version, uneven).scores(engine)
    last = uneven.by_prompt[1][2]
    alone = engine.answer(ScoreRequest(key.version, (last.ids[: last.given],), (last.scored,), True))
    assert found.total[1, 2] == pytest.approx(float(alone.log_p[0, 0] + alone.boundary_log_mass[0, 0]), abs=1e-4)


def test_of_a_probe_with_more_pairs_than_are_looked_at_the_job_finds_each_pairs_tokens(engine, opened, monkeypatch):
    model, key, folder = opened("added tokens")
    monkeypatch.setattr(preparing, "MOST_PAIRS", 1)
    made = tokenize_probe(UNEVEN, tokeniser(engine, model))
    assert not made.whole
    job = probe_spec(made, key.version)
    rows = run_probe(engine, job, job.items, CallControl())
    np.testing.assert_allclose(rows["log_prob_nats"], table("added tokens", folder, made).ravel(), atol=1e-3)


# -- what has no probability ---------------------------------------------------------------------------------------
IDS = {"a": (1,), "a b": (1, 2), "ab": (3,), "a c": (1, 4), "x": ()}


def by_table(texts, _alone):
    return [IDS.get(text, (9,)) for text in texts]


def test_pairs_without_a_probability_are_no_scores(engine, opened):
    _, key, _ = opened("byte level")
    rows = ((Continuation.of((1,), (1, 2)), Continuation.of((1,), (3,)), Continuation.of((1,), (1,))),)
    pairs = Pairs.of(key.version, ((1,),), rows, False)
    assert pairs.scorable.tolist() == [[True, False, False]]
    found = pairs.scores(engine)
    assert np.isnan(found.log_p[0, 1:]).all()
    assert found.lengths.tolist() == [[1, 0, 0]]
    none = Pairs.of(key.version, ((1,),), (rows[0][1:],), False)
    assert np.isnan(none.scores(engine).log_p).all()
    assert none.cost(engine).tokens == 0


def test_a_probe_leaves_out_what_has_no_probability_and_says_why():
    spec = ProbeSpec(("{g}",), ("",), (("g", "a, z"),), "own", own="b\nc", article=False, boundary=False)
    tokens = {"a": (1,), "z": (7,), "a b": (1, 2), "z b": (7, 2), "a c": (3,), "z c": (7, 4)}
    made = tokenize_probe(spec, lambda texts, alone: [tokens.get(text, (9,)) for text in texts])
    assert made.texts == (" b",)
    assert dict(made.findings)["no_beginning"] == ("c",)
    with pytest.raises(NothingToScore):
        tokenize_probe(
            dataclasses.replace(spec, own="c"), lambda texts, alone: [tokens.get(text, (9,)) for text in texts]
        )
    with pytest.raises(PromptEmpty):
        tokenize_probe(spec, lambda texts, alone: [() for _ in texts])


# -- tokens that the model has no embedding for --------------------------------------------------------------------
def test_nothing_is_computed_with_a_token_that_the_model_has_no_embedding_for(engine, opened):
    model, key, _ = opened("larger than the model")
    size = engine.describe(model).vocab
    beyond = dataclasses.replace(key, token_ids=(5, size))
    engine.answer(RunRequest(key))
    calls = {
        "tokenize": lambda: engine.tokenizer(model).read("the [PAD] nurse", chat=False),
        "estimate": lambda: engine.cost(RunRequest(beyond)),
        "run": lambda: engine.answer(RunRequest(beyond)),
        "pins": lambda: engine.answer(CandidatesRequest(key, 0, 3, pins=(size + 1,))),
        "processed": lambda: engine.answer(ProcessedRequest(key, 0, (size,), DecodeSettings())),
        "lens": lambda: engine.answer(LensRequest(key, (0,), pins=(size,))),
        "score": lambda: engine.answer(ScoreRequest(key.version, ((5,),), ((6,), (size,)))),
        "sentences": lambda: engine.answer(SentenceRequest(key.version, ((5, size),), (1,))),
        "cost": lambda: engine.cost(ScoreRequest(key.version, ((size,),), ((6,),))),
        "texts": lambda: engine.answer(GenerateRequest(beyond, (Column(DecodeSettings(), 1, 1),))),
        "tree": lambda: engine.answer(TreeRequest(beyond, DecodeSettings(), 1, 0.5, 5)),
    }
    for call in calls.values():
        with pytest.raises(TokenBeyondModel):
            call()
    assert max(engine.tokenizer(model).text_starts()) < size
    assert max(token.id for token in engine.tokenizer(model).search("z", 500)) < size
    assert engine.tokenizer(model).search("zzyzx", 50) == ()


# -- where a gap is asked for --------------------------------------------------------------------------------------
def test_a_gap_is_asked_for_behind_the_article_as_it_is_read_behind_each_prompt(engine, opened):
    model, _, _ = opened("Llama 2 that appends")
    tokenise = tokeniser(engine, model)
    prompts = ("The nurse works as", "The teacher works as")
    article, both = sides(prompts, tokenise(prompts, False), " a teacher", tokenise)
    said = engine.tokenizer(model).tokens((*both[0].given[-1:], both[0].token))
    assert (article, [one.piece for one in said]) == (" a", ["▁a", "▁teacher"])
    assert both[0].token == both[1].token
    article, both = sides(prompts, tokenise(prompts, False), " teacher", tokenise)
    assert (article, both[0].given) == ("", tokenise(prompts, False)[0])


def test_the_lens_carries_log_probabilities_where_p_itself_is_nothing(tiny_folder, tmp_path):
    """p near 1e-60 is 0 in float32; its logarithm is not minus infinity."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "sure"
    folder.mkdir()
    for path in tiny_folder.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] *= 40
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    settings = Settings(
        models=(), local_models=(str(folder),), cache_dir=tmp_path / "cache", offline=True, device="cpu"
    )
    engine = LocalEngine(settings)
    key = engine.describe("local/sure").run_key(engine.tokenizer("local/sure").read("When Mary", chat=False))
    pins = tuple(range(3, 60))
    found = engine.answer(LensRequest(key, (len(key.token_ids) - 1,), pins=pins))
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        own = model(torch.tensor([key.token_ids])).logits[0, -1].double().log_softmax(-1).numpy()[list(pins)]
    assert own.min() < np.log(1e-40)
    assert (found.pin_probs[:, -1, 0] == 0).any()
    np.testing.assert_allclose(found.pin_log_probs[:, -1, 0], own, rtol=1e-4, atol=1e-3)


def test_the_total_effect_script_reads_context_and_continuation_as_one_text(engine, opened, tmp_path, monkeypatch):
    model, key, folder = opened("Llama 2 that appends")
    path = tmp_path / "chart.py"
    path.write_text(benchmark_script(engine.describe(model), key, "winogender", "x.tsv", 1), encoding="utf-8")
    monkeypatch.chdir(folder.parent)
    left = runpy.run_path(str(path), run_name="script")
    row, pair = left["numbers"].iloc[0], left["PAIRS"][0]
    given, whole = engine.tokenizer(model).ids((pair["she"], pair["she"] + pair["first"]), alone=True)
    one = Continuation.of((1, *given), (1, *whole))
    own = engine.answer(SentenceRequest(key.version, (one.ids,), (one.given,)))
    assert row["she_first"] == pytest.approx(float(own.log_p[0]) / int(own.lengths[0]), abs=1e-3)


def test_a_benchmark_scores_a_continuation_as_it_is_read_behind_its_context(engine, opened):
    """Also where the two share a token; a text with a token that the model lacks has no score, and stops nothing."""
    pair = PronounPair("1", "she/he", ("the nurse works as", "that works as"), ("nurse", "it"), (" teacher", " said"))
    model, key, _ = opened("added tokens")
    spec = benchmark_spec(
        BenchmarkFile("winobias", "f", "0" * 64, "utf-8", (pair,), (), ()),
        key.version,
        engine.tokenizer(model).tokens((1,))[0],
    )
    row = run_benchmark(engine, spec, spec.items, CallControl())[0]
    given, whole = engine.tokenizer(model).ids(("the nurse works as", "the nurse works as teacher"), alone=True)
    one = Continuation.of((1, *given), (1, *whole))
    assert one.given < 1 + len(given)
    own = engine.answer(SentenceRequest(key.version, (one.ids,), (one.given,)))
    assert row["she_first_log_prob_nats"] == pytest.approx(float(own.log_p[0]), abs=1e-4)
    assert row["she_first_tokens"] == len(one.scored)

    model, key, _ = opened("larger than the model")
    lacking = dataclasses.replace(pair, continuations=(" zzyzx", " said"))
    file = BenchmarkFile("winobias", "f", "0" * 64, "utf-8", (lacking,), (), ())
    spec = benchmark_spec(file, key.version, engine.tokenizer(model).tokens((0,))[0])
    row = run_benchmark(engine, spec, spec.items, CallControl())[0]
    assert np.isnan(row["she_first_log_prob_nats"])
    assert np.isfinite(row["she_second_log_prob_nats"])
