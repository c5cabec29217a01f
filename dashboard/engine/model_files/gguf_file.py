"""GGUF files: their header, read without loading anything, and why transformers could not open one."""

from __future__ import annotations

import hashlib
import math
import mmap
import struct
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.engine.model_files.model_folder import SAMPLE, StoredTensor
from dashboard.errors import AdapterUnsupported, FolderMissing, ModelBroken, ModelQuantized

_MAGIC, _VERSIONS = b"GGUF", (2, 3)
_FORMATS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Of the values of fixed size, by their type in the file."""
_STRING, _ARRAY = 8, 9
_PLAIN = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class GgufTensor:
    """One entry of the table of tensors."""

    shape: tuple[int, ...]
    kind: int
    """ggml's number of the way in which its numbers are stored."""
    offset: int
    """From the beginning of the data [bytes]."""


@dataclass(frozen=True)
class GgufHeader:
    """What stands before a GGUF file's data."""

    metadata: dict[str, Any]
    """Of lists, their lengths."""
    tensors: dict[str, GgufTensor]
    data: int
    """Where the data begins [bytes]."""

    @property
    def quantized(self) -> str:
        """``GGUF`` and how most of its numbers are stored; empty where all of them are plain."""
        numbers: Counter[str] = Counter()
        for tensor in self.tensors.values():
            numbers[_kind_name(tensor.kind)] += math.prod(tensor.shape)
        packed = [(count, name) for name, count in numbers.items() if name not in _PLAIN]
        return f"GGUF {max(packed)[1]}" if packed else ""

    def as_loaded(self) -> dict[str, StoredTensor]:
        """The tensors as transformers has them afterwards: plain numbers."""
        return {
            name: StoredTensor("F32", tensor.shape, 4 * math.prod(tensor.shape))
            for name, tensor in self.tensors.items()
        }


def is_gguf(path: Path) -> bool:
    """Whether a path is that of a GGUF file, by its name."""
    return path.suffix.lower() == ".gguf"


def read_header(path: Path, model: str) -> GgufHeader:
    """The header of the file.

    Raises:
        FolderMissing: it is not there.
        ModelBroken: it is no GGUF file, or cut off.
    """
    if not path.is_file():
        raise FolderMissing(model=model)
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as blob:
            return _Reader(blob).header()
    except (OSError, ValueError, struct.error, OverflowError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ModelBroken(model=model, reason=f"{path.name}: {reason}") from error


class _Reader:
    """Walks through a header. Raises ValueError or struct.error where it makes no sense."""

    def __init__(self, blob: mmap.mmap) -> None:
        self._blob, self._at = blob, 0

    def header(self) -> GgufHeader:
        if self._blob[:4] != _MAGIC:
            raise ValueError("it is no GGUF file")
        self._at = 4
        version, count, keys = self._values("IQQ")
        if version not in _VERSIONS:
            raise ValueError(f"GGUF version {version}")
        metadata = {self._string(): self._value(*self._values("I")) for _ in range(keys)}
        tensors = dict(self._tensor() for _ in range(count))
        step = int(metadata.get("general.alignment", 32)) or 32
        header = GgufHeader(metadata, tensors, -(-self._at // step) * step)
        if any(header.data + tensor.offset + _nbytes(tensor) > len(self._blob) for tensor in tensors.values()):
            raise ValueError("it is cut off")
        return header

    def _values(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self._blob, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def _string(self) -> str:
        (length,) = self._values("Q")
        begin, self._at = self._at, self._at + length
        if self._at > len(self._blob):
            raise ValueError("it is cut off")
        return self._blob[begin : self._at].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == _STRING:
            return self._string()
        if kind != _ARRAY:
            return self._values(_FORMATS[kind] if kind in _FORMATS else _unknown(kind))[0]
        kind, count = self._values("IQ")
        if kind == _STRING:
            for _ in range(count):
                self._string()
        else:
            self._at += count * struct.calcsize(f"<{_FORMATS[kind] if kind in _FORMATS else _unknown(kind)}")
        return count

    def _tensor(self) -> tuple[str, GgufTensor]:
        name = self._string()
        (axes,) = self._values("I")
        shape = self._values(f"{axes}Q")
        kind, offset = self._values("IQ")
        return name, GgufTensor(tuple(reversed(shape)), kind, offset)


def _unknown(kind: int) -> str:
    raise ValueError(f"a value of type {kind}")


def _kind_name(kind: int) -> str:
    from gguf import GGMLQuantizationType

    known = {entry.value: entry.name for entry in GGMLQuantizationType}
    return known.get(kind, f"type {kind}")


def _nbytes(tensor: GgufTensor) -> int:
    """Of a tensor as it is stored; 0 where this version of gguf does not know how."""
    from gguf import GGML_QUANT_SIZES

    numbers, nbytes = {kind.value: size for kind, size in GGML_QUANT_SIZES.items()}.get(tensor.kind, (1, 0))
    return math.prod(tensor.shape) // numbers * nbytes


def check_header(header: GgufHeader, model: str) -> None:
    """Raise where such a file cannot be opened by itself.

    Raises:
        AdapterUnsupported: it holds an adapter.
        ModelBroken: it names no architecture, or is one of several parts.
        ModelQuantized: its numbers are stored in a way that cannot be read here.
    """
    metadata = header.metadata
    if metadata.get("general.type") == "adapter":
        base = str(metadata.get("general.base_model.0.name", "?"))[:100]
        raise AdapterUnsupported(model=model, base=base, reason="a GGUF adapter")
    if not isinstance(metadata.get("general.architecture"), str):
        raise ModelBroken(model=model, reason="it names no architecture (general.architecture)")
    parts = metadata.get("split.count", 1)
    if parts > 1:
        raise ModelBroken(model=model, reason=f"it is one of {parts} parts; llama-gguf-split --merge makes one file")
    for kind in {tensor.kind for tensor in header.tensors.values()}:
        if reason := _unreadable(kind):
            raise ModelQuantized(model=model, method=f"GGUF {_kind_name(kind)}", reason=reason)


def _unreadable(kind: int) -> str:
    """Why numbers that are stored like this cannot be read; empty where they can: one block is tried."""
    import numpy as np
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

    try:
        known = GGMLQuantizationType(kind)
        dequantize(np.zeros((1, GGML_QUANT_SIZES[known][1]), dtype=np.uint8), known)
    except (ValueError, KeyError, NotImplementedError) as error:
        return str(error) or type(error).__name__
    return ""


def revision(path: Path, header: GgufHeader) -> str:
    """Twelve hex digits of a hash over the file's size, its header and samples of every tensor."""
    digest = hashlib.sha256(str(path.stat().st_size).encode())
    with path.open("rb") as file:
        digest.update(file.read(header.data))
        for tensor in header.tensors.values():
            begin, length = header.data + tensor.offset, _nbytes(tensor)
            for offset in (begin, begin + length // 2, begin + length - SAMPLE):
                file.seek(max(0, offset))
                digest.update(file.read(SAMPLE))
    return digest.hexdigest()[:12]
