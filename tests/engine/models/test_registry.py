"""Which models may be had, and the error of each that cannot."""

import dataclasses
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import MambaConfig, MambaForCausalLM

from dashboard.engine.api.model import CallControl
from dashboard.engine.device import devices
from dashboard.engine.local import LocalEngine
from dashboard.engine.models import registry
from dashboard.errors import (
    DeviceUnavailable,
    FolderWithoutModel,
    ModelBroken,
    ModelEncoderDecoder,
    ModelIncomplete,
    ModelNotAllowed,
    ModelTooLarge,
    ModelTypeUnknown,
    ModelUnsafe,
    ModelWithoutAttention,
    ModelWithoutHead,
    SettingInvalid,
    TokenizerMissing,
)
from dashboard.settings import BUNDLED, Settings
from tests.made.hub import cache_model, files_of


def with_folder(settings: Settings, folder: Path) -> Settings:
    return dataclasses.replace(settings, local_models=(*settings.local_models, str(folder)))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Hugging Face's cache, empty."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def copy(tiny_folder, tmp_path):
    """A copy of the tiny model to be spoilt."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def edit(folder: Path, **values) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_bundled_model_comes_first_then_those_on_this_machine_then_those_to_download(tiny_folder, cache):
    cache_model(cache, "org/b", files_of(tiny_folder))
    listed = ("gpt2@*", "org/b", BUNDLED, "*", "a/c@v1")
    specs = registry.available_models(Settings(models=listed, local_models=(str(tiny_folder),)))
    assert [spec.id for spec in specs] == [BUNDLED, "org/b", "local/tiny", "gpt2", "a/c@v1"]
    assert [spec.source for spec in specs] == ["bundled", "hub", "local", "hub", "hub"]
    assert [spec.here for spec in specs] == [True, True, True, False, False]


def test_models_on_this_machine_have_their_size_and_whether_they_fit(tiny_folder, cache, monkeypatch):
    cache_model(cache, "org/b", files_of(tiny_folder))
    settings = Settings(models=("org/b", "gpt2"), local_models=(str(tiny_folder),))
    nbytes = (tiny_folder / "model.safetensors").stat().st_size
    for memory, fits in ((None, None), (2 * nbytes, True), (nbytes, False)):
        monkeypatch.setattr(devices, "_memory", {} if memory is None else {"auto": memory})
        specs = {spec.id: (spec.nbytes, spec.fits) for spec in registry.available_models(settings)}
        assert specs == {"org/b": (nbytes, fits), "local/tiny": (nbytes, fits), "gpt2": (None, None)}


def test_whatever_is_in_the_machines_cache_is_listed_where_the_operator_says_so(tiny_folder, cache):
    commit = cache_model(cache, "org/b", files_of(tiny_folder), refs=("step1",))
    assert [spec.id for spec in registry.available_models(Settings(models=("cache/*",)))] == ["org/b@step1"]
    assert registry.available_models(Settings(models=("*",))) == ()
    assert not registry.find(f"org/b@{commit}", Settings(models=("cache/*",))).ask_hub
    assert registry.find(f"org/b@{commit}", Settings(models=("*",))).ask_hub
    for model, listed in (("org/b@step1", ("org/b",)), ("org/c", ("cache/*",)), ("org/b@main", ("org/b", "gpt2@*"))):
        with pytest.raises(ModelNotAllowed):
            registry.find(model, Settings(models=listed))


def test_a_name_with_any_revision_allows_branches_tags_and_commits_of_it(cache):
    settings = Settings(models=("gpt2@*",))
    for revision in ("v1.0", "step1000", "refs/pr/12", "a" * 40):
        assert registry.find(f"gpt2@{revision}", settings).id == f"gpt2@{revision}"
    assert registry.find("gpt2@" + "a" * 40, settings).label == "gpt2@" + "a" * 12
    with pytest.raises(ModelNotAllowed):
        registry.find("gpt3@v1", settings)


def test_a_refusal_names_a_few_models_of_the_operators_list(cache):
    settings = Settings(models=tuple(f"org/model-{number}" for number in range(500)))
    with pytest.raises(ModelNotAllowed) as error:
        registry.find("other", settings)
    assert str(error.value.facts["allowed"]).endswith("org/model-11, …")


@pytest.mark.parametrize(
    "model",
    [
        "gpt2@",
        "gpt2@../x",
        "gpt2@a//b",
        "gpt2@a/",
        "gpt2@x.lock",
        "gpt2@a@b",
        "a/@b",
        "gpt2@-x",
        "cache/*",
        "gpt2@*",
        "",
        "../../etc",
        "a b",
        "a/b/c",
        "/etc/passwd",
        "x" * 10_000,
        "<b>",
        "a\nb",
        "local/none",
        "..",
        "a--b",
        "-a",
    ],
)
def test_a_hostile_id_is_refused_even_where_any_id_is_allowed(model):
    with pytest.raises(ModelNotAllowed) as error:
        registry.find(model, Settings(models=("gpt2", "*")))
    assert len(str(error.value.facts["model"])) <= 100


def test_a_star_allows_any_id_of_the_hub():
    assert registry.find("Some-One/model_1.0", Settings(models=("*",))).source == "hub"
    with pytest.raises(ModelNotAllowed):
        registry.find("Some-One/model_1.0", Settings(models=("gpt2",)))


# -- local folders ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("values", "error", "kind"),
    [
        (
            {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True},
            ModelEncoderDecoder,
            "T5ForConditionalGeneration",
        ),
        ({"architectures": None, "model_type": "vit"}, ModelWithoutHead, "vit"),
        ({"architectures": ["LlavaForX"], "model_type": "llava"}, ModelWithoutHead, "LlavaForX"),
        ({"architectures": ["NewForCausalLM"], "model_type": "new"}, ModelTypeUnknown, "new"),
    ],
)
def test_what_is_no_decoder_is_refused_by_its_kind_before_it_is_loaded(tiny_settings, copy, values, error, kind):
    edit(copy, **values)
    engine = LocalEngine(with_folder(tiny_settings, copy))
    with pytest.raises(error) as refused:
        engine.describe("local/copy")
    assert refused.value.facts["kind"] == kind


def test_a_model_without_attention_heads_is_refused_by_its_kind(tiny_settings, copy):
    MambaForCausalLM(MambaConfig(hidden_size=16, num_hidden_layers=1, vocab_size=400)).save_pretrained(copy)
    engine = LocalEngine(with_folder(tiny_settings, copy))
    with pytest.raises(ModelWithoutAttention) as error:
        engine.describe("local/copy")
    assert error.value.facts["kind"] == "mamba"


def spoil_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


def drop_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def drop_tokenizer(folder: Path) -> None:
    for path in folder.glob("tokenizer*"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "error"),
    [
        (spoil_weights, ModelBroken),
        (drop_weights, ModelUnsafe),
        (drop_tokenizer, TokenizerMissing),
        (lambda folder: (folder / "config.json").write_text("{"), ModelBroken),
        (lambda folder: (folder / "config.json").unlink(), FolderWithoutModel),
        (lambda folder: edit(folder, auto_map={"AutoModelForCausalLM": "x.Y"}, model_type="x"), ModelUnsafe),
        (lambda folder: edit(folder, hidden_size=48), ModelIncomplete),
    ],
)
def test_a_spoilt_folder_gives_its_own_error_and_the_other_model_still_works(tiny_settings, copy, spoil, error):
    spoil(copy)
    engine = LocalEngine(dataclasses.replace(with_folder(tiny_settings, copy), max_models=1))
    engine.describe("local/tiny")
    with pytest.raises(error):
        engine.describe("local/copy")
    assert engine.describe("local/tiny").model == "local/tiny"


def test_a_model_larger_than_the_free_memory_is_refused_before_it_is_loaded(tiny_settings, monkeypatch):
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000, total=2000))
    with pytest.raises(ModelTooLarge) as error:
        LocalEngine(tiny_settings).describe("local/tiny")
    assert (error.value.facts["needed"], error.value.facts["available"]) == (0.0, 0.0)  # GB


def test_the_revision_of_a_folder_follows_its_files(tiny_settings, copy):
    settings = with_folder(tiny_settings, copy)
    spec = registry.find("local/copy", settings)
    before = registry.fetch(spec, settings, CallControl())[1]
    assert registry.fetch(spec, settings, CallControl())[1] == before
    edit(copy, rms_norm_eps=1e-3)
    assert registry.fetch(spec, settings, CallControl())[1] != before


@pytest.mark.parametrize("place", [0, -1])
def test_the_revision_of_a_folder_sees_any_tensor_that_was_trained(tiny_settings, copy, place):
    """Wherever it lies in a file, whose names, sizes and beginning stay."""
    settings = with_folder(tiny_settings, copy)
    spec = registry.find("local/copy", settings)
    before = registry.fetch(spec, settings, CallControl())[1]
    path = copy / "model.safetensors"
    tensors = load_file(path)
    name = sorted(name for name in tensors if "mlp" in name)[place]
    save_file(tensors | {name: tensors[name] * 1.01}, path, metadata={"format": "pt"})
    assert registry.fetch(spec, settings, CallControl())[1] != before


# -- devices ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("there", "picked"),
    [(("cuda", "cpu"), "cuda"), (("mps", "cpu"), "mps"), (("xpu", "cpu"), "xpu"), (("cpu",), "cpu")],
)
def test_the_best_device_is_picked(monkeypatch, there, picked):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: "xpu" in there)
    assert devices.pick_device("auto") == picked
    assert devices.pick_device("cpu") == "cpu"


def test_a_device_that_is_not_there_is_refused_with_those_that_are(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceUnavailable) as error:
        devices.pick_device("cuda:1")
    assert "cpu" in str(error.value.facts["available"])


def test_the_gpus_own_name_is_shown(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"Card {device}")
    assert devices.device_name("cuda:1") == "Card cuda:1"


def test_the_dtype_is_the_operators(monkeypatch):
    assert devices.pick_dtype("bfloat16", None) is torch.bfloat16
    assert devices.pick_dtype("auto", SimpleNamespace(dtype=torch.float16)) is torch.float16
    with pytest.raises(SettingInvalid):
        devices.pick_dtype("float8", None)
