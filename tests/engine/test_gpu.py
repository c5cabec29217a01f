"""What a GPU computes: ``pytest --noconftest -m gpu tests/engine/test_gpu.py``; on a processor it runs with the rest.

Needs torch, transformers, psutil, platformdirs, jinja2 and nothing from the network: the model is made here.
"""

import dataclasses

import numpy as np
import pytest
import torch

from dashboard.engine.api.attention import HeadRequest, TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.scoring import ScoreRequest
from dashboard.engine.api.verification import VerifyRequest
from dashboard.engine.handlers import runs
from dashboard.engine.local import LocalEngine
from dashboard.engine.verify_command import table
from dashboard.errors import OutOfMemory
from dashboard.i18n import Catalogue
from dashboard.settings import Settings
from tests.benchmarks.device import SHAPES, measure, random_model, shape_of
from tests.benchmarks.report import Report
from tests.made.tiny_model import save_tiny_model

MODEL = "local/tiny"
BOUNDS = {"float32": 1e-5, "float16": 2**-8, "bfloat16": 2**-5}
"""Largest difference of a weight or a probability from transformers' own [1]: a few roundings of the dtype."""
CUDA = pytest.param(
    "cuda",
    marks=[
        pytest.mark.gpu,
        pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU: torch.cuda is not available"),
    ],
)


@pytest.fixture(scope="module", params=["cpu", CUDA])
def device(request):
    return request.param


@pytest.fixture(scope="module", params=BOUNDS)
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return save_tiny_model(tmp_path_factory.mktemp("gpu") / "tiny")


@pytest.fixture(scope="module")
def engine(folder, device, dtype):
    settings = Settings(model=MODEL, models=(), local_models=(str(folder),), cache_dir=folder.parent, offline=True)
    return LocalEngine(dataclasses.replace(settings, device=device, dtype=dtype))


@pytest.fixture(scope="module")
def reference(folder, device, dtype):
    """Plain transformers, with eager attention, on the same device."""
    from transformers import AutoModelForCausalLM

    kind = getattr(torch, dtype)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=kind, attn_implementation="eager").to(device).eval()


def key_of(engine, text="When Mary and John went to the store, John gave a drink to Mary. " * 3):
    return engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read(text, chat=False))


@torch.inference_mode()
def output_of(reference, ids, **more):
    return reference(torch.tensor([ids], device=reference.device), use_cache=False, **more)


def pooled_map(weights, block):
    """Largest weight of each ``block x block`` cell."""
    starts = range(0, len(weights), block)
    return np.array([[weights[i : i + block, j : j + block].max() for j in starts] for i in starts])


def test_the_model_lies_where_it_was_told_to(engine, device, dtype):
    card = engine.describe(MODEL)
    assert (card.version.device, card.dtype) == (device, dtype)


def test_every_number_is_within_its_bound(engine):
    """Attention, tiles, lens, next tokens, texts and scores, with the bounds of the page about numbers."""
    result = engine.answer(VerifyRequest(engine.describe(MODEL).version))
    assert result.ok, table(result, Catalogue("en"))


def test_captured_weights_and_tiles_are_those_of_eager_attention(engine, reference, dtype):
    key = key_of(engine)
    attentions = output_of(reference, key.token_ids, output_attentions=True).attentions
    expected = [layer[0].float().cpu().numpy() for layer in attentions]
    for layer, maps in enumerate(expected):
        for head in range(len(maps)):
            shown = engine.answer(HeadRequest(key, layer, head))
            assert shown.block == 1
            assert np.abs(np.nan_to_num(shown.weights) - maps[head]).max() <= BOUNDS[dtype]
    tiles = engine.answer(TilesRequest(key))
    for layer, maps in enumerate(expected):
        for head, weights in enumerate(maps):
            pooled = pooled_map(weights, tiles.block)
            assert np.abs(tiles.tiles[layer, head] / 255 - pooled).max() <= 0.5 / 255 + BOUNDS[dtype]


