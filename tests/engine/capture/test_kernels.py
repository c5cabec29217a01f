"""Our attention functions compute what the family's own do, or the family is captured in another way."""

import pytest
import torch

from dashboard.engine.api.model import CallControl
from dashboard.engine.capture import kernels
from dashboard.engine.capture.capture_choice import pick_capturer
from tests.made import every_family
from tests.made.every_family import IDS
from tests.made.families import build

SPARSE = ("axk2", "deepseek_v32", "dots3_note_text", "glm_moe_dsa", "hy_v4")


def logits(model):
    with torch.inference_mode():
        return model(torch.tensor([IDS]), use_cache=False).logits[0]


@pytest.mark.parametrize("kind", SPARSE)
def test_a_pass_beyond_the_keys_that_sparse_attention_chooses_is_that_of_plain_transformers(kind):
    model, config = every_family.build(kind)
    assert config.get_text_config().index_topk < len(IDS)
    plain = {"eager": logits(model)}
    if model._supports_sdpa:
        model.set_attn_implementation("sdpa")
        plain["sdpa"] = logits(model)
        model.set_attn_implementation("eager")
    assert pick_capturer(model).kernel == ("sdpa" if model._supports_sdpa else "eager")
    for expected in plain.values():
        assert (logits(model) - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


def test_without_the_chosen_keys_sparse_attention_would_be_another_model(monkeypatch):
    model, _ = every_family.build("deepseek_v32")
    expected = logits(model)
    monkeypatch.setattr(kernels, "_selected", lambda mask, *_: mask)
    model.set_attn_implementation(kernels.SDPA)
    assert (logits(model) - expected).abs().max() > 1e-2


@pytest.mark.parametrize("kind", ["inkling2_text", "gpt_oss", "granite_swa", "hy_v4", "minimax"])
def test_the_familys_own_eager_attention_in_blocks_of_rows_is_that_in_one(kind, monkeypatch):
    model, _ = every_family.build(kind)
    expected = logits(model)
    monkeypatch.setattr(kernels, "ROWS", 7)
    model.set_attn_implementation(kernels.EAGER)
    assert (logits(model) - expected).abs().max() < 1e-5 * max(1.0, float(expected.abs().max()))


def test_a_family_that_gives_its_kernel_an_unknown_tensor_is_not_captured_through_it():
    model = build("llama")
    for layer in model.model.layers:
        given = {"a_gate_of_its_own": torch.ones(1)}
        layer.self_attn.register_forward_pre_hook(
            lambda _m, args, kwargs, g=given: (args, kwargs | g), with_kwargs=True
        )
    with torch.inference_mode():
        expected = model(torch.tensor([IDS]), output_attentions=True, use_cache=False)
    capturer = pick_capturer(model)
    assert (capturer.kernel, capturer.without_attention) == ("replay", ())
    output, recording = capturer.forward(IDS, CallControl())
    assert (output.logits[0, -1] - expected.logits[0, -1]).abs().max() < 1e-5
    for layer, weights in zip(recording.layers, expected.attentions, strict=True):
        assert (layer.weights(None, (0, len(IDS))) - weights[0]).abs().max() < 1e-6


def test_a_kernel_whose_pass_is_not_the_models_own_is_not_taken(monkeypatch):
    model = build("llama")
    monkeypatch.setattr(
        kernels, "sdpa_attention_forward", lambda *a, **k: (torch.zeros(1, len(a[1][0, 0]), 8, 8), None)
    )
    assert pick_capturer(model).kernel == "eager"


@pytest.mark.parametrize("kind", ["granite_swa", "granitemoe_swa"])
def test_a_sink_that_scales_what_a_head_gives_is_no_part_of_its_weights_and_the_formula_says_so(kind):
    capturer = pick_capturer(every_family.build(kind)[0])
    assert capturer.gated and capturer.weight_formula.endswith("scaled by a learned sink")
    layers = capturer.forward(IDS, CallControl())[1].layers
    assert all((layer.weights(None, (0, len(IDS))).sum(-1) - 1).abs().max() < 1e-5 for layer in layers)
    assert not pick_capturer(every_family.build("gpt_oss")[0]).gated
