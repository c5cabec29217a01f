"""Which models may be had, and the error of each that cannot."""

import dataclasses
import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import huggingface_hub
import pytest
import torch
from huggingface_hub import errors as hub_errors
from safetensors.torch import load_file, save_file
from transformers import MambaConfig, MambaForCausalLM

from dashboard.engine.device import devices
from dashboard.engine.local import LocalEngine
from dashboard.engine.models import hub, registry
from dashboard.errors import (
    CacheUnwritable,
    DeviceUnavailable,
    ModelBroken,
    ModelEncoderDecoder,
    ModelIncomplete,
    ModelNotAllowed,
    ModelTooLarge,
    ModelTypeUnknown,
    ModelUnknown,
    ModelUnreachable,
    ModelUnsafe,
    ModelWithoutAttention,
    ModelWithoutHead,
    SettingInvalid,
    TokenizerMissing,
)
from dashboard.settings import BUNDLED, Settings


def ignore(_share: float) -> None:
    """No progress is wanted."""


def with_folder(settings: Settings, folder: Path) -> Settings:
    return dataclasses.replace(settings, local_models=(*settings.local_models, str(folder)))


@pytest.fixture
def copy(tiny_folder, tmp_path):
    """A copy of the tiny model to be spoilt."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def edit(folder: Path, **values) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_the_operators_list_is_shown_in_its_order_with_local_folders_last(tiny_folder):
    settings = Settings(models=("gpt2", BUNDLED, "*"), local_models=(str(tiny_folder),))
    assert [spec.id for spec in registry.available_models(settings)] == ["gpt2", BUNDLED, "local/tiny"]
    assert [spec.source for spec in registry.available_models(settings)] == ["hub", "bundled", "local"]


@pytest.mark.parametrize(
    "model",
    ["", "../../etc", "a b", "a/b/c", "/etc/passwd", "x" * 10_000, "<b>", "a\nb", "local/none", "..", "a--b", "-a"],
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
        (lambda folder: (folder / "config.json").unlink(), ModelUnknown),
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
    monkeypatch.setattr("psutil.virtual_memory", lambda: SimpleNamespace(available=1000))
    with pytest.raises(ModelTooLarge) as error:
        LocalEngine(tiny_settings).describe("local/tiny")
    assert (error.value.facts["needed"], error.value.facts["available"]) == (0.0, 0.0)  # GB


def test_the_revision_of_a_folder_follows_its_files(tiny_settings, copy):
    settings = with_folder(tiny_settings, copy)
    spec = registry.find("local/copy", settings)
    before = registry.fetch(spec, settings, ignore)[1]
    assert registry.fetch(spec, settings, ignore)[1] == before
    edit(copy, rms_norm_eps=1e-3)
    assert registry.fetch(spec, settings, ignore)[1] != before


@pytest.mark.parametrize("place", [0, -1])
def test_the_revision_of_a_folder_sees_any_tensor_that_was_trained(tiny_settings, copy, place):
    """Wherever it lies in a file, whose names, sizes and beginning stay."""
    settings = with_folder(tiny_settings, copy)
    spec = registry.find("local/copy", settings)
    before = registry.fetch(spec, settings, ignore)[1]
    path = copy / "model.safetensors"
    tensors = load_file(path)
    name = sorted(name for name in tensors if "mlp" in name)[place]
    save_file(tensors | {name: tensors[name] * 1.01}, path, metadata={"format": "pt"})
    assert registry.fetch(spec, settings, ignore)[1] != before


# -- the hub, with fakes ------------------------------------------------------------------------------------------
@pytest.fixture
def fake_hub(monkeypatch, tiny_folder):
    """A hub with one model at a commit that moves; nothing goes over the network."""
    state = SimpleNamespace(
        commit="c" * 40, files=["config.json", "model.safetensors"], config={}, error=None, asked=[], patterns=[]
    )

    class Api:
        def model_info(self, model, revision=None):
            state.asked.append((model, revision))
            if state.error:
                raise state.error
            siblings = [SimpleNamespace(rfilename=name) for name in state.files]
            return SimpleNamespace(sha=revision or state.commit, siblings=siblings, config=state.config)

    def download(model, revision=None, cache_dir=None, local_files_only=False, allow_patterns=None):
        if local_files_only and not state.asked:
            raise hub_errors.LocalEntryNotFoundError("not here")
        state.patterns += allow_patterns or []
        return str(tiny_folder)

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", download)
    monkeypatch.delenv("HF_HOME", raising=False)
    return state


@pytest.fixture
def online(tmp_path):
    return Settings(models=("gpt2",), cache_dir=tmp_path)


def test_the_commit_of_the_first_fetch_is_kept_when_the_hub_moves_on(fake_hub, online):
    assert hub.fetch("gpt2", online)[1] == "c" * 40
    fake_hub.commit = "d" * 40
    assert hub.fetch("gpt2", online)[1] == "c" * 40
    assert json.loads((online.cache_dir / "pins.json").read_text()) == {"gpt2": "c" * 40}


def test_only_what_transformers_would_read_is_downloaded(fake_hub, online):
    fake_hub.files += [
        "tokenizer.json",
        "chat_template.jinja",
        "additional_chat_templates/tools.jinja",
        "README.md",
        "modeling.py",
        "pytorch_model.bin",
        "consolidated.safetensors",
        "original/params.json",
        "original/model.safetensors",
        "onnx/model.safetensors",
    ]
    hub.fetch("gpt2", online)
    assert sorted(fake_hub.patterns) == [
        "additional_chat_templates/tools.jinja",
        "chat_template.jinja",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]


def test_a_fetched_model_whose_files_were_removed_is_fetched_again(fake_hub, online, copy, monkeypatch):
    hub.fetch("gpt2", online)
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors").symlink_to("removed")
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: str(copy))
    before = len(fake_hub.asked)
    hub.fetch("gpt2", online)
    assert len(fake_hub.asked) == before + 1


def test_a_cache_that_cannot_be_written_is_no_network_that_cannot_be_reached(fake_hub, online):
    fake_hub.error = PermissionError(errno.EACCES, "Permission denied")
    with pytest.raises(CacheUnwritable):
        hub.fetch("gpt2", online)


def test_the_operators_own_token_is_not_used_unless_he_says_so():
    code = "import dashboard.engine.models.hub, huggingface_hub.constants as c; print(c.HF_HUB_DISABLE_IMPLICIT_TOKEN)"
    for value, expected in ((None, "True"), ("0", "False")):
        given = {k: v for k, v in os.environ.items() if k != "HF_HUB_DISABLE_IMPLICIT_TOKEN"}
        given |= {} if value is None else {"HF_HUB_DISABLE_IMPLICIT_TOKEN": value}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=given, check=True)
        assert done.stdout.strip() == expected


def test_a_fetched_model_is_there_without_a_network(fake_hub, online):
    hub.fetch("gpt2", online)
    fake_hub.error = OSError("no network")
    assert hub.fetch("gpt2", dataclasses.replace(online, offline=True))[1] == "c" * 40


def test_a_model_that_is_not_here_is_unreachable_when_offline(fake_hub, online):
    with pytest.raises(ModelUnreachable):
        hub.fetch("gpt2", dataclasses.replace(online, offline=True))
    assert not fake_hub.asked


def test_weights_only_as_pickle_are_unsafe(fake_hub, online):
    fake_hub.files = ["config.json", "pytorch_model.bin"]
    with pytest.raises(ModelUnsafe):
        hub.fetch("gpt2", online)


def test_code_of_its_own_is_unsafe(fake_hub, online):
    fake_hub.config = {"auto_map": {"AutoModel": "modeling.X"}, "model_type": "new"}
    with pytest.raises(ModelUnsafe):
        hub.fetch("gpt2", online)
    fake_hub.config["model_type"] = "llama"
    assert hub.fetch("gpt2", online)


def test_no_network_and_no_such_model_are_told_apart(fake_hub, online):
    fake_hub.error = OSError("name resolution")
    with pytest.raises(ModelUnreachable):
        hub.fetch("gpt2", online)
    response = SimpleNamespace(headers={}, request=None, status_code=404)
    fake_hub.error = hub_errors.RepositoryNotFoundError("404", response=response)
    with pytest.raises(ModelUnknown):
        hub.fetch("gpt2", online)


def test_commits_that_an_earlier_version_left_in_the_cache_folder_hold(fake_hub, tmp_path):
    settings = Settings(models=("gpt2",), cache_dir=tmp_path / "cache", data_dir=tmp_path / "data")
    settings.cache_dir.mkdir()
    (settings.cache_dir / "pins.json").write_text(json.dumps({"gpt2": "e" * 40, "other": "f" * 40}))
    assert hub.fetch("gpt2", settings)[1] == "e" * 40
    assert json.loads((settings.data_dir / "pins.json").read_text()) == {"gpt2": "e" * 40, "other": "f" * 40}
    (settings.data_dir / "pins.json").write_text(json.dumps({"gpt2": "d" * 40}))
    assert hub.pinned_commit("gpt2", settings) == "d" * 40


def test_a_damaged_list_of_commits_is_made_again(fake_hub, online):
    (online.cache_dir / "pins.json").write_text("{")
    assert hub.fetch("gpt2", online)[1] == "c" * 40


def test_the_operators_certificates_are_trusted(fake_hub, online, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "other.pem")
    hub.fetch("gpt2", dataclasses.replace(online, ca_bundle="own.pem"))
    assert (os.environ["SSL_CERT_FILE"], os.environ["REQUESTS_CA_BUNDLE"]) == ("own.pem", "own.pem")


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
