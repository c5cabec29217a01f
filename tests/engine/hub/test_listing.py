"""What this machine's Hugging Face caches hold, for the picker."""

import json
import shutil
import struct
import time

import pytest

from dashboard.engine.hub import listing, pins
from dashboard.engine.hub.cache import own_cache
from dashboard.engine.model_files import inventory
from dashboard.engine.model_files.model_checks import HEADROOM
from dashboard.engine.models import registry
from dashboard.settings import Settings
from tests.made.hub import cache_model, commit_of

WEIGHTS = "model.safetensors"
MANY, PICKER_SECONDS = 500, 0.3


def ids(settings):
    return list(listing.cached_models(settings))


def test_every_branch_tag_and_nameless_commit_is_listed_once(cache, settings, files):
    cache_model(cache, "org/b", files)
    cache_model(cache, "org/b", files | {"generation_config.json": b"1"}, refs=("step1", "refs/pr/2"))
    nameless = cache_model(cache, "org/b", files | {"generation_config.json": b"2"}, refs=())
    cache_model(own_cache(settings), "a", files)
    assert ids(settings) == ["a", "org/b", f"org/b@{nameless}", "org/b@refs/pr/2", "org/b@step1"]


def test_a_pinned_id_is_on_this_machine_only_where_its_commit_is(cache, settings, files):
    commit = cache_model(cache, "org/b", files)
    pins.pin("org/b", commit_of("elsewhere"), settings)
    assert ids(settings) == [f"org/b@{commit}"]
    older = cache_model(cache, "org/b", files | {"generation_config.json": b"1"}, refs=())
    pins.pin("org/b", older, settings)
    assert ids(settings) == ["org/b", f"org/b@{commit}"]
    assert listing.cached_models(settings)["org/b"].commit == older


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (WEIGHTS, None),
        ("config.json", None),
        ("tokenizer.json", None),
        ("config.json", b"{"),
        ("config.json", b'{"model_type": "bert", "architectures": ["BertForMaskedLM"]}'),
        ("config.json", b'{"model_type": "llama", "architectures": ["LlamaModel"]}'),
        ("config.json", b'{"model_type": "t5", "architectures": ["T5LMHeadModel"], "is_encoder_decoder": true}'),
        ("config.json", b'{"architectures": ["LlamaForCausalLM"]}'),
    ],
)
def test_what_is_half_here_or_no_language_model_is_not_listed(cache, settings, files, name, content):
    changed = {file: kept for file, kept in files.items() if file != name} | (
        {} if content is None else {name: content}
    )
    cache_model(cache, "org/b", changed)
    cache_model(cache, "org/whole", files)
    assert ids(settings) == ["org/whole"]


def test_a_blob_that_was_removed_takes_its_model_off_the_list(cache, settings, files):
    commit = cache_model(cache, "org/b", files)
    (cache / "models--org--b" / "snapshots" / commit / WEIGHTS).resolve().unlink()
    assert ids(settings) == []


def test_the_list_follows_the_cache(cache, settings, files):
    """Another process writes to it meanwhile."""
    assert ids(settings) == []
    commit = cache_model(cache, "org/b", {name: content for name, content in files.items() if name != WEIGHTS})
    snapshot = cache / "models--org--b" / "snapshots" / commit
    assert ids(settings) == []
    time.sleep(0.02)
    (snapshot / WEIGHTS).write_bytes(files[WEIGHTS])
    assert ids(settings) == ["org/b"]
    (cache / "models--org--b" / "refs" / "main").unlink()
    assert ids(settings) == [f"org/b@{commit}"]
    shutil.rmtree(cache / "models--org--b")
    assert ids(settings) == []


def test_other_things_in_the_cache_are_no_models(cache, settings, files):
    cache_model(cache, "org/b", files)
    (cache / "datasets--org--data" / "snapshots" / commit_of("x")).mkdir(parents=True)
    (cache / "models--half").mkdir()
    (cache / "models--a-file").write_text("x")
    (cache / ".locks" / "models--org--b").mkdir(parents=True)
    (cache / "models--org--b" / "snapshots" / ".DS_Store").write_text("x")
    assert ids(settings) == ["org/b"]


@pytest.mark.parametrize(
    ("dtype", "config", "factor"),
    [
        ("float32", {"dtype": "float32"}, 1),
        ("float32", {"torch_dtype": "bfloat16"}, 2),
        ("bfloat16", {"dtype": "float32"}, 0.5),
        ("auto", {"dtype": "bfloat16"}, 1),
        ("float32", {"quantization_config": {"quant_method": "gptq", "bits": 4}, "dtype": "float16"}, 1),
        ("bfloat16", {"quantization_config": {"quant_method": "fp8"}, "dtype": "bfloat16"}, 2),
    ],
)
def test_the_memory_in_the_list_is_that_of_the_stored_bytes_in_the_operators_dtype(
    tiny_folder, tmp_path, dtype, config, factor
):
    folder = shutil.copytree(tiny_folder, tmp_path / "m")
    given = json.loads((folder / "config.json").read_text())
    given = {name: value for name, value in given.items() if name not in {"dtype", "torch_dtype"}}
    (folder / "config.json").write_text(json.dumps(given | config))
    facts = inventory.folder_facts(folder, dtype)
    nbytes = (folder / WEIGHTS).stat().st_size
    assert (facts.nbytes, facts.opens) == (nbytes, True)
    assert facts.memory == pytest.approx(HEADROOM * nbytes * factor)


def test_without_a_dtype_in_the_configuration_the_headers_say_it(tiny_folder, tmp_path):
    folder = shutil.copytree(tiny_folder, tmp_path / "m")
    config = json.loads((folder / "config.json").read_text())
    del config["dtype"]
    (folder / "config.json").write_text(json.dumps(config))
    half, full = (inventory.folder_facts(folder, dtype).memory for dtype in ("bfloat16", "auto"))
    assert full == 2 * half


def large_cache(cache):
    """Models of two shards with 300 tensors, as `hf download` leaves them."""
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16"}
    names = [f"model.layers.{number // 9}.self_attn.q{number % 9}_proj.weight" for number in range(300)]
    shards = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]
    files = dict.fromkeys(("generation_config.json", "tokenizer.json", "tokenizer_config.json"), b"{}")
    for shard, part in zip(shards, (names[::2], names[1::2]), strict=True):
        header = {name: {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]} for name in part}
        written = json.dumps(header).encode()
        files[shard] = struct.pack("<Q", len(written)) + written + b"\0" * 16
    places = dict.fromkeys(names[::2], shards[0]) | dict.fromkeys(names[1::2], shards[1])
    files["model.safetensors.index.json"] = json.dumps({"weight_map": places}).encode()
    for number in range(MANY):
        own = {"config.json": json.dumps(config | {"number": number}).encode()}
        cache_model(cache, f"org/model-{number:03d}", files | own, tree=tuple(files))


def test_a_picker_of_500_cached_models_is_ready_in_time(cache, settings):
    """In the processor's own time: others may be at work on this machine."""
    large_cache(cache)
    everything = Settings(models=("cache/*",), cache_dir=settings.cache_dir, data_dir=settings.data_dir)
    taken = []
    for _ in range(4):
        began = time.process_time()
        assert len(registry.available_models(everything)) == MANY
        taken.append(time.process_time() - began)
    assert taken[0] < PICKER_SECONDS
    assert min(taken[1:]) < PICKER_SECONDS / 4
