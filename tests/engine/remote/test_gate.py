"""The gate over real HTTP on this machine: keys, sizes, versions, streams, a restart; and the engine that asks it."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import uvicorn

from dashboard.engine.api.attention import TilesRequest
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.engine.api.model import CallControl, RunRequest
from dashboard.engine.remote import protocol
from dashboard.engine.remote.gate import gate
from dashboard.engine.remote.gate_command import refusal
from dashboard.engine.remote.http import HttpEngine
from dashboard.engine.remote.model_list import ModelList
from dashboard.engine.remote.service import Service
from dashboard.errors import Cancelled, EngineFailed, EngineKeyWrong, EngineUnreachable, EngineVersionDiffers
from tests.engine.remote.test_same_answers import Slow
from tests.made.remote import KEPT_BYTES, MODEL, same
from tests.made.requests import REQUESTS, requests_of

ROOT = Path(__file__).parents[3]
KEY = "a-key-of-thirty-two-characters.."
HEADERS = {"Authorization": f"Bearer {KEY}"}


@contextlib.contextmanager
def served(application, port=0):
    """The port at which an application answers."""
    server = uvicorn.Server(uvicorn.Config(application, port=port, log_level="error", timeout_graceful_shutdown=2))
    with socket.create_server(("127.0.0.1", port)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def engine_at(port, key=KEY):
    return HttpEngine(f"http://127.0.0.1:{port}", key, KEPT_BYTES)


@pytest.fixture(scope="module")
def port(tiny_settings):
    from dashboard.engine.local import LocalEngine

    with served(gate(Service(LocalEngine(tiny_settings), ModelList(tiny_settings)).messages, KEY)) as port:
        yield port


@pytest.mark.parametrize("kind", [type(one) for one in REQUESTS], ids=lambda kind: kind.__name__)
def test_every_answer_is_equal_to_the_bit(local, port, run, kind):
    request = next(one for one in requests_of(run) if type(one) is kind)
    assert same(local.answer(request), engine_at(port).answer(request))


def test_texts_come_token_by_token_and_cancelled_ones_as_far_as_they_are(port, run):
    control, steps = CallControl(), []

    def on_step(step):
        steps.append(step)
        control.cancel.set()

    found = engine_at(port).answer(
        GenerateRequest(run, (Column(DecodeSettings(), max_new_tokens=400),)), control, on_step
    )
    assert found.unfinished == "cancelled"
    assert 1 <= len(steps) <= len(found.outputs[0].ids) < 400


def test_one_connection_serves_many_calls(port):
    engine = engine_at(port)
    made = []
    original = http.client.HTTPConnection.connect
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http.client.HTTPConnection, "connect", lambda self: (made.append(1), original(self))[1])
        for _ in range(5):
            engine.describe(MODEL)
    assert len(made) == 1


def test_one_who_goes_away_cancels_the_call(run):
    slow = Slow()
    with served(gate(Service(slow).messages, KEY)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        call = protocol.Call("answer", run.version.model, (RunRequest(run),), "id")
        connection.request("POST", "/v1/call", protocol.write_call(call), HEADERS)
        connection.getresponse().read(1)
        assert slow.asked.acquire(timeout=5)
        connection.close()
        assert slow.cancelled.wait(5)


# -- who may ask, and what ------------------------------------------------------------------------------------------
def status(port, body=b"{}", headers=HEADERS, path="/v1/call", method="POST"):
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request(method, path, body, headers)
        return connection.getresponse().status


@pytest.mark.parametrize("key", ["", "Bearer", f"Bearer {KEY}x", f"Bearer {KEY[:-1]}", f"bearer {KEY}", KEY, "Basic §"])
def test_without_the_key_nothing_is_read(port, key):
    assert status(port, headers={"Authorization": key.encode("utf-8")} if key else {}) == 401


def test_only_calls_are_answered(port):
    assert status(port, b"not JSON") == 400
    assert status(port, b'{"dict": []}') == 409
    assert status(port, protocol.write_call(protocol.Call("__class__", MODEL))) == 400
    assert status(port, path="/") == 404
    assert status(port, method="GET") == 405


def test_long_bodies_are_not_read(tiny_engine):
    with served(gate(Service(tiny_engine).messages, KEY, most_bytes=1000)) as port:
        assert status(port, b"x" * 1001) == 413
        assert status(port, iter([b"x" * 600] * 2)) == 413
        assert status(port, b"x" * 1000) == 400


@pytest.mark.parametrize("key", ["", "another key of thirty-two letters"])
def test_a_wrong_key_is_an_error_in_words(port, key):
    with pytest.raises(EngineKeyWrong) as wrong:
        engine_at(port, key).health()
    assert wrong.value.facts == {"address": f"http://127.0.0.1:{port}"}
    assert KEY not in str(wrong.value)


def test_another_version_is_an_error_in_words(port, monkeypatch):
    monkeypatch.setattr(protocol, "write_call", None)
    engine = engine_at(port)
    data = b'{"dict": [["protocol", "0.1/old"]]}'
    monkeypatch.setattr("dashboard.engine.remote.http.write_call", lambda call: data)
    with pytest.raises(EngineVersionDiffers) as differs:
        engine.health()
    assert differs.value.facts == {"here": "0.1/old", "there": protocol.PROTOCOL}


def test_nothing_there_is_an_error_in_words():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(EngineUnreachable):
        engine_at(port).health()


def test_something_else_there_is_an_error_in_words():
    async def other(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"<html>a page</html>"})

    with served(other) as port, pytest.raises((EngineUnreachable, EngineFailed)):
        engine_at(port).health()


def test_a_gate_without_a_key_is_refused():
    assert refusal("", "localhost", without_key=False) == "no_key"
    assert refusal("short", "localhost", without_key=False) == "no_key"
    assert refusal(KEY, "0.0.0.0", without_key=False) == ""
    assert refusal("", "0.0.0.0", without_key=True) == "only_here"
    assert refusal("", "127.0.0.1", without_key=True) == ""


# -- the command ----------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def started(settings, port):
    """The gate's own process."""
    variables = {
        **{"LOGITSCOPE_LOCAL_MODELS": settings.local_models[0], "LOGITSCOPE_MODELS": "", "LOGITSCOPE_OFFLINE": "1"},
        **{"LOGITSCOPE_MODEL": MODEL, "LOGITSCOPE_CACHE_DIR": str(settings.cache_dir), "LOGITSCOPE_ENGINE_KEY": KEY},
    }
    command = [sys.executable, "-m", "dashboard.engine.remote.gate_command", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, env=os.environ | variables, cwd=ROOT, stdout=subprocess.PIPE) as process:
        try:
            assert b"127.0.0.1" in process.stdout.readline()
            yield process
        finally:
            process.kill()


def wait_for(engine):
    for _ in range(100):
        with contextlib.suppress(EngineUnreachable):
            return engine.health()
        time.sleep(0.1)
    raise AssertionError("no gate")


def test_a_killed_gate_loses_nothing_that_cannot_be_asked_again(tiny_settings, run):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    engine, request = engine_at(port), TilesRequest(run)
    with started(tiny_settings, port):
        wait_for(engine)
        before = engine.answer(request)
        control = CallControl(on_queue=lambda _: None)
        assert engine.describe(MODEL, control).model == MODEL
    assert engine.answer(request) is before
    with pytest.raises(EngineUnreachable):
        engine.describe(MODEL)
    with started(tiny_settings, port):
        wait_for(engine)
        assert same(engine_at(port).answer(request), before)
        control.cancel.set()
        with pytest.raises(Cancelled):
            engine.describe(MODEL, control)
