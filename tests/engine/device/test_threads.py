"""Threads of the processor: one for small steps, the free ones for long passes, and the same for the same text."""

import json
import os
import subprocess
import sys
import threading

import pytest
import torch

from dashboard.engine.api.generation import GenerateRequest
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.model import CallControl
from dashboard.engine.device.device_lock import DeviceLock
from dashboard.engine.device.threads import FEW_ROWS, Threads, free_cores
from dashboard.engine.local import LocalEngine
from dashboard.process.threads import SPINS, wait_quietly
from tests.engine.test_local import MODEL, key_of


@pytest.fixture(autouse=True)
def as_before():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def four(monkeypatch):
    """Four threads of torch, whatever the machine has."""
    monkeypatch.setattr("dashboard.engine.device.threads.ALL", 4)


def counts(threads, rows):
    """Threads that a pass of so many tokens has."""
    model = torch.nn.Linear(1, 1)
    threads.adjust_by_pass(model)
    model(torch.zeros(1, rows, 1))
    return torch.get_num_threads()


@pytest.mark.usefixtures("four")
@pytest.mark.parametrize(
    ("fixed", "free", "small", "long"), [(0, 4, 2, 4), (0, 3, 2, 3), (0, 1, 2, 1), (0, -5, 2, 1), (3, 1, 3, 3)]
)
def test_a_pass_has_threads_by_its_tokens_and_by_what_is_free(fixed, free, small, long):
    assert counts(Threads(fixed, lambda: free), FEW_ROWS) == small
    assert counts(Threads(fixed, lambda: free), FEW_ROWS + 1) == long


@pytest.mark.usefixtures("four")
def test_who_has_the_device_has_what_is_free_and_small_looks_follow():
    threads = Threads(0, lambda: 4)
    with DeviceLock(1, threads.long_work).held(CallControl()):
        assert torch.get_num_threads() == 4
    assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("four")
def test_two_threads_of_python_have_their_own_number():
    threads, ready, done = Threads(0, lambda: 4), threading.Event(), threading.Event()

    def other():
        with threads.long_work():
            ready.set()
            done.wait(5)

    thread = threading.Thread(target=other)
    thread.start()
    ready.wait(5)
    threads.short_work()
    assert torch.get_num_threads() == 2
    done.set()
    thread.join()


def test_free_cores_are_at_least_one_and_at_most_all():
    assert 1 <= free_cores() <= (os.cpu_count() or 1)


@pytest.mark.usefixtures("four")
def test_every_step_of_a_text_and_every_small_look_has_the_same_threads_however_busy(tiny_settings, monkeypatch):
    from dashboard.engine.api.decoding import DecodeSettings
    from dashboard.engine.api.generation import Column

    seen, texts = [], []
    for free in (4, 1):
        monkeypatch.setattr("dashboard.engine.device.threads.free_cores", lambda free=free: free)
        engine = LocalEngine(tiny_settings)
        key = key_of(engine)
        with engine._leased(MODEL) as ready:
            ready.generator.model.register_forward_pre_hook(lambda *_: seen.append(torch.get_num_threads()))
        made = engine.answer(
            GenerateRequest(key, (Column(DecodeSettings(), num_return_sequences=3, max_new_tokens=9),))
        )
        texts.append([output.ids.tolist() for output in made.outputs])
        engine.answer(LensRequest(key, positions=(3,)))
        assert torch.get_num_threads() == 2
    assert set(seen) == {2}
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, {"GOMP_SPINCOUNT": SPINS}),
        ({"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_WAIT_POLICY": "ACTIVE"}),
        ({"GOMP_SPINCOUNT": "7"}, {"GOMP_SPINCOUNT": "7"}),
    ],
)
def test_how_threads_wait_is_set_where_the_operator_has_not(given, wanted):
    environ = dict(given)
    wait_quietly(environ)
    assert environ == wanted


@pytest.mark.parametrize(
    "module", ["dashboard.launch.server", "dashboard.cache", "dashboard.jobs.runner", "tests.conftest"]
)
def test_it_stands_before_torch_is_imported_whatever_is_started(module):
    spy = (
        "import json, os, sys\n"
        "class Spy:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'torch':\n"
        "            print(json.dumps(os.environ.get('GOMP_SPINCOUNT'))); os._exit(0)\n"
        "sys.meta_path.insert(0, Spy())\n"
        f"import {module}\n"
        "import dashboard.engine.local\n"
    )
    environ = {name: value for name, value in os.environ.items() if name not in {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"}}
    done = subprocess.run(
        [sys.executable, "-c", spy], env=environ, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == SPINS
