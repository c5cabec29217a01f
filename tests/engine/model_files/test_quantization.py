"""Quantised checkpoints: refused with what they need, or opened with the numbers that transformers has of them."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from dashboard import errors
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.local import LocalEngine
from dashboard.engine.model_files import inventory, model_checks, model_folder, quantization
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.settings import Settings

PROMPT = "zebra lamp river"
WEIGHTS = "model.safetensors"
NEEDS = {
    "aqlm": "aqlm",
    "auto-round": "auto-round",
    "awq": "gptqmodel",
    "bitsandbytes": "bitsandbytes",
    "compressed-tensors": "compressed-tensors",
    "fouroversix": "fouroversix",
    "gptq": "optimum gptqmodel",
    "hqq": "hqq",
    "quanto": "optimum-quanto",
    "quark": "amd-quark",
    "sinq": "sinq",
    "torchao": "torchao",
}
GPU_ALONE = ("eetq", "fbgemm_fp8", "fp_quant", "higgs", "spqr", "vptq")
STRANGE = {
    "a method of another program": {"quant_method": "exl2", "bits": 4.0},
    "no method": {"bits": 4},
    "a method that transformers writes and does not read": {"quant_method": "nvfp4"},
}


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model to be changed."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "small"))


def set_config(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def engine_of(folder, **values):
    return LocalEngine(Settings(models=(), local_models=(str(folder),), cache_dir=folder, offline=True, **values))


def probabilities(folder):
    """The card, and (5,) of the likeliest next tokens, through a fresh engine."""
    engine, name = engine_of(folder), f"local/{folder.name}"
    card = engine.describe(name)
    key = card.run_key(engine.tokenizer(name).read(PROMPT, chat=False))
    return card, engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs.tolist()


def plain_probabilities(folder, **values):
    """(5,) of the likeliest next tokens, by transformers alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder)(PROMPT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **values)
        return model(ids).logits[0, -1].float().softmax(-1).topk(5).values.tolist()


def refusal(folder, config):
    set_config(folder, quantization_config=config)
    with pytest.raises(errors.DashboardError) as refused:
        engine_of(folder).describe("local/small")
    for language in LANGUAGES:
        words = Catalogue(language)(refused.value.message_id, **refused.value.facts)
        assert "local/small" in words
        assert str(refused.value.facts["method"]) in words
    return refused.value


# -- refused, with what is needed ---------------------------------------------------------------------------------
@pytest.mark.parametrize("method", NEEDS)
def test_a_method_whose_package_is_not_installed_is_refused_with_what_to_install(folder, method, monkeypatch):
    monkeypatch.setattr(quantization, "_installed", lambda package: False)
    error = refusal(folder, {"quant_method": method, "bits": 4, "load_in_4bit": method == "bitsandbytes"})
    assert type(error).__name__ == "QuantizationPackageMissing"
    assert error.facts["packages"] == NEEDS[method]
    assert f"pip install {NEEDS[method]}" in Catalogue("en")(error.message_id, **error.facts)


def test_bitsandbytes_without_its_name_is_known_by_its_switches(folder, monkeypatch):
    monkeypatch.setattr(quantization, "_installed", lambda package: False)
    assert refusal(folder, {"load_in_8bit": True}).facts["packages"] == "bitsandbytes"


def test_only_the_packages_that_are_missing_are_named(folder, monkeypatch):
    monkeypatch.setattr(quantization, "_installed", lambda package: package == "optimum")
    assert refusal(folder, {"quant_method": "gptq", "bits": 4}).facts["packages"] == "gptqmodel"


@pytest.mark.parametrize("method", GPU_ALONE)
def test_a_method_of_graphics_cards_alone_is_refused_on_a_processor(folder, method):
    assert type(refusal(folder, {"quant_method": method})).__name__ == "QuantizationNeedsGpu"


@pytest.mark.parametrize("kind", STRANGE)
def test_what_transformers_cannot_read_is_refused_with_its_reason(folder, kind):
    assert type(refusal(folder, STRANGE[kind])).__name__ == "ModelQuantized"


def test_every_method_of_transformers_has_its_entry():
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    named = {name.removesuffix("_4bit").removesuffix("_8bit") for name in AUTO_QUANTIZER_MAPPING}
    # GGUF is a file of its own; the other two are written by transformers, not read
    assert named - {"gguf", "nvfp4", "gemma"} == set(quantization.METHODS)


# -- memory -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("dtype", "stored", "quantization", "factor"),
    [
        ("float32", torch.float32, None, 4),
        ("float32", torch.bfloat16, None, 4),
        ("bfloat16", torch.float32, None, 2),
        ("auto", torch.bfloat16, None, 2),
        ("float32", torch.float8_e4m3fn, {"quant_method": "fp8"}, 4),
        ("float32", torch.uint8, {"quant_method": "mxfp4"}, 8),
        ("bfloat16", torch.int32, {"quant_method": "gptq", "bits": 4}, 4),
        ("float32", torch.int64, None, 8),
        ("float32", torch.float8_e4m3fn, None, 4),
        ("float32", torch.uint8, {"quant_method": "bitsandbytes", "load_in_4bit": True}, 1),
        ("float32", torch.int8, {"quant_method": "bitsandbytes", "load_in_8bit": True}, 1),
        ("bfloat16", torch.int32, {"quant_method": "awq", "bits": 4}, 4),
        (
            "float32",
            torch.int32,
            {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"weights": {"num_bits": 4}}}},
            32,
        ),
        ("float32", torch.uint8, {"quant_method": "torchao", "quant_type": {"default": "int4_weight_only"}}, 1),
        ("float32", torch.float8_e4m3fn, {"quant_method": "torchao", "quant_type": "float8wo"}, 1),
    ],
)
def test_the_memory_that_is_needed_follows_what_is_stored_not_the_configuration(
    tmp_path, dtype, stored, quantization, factor, monkeypatch
):
    """`factor`: bytes in memory for one stored number."""
    save_file({"w": torch.zeros(1000, dtype=stored)}, tmp_path / WEIGHTS)
    tensors = model_folder.stored_tensors(tmp_path, [WEIGHTS], "m")
    config = {"dtype": "bfloat16", "quantization_config": quantization}
    for free, fits in ((1300 * factor + 1, True), (1300 * factor - 1, False)):
        monkeypatch.setattr("psutil.virtual_memory", lambda free=free: type("M", (), {"available": free}))
        if fits:
            model_checks.check_size(tensors, config, "m", dtype, "cpu")
        else:
            with pytest.raises(errors.ModelTooLarge):
                model_checks.check_size(tensors, config, "m", dtype, "cpu")


