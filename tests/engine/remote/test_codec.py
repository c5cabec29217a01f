"""The wire format: every request and answer comes back as it was; nothing else is read."""

import dataclasses
import json
import types
import typing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.engine.api.request import Request
from dashboard.engine.remote import codec, protocol
from dashboard.engine.remote.wire_types import HINTS, REQUESTS, TYPES, answer_type
from dashboard.errors import EngineVersionDiffers
from tests.made.remote import same
from tests.made.requests import REQUESTS as SAMPLES

MOST = 1 << 26
DTYPES = (np.float32, np.int64, np.uint8, np.float64, np.bool_)


@st.composite
def arrays(draw):
    """Of any bits, axes and order in memory."""
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    shape = draw(st.lists(st.integers(0, 3), max_size=3))
    count = int(np.prod(shape))
    if dtype == np.bool_:
        made = np.array(draw(st.lists(st.booleans(), min_size=count, max_size=count)), dtype)
    else:
        made = np.frombuffer(draw(st.binary(min_size=count * dtype.itemsize, max_size=count * dtype.itemsize)), dtype)
    return made.reshape(shape).T


def values(hint, depth=0):
    """Any value that a field's type allows."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    simple = {int: st.integers(-(2**63), 2**63), float: st.floats(), str: st.text(st.characters()), bool: st.booleans()}
    if hint in simple:
        return simple[hint]
    if hint in (type(None), Path):  # no folder travels
        return st.none()
    if hint is bytes:
        return st.binary()
    if hint is object:
        return st.one_of(st.integers(), st.text())
    if isinstance(hint, typing.TypeVar) or origin is np.ndarray:
        return arrays()
    if isinstance(hint, typing.ForwardRef):
        return st.integers()
    if origin in (typing.Union, types.UnionType):
        return st.one_of([values(part, depth) for part in parts])
    if origin is tuple and parts[-1:] == (...,):
        return st.lists(values(parts[0], depth), max_size=2).map(tuple)
    if origin is tuple:
        return st.tuples(*[values(part, depth) for part in parts])
    if origin is frozenset:
        return st.frozensets(values(parts[0], depth), max_size=3)
    if origin is dict or getattr(origin, "__name__", "") == "Mapping":
        return st.dictionaries(values(parts[0], depth), values(parts[1], depth), max_size=2)
    if (origin or hint) is Request:
        return st.sampled_from(SAMPLES[:-1])
    return instances(hint)


def instances(kind):
    return st.builds(kind, **{name: values(hint) for name, hint in HINTS[kind.__name__].items()})


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=25)
@given(data=st.data())
def test_every_type_comes_back_as_it_was(name, data):
    value = data.draw(instances(TYPES[name]))
    there = codec.read(codec.write(value), MOST)
    assert same(value, there)
    arrays_there = [part for part in vars(there).values() if isinstance(part, np.ndarray)]
    assert not any(array.flags.writeable for array in arrays_there)


@pytest.mark.parametrize("request_", SAMPLES, ids=lambda one: type(one).__name__)
def test_requests_keep_their_identity(request_):
    call = protocol.Call("answer", request_.version.model, (request_,), "abc", True)
    there = protocol.read_call(protocol.write_call(call))
    assert there == call
    assert there.arguments[0].digest == request_.digest
    assert there.route == call.route


def test_the_list_is_that_of_the_handlers():
    from dashboard.engine.handlers.table import HANDLERS

    assert set(REQUESTS) == set(HANDLERS)
    assert {answer_type(kind).__name__ for kind in REQUESTS} <= TYPES.keys()


# -- what is refused ------------------------------------------------------------------------------------------------
@dataclasses.dataclass(frozen=True)
class Stranger:
    value: int = 1


@pytest.mark.parametrize("value", [Stranger(), object(), np.array(["a"], object), {"a": Stranger()}, 1j])
def test_what_is_not_on_the_list_is_not_written(value):
    with pytest.raises(TypeError):
        codec.write(value)


def written(**changes):
    plain = json.loads(codec.write_text(SAMPLES[1]))
    plain["fields"] |= changes
    return json.dumps(plain)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[" * 100_000, '{"type": "Stranger", "fields": {}}', '{"type": [], "fields": {}}'),
        *(
            '{"array": "0"}',
            '{"bytes": "§"}',
            '{"a": 1, "b": 2}',
            '{"pickle": "gASVAAA="}',
            '{"set": [[[]], {"list": []}]}',
        ),
        *(written(layer="1"), written(layer=True), written(rows=[0]), written(run=None), written(stranger=1)),
        '{"type": "HeadRequest", "fields": {}}',
    ],
    ids=range(16),
)
def test_what_is_no_message_is_not_read(text):
    with pytest.raises(codec.NotReadable):
        codec.read_text(text)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80\x04K\x01.", b"\xff" * 64, codec.write(1)[:-4], b"\x02\0\0\0\0\0\0\0{}"],
    ids=["empty", "pickle", "no length", "cut off", "no message"],
)
def test_bytes_that_are_no_message_are_not_read(data):
    with pytest.raises(codec.NotReadable):
        codec.read(data, MOST)


def test_more_than_allowed_is_not_looked_at():
    data = codec.write(np.zeros(100, np.float32))
    with pytest.raises(codec.NotReadable, match="at most 100"):
        codec.read(data, 100)


def test_another_version_is_told_before_anything_is_read(monkeypatch):
    data = protocol.write_call(protocol.Call("health", ""))
    monkeypatch.setattr(protocol, "PROTOCOL", "9.9/other")
    with pytest.raises(EngineVersionDiffers) as told:
        protocol.read_call(data)
    assert told.value.facts["there"] == "9.9/other"
    assert told.value.facts["here"] != "9.9/other"


@pytest.mark.parametrize(
    "call",
    [
        protocol.Call("eval", "m"),
        protocol.Call("answer", "another/model", (SAMPLES[0],)),
        protocol.Call("answer", "m", ()),
        protocol.Call("answer", "m", (1,)),
        protocol.Call("kept", "m", (SAMPLES[0], SAMPLES[0])),
    ],
)
def test_calls_are_of_a_fixed_list(call):
    with pytest.raises(codec.NotReadable):
        protocol.read_call(protocol.write_call(call))


def test_the_wire_needs_no_torch():
    import subprocess
    import sys

    code = (
        "import sys, dashboard.engine.remote.client, dashboard.engine.remote.service; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
