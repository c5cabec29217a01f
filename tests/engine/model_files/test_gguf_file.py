"""A person's own GGUF files: opened with the numbers that transformers has of them, or refused by name."""

import struct

import numpy as np
import pytest
import torch

from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.local import LocalEngine
from dashboard.engine.model_files import gguf_file, inventory
from dashboard.engine.models import registry
from tests.made.gguf import write_gguf
from tests.made.local_files import assert_refused, settings_for
from tests.made.tiny_model import save_tiny_model

PROMPT = "zebra lamp river"
MODEL = "local/tiny.gguf"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tiny model with widths that ggml's blocks of 32 fit."""
    return save_tiny_model(tmp_path_factory.mktemp("models") / "wide", heads=8, chat=False)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tiny.gguf"


def probabilities(path):
    engine = LocalEngine(settings_for(path))
    model = f"local/{path.name}"
    card = engine.describe(model)
    key = card.run_key(engine.tokenizer(model).read(PROMPT, chat=False))
    return card, key.token_ids, engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs.tolist()


def plain_probabilities(folder, **values):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder, **values)(PROMPT, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **values)
        return tuple(ids[0].tolist()), model(ids).logits[0, -1].softmax(-1).topk(5).values.tolist()


# -- opened -------------------------------------------------------------------------------------------------------
def test_a_file_of_plain_numbers_gives_those_of_the_folder_that_it_was_made_of(folder, path):
    card, ids, found = probabilities(write_gguf(folder, path))
    assert (ids, found) == (plain_probabilities(folder)[0], pytest.approx(plain_probabilities(folder)[1], abs=1e-6))
    assert (card.source, card.quantized, card.dequantized, card.layers, card.heads) == ("gguf", "", False, 3, 8)


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0", "F16"])
def test_a_file_of_blocks_gives_the_numbers_of_transformers_and_says_what_it_was(folder, path, kind):
    card, ids, found = probabilities(write_gguf(folder, path, kind))
    assert (ids, found) == (
        plain_probabilities(path.parent, gguf_file=path.name)[0],
        pytest.approx(plain_probabilities(path.parent, gguf_file=path.name)[1], abs=1e-6),
    )
    assert (card.quantized, card.dequantized) == (("", False) if kind == "F16" else (f"GGUF {kind}", True))
    if kind != "F16":
        assert found != pytest.approx(plain_probabilities(folder)[1], abs=1e-5)


def test_its_script_makes_the_chart_again(folder, path, tmp_path, monkeypatch):
    from dashboard.scripts.build import chart_script

    engine = LocalEngine(settings_for(write_gguf(folder, path, "Q8_0")))
    card = engine.describe(MODEL)
    key = card.run_key(engine.tokenizer(MODEL).read(PROMPT, chat=False))
    source = chart_script(card, key, {}, [])
    assert "pip install accelerate gguf" in source
    assert "MODEL_FILE = 'tiny.gguf'" in source
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(source.split('if __name__ == "__main__"')[0], names)  # what the script says, up to its chart
    logits = names["load"]()[0](torch.tensor([list(key.token_ids)])).logits[0, -1]
    expected = engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, 5)).probs
    assert logits.softmax(-1).topk(5).values.tolist() == pytest.approx(expected.tolist(), abs=1e-6)


def test_texts_of_a_file_are_those_of_generate(folder, path):
    from transformers import AutoModelForCausalLM

    write_gguf(folder, path, "Q8_0")
    engine = LocalEngine(settings_for(path))
    key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read(PROMPT, chat=False))
    greedy = Column(DecodeSettings(do_sample=False, model_rules=False), 1, 8)
    text = engine.answer(GenerateRequest(key, (greedy,))).outputs[0].ids.tolist()
    plain = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    ids = torch.tensor([list(key.token_ids)])
    assert text == plain.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.shape[1] :].tolist()