@pytest.mark.parametrize(
    ("config", "factor"),
    [({"quant_method": "fp8"}, 4), ({"quant_method": "awq", "bits": 4}, 1), (None, 2)],
)
def test_the_list_of_models_judges_memory_by_the_bytes_that_are_stored(folder, config, factor):
    set_config(folder, dtype="bfloat16", quantization_config=config)
    facts = inventory.folder_facts(folder, "float32")
    assert facts.memory == pytest.approx(1.3 * facts.nbytes * factor)


# -- opened -------------------------------------------------------------------------------------------------------
def in_eight_bits(folder):
    """The weights as fp8 with the scales that such checkpoints hold, those of inputs too."""

    def change(tensors):
        small = {}
        for name, tensor in tensors.items():
            scale = tensor.abs().max().reshape(1, 1) / 448
            eight = {name: (tensor / scale).to(torch.float8_e4m3fn), f"{name}_scale_inv": scale.clone()}
            small |= eight | {name.replace("weight", "input_scale"): scale} if "proj" in name else {name: tensor}
        return small

    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})
    block = {"quant_method": "fp8", "weight_block_size": [128, 128], "activation_scheme": "dynamic"}
    set_config(folder, quantization_config=block)


def test_weights_in_eight_bits_load_as_transformers_dequantises_them_and_the_card_says_so(folder):
    clean = plain_probabilities(folder)
    in_eight_bits(folder)
    card, found = probabilities(folder)
    assert found == pytest.approx(plain_probabilities(folder), abs=1e-6)
    assert found != pytest.approx(clean, abs=1e-6)
    assert (card.quantized, card.dequantized, card.dtype) == ("fp8", True, "float32")


def test_a_plain_model_is_not_said_to_be_quantised(folder):
    card, _ = probabilities(folder)
    assert (card.quantized, card.dequantized) == ("", False)


def of_bitsandbytes(**switches):
    def write(folder):
        from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

        config = AutoConfig.from_pretrained(folder)
        config.hidden_size, config.intermediate_size, config.num_key_value_heads = 64, 64, 4  # multiples of a block
        config.head_dim = 16
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder)
        quantized = BitsAndBytesConfig(**switches)
        AutoModelForCausalLM.from_pretrained(folder, quantization_config=quantized).save_pretrained(folder)

    return write


def of_compressed_tensors(folder):
    tensors = load_file(folder / WEIGHTS)
    for name in [name for name in tensors if "proj.weight" in name]:
        scale = tensors[name].abs().amax(1, keepdim=True) / 127
        tensors |= {name: (tensors[name] / scale).round().to(torch.int8), f"{name}_scale": scale}
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    eight = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
    group = {"targets": ["Linear"], "weights": eight, "format": "int-quantized"}
    rest = {"ignore": ["lm_head"], "quantization_status": "compressed", "format": "int-quantized"}
    set_config(
        folder, quantization_config={"quant_method": "compressed-tensors", "config_groups": {"g": group}, **rest}
    )


@pytest.mark.parametrize(
    ("write", "method", "dequantized"),
    [
        (of_bitsandbytes(load_in_4bit=True), "bitsandbytes", False),
        (of_bitsandbytes(load_in_8bit=True), "bitsandbytes", False),
        (of_compressed_tensors, "compressed-tensors", True),
    ],
    ids=["bitsandbytes, 4 bits", "bitsandbytes, 8 bits", "compressed-tensors"],
)
def test_a_quantised_model_opens_with_transformers_numbers(folder, write, method, dequantized):
    clean = plain_probabilities(folder)
    write(folder)
    card, found = probabilities(folder)
    assert found == pytest.approx(plain_probabilities(folder), abs=1e-6)
    assert found != pytest.approx(clean, abs=1e-6)
    assert (card.quantized, card.dequantized) == (method, dequantized)


def test_experts_in_four_bits_load_as_transformers_dequantises_them(folder):
    from transformers import GptOssConfig, GptOssForCausalLM

    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_local_experts": 4}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "num_experts_per_tok": 2}
    GptOssForCausalLM(GptOssConfig(vocab_size=400, max_position_embeddings=256, **sizes, **heads)).save_pretrained(
        folder
    )
    tensors = load_file(folder / WEIGHTS)
    for name in [name for name in tensors if name.endswith(("experts.gate_up_proj", "experts.down_proj"))]:
        experts, inside, outside = tensors.pop(name).shape
        shape = (experts, outside, inside // 32)
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (*shape, 16), dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(118, 124, shape, dtype=torch.uint8)
    save_file(tensors, folder / WEIGHTS, {"format": "pt"})
    set_config(folder, quantization_config={"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]})
    card, found = probabilities(folder)
    assert found == pytest.approx(plain_probabilities(folder), abs=1e-6)
    assert (card.quantized, card.dequantized) == ("mxfp4", True)
