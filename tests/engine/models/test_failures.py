"""One net: what a library raises while a model is made ready, or while it computes, is words; the log has the rest."""

import logging
import sys
import types
from pathlib import Path

import pytest
import torch

from dashboard.engine import ready
from dashboard.engine.api.attention import CombineRequest, HeadRequest, QueryRowsRequest, RolloutRequest, TilesRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import RunRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest
from dashboard.engine.device.memory import first_line, is_memory
from dashboard.engine.local import LocalEngine
from dashboard.engine.model_files import model_checks, model_folder
from dashboard.engine.models import loaders, registry
from dashboard.engine.models.failures import explain_loading_errors
from dashboard.errors import Cancelled, DashboardError, ModelFailed, OutOfMemory
from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.process import logs
from dashboard.process.logs import log_file, open_log

MODEL = "local/tiny"


class StrangeError(Exception):
    """Of a library that nobody thought of."""


def names_in(code):
    """Names that a function's code uses, those of functions inside it too."""
    inner = [const for const in code.co_consts if isinstance(const, types.CodeType)]
    return {*code.co_names, *(name for each in inner for name in names_in(each))}


def globals_called(function):
    """What of its module's names a function may call: ``module.name``."""
    module = sys.modules[function.__module__]
    for name in sorted(names_in(function.__code__) & vars(module).keys()):
        value = getattr(module, name)
        if callable(value) and not (isinstance(value, type) and issubclass(value, BaseException)):
            yield f"{module.__name__}.{name}"


OURS = (
    *(registry.find, registry.fetch, registry.check, registry.load),
    *(loaders.FolderLoader.check, loaders.FolderLoader.load, loaders.FolderLoader.tokenizer, loaders._from_pretrained),
    *(model_folder.read_config, model_folder.revision, model_folder.stored_tensors, model_checks.check_size),
    *(ready.make_ready, ready._prompt_cache, ready._footprint),
)
INSIDE = sorted(
    {name for function in OURS for name in globals_called(function)} - {"dashboard.engine.ready.CallControl"}
)
LIBRARIES = (
    "transformers.AutoConfig.from_pretrained",
    "transformers.AutoModelForCausalLM.from_pretrained",
    "transformers.AutoTokenizer.from_pretrained",
    "transformers.modeling_utils.safe_open",
    "json.loads",
    "pathlib.Path.read_text",
    "pathlib.Path.iterdir",
    "pathlib.Path.open",
    "hashlib.sha256",
    "psutil.virtual_memory",
    "transformers.PreTrainedModel.eval",
    "torch.nn.Module.requires_grad_",
    "torch.nn.Module.to",
    "torch.nn.Module.named_parameters",
    "torch.nn.functional.linear",
    "torch.Tensor.isfinite",
)


@pytest.fixture
def failing(monkeypatch):
    """Replace something by a function that raises; gives the list of its calls."""

    def replace(name, error):
        called = []

        def fail(*_args, **_kwargs):
            called.append(name)
            raise error

        monkeypatch.setattr(name, fail)
        return called

    return replace


@pytest.mark.parametrize("name", [*LIBRARIES, *INSIDE])
def test_an_unknown_error_of_any_call_in_loading_is_words_with_its_traceback_in_the_log(
    tiny_settings, failing, name, caplog
):
    called = failing(name, StrangeError("nobody\nexpected this"))
    engine = LocalEngine(tiny_settings)
    refused = None
    try:
        engine.describe(MODEL)
        with engine._leased(MODEL) as loaded:
            loaded.generator.way()
    except DashboardError as error:
        refused = error
    if name in INSIDE and not called:
        pytest.skip("not called for this model")
    assert called
    assert refused is not None
    for language in LANGUAGES:
        assert "nobody" in Catalogue(language)(refused.message_id, **refused.facts)
    assert any(record.exc_info and isinstance(record.exc_info[1], StrangeError) for record in caplog.records)


def test_most_calls_of_our_own_are_among_those_that_are_tried():
    assert len(INSIDE) > 15
    assert {"dashboard.engine.ready.pick_capturer", "dashboard.engine.ready.pick_prompt_cache"} <= set(INSIDE) or len(
        INSIDE
    ) > 25


