"""Ways in which models are saved: shards, tied weights, a padded vocabulary, a tokenizer in Python; each exact."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, CTRLTokenizer

from dashboard.engine.api.prediction import CandidatesRequest
from dashboard.engine.api.verification import VerifyRequest
from dashboard.engine.local import LocalEngine
from dashboard.settings import Settings

PROMPT = "zebra lamp river"
WEIGHTS = "model.safetensors"


@pytest.fixture
def folder(tiny_folder, tmp_path):
    return shutil.copytree(tiny_folder, tmp_path / "model")


def set_config(folder, **values):
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def change_weights(folder, change):
    save_file(change(load_file(folder / WEIGHTS)), folder / WEIGHTS, {"format": "pt"})


def sharded(folder):
    model = AutoModelForCausalLM.from_pretrained(folder)
    (folder / WEIGHTS).unlink()
    model.save_pretrained(folder, max_shard_size="30KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 2


def tied(folder):
    set_config(folder, tie_word_embeddings=True)
    change_weights(folder, lambda found: {name: tensor for name, tensor in found.items() if name != "lm_head.weight"})


def tied_and_stored_twice(folder):
    set_config(folder, tie_word_embeddings=True)
    change_weights(folder, lambda found: found | {"lm_head.weight": found["model.embed_tokens.weight"].clone()})


def padded(rows):
    """Embeddings and head of more rows than the tokenizer has tokens, as fast kernels like them."""

    def change(folder):
        size = json.loads((folder / "config.json").read_text())["vocab_size"]
        set_config(folder, vocab_size=size + rows)
        names = ("model.embed_tokens.weight", "lm_head.weight")
        more = {name: torch.full((rows, 32), 0.1) for name in names}
        change_weights(folder, lambda found: found | {name: torch.cat([found[name], more[name]]) for name in names})

    return change


def padded_and_tied(folder):
    padded(64)(folder)
    tied(folder)


def tokenizer_in_python(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    pieces = [
        "<unk>",
        *"abcdefghijklmnopqrstuvwxyz",
        *(f"{letter}@@" for letter in "abcdefghijklmnopqrstuvwxyz"),
        "ze@@",
    ]
    (folder / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\nz e\n")
    CTRLTokenizer(folder / "vocab.json", folder / "merges.txt").save_pretrained(folder)
    assert not AutoTokenizer.from_pretrained(folder).is_fast


LAYOUTS = {
    "shards": sharded,
    "tied weights": tied,
    "tied weights, both stored": tied_and_stored_twice,
    "a padded vocabulary": padded(64),
    "a padded vocabulary, tied": padded_and_tied,
    "a tokenizer in Python": tokenizer_in_python,
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_model_opens_however_it_was_saved_and_all_its_numbers_are_those_of_transformers(folder, kind):
    LAYOUTS[kind](folder)
    engine = LocalEngine(Settings(models=(), local_models=(str(folder),), cache_dir=folder, offline=True))
    card = engine.describe("local/model")
    key = card.run_key(engine.tokenizer("local/model").read(PROMPT, chat=False))
    assert key.token_ids == tuple(AutoTokenizer.from_pretrained(folder)(PROMPT)["input_ids"])
    with torch.inference_mode():
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        plain = model(torch.tensor([list(key.token_ids)])).logits[0, -1].softmax(-1)
    answer = engine.answer(CandidatesRequest(key, len(key.token_ids) - 1, card.vocab))
    assert card.vocab == len(plain)
    assert answer.probs.tolist() == pytest.approx(plain.sort(descending=True).values.tolist(), abs=1e-6)
    assert engine.answer(VerifyRequest(card.version)).ok
