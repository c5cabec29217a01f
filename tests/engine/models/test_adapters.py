"""LoRA adapters: opened beside their base as W + s·B·A, as PEFT merges them, or refused with what to do."""

import json
import math
import re
import shutil

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file

from dashboard.engine.api.model import CallControl
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.local import LocalEngine
from dashboard.engine.models import registry
from dashboard.scripts.build import chart_script
from tests.made.hub import cache_model
from tests.made.local_files import assert_refused, settings_for

PROMPT = "zebra lamp river"
WEIGHTS = "adapter_model.safetensors"
MODEL = "local/adapter"
Q, V = "model.layers.{}.self_attn.q_proj", "model.layers.{}.self_attn.v_proj"


@pytest.fixture
def base(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "tiny")


@pytest.fixture
def folder(tmp_path, base):
    """An adapter of rank 4 for queries and values of the tiny model."""
    return write_adapter(tmp_path / "adapter", base)


def write_adapter(folder, base, modules=(Q, V), rank=4, **config):
    folder.mkdir(exist_ok=True)
    weights = load_file(base / "model.safetensors")
    generator = torch.Generator().manual_seed(3)
    tensors = {}
    for module in [name.format(layer) for name in modules for layer in range(3)]:
        rows, columns = weights[f"{module}.weight"].shape
        for factor, shape in (("A", (rank, columns)), ("B", (rows, rank))):
            tensors[f"base_model.model.{module}.lora_{factor}.weight"] = torch.randn(shape, generator=generator)
    save_file(tensors, folder / WEIGHTS)
    settled = {"base_model_name_or_path": str(base), "peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank}
    targets = sorted({module.rpartition(".")[2] for module in modules})
    config = settled | {"lora_alpha": 8, "target_modules": targets} | config
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def merged(base, folder, scale, place):
    """A copy of the base with s·B·A added, by hand."""
    shutil.copytree(base, place)
    weights, factors = load_file(base / "model.safetensors"), load_file(folder / WEIGHTS)
    for name in [name for name in factors if ".lora_A." in name]:
        module = re.fullmatch(r"base_model\.model\.(.+)\.lora_A\.weight", name)[1]
        weights[f"{module}.weight"] += scale(module) * (factors[name.replace("lora_A", "lora_B")] @ factors[name])
    save_file(weights, place / "model.safetensors", {"format": "pt"})
    return place


def probabilities(path, *others):
    engine = LocalEngine(settings_for(path, *others))
    card = engine.describe(f"local/{path.name}")
    key = card.run_key(engine.tokenizer(card.model).read(PROMPT, chat=False))
    return card, engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs.tolist()


# -- opened -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("config", "scale"),
    [
        ({}, lambda module: 8 / 4),
        ({"use_rslora": True}, lambda module: 8 / math.sqrt(4)),
        (
            {"alpha_pattern": {"layers.1.self_attn.q_proj": 2}},
            lambda m: (2 if m.endswith("1.self_attn.q_proj") else 8) / 4,
        ),
    ],
    ids=["alpha / r", "alpha / root of r", "an alpha of its own"],
)
def test_an_adapter_gives_the_numbers_of_its_base_with_the_product_added(folder, base, tmp_path, config, scale):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    card, found = probabilities(folder)
    assert found == pytest.approx(probabilities(merged(base, folder, scale, tmp_path / "merged"))[1], abs=1e-6)
    assert found != pytest.approx(probabilities(base)[1], abs=1e-3)
    assert (card.source, card.base, card.model) == ("adapter", "tiny", MODEL)


