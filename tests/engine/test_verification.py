"""Verification finds what is off, and nothing where all is right."""

import contextlib
import dataclasses
import json
import threading

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM

from dashboard.engine import verification
from dashboard.engine.api.attention import METRICS
from dashboard.engine.api.model import CallControl
from dashboard.engine.api.verification import VerifyRequest
from dashboard.engine.local import LocalEngine
from dashboard.engine.verification import BOUNDS, LENGTHS, plain_metrics, verify
from dashboard.engine.verify_command import main, table
from dashboard.errors import Cancelled
from dashboard.i18n import Catalogue
from tests.made.families import build
from tests.made.plain import metrics
from tests.made.tiny_model import save_tiny_model


def verified(engine, model):
    return engine.answer(VerifyRequest(engine.describe(model).version))


def names(rows):
    return {row.name for row in rows}


@pytest.fixture
def plain(tiny_folder):
    return AutoModelForCausalLM.from_pretrained(tiny_folder, attn_implementation="eager").eval()


def test_a_right_model_is_within_every_bound(tiny_engine):
    result = verified(tiny_engine, "local/tiny")
    assert result.ok
    assert names(result.rows) == BOUNDS.keys()
    assert {row.tokens for row in result.rows} == set(LENGTHS)
    assert not [row for row in result.rows if row.refused]


def test_other_weights_are_found_in_every_kind_of_number(tiny_engine, plain):
    """The largest logits change places too, so that the text parts."""
    for name, parameter in plain.named_parameters():
        if "embed" not in name and parameter.ndim > 1:
            parameter.data.mul_(1.5)
    result = verify(tiny_engine, tiny_engine.describe("local/tiny"), plain, CallControl())
    assert not result.ok
    assert names(row for row in result.rows if not row.ok) == BOUNDS.keys()


@pytest.mark.parametrize("quantity", ["weights", "metrics"])
def test_an_error_in_one_head_alone_is_found(tiny_engine, plain, monkeypatch, quantity):
    of = verification._Plain.of

    def off(*given):
        text = of(*given)
        text.weights[-1][-1, -1, 0] += 0.01 * len(text.ids)  # in one row of one head of one layer
        return text

    monkeypatch.setattr(verification._Plain, "of", off)
    result = verify(tiny_engine, tiny_engine.describe("local/tiny"), plain, CallControl())
    assert names(row for row in result.rows if not row.ok) == {"weights", "metrics"} >= {quantity}


def test_metrics_of_whole_maps_are_those_of_their_definitions():
    rng = np.random.default_rng(3)
    ids = [4, 5, 4, 6, 5, 4]
    maps = np.tril(rng.random((3, 6, 6)))
    maps /= maps.sum(-1, keepdims=True)
    found = plain_metrics(maps, ids)
    assert list(found) == list(METRICS)
    for head in range(3):
        expected = metrics(maps[head], ids)
        assert {name: values[head] for name, values in found.items()} == pytest.approx(expected)
    assert np.isnan(plain_metrics(maps, range(6))["induction"]).all()


@pytest.mark.parametrize("name", ["bloom", "gemma2", "gpt_oss", "qwen3_next", "openai-gpt"])
def test_families_of_every_kernel_are_within_their_bounds(name, tmp_path, tiny_settings):
    folder = save_tiny_model(tmp_path / "family")
    model = build(name, vocab_size=512)
    model.save_pretrained(folder)
    settings = dataclasses.replace(tiny_settings, local_models=(str(folder),))
    result = verified(LocalEngine(settings), "local/family")
    assert result.ok, table(result, Catalogue("en"))


def test_it_can_be_stopped(tiny_engine):
    control = CallControl(cancel=threading.Event())
    control.cancel.set()
    with pytest.raises(Cancelled):
        tiny_engine.answer(VerifyRequest(tiny_engine.describe("local/tiny").version), control)


