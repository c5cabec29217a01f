"""Values as JSON, arrays beside it as safetensors: any dataclass of the closed list, plain data, NumPy arrays.

Never pickle: what is read makes values of the types in `wire_types`, whose fields fit their hints, and nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.engine.api.arrays import read_only
from dashboard.engine.remote.wire_types import HINTS, TYPES, fits

Arrays = dict[str, NDArray[Any]]
_MESSAGE, _KIND = "message", "kind"
_LENGTH = 8
"""Bytes before a safetensors header that say how long it is."""


class NotReadable(ValueError):
    """Bytes that are no message of this format, too large, or name a type that is not on the list."""


def write(value: Any, kind: str = "") -> bytes:
    """`value` as a safetensors file whose metadata are JSON. Raises TypeError for what is not on the list.

    Args:
        value: to be written.
        kind: what `kind_of` gives again, without reading the value.
    """
    from safetensors.numpy import save

    arrays: Arrays = {}
    text = json.dumps(_plain(value, arrays), separators=(",", ":"))
    return bytes(save(arrays, {_MESSAGE: text, _KIND: kind}))


def read(data: bytes, most: int) -> Any:
    """The value that was written. Raises NotReadable.

    Args:
        data: as it came.
        most: longest that is looked at [bytes].
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    if len(data) > most:
        raise NotReadable(f"{len(data)} bytes, at most {most} are read")
    try:
        text = _metadata(data)[_MESSAGE]
        arrays = {name: read_only(array) for name, array in load(data).items()}
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise NotReadable(f"no safetensors with a message: {error}") from error
    return read_text(text, arrays)


def kind_of(data: bytes) -> str:
    """The kind that a value was written with. Raises NotReadable."""
    try:
        return str(_metadata(data)[_KIND])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise NotReadable("no message") from error


def write_text(value: Any) -> str:
    """`value`, which holds no array, as JSON. Raises TypeError."""
    arrays: Arrays = {}
    text = json.dumps(_plain(value, arrays), separators=(",", ":"))
    if arrays:
        raise TypeError("an array in a message of text alone")
    return text


def read_text(text: str | bytes, arrays: Arrays | None = None) -> Any:
    """The value that JSON and `arrays` make up. Raises NotReadable."""
    try:
        return _value(json.loads(text), arrays or {})
    except NotReadable:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise NotReadable(f"no message: {type(error).__name__}") from error


def _metadata(data: bytes) -> Mapping[str, str]:
    length = int.from_bytes(data[:_LENGTH], "little")
    found: Mapping[str, str] = json.loads(data[_LENGTH : _LENGTH + length])["__metadata__"]
    return found


# -- writing --------------------------------------------------------------------------------------------------------
def _plain(value: Any, arrays: Arrays) -> Any:
    """As JSON has it, a tuple as a list; what JSON has not is an object that names its kind: ``{"set": […]}``."""
    for kinds, plain in _SIMPLE:
        if isinstance(value, kinds):
            return plain(value)
    if isinstance(value, np.ndarray):
        return _array(value, arrays)
    if isinstance(value, tuple):
        return [_plain(item, arrays) for item in value]
    return _named(value, arrays)


_SIMPLE: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (bool | np.bool_, bool),
    (str, str),
    (int | np.integer, int),
    (float | np.floating, float),
    (type(None), lambda _: None),
)
"""Types, also those made of them, and how one becomes what JSON has; a bool is an int, too."""


def _named(value: Any, arrays: Arrays) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"list": [_plain(item, arrays) for item in value]}
    if isinstance(value, frozenset):
        return {"set": [_plain(item, arrays) for item in sorted(value)]}
    if isinstance(value, Mapping):
        return {"dict": [[_plain(name, arrays), _plain(item, arrays)] for name, item in value.items()]}
    name = type(value).__name__
    if TYPES.get(name) is not type(value):
        raise TypeError(f"{name} is not on the list of what travels")
    return {"type": name, "fields": {field: _plain(getattr(value, field), arrays) for field in HINTS[name]}}


def _array(value: NDArray[Any], arrays: Arrays) -> dict[str, str]:
    if value.dtype.kind not in "fiub":
        raise TypeError(f"an array of {value.dtype} does not travel")
    name = str(len(arrays))
    # bytes in row order; `ascontiguousarray` would make a number of no axis one of an axis
    arrays[name] = np.array(value, order="C", copy=not value.flags.c_contiguous or None)
    return {"array": name}


# -- reading --------------------------------------------------------------------------------------------------------
def _value(plain: Any, arrays: Arrays) -> Any:
    if isinstance(plain, list):
        return tuple(_value(item, arrays) for item in plain)
    if not isinstance(plain, dict):
        return plain
    if plain.keys() == {"type", "fields"}:
        return _dataclass(plain["type"], plain["fields"], arrays)
    ((kind, inner),) = plain.items()
    if kind not in _KINDS:
        raise NotReadable("no kind of value")
    return _KINDS[kind](inner, arrays)


_KINDS: dict[str, Callable[[Any, Arrays], Any]] = {
    "array": lambda name, arrays: arrays[name],
    "bytes": lambda text, _: base64.b64decode(text, validate=True),
    "list": lambda items, arrays: [_value(item, arrays) for item in items],
    "set": lambda items, arrays: frozenset(_value(item, arrays) for item in items),
    "dict": lambda pairs, arrays: {_value(name, arrays): _value(item, arrays) for name, item in pairs},
}
"""Kinds of values that JSON has not, and how each is read."""


def _dataclass(name: Any, fields: Any, arrays: Arrays) -> Any:
    if name not in TYPES:
        raise NotReadable("a type that is not on the list")
    values = {field: _value(item, arrays) for field, item in fields.items()}
    for field, hint in HINTS[name].items():
        if field in values and not fits(values[field], hint):
            raise NotReadable(f"{name}.{field} is not what it should be")
    return TYPES[name](**values)
