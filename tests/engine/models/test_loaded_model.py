"""What was loaded is looked at: every family passes as it was saved, and none of its weights may be missing."""

import shutil
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from dashboard.engine.models import loaded_model, registry
from dashboard.errors import ModelIncomplete, ModelNotCausal, ModelNotFinite
from dashboard.settings import Settings
from tests.made.families import FAMILIES, WITHOUT_ATTENTION, build

DTYPES = ("float32", "bfloat16", "float16")
BIDIRECTIONAL = ("roberta", "electra", "camembert", "xlm-roberta", "bert", "rembert", "data2vec-text", "roformer")
SMALL = {
    "vocab_size": 400,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 1,
}


@pytest.fixture
def load(tiny_folder, tmp_path):
    """Save a model with the tiny tokenizer and load it as a person's local folder."""

    def loaded(model, change=lambda tensors: tensors, dtype="float32"):
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        path = folder / "model.safetensors"
        save_file(change(load_file(path)), path, {"format": "pt"})
        for file in tiny_folder.glob("tokenizer*"):
            shutil.copy(file, folder)
        settings = Settings(models=(), local_models=(str(folder),), dtype=dtype)
        return registry.load(registry.find("local/model", settings), settings, "cpu", lambda _share: None).model

    return loaded


def random_model(kind, **values):
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **SMALL | values))
    for name, weight in model.named_parameters():
        if weight.ndim == 2 and "embed" not in name:
            weight.data.mul_(6)
    return model


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_loads_as_it_was_saved(load, family):
    model = build(family)
    loaded = load(model)
    ids = torch.tensor([[5, 6, 7, 8]])
    with torch.inference_mode():
        expected = model(ids, use_cache=False).logits
        assert torch.allclose(loaded(ids, use_cache=False).logits, expected, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_weight_of_any_family_may_be_missing(load, family):
    """One weight of a middle layer, whichever: nothing is filled in."""
    model = build(family)

    def without_one(tensors):
        dropped = next(name for name in sorted(tensors) if ".2." in name)
        return {name: tensor for name, tensor in tensors.items() if name != dropped}

    with pytest.raises(ModelIncomplete):
        load(model, without_one)


@pytest.mark.parametrize("dtype", DTYPES[1:])
@pytest.mark.parametrize("family", sorted(FAMILIES.keys() - WITHOUT_ATTENTION.keys()))
def test_every_family_is_causal_in_half_precision_too(family, dtype):
    model = build(family).to(getattr(torch, dtype))
    loaded_model.check_passes(model, family)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", BIDIRECTIONAL)
def test_a_model_that_sees_the_future_is_refused_whatever_it_is_called(kind, dtype):
    model = random_model(kind).eval().to(getattr(torch, dtype))
    with pytest.raises(ModelNotCausal):
        loaded_model.check_passes(model, kind)


@pytest.mark.parametrize("kind", ["roberta", "bert", "electra"])
def test_the_same_model_as_a_decoder_loads(load, kind):
    assert load(random_model(kind, is_decoder=True)).config.is_decoder


def test_an_encoder_that_was_saved_for_filling_in_words_is_measured_like_any_other(load):
    model = random_model("roberta")
    model.config.architectures = ["RobertaForMaskedLM"]
    with pytest.raises(ModelNotCausal):
        load(model)


def test_a_toy_with_the_smallest_vocabulary_is_measured(load):
    assert load(random_model("gpt2", vocab_size=2, n_embd=8, n_head=2, n_layer=1, n_positions=12))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_one_number_that_is_none_is_found_in_any_weight(value, dtype):
    model = build("llama").to(dtype)
    loaded_model.check_finite(model, "m")
    for name, weight in list(model.named_parameters())[::7]:
        kept = weight.data.flatten()[-1].item()
        weight.data.view(-1)[-1] = value
        with pytest.raises(ModelNotFinite, match=name):
            loaded_model.check_finite(model, "m")
        weight.data.view(-1)[-1] = kept


def test_large_weights_whose_sum_overflows_are_numbers():
    model = build("llama")
    model.lm_head.weight.data.fill_(3e38)
    loaded_model.check_finite(model, "m")


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([[0.0, 1.0]], True),
        ([[0.0, -float("inf")]], True),
        ([[-float("inf"), -float("inf")]], False),
        ([[0.0, float("inf")]], False),
        ([[0.0, 1.0], [0.0, float("nan")]], False),
    ],
)
def test_logits_are_numbers_where_their_softmax_is(logits, expected):
    logits = torch.tensor(logits)
    assert loaded_model.all_finite(logits) is expected
    assert bool(logits.softmax(-1).isfinite().all()) is expected


def test_a_pictures_tower_is_left_where_the_text_model_alone_is_taken():
    """What transformers leaves out of a model of several parts is no fault; what lies in the text model is."""
    model = build("llama")
    whole = SimpleNamespace(
        architectures=["XForConditionalGeneration"],
        sub_configs={"text_config": 0},
        get_text_config=lambda: model.config,
    )

    def check(config, *unexpected):
        info = {"missing_keys": set(), "mismatched_keys": set(), "unexpected_keys": set(unexpected)}
        loaded_model.check_weights(model, config, info, {}, "m")

    check(whole, "vision_tower.layers.0.weight", "model.vision_tower.layers.0.weight", "multi_modal_projector.bias")
    with pytest.raises(ModelIncomplete, match=r"4.*a\.weight, b\.weight, c\.weight, …"):
        check(model.config, "a.weight", "b.weight", "c.weight", "d.weight")
    beside = ("lm_head.bias", "model.extra_scale", "lm_head.extra.weight")
    layers = ("model.layers.4.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.bias", "model.layers.0.new.weight")
    for name in (*beside, *layers):
        with pytest.raises(ModelIncomplete):
            check(whole, name)