def test_every_plain_pass_takes_its_turn_on_the_device(tiny_engine, plain):
    """And none of the engine's own calls is inside: it would wait for itself."""
    inside = []

    @contextlib.contextmanager
    def held():
        with tiny_engine._device.held(CallControl()):
            inside.append(tiny_engine._device.waiting)
            yield

    seen = []
    plain.register_forward_pre_hook(lambda *_: seen.append(tiny_engine._device.waiting))
    assert verify(tiny_engine, tiny_engine.describe("local/tiny"), plain, CallControl(), held).ok
    assert set(inside) == {1}
    assert set(seen) == {1}


def test_the_command_prints_every_quantity_and_ends_with_what_it_found(tiny_folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LOGITSCOPE_LOCAL_MODELS", str(tiny_folder))
    monkeypatch.setenv("LOGITSCOPE_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("LOGITSCOPE_LANGUAGE", "en")
    assert main(["local/tiny"]) == 0
    text = Catalogue("en")
    printed = capsys.readouterr().out
    assert all(text(f"verify.quantity.{name}") in printed for name in BOUNDS)
    assert text("verify.all_ok") in printed
    assert main(["local/absent"]) == 2
    assert "local/absent" in capsys.readouterr().out
    monkeypatch.setattr(verification, "BOUNDS", dict.fromkeys(BOUNDS, -1.0))
    assert main(["local/tiny"]) == 1
    assert text("verify.some_off") in capsys.readouterr().out


def test_half_precision_has_bounds_of_its_own(tiny_settings):
    engine = LocalEngine(dataclasses.replace(tiny_settings, dtype="bfloat16"))
    result = verified(engine, "local/tiny")
    assert result.card.dtype == "bfloat16"
    assert result.ok, table(result, Catalogue("en"))
    assert torch.tensor([row.error for row in result.rows if row.name == "logits"]).max() > 0


@pytest.mark.parametrize(
    "config",
    [
        {"repetition_penalty": 1.3},
        {"no_repeat_ngram_size": 2},
        {"suppress_tokens": [5, 6, 7]},
        {"stop_strings": ["zzz"]},
        {"guidance_scale": 1.5},
        {"return_dict_in_generate": True},
        {"forced_eos_token_id": 3},
    ],
    ids=lambda config: next(iter(config)),
)
def test_what_a_generation_config_asks_for_is_no_deviation(config, tiny_settings, tmp_path):
    folder = save_tiny_model(tmp_path / "asking")
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": 0} | config))
    result = verified(LocalEngine(dataclasses.replace(tiny_settings, local_models=(str(folder),))), "local/asking")
    assert result.ok, table(result, Catalogue("en"))
    assert not [row for row in result.rows if row.refused]


@pytest.mark.parametrize("context", [8, 9, 12])
def test_a_model_that_reads_few_tokens_is_compared_on_those(context, tiny_settings, tmp_path):
    folder = save_tiny_model(tmp_path / "short", context=context)
    result = verified(LocalEngine(dataclasses.replace(tiny_settings, local_models=(str(folder),))), "local/short")
    assert result.ok, table(result, Catalogue("en"))


def test_what_plain_transformers_ends_in_is_said_and_not_raised(tiny_engine, plain, monkeypatch):
    def fails(*_args, **_options):
        raise ValueError("no such cache")

    monkeypatch.setattr(plain, "generate", fails)
    result = verify(tiny_engine, tiny_engine.describe("local/tiny"), plain, CallControl())
    refused = {row.name for row in result.rows if row.refused}
    assert refused == {"text"}
    assert "ValueError: no such cache" in table(result, Catalogue("en"))


def test_an_impossible_setting_is_said_and_not_raised(monkeypatch, capsys):
    monkeypatch.setenv("LOGITSCOPE_DTYPE", "foo")
    assert main([]) == 2
    assert "LOGITSCOPE_DTYPE" in capsys.readouterr().out