@pytest.mark.parametrize("name", ["transformers.AutoModelForCausalLM.from_pretrained", "torch.nn.Module.to"])
def test_a_failed_allocation_while_loading_is_told_as_one(tiny_settings, failing, name):
    failing(name, RuntimeError("[enforce fail at alloc_cpu.cpp:114] DefaultCPUAllocator: can't allocate memory: 8 TB"))
    with pytest.raises(OutOfMemory, match="8 TB"):
        LocalEngine(tiny_settings).describe(MODEL)


def test_after_an_error_the_model_can_be_loaded(tiny_settings, monkeypatch):
    engine = LocalEngine(tiny_settings)
    with monkeypatch.context() as broken:
        broken.setattr(torch.nn.Module, "to", lambda *_: (_ for _ in ()).throw(StrangeError()))
        with pytest.raises(ModelFailed):
            engine.describe(MODEL)
    assert engine.describe(MODEL).model == MODEL


@pytest.mark.parametrize("error", [Cancelled(), KeyboardInterrupt(), SystemExit(1), ModelFailed(model="a")])
def test_what_has_a_meaning_of_its_own_passes_the_net(error, caplog):
    with pytest.raises(type(error)), explain_loading_errors("a"):
        raise error
    assert not caplog.records


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."), True),
        (RuntimeError("std::bad_alloc"), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
        (OSError(2, "No such file"), False),
    ],
)
def test_a_failed_allocation_is_known_on_every_device(error, expected):
    assert is_memory(error) is expected


@pytest.mark.parametrize(
    ("text", "line"),
    [("", "ValueError"), ("\n one \n two", "one"), ("Error for 'x':\n  it is null.", "Error for 'x': it is null")],
)
def test_the_first_line_of_an_error_says_something(text, line):
    assert first_line(ValueError(text)) == line
    assert len(first_line(ValueError("x" * 10_000))) <= 200


# -- computing ----------------------------------------------------------------------------------------------------
CALLS = {
    "run": lambda engine, key: engine.answer(RunRequest(key)),
    "one head": lambda engine, key: engine.answer(HeadRequest(key, 1, 1)).weights,
    "several heads": lambda engine, key: engine.answer(CombineRequest(key, ((0, 0), (2, 3)), "mean")).weights,
    "rollout": lambda engine, key: engine.answer(RolloutRequest(key)).weights,
    "a query's rows": lambda engine, key: engine.answer(QueryRowsRequest(key, 2)).weights,
    "tiles": lambda engine, key: engine.answer(TilesRequest(key)),
    "next token": lambda engine, key: engine.answer(CandidatesRequest(key, 1, 5)).probs,
    "positions": lambda engine, key: engine.answer(PositionTableRequest(key)),
    "lens": lambda engine, key: engine.answer(LensRequest(key, (0, 1))),
}


@pytest.mark.parametrize("what", CALLS)
def test_a_failed_allocation_in_any_computation_is_advice_and_the_engine_stays_whole(tiny_settings, monkeypatch, what):
    engine = LocalEngine(tiny_settings)
    key = engine.describe(MODEL).run_key(engine.tokenizer(MODEL).read("zebra lamp", chat=False))
    before = engine.health()["forward_passes"]
    if what != "run":
        engine.answer(RunRequest(key))

    def fail(*_args, **_kwargs):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 34359738368 bytes.")

    with monkeypatch.context() as full:
        for name in ("linear", "softmax"):
            full.setattr(torch.nn.functional, name, fail)
        for name in ("softmax", "matmul", "einsum"):
            full.setattr(torch, name, fail)
        for name in ("softmax", "log_softmax", "matmul", "__matmul__", "baddbmm_", "topk"):
            full.setattr(torch.Tensor, name, fail)
        with pytest.raises(OutOfMemory, match="34359738368"):
            CALLS[what](engine, key)
    assert CALLS[what](engine, key) is not None
    assert engine.health()["forward_passes"] == before + 1


def test_a_log_of_loading_has_what_the_library_said(tiny_settings, failing, tmp_path):
    assert open_log(tmp_path) == log_file(tmp_path)
    try:
        failing("torch.nn.Module.to", StrangeError("what the library said"))
        with pytest.raises(ModelFailed):
            LocalEngine(tiny_settings).describe(MODEL)
        written = log_file(tmp_path).read_text(encoding="utf-8")
    finally:
        for logger in map(logging.getLogger, (None, *logs._STREAMLIT)):
            logs._replace(logger, None)
    assert "Traceback" in written
    assert "StrangeError: what the library said" in written
    assert Path(registry.__file__).name in written
