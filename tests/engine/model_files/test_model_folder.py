"""A zoo of broken and odd folders: each loads with the clean folder's numbers, or is refused in its own words."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from dashboard import errors
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.local import LocalEngine
from dashboard.engine.models import bundled, registry
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.settings import Settings

PROMPT = "zebra lamp river"
WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of the tiny model to be changed."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "zoo"))


def settings_for(*folders, **values):
    return Settings(models=(), local_models=tuple(map(str, folders)), cache_dir=Path("unused"), offline=True, **values)


def probabilities(folder, **values):
    """(5,) of the likeliest next tokens, through a fresh engine."""
    engine, name = LocalEngine(settings_for(folder, **values)), f"local/{folder.name}"
    key = engine.describe(name).run_key(engine.tokenizer(name).read(PROMPT, chat=False))
    return engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs.tolist()


@pytest.fixture(scope="module")
def right(tiny_folder):
    return probabilities(tiny_folder)


# -- what is done to a folder -------------------------------------------------------------------------------------
def config(**values):
    def change(folder):
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def text_of(name, text):
    return lambda folder: (folder / name).write_text(text)


def weights(change):
    def rewrite(folder):
        tensors = change(load_file(folder / WEIGHTS))
        save_file({name: t.clone().contiguous() for name, t in tensors.items()}, folder / WEIGHTS, {"format": "pt"})

    return rewrite


def renamed(rename):
    return weights(lambda tensors: {rename(name): tensor for name, tensor in tensors.items()})


def with_tensors(**extra):
    return weights(lambda tensors: tensors | {name.replace("__", "."): value for name, value in extra.items()})


def without(part):
    return weights(lambda tensors: {name: t for name, t in tensors.items() if part not in name})


def spoilt(part, value):
    def change(tensors):
        name = next(name for name in tensors if part in name)
        return tensors | {name: torch.full_like(tensors[name], value)}

    return weights(change)


def delete(pattern):
    def change(folder):
        for path in folder.glob(pattern):
            path.unlink()

    return change


def dangling(name):
    def change(folder):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(folder / "removed from the cache")

    return change


def adapter_only(folder):
    for path in folder.iterdir():
        path.unlink()
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "some/base"}))
    save_file({"x": torch.zeros(2)}, folder / "adapter_model.safetensors")


def sharded(names):
    """The weights as two files of those names, with their index."""

    def change(folder):
        tensors = load_file(folder / WEIGHTS)
        halves = [list(tensors)[::2], list(tensors)[1::2]]
        for name, part in zip(names, halves, strict=True):
            save_file({key: tensors[key] for key in part}, folder / name, {"format": "pt"})
        places = {key: name for name, part in zip(names, halves, strict=True) for key in part}
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": places}))
        (folder / WEIGHTS).unlink()

    return change


def consolidated(folder):
    """A sparse file of 60 GB that transformers does not read."""
    with (folder / "consolidated.safetensors").open("wb") as file:
        file.truncate(60_000_000_000)


def other_places(folder):
    for place in ("original", "onnx"):
        (folder / place).mkdir()
        (folder / place / WEIGHTS).write_bytes(b"x" * 1000)


def cut(folder):
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-1000])


def encoder(kind):
    """A tiny BERT, saved as that class."""

    def change(folder):
        config = transformers.BertConfig(
            vocab_size=400, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
        )
        getattr(transformers, kind)(config).save_pretrained(folder)

    return change


def pickled(folder):
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def both(*changes):
    def change(folder):
        for each in changes:
            each(folder)

    return change


def sentencepiece_only(folder):
    delete("tokenizer*")(folder)
    (folder / "tokenizer.model").write_bytes(b"\x00\x01")


LOADS = {
    "names of torch.compile": renamed(lambda name: f"_orig_mod.{name}"),
    "names of DDP": renamed(lambda name: f"module.{name}"),
    "names of both": renamed(lambda name: f"module._orig_mod.{name}"),
    "names of both, the other way round": renamed(lambda name: f"_orig_mod.module.{name}"),
    "names of layers compiled one by one": renamed(lambda name: name.replace(".self_attn.", "._orig_mod.self_attn.")),
    "names of FSDP with checkpointing": renamed(
        lambda name: (
            "_fsdp_wrapped_module." + name.replace(".mlp.", "._fsdp_wrapped_module._checkpoint_wrapped_module.mlp.")
        )
    ),
    "names of the base model alone": renamed(lambda name: name.removeprefix("model.")),
    "names of DDP around the base model": renamed(lambda name: f"module.{name.removeprefix('model.')}"),
    "code of its own for a family that is known": config(auto_map={"AutoModelForCausalLM": "modeling_x.X"}),
    "consolidated weights beside it": consolidated,
    "other formats in folders": other_places,
    "shards": sharded(["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]),
    "shards with names of their own": sharded(["first.safetensors", "second.safetensors"]),
    "rotary tables of old checkpoints": with_tensors(model__layers__0__self_attn__rotary_emb__inv_freq=torch.ones(4)),
    "a mask of old checkpoints": with_tensors(
        model__layers__0__self_attn__bias=torch.ones(1, 1, 8, 8),
        model__layers__0__self_attn__masked_bias=torch.ones(1)[0],
    ),
    "layers that predict further tokens": both(
        config(num_nextn_predict_layers=1), with_tensors(model__layers__3__eh_proj__weight=torch.ones(4, 4))
    ),
    "no architectures": config(architectures=None),
    "architectures that are no list": config(architectures=7),
    "the name of a class without a head, and a head": config(architectures=["LlamaModel"]),
    "an adapter beside the model": text_of("adapter_config.json", '{"base_model_name_or_path": "a/b"}'),
}
REFUSED = {
    "config.json is cut off": (text_of("config.json", "{"), "ModelBroken"),
    "config.json is a list": (text_of("config.json", "[]"), "ModelBroken"),
    "config.json is no text": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00"), "ModelBroken"),
    "config.json is a link to nowhere": (dangling("config.json"), "ModelBroken"),
    "config.json is a folder": (
        lambda f: ((f / "config.json").unlink(), (f / "config.json").mkdir()),
        "FolderWithoutModel",
    ),
    "no config.json": (delete("config.json"), "FolderWithoutModel"),
    "a folder that is not there": (shutil.rmtree, "FolderMissing"),
    "a data set": (both(delete("*"), text_of("data-00000-of-00001.parquet", "PAR1")), "ModelIsDataset"),
    "an empty folder": (delete("*"), "FolderWithoutModel"),
    "an encoder": (encoder("BertForMaskedLM"), "ModelNotCausal"),
    "an encoder without a head": (encoder("BertModel"), "ModelWithoutHead"),
    "a number that is null": (config(max_position_embeddings=None), "ModelBroken"),
    "a number in quotes": (config(max_position_embeddings="4096"), "ModelBroken"),
    "a size that does not divide": (config(num_attention_heads=5), "ModelBroken"),
    "a padding id beyond the vocabulary": (config(pad_token_id=10**6), "ModelBroken"),
    "no model type": (config(model_type=None), "ModelTypeUnknown"),
    "a model type of the future": (config(model_type="llama9"), "ModelTypeUnknown"),
    "a type that is a list": (config(model_type=["llama"]), "ModelTypeUnknown"),
    "code of its own for an unknown family": (config(model_type="x", auto_map={"AutoConfig": "x.Y"}), "ModelUnsafe"),
    "an encoder-decoder": (config(model_type="t5", is_encoder_decoder=True), "ModelEncoderDecoder"),
    "a picture model": (config(model_type="vit", architectures=["ViTModel"]), "ModelWithoutHead"),
    "an adapter alone": (adapter_only, "ModelAdapter"),
    "weights as pickle": (pickled, "ModelUnsafe"),
    "no weights": (delete(WEIGHTS), "ModelBroken"),
    "weights cut off": (cut, "ModelBroken"),
    "weights that are empty": (lambda f: (f / WEIGHTS).write_bytes(b""), "ModelBroken"),
    "weights that are a page of a website": (text_of(WEIGHTS, "<!doctype html>" * 100), "ModelBroken"),
    "a pointer of git-lfs": (text_of(WEIGHTS, "version https://git-lfs.github.com/spec/v1\n"), "ModelBroken"),
    "weights that are a link to nowhere": (dangling(WEIGHTS), "ModelBroken"),
    "a small file that is a link to nowhere": (dangling("special_tokens_map.json"), "ModelBroken"),
    "a shard is missing": (both(sharded(["a.safetensors", "b.safetensors"]), delete("b.safetensors")), "ModelBroken"),
    "an index without a map": (both(delete(WEIGHTS), text_of(f"{WEIGHTS}.index.json", "{}")), "ModelBroken"),
    "an index that leads out of the folder": (
        both(delete(WEIGHTS), text_of(f"{WEIGHTS}.index.json", '{"weight_map": {"a": "../../a.safetensors"}}')),
        "ModelUnsafe",
    ),
    "no head": (without("lm_head"), "ModelIncomplete"),
    "a class without a head": (both(without("lm_head"), config(architectures=["LlamaModel"])), "ModelWithoutHead"),
    "a layer is missing": (without("layers.1."), "ModelIncomplete"),
    "a layer too many": (config(num_hidden_layers=2), "ModelIncomplete"),
    "biases that the configuration does not know": (
        with_tensors(model__layers__0__self_attn__q_proj__bias=torch.ones(32)),
        "ModelIncomplete",
    ),
    "a real bias with the name of a mask": (
        with_tensors(model__layers__0__self_attn__bias=torch.ones(32)),
        "ModelIncomplete",
    ),
    "an unknown prefix": (renamed(lambda name: f"student.{name}"), "ModelIncomplete"),
    "another width": (config(hidden_size=48), "ModelIncomplete"),
    "a weight that is not a number": (spoilt("layers.1.mlp", float("nan")), "ModelNotFinite"),
    "a weight without end": (spoilt("norm", float("inf")), "ModelNotFinite"),
    "weights that overflow": (
        weights(lambda tensors: {k: v * 1e30 if "1.mlp" in k else v for k, v in tensors.items()}),
        "ModelNotFinite",
    ),
    "no tokenizer": (delete("tokenizer*"), "TokenizerMissing"),
    "a tokenizer's configuration alone": (delete("tokenizer.json"), "TokenizerMissing"),
    "sentencepiece alone": (sentencepiece_only, "TokenizerUnreadable"),
    "a damaged tokenizer": (text_of("tokenizer.json", "{"), "TokenizerUnreadable"),
}


@pytest.mark.parametrize("kind", LOADS)
def test_an_odd_folder_loads_with_the_numbers_of_the_clean_one(folder, right, kind):
    LOADS[kind](folder)
    assert probabilities(folder) == pytest.approx(right, abs=1e-6)


@pytest.mark.parametrize("kind", REFUSED)
def test_a_broken_folder_is_refused_by_its_own_name_in_every_language(folder, kind):
    change, expected = REFUSED[kind]
    change(folder)
    with pytest.raises(errors.DashboardError) as refused:
        probabilities(folder)
    assert type(refused.value).__name__ == expected, refused.value
    for language in LANGUAGES:
        assert "local/zoo" in Catalogue(language)(refused.value.message_id, **refused.value.facts)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="needs a user whom permissions bind")
def test_a_folder_that_may_not_be_read_is_refused_in_words(folder):
    (folder / WEIGHTS).chmod(0)
    with pytest.raises(errors.ModelBroken, match="Permission"):
        probabilities(folder)


# -- names --------------------------------------------------------------------------------------------------------
def test_folders_of_one_name_are_told_apart_and_the_first_keeps_its_old_id():
    settings = settings_for("/runs/a/checkpoint-500", "/runs/b/checkpoint-500", "/runs/c/x", "/runs/c/x/")
    specs = registry.available_models(settings)
    assert [spec.id for spec in specs] == ["local/checkpoint-500", "local/b/checkpoint-500", "local/x"]
    assert [spec.label for spec in specs] == ["a/checkpoint-500", "b/checkpoint-500", "x"]
    assert registry.find("local/checkpoint-500", settings).folder == Path("/runs/a/checkpoint-500").absolute()
    assert [registry.find(spec.id, settings) for spec in specs] == list(specs)


def test_a_folder_named_by_a_dot_has_the_name_of_where_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert [spec.id for spec in registry.available_models(settings_for("."))] == [f"local/{tmp_path.name}"]


# -- the bundled model --------------------------------------------------------------------------------------------
def test_what_the_zoo_says_of_a_folder_holds_for_the_bundled_one_too(folder, monkeypatch):
    cut(folder)
    monkeypatch.setattr(bundled, "prepare", lambda *_: (folder, "revision"))
    with pytest.raises(errors.ModelBroken):
        LocalEngine(Settings()).describe(bundled.BUNDLED)
