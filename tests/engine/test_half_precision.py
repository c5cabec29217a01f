"""In bfloat16 and float16 the same is shown as in float32, within bounds of their own."""

import dataclasses

import numpy as np
import pytest

from dashboard.engine.api.lens import AttributionRequest, LensRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.api.verification import VerifyRequest
from dashboard.engine.local import LocalEngine
from dashboard.engine.verify_command import table
from dashboard.i18n import Catalogue
from dashboard.settings import Settings
from tests.made.families import build
from tests.made.tiny_model import save_tiny_model

FAMILIES = ("llama", "gpt2", "gemma2", "gpt_oss", "bloom", "phi")
"""Plain, learned positions, soft-caps and windows, sinks and experts, replayed, biases and parallel blocks."""
DTYPES = ("bfloat16", "float16")
DIGITS = {"bfloat16": 2**-8, "float16": 2**-11}
"""Relative rounding of one number."""


@pytest.fixture(scope="module", params=FAMILIES)
def engines(request, tmp_path_factory):
    """dtype -> engine of one family, and that of float32."""
    folder = save_tiny_model(tmp_path_factory.mktemp(request.param) / "family")
    build(request.param, vocab_size=512).save_pretrained(folder)
    made = {}

    def of(dtype):
        if dtype not in made:
            settings = {"models": (), "local_models": (str(folder),), "offline": True, "dtype": dtype, "device": "cpu"}
            made[dtype] = LocalEngine(dataclasses.replace(Settings(), cache_dir=folder.parent, **settings))
        return made[dtype]

    return of


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_number_is_within_its_bound(engines, dtype):
    engine = engines(dtype)
    result = engine.answer(VerifyRequest(engine.describe("local/family").version))
    assert result.card.dtype == dtype
    assert result.ok, table(result, Catalogue("en"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_nothing_is_refused_for_rounding_alone(engines, dtype):
    """Checks at load that forgot the rounding of a dtype would hide layers, the lens, or slow everything down."""
    rounded, full = (engines(name).describe("local/family") for name in (dtype, "float32"))
    assert rounded.without_attention == full.without_attention
    assert rounded.kernel == full.kernel
    assert rounded.stream == dataclasses.replace(full.stream, scale=rounded.stream.scale)
    np.testing.assert_allclose(rounded.stream.scale, full.stream.scale, rtol=2 * DIGITS[dtype])


@pytest.mark.parametrize("dtype", DTYPES)
def test_texts_and_scores_go_the_same_way(engines, dtype):
    ways = []
    for name in (dtype, "float32"):
        ready = engines(name)._pool._slots["local/family"].model
        ways.append((ready.generator.prompt_cache, ready.scorer.tree_up_to))
    assert ways[0] == ways[1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_lens_ends_and_attribution_sums_as_closely_as_the_dtype_allows(engines, dtype):
    engine = engines(dtype)
    key = engine.describe("local/family").run_key(
        engine.tokenizer("local/family").read("zebra lamp river zebra lamp", chat=False)
    )
    last = len(key.token_ids) - 1
    candidates = engine.answer(CandidatesRequest(key, last, 3))
    largest = max(1.0, float(np.abs(candidates.logits).max()))
    assert engine.answer(RunRequest(key)).logits_error <= 8 * DIGITS[dtype] * largest
    assert engine.answer(LensRequest(key, (last,))).error <= 8 * DIGITS[dtype] * largest
    attribution = engine.answer(AttributionRequest(key, last, int(candidates.ids[0])))
    assert abs(attribution.error) <= 64 * DIGITS[dtype] * largest