def test_weights_that_were_trained_whole_take_the_place_of_the_bases(folder, base, tmp_path):
    norm = torch.linspace(0.5, 1.5, 32)
    tensors = load_file(folder / WEIGHTS) | {"base_model.model.model.norm.modules_to_save.weight": norm}
    save_file(tensors, folder / WEIGHTS)
    place = merged(base, folder, lambda module: 2.0, tmp_path / "merged")
    save_file(load_file(place / "model.safetensors") | {"model.norm.weight": norm}, place / "model.safetensors")
    assert probabilities(folder)[1] == pytest.approx(probabilities(place)[1], abs=1e-6)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_an_adapter_that_peft_saved_gives_what_peft_computes(base, tmp_path, kind):
    peft = pytest.importorskip("peft")
    from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

    if kind == "gpt2":  # its weights lie transposed
        torch.manual_seed(0)
        GPT2LMHeadModel(GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=64)).save_pretrained(
            base
        )
    targets = {"llama": ["q_proj", "down_proj", "lm_head"], "gpt2": ["c_attn", "c_proj"]}[kind]
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    torch.manual_seed(1)
    config = peft.LoraConfig(
        r=4,
        lora_alpha=8,
        target_modules=targets,
        task_type="CAUSAL_LM",
        init_lora_weights=False,
        rank_pattern={targets[0]: 2},
        alpha_pattern={targets[1]: 3},
        fan_in_fan_out=kind == "gpt2",
    )
    model = peft.get_peft_model(model, config).eval()
    model.save_pretrained(tmp_path / "adapter")
    ids = AutoTokenizer.from_pretrained(base)(PROMPT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        plain = model(ids).logits[0, -1].softmax(-1).topk(5).values.tolist()
    found = probabilities(tmp_path / "adapter")[1]
    assert found == pytest.approx(plain, abs=1e-6)
    assert found != pytest.approx(probabilities(base)[1], abs=1e-4)


def test_its_script_makes_the_numbers_again_with_peft(folder, base, tmp_path, monkeypatch):
    engine = LocalEngine(settings_for(folder))
    card = engine.describe(MODEL)
    key = card.run_key(engine.tokenizer(MODEL).read(PROMPT, chat=False))
    source = chart_script(card, key, {}, [])
    assert "pip install peft" in source
    assert str(tmp_path) not in source
    assert "BASE_MODEL = 'tiny'" in source
    pytest.importorskip("peft")
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(source.split('if __name__ == "__main__"')[0], names)  # what the script says, up to its chart
    logits = names["load"]()[0](torch.tensor([list(key.token_ids)])).logits[0, -1]
    expected = engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs.tolist()
    assert logits.softmax(-1).topk(5).values.tolist() == pytest.approx(expected, abs=1e-6)


# -- beside its base ----------------------------------------------------------------------------------------------
def test_base_and_adapter_stand_in_the_list_as_two_models(folder, base):
    specs = registry.available_models(settings_for(base, folder))
    assert [(spec.id, spec.source, spec.base) for spec in specs] == [
        ("local/tiny", "local", ""),
        (MODEL, "adapter", "tiny"),
    ]
    assert specs[1].nbytes == specs[0].nbytes


def test_the_revision_of_an_adapter_follows_its_own_files_and_those_of_its_base(folder, base):
    settings = settings_for(folder)
    spec = registry.find(MODEL, settings)
    seen = {registry.fetch(spec, settings, CallControl())[1]}
    for place in (folder / WEIGHTS, base / "model.safetensors"):
        save_file({name: tensor * 1.01 for name, tensor in load_file(place).items()}, place, {"format": "pt"})
        seen.add(registry.fetch(spec, settings, CallControl())[1])
    assert len(seen) == 3


def test_a_base_on_the_hub_is_found_among_the_local_folders_by_its_name(folder, base):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "owner/tiny"}))
    assert probabilities(folder, base)[0].base == "owner/tiny"


def test_a_base_in_hugging_faces_cache_is_named_with_its_commit(folder, base, tmp_path, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = cache_model(tmp_path / "hub", "owner/base", {path.name: path.read_bytes() for path in base.iterdir()})
    path = folder / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "owner/base"}))
    engine = LocalEngine(settings_for(folder))
    card = engine.describe(MODEL)
    assert card.base == f"owner/base@{commit}"
    source = chart_script(card, card.run_key(engine.tokenizer(MODEL).read(PROMPT, chat=False)), {}, [])
    assert f"BASE_MODEL = 'owner/base'\nBASE_REVISION = '{commit}'" in source