# -- listed -------------------------------------------------------------------------------------------------------
def test_files_stand_in_the_list_beside_folders_with_what_they_take(folder, path):
    write_gguf(folder, path, "Q8_0")
    specs = registry.available_models(settings_for(folder, path))
    assert [(spec.id, spec.source) for spec in specs] == [("local/wide", "local"), (MODEL, "gguf")]
    assert specs[1].nbytes == path.stat().st_size
    numbers = sum(np.prod(tensor.shape) for tensor in gguf_file.read_header(path, "m").tensors.values())
    assert inventory.folder_facts(path, "float32").memory == pytest.approx(1.3 * 4 * numbers)
    assert inventory.folder_facts(path, "bfloat16").memory == pytest.approx(1.3 * 2 * numbers)


def test_the_revision_of_a_file_sees_any_tensor_that_changed(folder, path):
    header = gguf_file.read_header(write_gguf(folder, path), "m")
    before = gguf_file.revision(path, header)
    assert gguf_file.revision(path, header) == before
    for tensor in header.tensors.values():
        content = bytearray(path.read_bytes())
        content[header.data + tensor.offset + 1] ^= 1
        path.write_bytes(content)
        assert gguf_file.revision(path, header) != before
        before = gguf_file.revision(path, header)


# -- refused ------------------------------------------------------------------------------------------------------
def cut(folder, path):
    write_gguf(folder, path)
    path.write_bytes(path.read_bytes()[:-1000])


def cut_in_the_header(folder, path):
    write_gguf(folder, path)
    path.write_bytes(path.read_bytes()[:600])


def with_keys(**keys):
    def write(folder, path):
        import gguf

        writer = gguf.GGUFWriter(path, "llama")
        for name, value in keys.items():
            key = name.replace("__", ".")
            (writer.add_string if isinstance(value, str) else writer.add_uint16)(key, value)
        writer.add_tensor("token_embd.weight", np.zeros((4, 32), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()

    return write


def of_kind(kind):
    """The second tensor's kind in the table, changed to one that nobody can read."""

    def write(folder, path):
        header = gguf_file.read_header(write_gguf(folder, path), "m")
        name = next(name for name, tensor in header.tensors.items() if len(tensor.shape) == 2)
        content = bytearray(path.read_bytes())
        at = content.index(name.encode()) + len(name) + 4 + 16
        content[at : at + 4] = struct.pack("<I", kind)
        path.write_bytes(content)

    return write


REFUSED = {
    "not there": (lambda folder, path: None, "FolderMissing"),
    "empty": (lambda folder, path: path.write_bytes(b""), "ModelBroken"),
    "a page of a website": (lambda folder, path: path.write_text("<!doctype html>" * 100), "ModelBroken"),
    "an old version": (lambda folder, path: path.write_bytes(b"GGUF" + struct.pack("<IQQ", 1, 0, 0)), "ModelBroken"),
    "no architecture": (lambda folder, path: path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0)), "ModelBroken"),
    "a count without end": (
        lambda folder, path: path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63)),
        "ModelBroken",
    ),
    "cut off": (cut, "ModelBroken"),
    "cut off in the header": (cut_in_the_header, "ModelBroken"),
    "one of several parts": (with_keys(split__count=3), "ModelBroken"),
    "an adapter": (with_keys(general__type="adapter"), "AdapterUnsupported"),
    "an architecture that transformers does not read": (
        lambda folder, path: write_gguf(folder, path, architecture="llama9"),
        "GgufArchitectureUnknown",
    ),
    "a picture encoder": (
        lambda folder, path: write_gguf(folder, path, architecture="clip"),
        "GgufArchitectureUnknown",
    ),
    "a translator": (lambda folder, path: write_gguf(folder, path, architecture="t5"), "ModelEncoderDecoder"),
    "numbers of the future": (of_kind(199), "ModelQuantized"),
    "no vocabulary": (lambda folder, path: write_gguf(folder, path, vocabulary=False), "TokenizerMissing"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_that_cannot_be_opened_is_refused_by_its_own_name_in_every_language(folder, path, kind):
    write, expected = REFUSED[kind]
    write(folder, path)
    assert_refused(path, expected)