def test_the_lens_ends_in_the_models_own_distribution(engine, reference, dtype):
    key = key_of(engine)
    last = len(key.token_ids) - 1
    lens = engine.answer(LensRequest(key, tuple(range(last + 1))))
    p = output_of(reference, key.token_ids).logits[0].float().softmax(-1).cpu().numpy()
    shown = np.take_along_axis(p, lens.top_ids[-1], -1)
    assert np.abs(lens.top_probs[-1] - shown).max() <= BOUNDS[dtype]


def test_a_greedy_text_is_that_of_generate(engine, reference, dtype):
    if dtype != "float32":
        pytest.skip("rounding decides between tokens that are nearly as likely")
    key = key_of(engine)
    column = Column(DecodeSettings(do_sample=False), max_new_tokens=8)
    answer = engine.answer(GenerateRequest(key, (column,)))
    given = torch.tensor([key.token_ids], device=reference.device)
    with torch.inference_mode():
        own = reference.generate(given, attention_mask=torch.ones_like(given), do_sample=False, max_new_tokens=8)
    assert answer.outputs[0].ids.tolist() == own[0, given.shape[1] :].tolist()


def test_scores_are_those_of_one_pass_a_pair(engine, reference, dtype):
    version, ids = engine.describe(MODEL).version, key_of(engine).token_ids
    prompts, completions = (ids[:9], ids[:12]), (ids[12:14], ids[13:16])
    scores = engine.answer(ScoreRequest(version, prompts, completions))
    for i, prompt in enumerate(prompts):
        for j, completion in enumerate(completions):
            log_p = output_of(reference, prompt + completion).logits[0, len(prompt) - 1 : -1].float().log_softmax(-1)
            own = float(log_p[range(len(completion)), list(completion)].sum())
            assert scores.log_p[i, j] == pytest.approx(own, abs=10 * BOUNDS[dtype])


def test_memory_of_a_run_is_query_key_and_residuals(engine, dtype):
    key = key_of(engine)
    tokens, size = len(key.token_ids), 4 if dtype == "float32" else 2
    layers, heads, kv_heads, head_size = 3, 4, 2, 8
    kept = layers * tokens * (heads + kv_heads) * head_size * size
    stream = (layers + 2) * tokens * heads * head_size * size
    assert engine.answer(RunRequest(key)).nbytes == pytest.approx(kept + stream, rel=0.1)


def test_out_of_memory_is_said_and_the_next_request_is_answered(engine, device, monkeypatch):
    """The device's own allocator refuses, in the middle of a request."""
    key = key_of(engine, "zebra lamp river " * 4)
    with monkeypatch.context() as patch:
        patch.setattr(runs, "synchronize", lambda _: torch.empty(1 << 50, dtype=torch.uint8, device=device))
        with pytest.raises(OutOfMemory):
            engine.answer(RunRequest(key))
    assert engine.answer(RunRequest(key)).tokens == len(key.token_ids)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU: torch.cuda is not available")
def test_a_run_takes_the_bytes_that_it_says(folder):
    settings = Settings(model=MODEL, models=(), local_models=(str(folder),), cache_dir=folder.parent, offline=True)
    engine = LocalEngine(dataclasses.replace(settings, device="cuda"))
    engine.answer(RunRequest(key_of(engine, "zebra")))
    before = torch.cuda.memory_allocated()
    summary = engine.answer(RunRequest(key_of(engine, "zebra lamp river " * 300)))
    assert torch.cuda.memory_allocated() - before <= 1.1 * summary.nbytes + (1 << 16)


def test_the_benchmark_of_a_device_measures_a_random_model_made_here(capsys):
    report = Report()
    with random_model(SHAPES["tiny"], "cpu", "float32") as folder:
        measure(report, folder, "tiny", "cpu", "float32", (16,))
    assert not folder.exists()
    kept = [line.split() for line in capsys.readouterr().out.splitlines() if "query and key kept" in line]
    assert [float(words[-2]) for words in kept] == [1.0]


def test_the_benchmark_of_a_device_takes_random_models_alone():
    assert shape_of("RANDOM:8B") == "8B"
    assert SHAPES["8B"].kept_per_token == 32 * (32 + 8) * 128
    with pytest.raises(ValueError, match="RANDOM:1B"):
        shape_of("8B")