def test_a_tokenizer_beside_an_adapter_is_the_models(folder, base):
    for path in base.glob("tokenizer*"):
        shutil.copy(path, folder)
    path = folder / "tokenizer.json"
    path.write_text(path.read_text().replace("<|user|>", "<|person|>"))
    reader = LocalEngine(settings_for(folder)).tokenizer(MODEL)
    assert len(reader.read("<|person|>", chat=False).tokens) == 1
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").unlink()
    assert len(LocalEngine(settings_for(folder)).tokenizer(MODEL).read("<|user|>", chat=False).tokens) == 1


# -- refused ------------------------------------------------------------------------------------------------------
def config(**values):
    def change(folder, base):
        path = folder / "adapter_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def tensors(change):
    return lambda folder, base: save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS)


def tied(folder, base):
    path = base / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tie_word_embeddings": True}))
    weights = load_file(base / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, base / "model.safetensors", {"format": "pt"})
    head = {
        "base_model.model.lm_head.lora_A.weight": torch.ones(4, 32),
        "base_model.model.lm_head.lora_B.weight": torch.ones(len_of(base), 4),
    }
    save_file(head, folder / WEIGHTS)


def len_of(base):
    return json.loads((base / "config.json").read_text())["vocab_size"]


REFUSED = {
    "a base that is nowhere": (config(base_model_name_or_path="owner/other"), "ModelAdapter"),
    "a base that is a path of another machine": (config(base_model_name_or_path="/home/somebody/base"), "ModelAdapter"),
    "a base that is no name": (config(base_model_name_or_path="../a//b @"), "ModelAdapter"),
    "no base": (config(base_model_name_or_path=None), "ModelBroken"),
    "a damaged configuration": (
        lambda folder, base: (folder / "adapter_config.json").write_text("{"),
        "ModelBroken",
    ),
    "no alpha": (config(lora_alpha=None), "ModelBroken"),
    "another method": (config(peft_type="IA3"), "AdapterUnsupported"),
    "DoRA": (config(use_dora=True), "AdapterUnsupported"),
    "weights of experts": (config(target_parameters=["mlp.experts"]), "AdapterUnsupported"),
    "a beginning that changed the base": (config(init_lora_weights="pissa"), "AdapterUnsupported"),
    "a pickle": (lambda folder, base: (folder / WEIGHTS).rename(folder / "adapter_model.bin"), "ModelUnsafe"),
    "no weights": (lambda folder, base: (folder / WEIGHTS).unlink(), "ModelBroken"),
    "weights cut off": (
        lambda folder, base: (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100]),
        "ModelBroken",
    ),
    "a module that the base lacks": (
        tensors(lambda found: {name.replace("q_proj", "qkv_proj"): tensor for name, tensor in found.items()}),
        "AdapterUnsupported",
    ),
    "half of a product": (
        tensors(lambda found: {name: tensor for name, tensor in found.items() if "lora_B" not in name}),
        "AdapterUnsupported",
    ),
    "another width": (
        tensors(lambda found: {name: tensor[..., :3].contiguous() for name, tensor in found.items()}),
        "AdapterUnsupported",
    ),
    "a larger vocabulary": (
        tensors(lambda found: found | {"base_model.model.lm_head.weight": torch.ones(500, 32)}),
        "AdapterUnsupported",
    ),
    "a weight that is used twice": (tied, "AdapterUnsupported"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_adapter_that_cannot_be_merged_is_refused_by_its_own_name_in_every_language(folder, base, kind):
    change, expected = REFUSED[kind]
    change(folder, base)
    assert_refused(folder, expected)
